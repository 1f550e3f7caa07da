// SPDX-License-Identifier: Apache-2.0
// One measurement of eval grid: what was compared on what and what came out, as a line of JSON.
#include "app/cli/eval_grid_lines.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

namespace bookwheel {

namespace {

CacheOptions settingOf(const std::string& policy, int keyBits, int valueBits, int pairs) {
  CacheOptions options;
  if (policy == "corrected") {
    options.policy = CachePolicy::Corrected;
    options.keyBits = keyBits;
    options.valueBits = valueBits;
  } else if (policy == "paper" || policy == "paper-variance") {
    options = paperCacheOptions(keyBits, valueBits);
    options.logits = policy == "paper" ? ScoreLogits::Raw : ScoreLogits::VarianceCorrected;
  } else {
    throw CommandError(ExitCode::kUsage, "There is no policy \"" + policy +
                                             "\"; there are corrected, paper and paper-variance.");
  }
  options.pairs = pairs;
  return options;
}

int bitsAt(const std::string& name, std::size_t at) {
  const bool wellFormed = name.size() == 4 && name[0] == 'k' && name[2] == 'v';
  const char character = wellFormed ? name[at] : 'x';
  if (character != '1' && character != '2' && character != '4') {
    throw CommandError(ExitCode::kUsage, "There are no bits \"" + name +
                                             "\"; write k and v with 1, 2 or 4 each, as in k2v2.");
  }
  return character - '0';
}

}  // namespace

std::string gridModelName(const std::string& model) {
  // The name of a model may have a dot of its own, so that stem() would cut it.
  const std::string file = std::filesystem::path(model).filename().string();
  constexpr std::string_view kEnding = ".gguf";
  return file.ends_with(kEnding) ? file.substr(0, file.size() - kEnding.size()) : file;
}

std::string gridKey(const Json& line) {
  std::string key;
  for (const char* part :
       {"model", "text", "tokens", "positions", "skip", "activations", "cache"}) {
    key += line.value(part, Json()).dump() + '|';
  }
  return key;
}

GridLine parseGridLine(const Json& line, const std::string& where) {
  try {
    const Json& cache = line.at("cache");
    const Json& k = cache.at("k");
    const Json& hitRate = line.at("hitRate");
    const Json& bits = cache.at("bits");
    return {line.at("model").get<std::string>(),
            line.at("text").get<std::string>(),
            line.at("tokens").get<std::int64_t>(),
            line.at("positions").get<std::int64_t>(),
            line.at("skip").get<std::int64_t>(),
            line.at("activations").get<std::string>(),
            cache.at("policy").get<std::string>(),
            "k" + std::to_string(bits.at("keys").get<int>()) + "v" +
                std::to_string(bits.at("values").get<int>()),
            cache.at("logits").get<std::string>(),
            cache.at("predictor").get<std::string>(),
            k.is_string() ? k.get<std::string>() : std::to_string(k.get<int>()),
            line.at("meanKl").get<double>(),
            line.at("klInterval").at(0).get<double>(),
            line.at("klInterval").at(1).get<double>(),
            line.at("sameTop1").get<double>(),
            line.at("bitsPerElement").get<double>(),
            hitRate.is_null() ? -1 : hitRate.get<double>()};
  } catch (const Json::exception&) {
    throw CommandError(ExitCode::kFailed, where + " is no line that eval grid wrote.");
  }
}

std::vector<Json> loadGridLines(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return {};
  }
  std::vector<Json> lines;
  std::istringstream stream(readFile(path));
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) {
      continue;
    }
    const std::string where = "Line " + std::to_string(number) + " of " + path;
    Json json = Json::parse(line, nullptr, false);
    parseGridLine(json.is_object() ? json : Json::object(), where);
    lines.push_back(std::move(json));
  }
  return lines;
}

std::vector<CacheOptions> gridSettings(const std::vector<std::string>& bits,
                                       const std::vector<int>& pairs,
                                       const std::vector<std::string>& policies) {
  std::vector<CacheOptions> settings;
  for (const std::string& name : bits) {
    for (const int k : pairs) {
      for (const std::string& policy : policies) {
        const CacheOptions setting = settingOf(policy, bitsAt(name, 1), bitsAt(name, 3), k);
        if (std::find(settings.begin(), settings.end(), setting) == settings.end()) {
          settings.push_back(setting);
        }
      }
    }
  }
  return settings;
}

}  // namespace bookwheel
