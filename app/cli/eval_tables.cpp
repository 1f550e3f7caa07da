// SPDX-License-Identifier: Apache-2.0
// Lines of eval grid as Markdown tables and as the panels of a plot.
#include "app/cli/eval_tables.h"

#include "app/cli/progress.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <map>
#include <tuple>

namespace bookwheel {

namespace {

constexpr std::string_view kBegin = "<!-- eval grid -->\n";
constexpr std::string_view kEnd = "<!-- end of eval grid -->\n";

std::string number(double value, const char* format) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

/// Two digits that count: 0.0011, 0.18, 1.3.
std::string brief(double value) {
  if (value <= 0) {
    return number(value, "%.5f");
  }
  const int digits = std::clamp(1 - static_cast<int>(std::floor(std::log10(value))), 0, 8);
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char character) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(character)));
  });
  return text;
}

std::string policyName(const GridLine& line) {
  std::string name = line.policy;
  if (line.policy == "corrected" && line.predictor != "sticky") {
    name += ", " + line.predictor;
  }
  if (line.logits != "raw") {
    name += ", variance";
  }
  return name;
}

/// A row of a table: the setting without text.
using Setting = std::tuple<std::string, std::string, std::string>;  // bits, policy, k
Setting settingOf(const GridLine& line) { return {line.bits, policyName(line), line.k}; }

/// Sorted as they were measured first.
template <typename T>
void addOnce(std::vector<T>& list, const T& value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) {
    list.push_back(value);
  }
}

const GridLine* find(const std::vector<const GridLine*>& lines, const Setting& setting,
                     const std::string& text) {
  for (const GridLine* line : lines) {
    if (line->text == text && settingOf(*line) == setting) {
      return line;
    }
  }
  return nullptr;
}

/// Without pairs the corrected step is the copy and nothing else; the paper's has its own levels.
std::string shownPolicy(const std::string& policy, const std::string& k) {
  constexpr std::string_view kCorrected = "corrected";
  if (k != "0") {
    return policy;
  }
  return policy.starts_with(kCorrected) ? "copy only" + policy.substr(kCorrected.size())
                                        : "copy only, " + policy;
}

std::string cell(const std::vector<const GridLine*>& lines, const Setting& setting,
                 const std::string& text) {
  const GridLine* line = find(lines, setting, text);
  if (line == nullptr) {
    return "";
  }
  std::string shown =
      brief(line->meanKl) + " (" + brief(line->klLow) + "-" + brief(line->klHigh) + ")";
  const GridLine* copy = find(lines, {line->bits, policyName(*line), "0"}, text);
  if (copy != nullptr && !line->copyOnly() && line->meanKl > 0) {
    shown += ", " + number(copy->meanKl / line->meanKl, "%.0fx");
  }
  return shown;
}

std::string table(const std::vector<const GridLine*>& lines) {
  std::vector<std::string> texts;
  std::vector<Setting> settings;
  for (const GridLine* line : lines) {
    addOnce(texts, line->text);
    addOnce(settings, settingOf(*line));
  }
  std::string out = "| copy | policy | k | bits |";
  std::string rule = "|---|---|---|---|";
  for (const std::string& text : texts) {
    out += " " + text + " |";
    rule += "---|";
  }
  out += " same top 1 | hit rate |\n" + rule + "---|---|\n";
  for (const Setting& setting : settings) {
    double bits = 0;
    double same = 0;
    double hits = 0;
    int count = 0;
    for (const GridLine* line : lines) {
      if (settingOf(*line) == setting) {
        bits += line->bitsPerElement;
        same += line->sameTop1;
        hits += line->hitRate;
        ++count;
      }
    }
    const auto& [bitsOfCopy, policy, k] = setting;
    out += "| " + upper(bitsOfCopy) + " | " + shownPolicy(policy, k) + " | " + k + " | " +
           number(bits / count, "%.2f") + " |";
    for (const std::string& text : texts) {
      out += " " + cell(lines, setting, text) + " |";
    }
    out += number(100 * same / count, " %.1f %% |") +
           (hits < 0 ? std::string("  |") : number(100 * hits / count, " %.0f %% |")) + "\n";
  }
  return out;
}

}  // namespace

