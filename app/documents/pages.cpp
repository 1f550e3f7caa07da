// SPDX-License-Identifier: Apache-2.0
// Cuts a text without pages into page-sized stretches that end where a paragraph ends.
#include "app/documents/pages.h"

#include "app/documents/utf8.h"

namespace bookwheel {
namespace {

/// A place where the page could end, and how many characters the page would have.
struct Break {
  std::size_t at = 0;
  int characters = 0;
};

/// Where the page that begins at `begin` ends.
std::size_t pageEnd(std::string_view text, std::size_t begin, const QList<std::int64_t>& headings,
                    qsizetype& heading) {
  while (heading < headings.size() && headings[heading] <= static_cast<std::int64_t>(begin)) {
    ++heading;
  }
  Break paragraph;
  Break line;
  Break space;
  int characters = 0;
  bool lineIsEmpty = false;
  std::size_t i = begin;
  while (i < text.size()) {
    if (heading < headings.size() && static_cast<std::int64_t>(i) == headings[heading]) {
      if (characters >= kPageLeast) {
        return i;
      }
      ++heading;
    }
    if (characters >= kPageTarget && paragraph.characters >= kPageLeast) {
      return paragraph.at;
    }
    if (characters >= kPageMost) {
      for (const Break& candidate : {line, space}) {
        if (candidate.characters >= kPageLeast) {
          return candidate.at;
        }
      }
      return i;
    }
    const Utf8Character c = utf8CharacterAt(text, i);
    i += static_cast<std::size_t>(c.length);
    ++characters;
    if (c.character == U'\n') {
      line = {i, characters};
      // After the last of several empty lines, so that a page begins with text.
      const bool more = i < text.size() && text[i] == '\n';
      if (lineIsEmpty && !more) {
        paragraph = line;
      }
      lineIsEmpty = true;
    } else if (c.character == U' ' || c.character == U'\t') {
      space = {i, characters};
    } else {
      lineIsEmpty = false;
    }
  }
  return text.size();
}

}  // namespace

QList<DocumentPage> paginate(std::string_view text, const QList<std::int64_t>& headings) {
  QList<DocumentPage> pages;
  std::size_t begin = 0;
  qsizetype heading = 0;
  do {
    const std::size_t end = pageEnd(text, begin, headings, heading);
    DocumentPage page;
    page.begin = static_cast<std::int64_t>(begin);
    page.end = static_cast<std::int64_t>(end);
    page.label = QString::number(pages.size() + 1);
    pages.append(page);
    begin = end;
  } while (begin < text.size());
  return pages;
}

}  // namespace bookwheel
