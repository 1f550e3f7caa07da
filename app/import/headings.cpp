// SPDX-License-Identifier: Apache-2.0
// Finds the headings of Markdown and of plain text.
#include "app/import/headings.h"

#include "app/import/import_limits.h"

#include <QHash>
#include <QRegularExpression>
#include <QStringView>

#include <algorithm>
#include <array>
#include <optional>

namespace bookwheel {
namespace {

constexpr std::size_t kLongestHeading = 400;  // bytes of a line that may be one

/// Walks a text line by line.
class Lines {
 public:
  explicit Lines(std::string_view text) : m_text(text) {}
  /// The line that begins at `offset`, without its line feed.
  std::string_view at(std::size_t offset) const {
    if (offset >= m_text.size()) {
      return {};
    }
    const std::size_t end = m_text.find('\n', offset);
    return m_text.substr(offset, end == std::string_view::npos ? end : end - offset);
  }
  std::size_t next(std::size_t offset) const { return offset + at(offset).size() + 1; }
  bool inside(std::size_t offset) const { return offset < m_text.size(); }

 private:
  std::string_view m_text;
};

std::string_view trimmed(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    return {};
  }
  return line.substr(begin, line.find_last_not_of(" \t") - begin + 1);
}

QString toString(std::string_view text) {
  return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

/// "[text](target)" to "text", without emphasis and code marks.
QString withoutInlineMarks(const QString& markdown) {
  static const QRegularExpression link(QStringLiteral("!?\\[([^\\]]*)\\]\\([^)]*\\)"));
  static const QRegularExpression emphasis(QStringLiteral("(\\*\\*|__|\\*|`+|(?<!\\w)_|_(?!\\w))"));
  QString plain = markdown;
  plain.replace(link, QStringLiteral("\\1")).remove(emphasis);
  return titleLine(plain);
}

/// Level 1..6 and the text of an ATX heading.
std::optional<std::pair<int, std::string_view>> atxHeading(std::string_view line) {
  const std::size_t indent = line.find_first_not_of(' ');
  if (indent == std::string_view::npos || indent > 3) {
    return std::nullopt;
  }
  line.remove_prefix(indent);
  const std::size_t marks = std::min(line.find_first_not_of('#'), line.size());
  if (marks < 1 || marks > 6 ||
      (marks < line.size() && line[marks] != ' ' && line[marks] != '\t')) {
    return std::nullopt;
  }
  std::string_view title = trimmed(line.substr(marks));
  // Closing marks count only after a space: "# C#" keeps its own.
  const std::size_t last = title.find_last_not_of('#');
  if (last == std::string_view::npos) {
    title = {};
  } else if (last + 1 < title.size() && (title[last] == ' ' || title[last] == '\t')) {
    title = trimmed(title.substr(0, last));
  }
  return std::pair(static_cast<int>(marks), title);
}

bool isUnderline(std::string_view line, char mark) {
  const std::string_view marks = trimmed(line);
  return !marks.empty() && line.find_first_not_of(' ') <= 3 &&
         marks.find_first_not_of(mark) == std::string_view::npos;
}

/// A paragraph line that an underline turns into a heading: not a list, quote, table or rule.
bool canBeSetext(std::string_view line) {
  const std::string_view text = trimmed(line);
  if (text.empty() || text.size() > kLongestHeading || line.starts_with("    ") ||
      line.starts_with('\t')) {
    return false;
  }
  return text[0] != '>' && text[0] != '|' && text[0] != '#' && !text.starts_with("- ") &&
         !text.starts_with("* ") && !text.starts_with("+ ") && text.find('|') == text.npos;
}

/// First byte after YAML front matter, 0 without one.
std::size_t frontMatterEnd(std::string_view text) {
  const Lines lines(text);
  if (lines.at(0) != "---") {
    return 0;
  }
  constexpr int kMostLines = 200;
  std::size_t offset = lines.next(0);
  for (int i = 0; i < kMostLines && lines.inside(offset); ++i) {
    const std::string_view line = trimmed(lines.at(offset));
    offset = lines.next(offset);
    if (line == "---" || line == "...") {
      return std::min(offset, text.size());
    }
  }
  return 0;
}

/// What kinds of division there are, outermost first.
enum Rank { kVolume, kBook, kPart, kChapter, kSection, kRanks };

struct Chapter {
  TextHeading heading;
  Rank rank = kChapter;
  std::size_t end = 0;  ///< byte after its lines
};

struct Pattern {
  QRegularExpression expression;
  Rank rank;
};

const QList<Pattern>& patterns() {
  static const QList<Pattern> all = [] {
    const QString number = QStringLiteral(
        "(?:\\d{1,3}|[ivxlc]{1,9}|the "
        "(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|"
        "tenth|last)|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|"
        "fourteen|"
        "fifteen|sixteen|seventeen|eighteen|nineteen|(?:twenty|thirty|forty|fifty|sixty)"
        "(?:-(?:one|two|three|four|five|six|seven|eight|nine))?|first|second|third|fourth|fifth)");
    // After the number: nothing, or punctuation and a title, or a title that begins with a capital
    // and is no sentence.
    const QString rest = QStringLiteral(
        "(?:[.:)]?$|\\s*[.:\\x{2013}\\x{2014}-]+\\s*\\S.*$|\\s+(?-i:\\p{Lu}).*[^.,;]$)");
    const auto numbered = [&](const char* words) {
      return QRegularExpression(
          QStringLiteral("^(?:%1)\\s+%2%3").arg(QLatin1StringView(words), number, rest),
          QRegularExpression::CaseInsensitiveOption |
              QRegularExpression::UseUnicodePropertiesOption);
    };
    const auto localized = [&](const QString& words) {
      return QRegularExpression(QStringLiteral("^(?:%1)\\s+%2%3").arg(words, number, rest),
                                QRegularExpression::CaseInsensitiveOption |
                                    QRegularExpression::UseUnicodePropertiesOption);
    };
    QList<Pattern> result;
    result.append({numbered("volume|vol\\.|tome|band"), kVolume});
    result.append({numbered("book|buch|livre|libro"), kBook});
    result.append({numbered("part|teil|partie|parte|deel"), kPart});
    result.append(
        {localized(QStringLiteral("\\x{0447}\\x{0430}\\x{0441}\\x{0442}\\x{044C}")), kPart});
    result.append({numbered("chapter|chap\\.|kapitel|chapitre|cap[i\\x{ED}]tulo|capitolo|hoofdstuk|"
                            "letter|canto|stave|act|lecture|appendix"),
                   kChapter});
    result.append(
        {localized(QStringLiteral("\\x{0433}\\x{043B}\\x{0430}\\x{0432}\\x{0430}")), kChapter});
    result.append({numbered("section|scene"), kSection});
    const auto cjk = [](const QString& kinds) {
      return QRegularExpression(
          QStringLiteral(
              "^\\x{7B2C}[0-9\\x{3007}\\x{96F6}\\x{4E00}\\x{4E8C}\\x{4E24}\\x{4E09}\\x{56DB}"
              "\\x{4E94}\\x{516D}\\x{4E03}\\x{516B}\\x{4E5D}\\x{5341}\\x{767E}]{1,7}[%1]"
              "(?:$|[\\s\\x{3000}:\\x{FF1A}].*$)")
              .arg(kinds),
          QRegularExpression::UseUnicodePropertiesOption);
    };
    result.append({cjk(QStringLiteral("\\x{5377}\\x{90E8}\\x{7BC7}")), kPart});
    result.append({cjk(QStringLiteral("\\x{7AE0}\\x{56DE}\\x{8BDD}\\x{8A71}")), kChapter});
    result.append({cjk(QStringLiteral("\\x{8282}\\x{7BC0}")), kSection});
    result.append(
        {QRegularExpression(
             QStringLiteral("^(?:prologue|epilogue|preface|foreword|afterword|introduction|"
                            "conclusion|appendix|glossary|bibliography|acknowledge?ments|"
                            "prolog|epilog|vorwort|nachwort|pr\\x{E9}face)[.:]?$"),
             QRegularExpression::CaseInsensitiveOption |
                 QRegularExpression::UseUnicodePropertiesOption),
         kChapter});
    return result;
  }();
  return all;
}

/// The value of a Roman numeral in upper case, 0 when it is none.
int romanValue(std::string_view text) {
  int value = 0;
  int before = 1000;
  for (std::size_t i = 0; i < text.size(); ++i) {
    static constexpr std::string_view kLetters = "IVXLC";
    static constexpr std::array kValues = {1, 5, 10, 50, 100};
    const std::size_t letter = kLetters.find(text[i]);
    if (letter == std::string_view::npos) {
      return 0;
    }
    const int digit = kValues[letter];
    value += digit > before ? digit - 2 * before : digit;
    before = digit;
  }
  return value;
}

/// Roman numerals that stand alone and count up from I, three at least; `candidates` in order.
QList<Chapter> romanChapters(const QList<Chapter>& candidates) {
  QList<Chapter> result;
  for (const Chapter& candidate : candidates) {
    std::string roman = candidate.heading.title.toStdString();
    while (!roman.empty() && roman.back() == '.') {
      roman.pop_back();
    }
    if (romanValue(roman) == result.size() + 1) {
      result.append(candidate);
    }
  }
  constexpr int kLeast = 3;
  return result.size() >= kLeast ? result : QList<Chapter>();
}

/// Drops what a table of contents lists: entries with no text up to the next one of the same rank,
/// and entries that come again later under the same name.
QList<Chapter> withoutContents(const QList<Chapter>& found, std::string_view text) {
  QHash<QString, qsizetype> lastOf;
  for (qsizetype i = 0; i < found.size(); ++i) {
    lastOf.insert(found[i].heading.title.toCaseFolded(), i);
  }
  // Numbering may start again in each part; then names repeat and say nothing.
  const bool numberingRestarts = std::any_of(
      found.begin(), found.end(), [](const Chapter& chapter) { return chapter.rank < kChapter; });
  QList<Chapter> result;
  for (qsizetype i = 0; i < found.size(); ++i) {
    const bool again = lastOf.value(found[i].heading.title.toCaseFolded()) != i;
    bool empty = false;
    if (i + 1 < found.size() && found[i + 1].rank == found[i].rank) {
      const auto next = static_cast<std::size_t>(found[i + 1].heading.offset);
      const std::string_view between = text.substr(found[i].end, next - found[i].end);
      empty = trimmed(between.substr(0, 4096)).find_first_not_of(" \t\n") == between.npos;
    }
    if (!empty && (!again || numberingRestarts)) {
      result.append(found[i]);
    }
  }
  return result;
}

}  // namespace

QString titleLine(QStringView text) {
  QString line = text.toString().simplified();
  if (line.size() > kMostTitleLength) {
    line.truncate(kMostTitleLength - 1);
    if (line.back().isHighSurrogate()) {
      line.chop(1);
    }
    line.append(QChar(0x2026));
  }
  return line;
}

QList<TextHeading> markdownHeadings(std::string_view text) {
  const Lines lines(text);
  QList<TextHeading> result;
  std::string_view fence;  // the marks that opened a code block
  std::size_t before = 0;  // offset of the line before
  int paragraphLines = 0;  // lines of the paragraph that ends with the line before
  for (std::size_t offset = frontMatterEnd(text); lines.inside(offset);
       before = offset, offset = lines.next(offset)) {
    const std::string_view line = lines.at(offset);
    const std::string_view content = trimmed(line);
    if (content.starts_with("```") || content.starts_with("~~~")) {
      const std::string_view marks =
          content.substr(0, std::min(content.find_first_not_of(content[0]), content.size()));
      if (fence.empty()) {
        fence = marks;
      } else if (marks[0] == fence[0] && marks.size() >= fence.size() && marks == content) {
        fence = {};
      }
      paragraphLines = 0;
      continue;
    }
    if (!fence.empty()) {
      continue;
    }
    if (const auto heading = atxHeading(line)) {
      const QString title = withoutInlineMarks(toString(heading->second.substr(0, 4096)));
      if (!title.isEmpty()) {
        result.append({title, heading->first - 1, static_cast<std::int64_t>(offset)});
      }
      paragraphLines = 0;
      continue;
    }
    // Only a paragraph of one line: longer ones are nearly always text over a rule.
    if (paragraphLines == 1 && (isUnderline(line, '=') || isUnderline(line, '-')) &&
        canBeSetext(lines.at(before))) {
      const QString title = withoutInlineMarks(toString(trimmed(lines.at(before))));
      if (!title.isEmpty()) {
        result.append({title, content[0] == '=' ? 0 : 1, static_cast<std::int64_t>(before)});
      }
      paragraphLines = 0;
      continue;
    }
    paragraphLines = content.empty() ? 0 : paragraphLines + 1;
  }
  return result;
}

QList<TextHeading> chapterHeadings(std::string_view text) {
  constexpr qsizetype kLongestTitle = 80;
  const Lines lines(text);
  QList<Chapter> found;
  QList<Chapter> romans;
  bool emptyBefore = true;
  for (std::size_t offset = 0; lines.inside(offset);) {
    const std::string_view line = trimmed(lines.at(offset));
    const std::size_t next = lines.next(offset);
    const std::size_t after = lines.next(next);
    const std::string_view second = trimmed(lines.at(next));
    const bool alone = second.empty();
    const bool withSubtitle = !alone && trimmed(lines.at(after)).empty();
    if (emptyBefore && !line.empty() && line.size() <= kLongestHeading && (alone || withSubtitle)) {
      const QString title = titleLine(toString(line));
      if (title.size() <= kLongestTitle) {
        const auto match = std::find_if(
            patterns().begin(), patterns().end(),
            [&](const Pattern& pattern) { return pattern.expression.match(title).hasMatch(); });
        if (match != patterns().end()) {
          Chapter chapter{{title, 0, static_cast<std::int64_t>(offset)}, match->rank, next};
          if (withSubtitle && second.size() <= kLongestHeading) {
            const QString subtitle = titleLine(toString(second));
            if (subtitle.size() <= kLongestTitle && !subtitle.endsWith(u'.')) {
              chapter.heading.title += u' ' + subtitle;
              chapter.end = after;
            }
          }
          chapter.end = std::min(chapter.end, text.size());
          found.append(chapter);
        } else if (alone && title.size() <= 8 &&
                   romanValue(trimmed(line.substr(0, line.find('.')))) > 0) {
          romans.append({{title, 0, static_cast<std::int64_t>(offset)}, kChapter, next});
        }
      }
    }
    emptyBefore = line.empty();
    offset = next;
  }
  const bool hasChapters = std::any_of(found.begin(), found.end(), [](const Chapter& chapter) {
    return chapter.rank == kChapter && chapter.heading.title.contains(u' ');
  });
  found = withoutContents(found, text);
  if (!hasChapters) {
    found.append(romanChapters(romans));
    std::stable_sort(found.begin(), found.end(), [](const Chapter& a, const Chapter& b) {
      return a.heading.offset < b.heading.offset;
    });
  }
  // Ranks that occur become levels without gaps.
  std::array<bool, kRanks> used{};
  for (const Chapter& chapter : found) {
    used[chapter.rank] = true;
  }
  QList<TextHeading> result;
  for (const Chapter& chapter : found) {
    result.append(chapter.heading);
    result.back().level =
        static_cast<int>(std::count(used.begin(), used.begin() + chapter.rank, true));
  }
  return result;
}

QString markdownTitle(std::string_view text, const QList<TextHeading>& headings) {
  const std::size_t end = frontMatterEnd(text);
  const Lines lines(text.substr(0, end));
  for (std::size_t offset = 0; lines.inside(offset); offset = lines.next(offset)) {
    const std::string_view line = lines.at(offset);
    if (line.starts_with("title:")) {
      QString title = titleLine(toString(line.substr(6)));
      const bool quoted = title.size() >= 2 && title.front() == title.back() &&
                          (title.front() == u'"' || title.front() == u'\'');
      return quoted ? title.mid(1, title.size() - 2) : title;
    }
  }
  const auto first = std::find_if(headings.begin(), headings.end(),
                                  [](const TextHeading& heading) { return heading.level == 0; });
  return first == headings.end() ? QString() : first->title;
}

QString plainTitle(std::string_view text) {
  constexpr qsizetype kLongestTitle = 100;
  const Lines lines(text);
  const QString first = titleLine(toString(lines.at(0).substr(0, 2 * kLongestHeading)));
  const bool alone = trimmed(lines.at(lines.next(0))).empty();
  const bool sentence = first.endsWith(u'.') || first.endsWith(u',') || first.endsWith(u';');
  return alone && !sentence && first.size() <= kLongestTitle ? first : QString();
}

}  // namespace bookwheel
