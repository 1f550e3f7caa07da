// SPDX-License-Identifier: Apache-2.0
// Bytes of a text file to characters, whatever their encoding, or what the bytes are instead of
// text.
#include "app/import/decode_text.h"

#include "app/documents/utf8.h"

#include <uchardet.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_cb.h>
#include <unicode/ucnv_err.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

namespace bookwheel {
namespace {

struct Magic {
  std::string_view bytes;
  wire::Refusal refusal;
};

constexpr std::array kMagics = {
    Magic{std::string_view("PK\x03\x04", 4), wire::Refusal::Archive},
    Magic{std::string_view("PK\x05\x06", 4), wire::Refusal::Archive},
    Magic{"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", wire::Refusal::OldOffice},
    Magic{"\x1F\x8B", wire::Refusal::Compressed},
    Magic{"BZh", wire::Refusal::Compressed},
    Magic{std::string_view("\xFD"
                           "7zXZ\0",
                           6),
          wire::Refusal::Compressed},
    Magic{"\x28\xB5\x2F\xFD", wire::Refusal::Compressed},
    Magic{"7z\xBC\xAF\x27\x1C", wire::Refusal::Compressed},
    Magic{"\x89PNG\r\n", wire::Refusal::Picture},
    Magic{"\xFF\xD8\xFF", wire::Refusal::Picture},
    Magic{"GIF8", wire::Refusal::Picture},
    Magic{std::string_view("II*\0", 4), wire::Refusal::Picture},
    Magic{std::string_view("MM\0*", 4), wire::Refusal::Picture},
    Magic{"AT&TFORM", wire::Refusal::Picture},
    Magic{"{\\rtf", wire::Refusal::RichText},
    Magic{"%!PS", wire::Refusal::PostScript},
};

std::string_view toView(QByteArrayView bytes) {
  return {bytes.data(), static_cast<std::size_t>(bytes.size())};
}

QString decodeUtf8(std::string_view text, std::int64_t& invalid) {
  QString result;
  result.reserve(static_cast<qsizetype>(text.size()));
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Character c = utf8CharacterAt(text, i);
    invalid += c.valid ? 0 : c.length;
    if (c.length == 4 && c.valid) {
      result.append(QChar(QChar::highSurrogate(c.character)));
      result.append(QChar(QChar::lowSurrogate(c.character)));
    } else {
      result.append(QChar(static_cast<char16_t>(c.character)));
    }
    i += static_cast<std::size_t>(c.length);
  }
  return result;
}

/// Called by ICU for each sequence it cannot convert.
void U_CALLCONV countInvalid(const void* context, UConverterToUnicodeArgs* args, const char*,
                             std::int32_t length, UConverterCallbackReason reason,
                             UErrorCode* error) {
  if (reason > UCNV_IRREGULAR) {
    return;
  }
  *static_cast<std::int64_t*>(const_cast<void*>(context)) += length;
  static constexpr UChar kReplacement = 0xFFFD;
  *error = U_ZERO_ERROR;
  ucnv_cbToUWriteUChars(args, &kReplacement, 1, 0, error);
}

/// Nothing when ICU does not know the name.
std::optional<QString> decodeByName(const QByteArray& name, std::string_view text,
                                    std::int64_t& invalid) {
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<UConverter, decltype(&ucnv_close)> converter(
      ucnv_open(name.constData(), &error), &ucnv_close);
  if (U_FAILURE(error) || !converter) {
    return std::nullopt;
  }
  invalid = 0;
  ucnv_setToUCallBack(converter.get(), countInvalid, &invalid, nullptr, nullptr, &error);
  QString result;
  std::array<UChar, 4096> piece{};
  const char* source = text.data();
  const char* const end = text.data() + text.size();
  do {
    error = U_ZERO_ERROR;
    UChar* target = piece.data();
    ucnv_toUnicode(converter.get(), &target, piece.data() + piece.size(), &source, end, nullptr,
                   /*flush=*/1, &error);
    result.append(reinterpret_cast<const QChar*>(piece.data()),
                  static_cast<qsizetype>(target - piece.data()));
  } while (error == U_BUFFER_OVERFLOW_ERROR);
  return U_SUCCESS(error) ? std::optional(result) : std::nullopt;
}

/// Encodings with a fixed unit, as text for ICU.
enum class Wide { None, Utf16Le, Utf16Be, Utf32Le, Utf32Be };

QByteArray wideName(Wide wide) {
  switch (wide) {
    case Wide::Utf16Le:
      return "UTF-16LE";
    case Wide::Utf16Be:
      return "UTF-16BE";
    case Wide::Utf32Le:
      return "UTF-32LE";
    case Wide::Utf32Be:
      return "UTF-32BE";
    case Wide::None:
      break;
  }
  return {};
}

struct Mark {
  std::string_view bytes;
  Wide wide;
};
// UTF-32LE begins like UTF-16LE: longer marks first.
constexpr std::array kMarks = {
    Mark{std::string_view("\xFF\xFE\0\0", 4), Wide::Utf32Le},
    Mark{std::string_view("\0\0\xFE\xFF", 4), Wide::Utf32Be},
    Mark{"\xFF\xFE", Wide::Utf16Le},
    Mark{"\xFE\xFF", Wide::Utf16Be},
};

char32_t unitAt(std::string_view text, std::size_t at, int bytes, bool bigEndian) {
  char32_t value = 0;
  for (int i = 0; i < bytes; ++i) {
    const std::size_t index = at + static_cast<std::size_t>(bigEndian ? i : bytes - 1 - i);
    value = (value << 8) | static_cast<unsigned char>(text[index]);
  }
  return value;
}

/// The share of units that are ordinary characters of text, 0..1.
double plausibility(std::string_view text, int bytes, bool bigEndian) {
  std::size_t good = 0;
  std::size_t all = 0;
  bool highBefore = false;
  for (std::size_t i = 0; i + static_cast<std::size_t>(bytes) <= text.size();
       i += static_cast<std::size_t>(bytes)) {
    const char32_t c = unitAt(text, i, bytes, bigEndian);
    ++all;
    const bool low = bytes == 2 && c >= 0xDC00 && c <= 0xDFFF;
    const bool high = bytes == 2 && c >= 0xD800 && c <= 0xDBFF;
    if (low || high) {
      good += low == highBefore ? 1 : 0;
    } else {
      const bool assigned = c <= 0x10FFFF && QChar::category(c) != QChar::Other_NotAssigned &&
                            QChar::category(c) != QChar::Other_PrivateUse;
      const CharacterFate fate = characterFate(c);
      good += assigned && (fate == CharacterFate::Keep || fate == CharacterFate::LineEnd) ? 1 : 0;
    }
    highBefore = high;
  }
  return all == 0 ? 0 : static_cast<double>(good) / static_cast<double>(all);
}

/// Zero bytes and controls other than tab, line ends, form feed, backspace and escape (old manual
/// pages are full of those): a text in bytes has none, or a few by damage.
std::size_t strangeBytes(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 && !(byte >= 0x08 && byte <= 0x0D) && byte != 0x1B;
  }));
}

