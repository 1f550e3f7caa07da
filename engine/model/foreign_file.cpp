// SPDX-License-Identifier: Apache-2.0
#include "engine/model/foreign_file.h"

#include "engine/model/printable.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace bookwheel {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kLookedAt = 512;

struct Magic {
  std::string_view bytes;
  const char* what;
};

// First match wins.
constexpr std::array kMagics = {
    Magic{"%PDF"sv, "a PDF document"},
    Magic{"version https://git-lfs"sv,
          "a Git LFS pointer, which names the model without holding it"},
    Magic{"lmgg"sv, "a GGML model of before 2023, which newer files have replaced"},
    Magic{"fmgg"sv, "a GGMF model of before 2023, which newer files have replaced"},
    Magic{"tjgg"sv, "a GGJT model of before August 2023, which newer files have replaced"},
    Magic{"algg"sv, "a GGLA adapter, not a model"},
    Magic{"\x80\x02"sv, "a PyTorch checkpoint"},
    Magic{"\x93NUMPY"sv, "a NumPy array"},
    Magic{"\x89HDF"sv, "an HDF5 (Keras) file"},
    Magic{"\x89PNG"sv, "a PNG picture"},
    Magic{"\xFF\xD8\xFF"sv, "a JPEG picture"},
    Magic{"\x7F"
          "ELF"sv,
          "a program"},
    Magic{"MZ"sv, "a Windows program"},
    Magic{"\x1F\x8B"sv, "a gzip archive; unpack it first"},
    Magic{"\xFD"
          "7zXZ"sv,
          "an xz archive; unpack it first"},
    Magic{"\x28\xB5\x2F\xFD"sv, "a Zstandard archive; unpack it first"},
    Magic{"7z\xBC\xAF"sv, "a 7-Zip archive; unpack it first"},
    Magic{"SQLite format 3"sv, "an SQLite database"},
};

std::string lowered(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

/// A safetensors file begins with the length of a JSON object and the object.
bool isSafetensors(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  if (bytes.size() < sizeof length + 2) {
    return false;
  }
  std::memcpy(&length, bytes.data(), sizeof length);
  return length >= 2 && length <= bytes.size() - sizeof length && bytes[8] == std::byte{'{'};
}

std::string describe(std::span<const std::byte> bytes) {
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                              std::min(bytes.size(), kLookedAt));
  for (const Magic& magic : kMagics) {
    if (head.starts_with(magic.bytes)) {
      return magic.what;
    }
  }
  if (head.starts_with("PK\x03\x04")) {
    // torch.save() writes a zip whose first member is NAME/data.pkl.
    return head.find(".pkl") != head.npos ? "a PyTorch checkpoint"
                                          : "a ZIP archive (or a document inside one)";
  }
  if (isSafetensors(bytes)) {
    return "a safetensors file; use the GGUF file of the same model";
  }
  if (std::all_of(head.begin(), head.end(), [](char c) { return c == '\0'; })) {
    return "nothing but zero bytes, as an interrupted download leaves behind";
  }
  const std::string lower = lowered(head);
  if (lower.find("<html") != lower.npos || lower.find("<!doctype html") != lower.npos) {
    return "a web page, as a failed download leaves behind";
  }
  const bool printableText = std::all_of(head.begin(), head.end(), [](unsigned char c) {
    return c >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  });
  if (printableText && isValidUtf8(head.substr(0, head.find_last_of(" \n") + 1))) {
    return head.starts_with('{') || head.starts_with('[') ? "a JSON file" : "a text file";
  }
  return "";
}

}  // namespace

std::string foreignFileHint(std::span<const std::byte> bytes) {
  const std::string what = describe(bytes);
  return what.empty() ? "" : "; it looks like " + what;
}

}  // namespace bookwheel