std::string gridTables(const std::vector<GridLine>& lines) {
  using Passage = std::tuple<std::string, std::int64_t, std::int64_t, std::int64_t, std::string>;
  std::vector<Passage> passages;
  const auto passageOf = [](const GridLine& line) {
    return Passage{line.model, line.tokens, line.positions, line.skip, line.activations};
  };
  for (const GridLine& line : lines) {
    addOnce(passages, passageOf(line));
  }
  std::string out;
  for (const Passage& passage : passages) {
    std::vector<const GridLine*> ofPassage;
    for (const GridLine& line : lines) {
      if (passageOf(line) == passage) {
        ofPassage.push_back(&line);
      }
    }
    const auto& [model, tokens, positions, skip, activations] = passage;
    out += "\n**" + model + "**, last " + grouped(positions) + " of " + grouped(tokens) + " tokens";
    if (skip > 0) {
      out += " behind the first " + grouped(skip);
    }
    if (activations == "int8") {
      out += ", activations of the steps in 8 bits";
    }
    out += ":\n\n" + table(ofPassage);
  }
  return out;
}

std::vector<PlotPanel> gridPanels(const std::vector<GridLine>& lines) {
  // Okabe and Ito's colours, which people tell apart whatever they see of colours.
  const std::map<std::string, std::string> colours{{"k4v4", "#000000"},
                                                   {"k2v2", "#0072b2"},
                                                   {"k1v2", "#009e73"},
                                                   {"k2v1", "#e69f00"},
                                                   {"k1v1", "#d55e00"}};
  struct Sum {
    double bits = 0;
    double kl = 0;
    int texts = 0;
  };
  std::vector<std::string> models;
  for (const GridLine& line : lines) {
    addOnce(models, line.model);
  }
  std::vector<PlotPanel> panels;
  for (const std::string& model : models) {
    PlotPanel panel{model, {}};
    std::vector<std::pair<std::string, std::string>> kinds;  // bits, policy
    std::map<Setting, Sum> sums;
    std::vector<std::string> ks;
    for (const GridLine& line : lines) {
      if (line.model == model) {
        addOnce(kinds, {line.bits, policyName(line)});
        addOnce(ks, line.k);
        Sum& sum = sums[settingOf(line)];
        sum.bits += line.bitsPerElement;
        sum.kl += line.meanKl;
        ++sum.texts;
      }
    }
    for (const auto& [bits, policy] : kinds) {
      const auto colour = colours.find(bits);
      PlotSeries series{upper(bits) + ", " + policy,
                        colour == colours.end() ? "#888888" : colour->second,
                        policy.find("variance") != std::string::npos ? "2 3"
                        : policy.starts_with("paper")                ? "7 4"
                                                                     : "",
                        {}};
      for (const std::string& k : ks) {
        const auto sum = sums.find({bits, policy, k});
        if (sum != sums.end() && sum->second.kl > 0) {
          const double kl = sum->second.kl / sum->second.texts;
          series.points.push_back({sum->second.bits / sum->second.texts, kl, kl, kl,
                                   series.name + ", k = " + k + ": KL " + brief(kl)});
        }
      }
      std::sort(series.points.begin(), series.points.end(),
                [](const PlotPoint& a, const PlotPoint& b) { return a.x < b.x; });
      if (!series.points.empty()) {
        panel.series.push_back(std::move(series));
      }
    }
    panels.push_back(std::move(panel));
  }
  return panels;
}

std::string withGridPart(const std::string& document, const std::string& part) {
  const std::string framed = std::string(kBegin) + part + std::string(kEnd);
  if (document.empty()) {
    return framed;
  }
  const std::size_t begin = document.find(kBegin);
  const std::size_t end =
      begin == std::string::npos ? std::string::npos : document.find(kEnd, begin);
  if (end == std::string::npos) {
    throw CommandError(ExitCode::kFailed,
                       "The document has no lines \"<!-- eval grid -->\" and \"<!-- end of eval "
                       "grid -->\" between which the tables belong.");
  }
  return document.substr(0, begin) + framed + document.substr(end + kEnd.size());
}

}  // namespace bookwheel