/// A text in bytes that a few zero bytes got into: pairs of its letters would pass for Chinese.
bool isDamagedNarrowText(std::string_view sample) {
  const auto high = static_cast<std::size_t>(std::count_if(
      sample.begin(), sample.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }));
  return strangeBytes(sample) * 100 <= sample.size() &&
         (high * 10 < sample.size() || countUtf8(sample).has_value());
}

/// Text in 16- or 32-bit units without a mark. It has zero bytes (its spaces and line ends at
/// least), which no text in bytes has.
Wide recognizeWide(std::string_view text) {
  constexpr std::size_t kSample = 64 * 1024;
  constexpr double kSure = 0.98;  // random bytes reach about 0.75 in UTF-16, 0.001 in UTF-32
  const std::string_view sample = text.substr(0, std::min(text.size(), kSample));
  if (text.size() < 2 || sample.find('\0') == std::string_view::npos ||
      isDamagedNarrowText(sample)) {
    return Wide::None;
  }
  if (text.size() % 4 == 0) {
    for (const bool big : {false, true}) {
      if (plausibility(sample, 4, big) >= kSure) {
        return big ? Wide::Utf32Be : Wide::Utf32Le;
      }
    }
  }
  const double little = plausibility(sample, 2, false);
  const double big = plausibility(sample, 2, true);
  if (text.size() % 2 != 0 || std::max(little, big) < kSure) {
    return Wide::None;
  }
  if (little != big) {
    return little > big ? Wide::Utf16Le : Wide::Utf16Be;
  }
  // "\0a" and "a\0" may both be letters (U+6100); spaces and line ends decide.
  std::int64_t lead = 0;
  for (std::size_t i = 0; i + 1 < sample.size(); i += 2) {
    lead += (sample[i] == 0 ? -1 : 0) + (sample[i + 1] == 0 ? 1 : 0);
  }
  return lead >= 0 ? Wide::Utf16Le : Wide::Utf16Be;
}

