// SPDX-License-Identifier: Apache-2.0
#include "engine/model/unicode.h"

#include <unicode/uchar.h>

#include <array>

namespace bookwheel {

namespace {

bool isContinuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

/// What the first byte of a character says: its length (0 if it starts none) and the range of the
/// second byte (Unicode 15, table 3-7).
struct Lead {
  std::size_t bytes;
  unsigned char secondMin;
  unsigned char secondMax;
};

Lead leadOf(unsigned char byte) {
  if (byte < 0x80) {
    return {1, 0, 0};
  }
  if (byte < 0xC2 || byte > 0xF4) {
    return {0, 0, 0};
  }
  if (byte < 0xE0) {
    return {2, 0x80, 0xBF};
  }
  if (byte < 0xF0) {
    return {3, static_cast<unsigned char>(byte == 0xE0 ? 0xA0 : 0x80),
            static_cast<unsigned char>(byte == 0xED ? 0x9F : 0xBF)};
  }
  return {4, static_cast<unsigned char>(byte == 0xF0 ? 0x90 : 0x80),
          static_cast<unsigned char>(byte == 0xF4 ? 0x8F : 0xBF)};
}

/// How many of the character's bytes are at `position` and right, up to lead.bytes.
std::size_t rightBytes(std::string_view text, std::size_t position, const Lead& lead) {
  std::size_t count = 1;
  while (count < lead.bytes && position + count < text.size()) {
    const auto byte = static_cast<unsigned char>(text[position + count]);
    const bool right =
        count == 1 ? byte >= lead.secondMin && byte <= lead.secondMax : isContinuation(byte);
    if (!right) {
      break;
    }
    ++count;
  }
  return count;
}

CharClass classify(char32_t codePoint) {
  const auto c = static_cast<UChar32>(codePoint);
  if (u_isUWhiteSpace(c)) {
    return CharClass::Space;
  }
  // CJK extension I, letters since Unicode 15.1: Debian 12's ICU knows 15.0, and the class of a
  // character must not depend on the ICU that is installed.
  if (codePoint >= 0x2EBF0 && codePoint <= 0x2EE5D) {
    return CharClass::Letter;
  }
  const auto mask = U_GET_GC_MASK(c);
  if ((mask & U_GC_L_MASK) != 0) {
    return CharClass::Letter;
  }
  return (mask & U_GC_N_MASK) != 0 ? CharClass::Number : CharClass::Other;
}

}  // namespace

Utf8Char utf8At(std::string_view text, std::size_t position) {
  const auto first = static_cast<unsigned char>(text[position]);
  if (first < 0x80) {
    return {first, 1, true};
  }
  const Lead lead = leadOf(first);
  if (lead.bytes == 0 || rightBytes(text, position, lead) < lead.bytes) {
    return {0xFFFD, 1, false};
  }
  char32_t codePoint = first & (0x7Fu >> lead.bytes);
  for (std::size_t i = 1; i < lead.bytes; ++i) {
    codePoint = (codePoint << 6) | (static_cast<unsigned char>(text[position + i]) & 0x3Fu);
  }
  return {codePoint, lead.bytes, true};
}

std::size_t completeUtf8Prefix(std::string_view text) {
  // An unfinished character has at most three bytes.
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const std::size_t position = text.size() - back;
    const auto byte = static_cast<unsigned char>(text[position]);
    if (isContinuation(byte)) {
      continue;
    }
    const Lead lead = leadOf(byte);
    return lead.bytes > back && rightBytes(text, position, lead) == back ? position : text.size();
  }
  return text.size();
}

void appendRepaired(std::string& out, std::string_view text) {
  for (std::size_t position = 0; position < text.size();) {
    const Utf8Char c = utf8At(text, position);
    if (c.valid) {
      out.append(text, position, c.bytes);
    } else {
      out.append("\xEF\xBF\xBD");
    }
    position += c.bytes;
  }
}

void appendUtf8(std::string& out, char32_t codePoint) {
  const auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (codePoint < 0x80) {
    put(codePoint);
  } else if (codePoint < 0x800) {
    put(0xC0 | (codePoint >> 6));
    put(0x80 | (codePoint & 0x3F));
  } else if (codePoint < 0x10000) {
    put(0xE0 | (codePoint >> 12));
    put(0x80 | ((codePoint >> 6) & 0x3F));
    put(0x80 | (codePoint & 0x3F));
  } else {
    put(0xF0 | (codePoint >> 18));
    put(0x80 | ((codePoint >> 12) & 0x3F));
    put(0x80 | ((codePoint >> 6) & 0x3F));
    put(0x80 | (codePoint & 0x3F));
  }
}

CharClass charClass(char32_t codePoint) {
  static const std::array<CharClass, 128> kAscii = [] {
    std::array<CharClass, 128> table{};
    for (char32_t c = 0; c < 128; ++c) {
      table[c] = classify(c);
    }
    return table;
  }();
  return codePoint < 128 ? kAscii[codePoint] : classify(codePoint);
}

}  // namespace bookwheel
