// SPDX-License-Identifier: Apache-2.0
// Finds where on its page a heading of a PDF's outline stands.
#include "app/documents/heading_place.h"

#include "app/documents/utf8.h"

#include <QChar>

#include <string>
#include <vector>

namespace bookwheel {
namespace {

/// The letters and digits of a text in lower case, and the byte each came from.
struct Folded {
  std::u32string letters;
  std::vector<std::size_t> bytes;
};

Folded fold(std::string_view text) {
  Folded result;
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Character c = utf8CharacterAt(text, i);
    if (QChar::isLetterOrNumber(c.character)) {
      result.letters.push_back(QChar::toCaseFolded(c.character));
      result.bytes.push_back(i);
    }
    i += static_cast<std::size_t>(c.length);
  }
  return result;
}

/// True when only spaces and punctuation stand between the line's start and `at`.
bool beginsLine(std::string_view page, const Folded& folded, std::size_t index) {
  const std::size_t at = folded.bytes[index];
  const std::size_t before = index == 0 ? 0 : folded.bytes[index - 1];
  return index == 0 || page.substr(before, at - before).find('\n') != std::string_view::npos;
}

bool endsLine(std::string_view page, const Folded& folded, std::size_t index) {
  const std::size_t at = folded.bytes[index];
  return index + 1 == folded.bytes.size() ||
         page.substr(at, folded.bytes[index + 1] - at).find('\n') != std::string_view::npos;
}

}  // namespace

std::int64_t headingPlace(std::string_view page, const QString& title) {
  const Folded where = fold(page);
  const QByteArray utf8 = title.toUtf8();
  constexpr std::size_t kTelling = 100;  // letters of a title that are enough to find it
  const std::u32string wanted =
      fold({utf8.constData(), static_cast<std::size_t>(utf8.size())}).letters.substr(0, kTelling);
  const auto find = [&](const std::u32string& letters) -> std::int64_t {
    std::int64_t best = -1;
    int bestScore = -1;
    if (letters.empty()) {
      return best;
    }
    for (std::size_t at = where.letters.find(letters); at != std::u32string::npos;
         at = where.letters.find(letters, at + 1)) {
      const bool begins = beginsLine(page, where, at);
      const bool ends = endsLine(page, where, at + letters.size() - 1);
      const int score = begins && ends ? (at > 0 ? 3 : 2) : (begins ? 1 : 0);
      if (score > bestScore) {
        bestScore = score;
        best = static_cast<std::int64_t>(where.bytes[at]);
      }
    }
    return best;
  };
  std::int64_t place = find(wanted);
  if (place < 0) {
    // The outline may number what the page does not, or the other way round.
    const std::size_t number = wanted.find_first_not_of(U"0123456789");
    place = number == std::u32string::npos || number == 0 ? -1 : find(wanted.substr(number));
  }
  if (place < 0) {
    return 0;
  }
  // Back over opening quotes and numbers' punctuation to the start of the line, if only those are
  // there.
  const std::size_t line = page.rfind('\n', static_cast<std::size_t>(place));
  const std::size_t begin = line == std::string_view::npos ? 0 : line + 1;
  const Folded before = fold(page.substr(begin, static_cast<std::size_t>(place) - begin));
  return before.letters.empty() ? static_cast<std::int64_t>(begin) : place;
}

}  // namespace bookwheel