/// uchardet's name, or an empty one.
QByteArray guessEncoding(std::string_view text) {
  const std::unique_ptr<std::remove_pointer_t<uchardet_t>, decltype(&uchardet_delete)> detector(
      uchardet_new(), &uchardet_delete);
  // A megabyte of a legacy encoding is as telling as the whole.
  constexpr std::size_t kSample = 1024 * 1024;
  if (uchardet_handle_data(detector.get(), text.data(), std::min(text.size(), kSample)) != 0) {
    return {};
  }
  uchardet_data_end(detector.get());
  return uchardet_get_charset(detector.get());
}

}  // namespace

std::optional<wire::Refusal> recognizeForeign(QByteArrayView bytes) {
  const std::string_view text = toView(bytes);
  for (const Magic& magic : kMagics) {
    if (text.starts_with(magic.bytes)) {
      return magic.refusal;
    }
  }
  for (const Mark& mark : kMarks) {
    if (text.starts_with(mark.bytes)) {
      return std::nullopt;
    }
  }
  if (recognizeWide(text) != Wide::None) {
    return std::nullopt;
  }
  constexpr std::size_t kSample = 1024 * 1024;
  const std::string_view sample = text.substr(0, std::min(text.size(), kSample));
  if (strangeBytes(sample) * 100 > sample.size()) {
    return wire::Refusal::Binary;
  }
  return std::nullopt;
}

DecodedText decodeText(QByteArrayView bytes, const QByteArray& declared) {
  DecodedText result;
  const std::string_view text = toView(bytes);
  const auto byName = [&](const QByteArray& name, std::string_view content) {
    if (const auto decoded = decodeByName(name, content, result.invalidBytes)) {
      result.text = *decoded;
      result.encoding = QString::fromLatin1(name);
      return true;
    }
    return false;
  };
  const auto asUtf8 = [&](std::string_view content) {
    result.invalidBytes = 0;
    result.text = decodeUtf8(content, result.invalidBytes);
    result.encoding = QStringLiteral("UTF-8");
  };
  if (text.starts_with("\xEF\xBB\xBF")) {
    asUtf8(text.substr(3));
    return result;
  }
  for (const Mark& mark : kMarks) {
    if (text.starts_with(mark.bytes) &&
        byName(wideName(mark.wide), text.substr(mark.bytes.size()))) {
      return result;
    }
  }
  if (const Wide wide = recognizeWide(text); wide != Wide::None && byName(wideName(wide), text)) {
    return result;
  }
  // A declaration in 16-bit units could not have been read as bytes: such a file lies about itself.
  const bool declaresWide =
      declared.toUpper().startsWith("UTF-16") || declared.toUpper().startsWith("UTF-32");
  if (!declared.isEmpty() && !declaresWide && byName(declared, text) && result.invalidBytes == 0) {
    return result;
  }
  asUtf8(text);
  // UTF-8 with a few damaged bytes is still UTF-8: its multi-byte sequences are hard to hit by
  // chance.
  const auto high = std::count_if(text.begin(), text.end(),
                                  [](char c) { return (static_cast<unsigned char>(c) & 0x80U); });
  if (result.invalidBytes == 0 || result.invalidBytes * 20 <= high) {
    return result;
  }
  if (!declared.isEmpty() && !declaresWide && byName(declared, text) &&
      result.invalidBytes * 20 <= high) {
    return result;
  }
  result.guessed = true;
  const QByteArray guess = guessEncoding(text);
  if (!guess.isEmpty() && guess != "UTF-8" && byName(guess, text) &&
      result.invalidBytes * 20 <= high) {
    return result;
  }
  // The commonest of them; the five bytes it does not define become controls, which are counted
  // later.
  if (byName("windows-1252", text)) {
    return result;
  }
  asUtf8(text);
  return result;
}

}  // namespace bookwheel
