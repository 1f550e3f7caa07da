// SPDX-License-Identifier: Apache-2.0
// Makes foreign text clean (see app/documents/utf8.h), and knows where each letter came from.
#include "app/import/clean_text.h"

#include "app/documents/utf8.h"

#include <QChar>

#include <algorithm>

namespace bookwheel {
namespace {

constexpr char16_t kReplacement = 0xFFFD;

/// The code point at `i` and its length in units; a lone surrogate comes back as itself.
char32_t codePointAt(QStringView text, qsizetype i, int& units) {
  const QChar first = text[i];
  units = 1;
  if (first.isHighSurrogate() && i + 1 < text.size() && text[i + 1].isLowSurrogate()) {
    units = 2;
    return QChar::surrogateToUcs4(first, text[i + 1]);
  }
  return first.unicode();
}

/// Forms that fonts and typesetters use for ordinary letters. U+FDF0..FDFF are whole phrases: kept.
bool isPresentationForm(char32_t c) {
  return (c >= 0x2E80 && c <= 0x2FD5) ||  // CJK and Kangxi radicals
         (c >= 0xF900 && c <= 0xFAFF) ||  // compatibility ideographs
         (c >= 0xFB00 && c <= 0xFDC7) ||  // Latin, Armenian, Hebrew, Arabic presentation forms
         (c >= 0xFE70 && c <= 0xFEFC) ||  // Arabic presentation forms B
         (c >= 0x2F800 && c <= 0x2FA1F);  // compatibility ideographs, supplement
}

bool isLineEndMark(QChar c) { return c.unicode() == 0xFFFE || c.unicode() == 0x0002; }

bool isGarbled(char32_t c) {
  const QChar::Category category = QChar::category(c);
  return category == QChar::Other_PrivateUse || category == QChar::Other_NotAssigned ||
         c == kReplacement;
}

/// Builds a CleanPage unit by unit.
class PageBuilder {
 public:
  void append(QStringView units, int raw) {
    for (const QChar unit : units) {
      m_page.text.append(unit);
      m_page.rawIndex.append(raw);
    }
  }
  void appendLineEnd(int raw) {
    dropSpaces();
    if (!m_page.text.isEmpty()) {
      append(u"\n", raw);
    }
  }
  void count(char32_t c) {
    ++m_page.letters;
    m_page.garbled += isGarbled(c) ? 1 : 0;
  }
  QChar last() const { return m_page.text.isEmpty() ? QChar() : m_page.text.back(); }
  CleanPage finish(int end) {
    while (!m_page.text.isEmpty() && (last() == u'\n' || last() == u' ' || last() == u'\t')) {
      end = m_page.rawIndex.back();
      dropOne();
    }
    m_page.rawIndex.append(m_page.text.isEmpty() ? 0 : end);
    return std::move(m_page);
  }

 private:
  void dropSpaces() {
    while (last() == u' ' || last() == u'\t') {
      dropOne();
    }
  }
  void dropOne() {
    m_page.text.chop(1);
    m_page.rawIndex.removeLast();
  }
  CleanPage m_page;
};

/// Units of a line end at `i`: CR LF, CR or LF; 0 when there is none.
qsizetype lineEndLength(QStringView text, qsizetype i) {
  if (i >= text.size()) {
    return 0;
  }
  if (text[i] == u'\r') {
    return i + 1 < text.size() && text[i + 1] == u'\n' ? 2 : 1;
  }
  return text[i] == u'\n' ? 1 : 0;
}

/// A compound keeps its hyphen: "COVID-" + "19", "Anglo-" + "Saxon". "INFORMA-" + "TION" does not.
bool keepsHyphen(QChar before, QChar after) {
  return after.isDigit() || (after.isUpper() && before.isLower());
}

}  // namespace

QString cleanFlowText(QStringView text, CleanCounts& counts) {
  QString clean;
  clean.reserve(text.size());
  for (qsizetype i = 0; i < text.size();) {
    int units = 1;
    const char32_t c = codePointAt(text, i, units);
    switch (characterFate(c)) {
      case CharacterFate::Keep:
        clean.append(text.sliced(i, units));
        break;
      case CharacterFate::LineEnd:
        // CR LF: the LF will do.
        if (c != U'\r' || i + 1 >= text.size() || text[i + 1] != u'\n') {
          clean.append(u'\n');
        }
        break;
      case CharacterFate::DropSilent:
        break;
      case CharacterFate::DropNul:
        ++counts.nul;
        break;
      case CharacterFate::DropControl:
        ++counts.control;
        break;
      case CharacterFate::DropDirection:
        ++counts.direction;
        break;
      case CharacterFate::DropTag:
        ++counts.tag;
        break;
      case CharacterFate::Replace:
        clean.append(kReplacement);
        break;
    }
    i += units;
  }
  qsizetype end = clean.size();
  while (end > 0 && clean[end - 1].isSpace()) {
    --end;
  }
  clean.truncate(end);
  // Leading empty lines go, the indent of the first line of text stays.
  qsizetype begin = 0;
  for (qsizetype i = 0; i < clean.size() && clean[i].isSpace(); ++i) {
    begin = clean[i] == u'\n' ? i + 1 : begin;
  }
  clean.remove(0, begin);
  if (!clean.isEmpty()) {
    clean.append(u'\n');
  }
  return clean;
}

CleanPage cleanPdfPage(QStringView raw) {
  PageBuilder page;
  for (qsizetype i = 0; i < raw.size();) {
    const int at = static_cast<int>(i);
    if (isLineEndMark(raw[i])) {
      // The line end itself is there or not, as the lines stand on the page.
      const qsizetype next = i + 1 + lineEndLength(raw, i + 1);
      const QChar after = next < raw.size() ? raw[next] : QChar();
      if (next >= raw.size() || keepsHyphen(page.last(), after)) {
        page.append(u"-", at);
        page.count(U'-');
      }
      i = next;
      continue;
    }
    if (raw[i] == QChar(0xAD) && lineEndLength(raw, i + 1) > 0) {
      i += 1 + lineEndLength(raw, i + 1);
      continue;
    }
    if (const qsizetype lineEnd = lineEndLength(raw, i)) {
      page.appendLineEnd(at);
      i += lineEnd;
      continue;
    }
    int units = 1;
    const char32_t c = codePointAt(raw, i, units);
    switch (characterFate(c)) {
      case CharacterFate::Keep:
        if (isPresentationForm(c)) {
          const QString plain =
              raw.sliced(i, units).toString().normalized(QString::NormalizationForm_KC);
          page.append(plain, at);
        } else {
          page.append(raw.sliced(i, units), at);
        }
        if (c != U' ' && c != U'\t') {
          page.count(c);
        }
        break;
      case CharacterFate::LineEnd:
        page.appendLineEnd(at);
        break;
      case CharacterFate::Replace:
        page.append(QStringView(&kReplacement, 1), at);
        page.count(kReplacement);
        break;
      default:
        break;
    }
    i += units;
  }
  return page.finish(static_cast<int>(raw.size()));
}

}  // namespace bookwheel
