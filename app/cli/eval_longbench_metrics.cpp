// SPDX-License-Identifier: Apache-2.0
// The metrics of LongBench (Bai et al. 2024, arXiv 2308.14508) for its English and code data sets.
#include "app/cli/eval_longbench_metrics.h"

#include <QRegularExpression>
#include <QString>
#include <QStringList>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace bookwheel {

namespace {

QStringList qaWords(const std::string& text) {
  static const QRegularExpression punctuation(
      QStringLiteral("[!-/:-@\\[-`{-~]"));  // Python's string.punctuation
  static const QRegularExpression articles(QStringLiteral("\\b(a|an|the)\\b"),
                                           QRegularExpression::UseUnicodePropertiesOption);
  QString words = QString::fromStdString(text).toLower();
  words.remove(punctuation);
  words.replace(articles, QStringLiteral(" "));
  return words.simplified().split(u' ', Qt::SkipEmptyParts);
}

QStringList numbersIn(const std::string& text) {
  static const QRegularExpression digits(QStringLiteral("\\d+"),
                                         QRegularExpression::UseUnicodePropertiesOption);
  QStringList numbers;
  auto matches = digits.globalMatch(QString::fromStdString(text));
  while (matches.hasNext()) {
    numbers.append(matches.next().captured());
  }
  return numbers;
}

double shareOf(const QString& wanted, const QStringList& numbers) {
  return numbers.isEmpty()
             ? 0
             : static_cast<double>(numbers.count(wanted)) / static_cast<double>(numbers.size());
}

// ---- ROUGE-L ----

/// Words of each sentence; one of spaces alone is one empty word, as in the package.
std::vector<QStringList> sentencesOf(const std::string& text) {
  std::vector<QStringList> sentences;
  for (const QString& sentence : QString::fromStdString(text).split(u'.', Qt::SkipEmptyParts)) {
    sentences.push_back(sentence.simplified().split(u' '));
  }
  return sentences;
}

std::set<QString> distinctWords(const std::vector<QStringList>& sentences) {
  std::set<QString> words;
  for (const QStringList& sentence : sentences) {
    words.insert(sentence.begin(), sentence.end());
  }
  return words;
}

/// Adds the words of one longest common subsequence; of several the one that the package finds:
/// walking back, a step in `truth` only if that loses something otherwise.
void addCommon(const QStringList& truth, const QStringList& prediction, std::set<QString>& words) {
  const auto rows = static_cast<std::size_t>(truth.size()) + 1;
  const auto columns = static_cast<std::size_t>(prediction.size()) + 1;
  std::vector<int> length(rows * columns, 0);
  const auto at = [&](std::size_t i, std::size_t j) -> int& { return length[i * columns + j]; };
  const auto equal = [&](std::size_t i, std::size_t j) {
    return truth[static_cast<qsizetype>(i) - 1] == prediction[static_cast<qsizetype>(j) - 1];
  };
  for (std::size_t i = 1; i < rows; ++i) {
    for (std::size_t j = 1; j < columns; ++j) {
      at(i, j) = equal(i, j) ? at(i - 1, j - 1) + 1 : std::max(at(i - 1, j), at(i, j - 1));
    }
  }
  for (std::size_t i = rows - 1, j = columns - 1; i > 0 && j > 0;) {
    if (equal(i, j)) {
      words.insert(truth[static_cast<qsizetype>(i) - 1]);
      --i;
      --j;
    } else if (at(i - 1, j) > at(i, j - 1)) {
      --i;
    } else {
      --j;
    }
  }
}

// ---- Ratcliff and Obershelp, as Python's difflib ----

class Matcher {
 public:
  Matcher(std::u32string a, std::u32string b) : m_a(std::move(a)), m_b(std::move(b)) {
    for (std::size_t j = 0; j < m_b.size(); ++j) {
      m_places[m_b[j]].push_back(j);
    }
    constexpr std::size_t kLong = 200;
    if (m_b.size() >= kLong) {
      const std::size_t most = m_b.size() / 100 + 1;
      std::erase_if(m_places, [&](const auto& entry) { return entry.second.size() > most; });
    }
  }

  double ratio() {
    const std::size_t all = m_a.size() + m_b.size();
    return all == 0 ? 1
                    : 2.0 * static_cast<double>(matching(0, m_a.size(), 0, m_b.size())) /
                          static_cast<double>(all);
  }

 private:
  struct Match {
    std::size_t a;
    std::size_t b;
    std::size_t size;
  };

  std::size_t matching(std::size_t aLow, std::size_t aHigh, std::size_t bLow, std::size_t bHigh) {
    const Match match = longest(aLow, aHigh, bLow, bHigh);
    if (match.size == 0) {
      return 0;
    }
    return match.size + matching(aLow, match.a, bLow, match.b) +
           matching(match.a + match.size, aHigh, match.b + match.size, bHigh);
  }

  Match longest(std::size_t aLow, std::size_t aHigh, std::size_t bLow, std::size_t bHigh) {
    Match best{aLow, bLow, 0};
    std::unordered_map<std::size_t, std::size_t> endingAt;  // matches that end at j - 1
    for (std::size_t i = aLow; i < aHigh; ++i) {
      std::unordered_map<std::size_t, std::size_t> next;
      const auto places = m_places.find(m_a[i]);
      if (places != m_places.end()) {
        for (const std::size_t j : places->second) {
          if (j < bLow || j >= bHigh) {
            continue;
          }
          const auto before = j > 0 ? endingAt.find(j - 1) : endingAt.end();
          const std::size_t size = (before == endingAt.end() ? 0 : before->second) + 1;
          next[j] = size;
          if (size > best.size) {
            best = {i + 1 - size, j + 1 - size, size};
          }
        }
      }
      endingAt = std::move(next);
    }
    // Characters that begin no match may still lengthen one.
    while (best.a > aLow && best.b > bLow && m_a[best.a - 1] == m_b[best.b - 1]) {
      --best.a;
      --best.b;
      ++best.size;
    }
    while (best.a + best.size < aHigh && best.b + best.size < bHigh &&
           m_a[best.a + best.size] == m_b[best.b + best.size]) {
      ++best.size;
    }
    return best;
  }

  std::u32string m_a;
  std::u32string m_b;
  std::unordered_map<char32_t, std::vector<std::size_t>> m_places;
};

}  // namespace

double qaF1(const std::string& prediction, const std::string& truth) {
  const QStringList predicted = qaWords(prediction);
  const QStringList wanted = qaWords(truth);
  std::map<QString, int> left;
  for (const QString& word : wanted) {
    ++left[word];
  }
  int common = 0;
  for (const QString& word : predicted) {
    const auto found = left.find(word);
    if (found != left.end() && found->second > 0) {
      --found->second;
      ++common;
    }
  }
  return common == 0 ? 0 : 2.0 * common / static_cast<double>(predicted.size() + wanted.size());
}

double rougeL(const std::string& prediction, const std::string& truth) {
  const std::vector<QStringList> predicted = sentencesOf(prediction);
  const std::vector<QStringList> wanted = sentencesOf(truth);
  if (predicted.empty() || wanted.empty()) {
    return 0;
  }
  std::set<QString> common;
  for (const QStringList& sentence : wanted) {
    for (const QStringList& other : predicted) {
      addCommon(sentence, other, common);
    }
  }
  if (common.empty()) {
    return 0;
  }
  const auto count = static_cast<double>(common.size());
  const double recall = count / static_cast<double>(distinctWords(wanted).size());
  const double precision = count / static_cast<double>(distinctWords(predicted).size());
  return 2 * precision * recall / (precision + recall + 1e-8);
}

double classificationScore(const std::string& prediction, const std::string& truth,
                           const std::vector<std::string>& classes) {
  int named = 0;
  bool right = false;
  for (const std::string& name : classes) {
    if (prediction.find(name) == std::string::npos ||
        (name != truth && truth.find(name) != std::string::npos)) {
      continue;
    }
    ++named;
    right = right || name == truth;
  }
  return right ? 1.0 / named : 0;
}

double retrievalScore(const std::string& prediction, const std::string& truth) {
  static const QRegularExpression paragraph(QStringLiteral("Paragraph (\\d+)"),
                                            QRegularExpression::UseUnicodePropertiesOption);
  const QRegularExpressionMatch match = paragraph.match(QString::fromStdString(truth));
  return match.hasMatch() ? shareOf(match.captured(1), numbersIn(prediction)) : 0;
}

double countScore(const std::string& prediction, const std::string& truth) {
  return shareOf(QString::fromStdString(truth), numbersIn(prediction));
}

double codeSimilarity(const std::string& prediction, const std::string& truth) {
  std::string_view rest = prediction;
  rest.remove_prefix(std::min(rest.find_first_not_of('\n'), rest.size()));
  std::string first;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (line.find('`') == std::string_view::npos && line.find('#') == std::string_view::npos &&
        line.find("//") == std::string_view::npos) {
      first = line;
      break;
    }
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  const auto codePoints = [](const std::string& text) {
    return QString::fromStdString(text).toStdU32String();
  };
  const double ratio = Matcher(codePoints(first), codePoints(truth)).ratio();
  return std::nearbyint(100 * ratio) / 100;  // halves to even, as Python rounds
}

double longBenchScore(LongBenchMetric metric, const std::string& prediction,
                      const std::vector<std::string>& truths,
                      const std::vector<std::string>& classes) {
  double best = 0;
  for (const std::string& truth : truths) {
    double score = 0;
    switch (metric) {
      case LongBenchMetric::QaF1:
        score = qaF1(prediction, truth);
        break;
      case LongBenchMetric::RougeL:
        score = rougeL(prediction, truth);
        break;
      case LongBenchMetric::Classification:
        score = classificationScore(prediction, truth, classes);
        break;
      case LongBenchMetric::Retrieval:
        score = retrievalScore(prediction, truth);
        break;
      case LongBenchMetric::Count:
        score = countScore(prediction, truth);
        break;
      case LongBenchMetric::CodeSimilarity:
        score = codeSimilarity(prediction, truth);
        break;
    }
    best = std::max(best, score);
  }
  return best;
}

}  // namespace bookwheel
