// SPDX-License-Identifier: Apache-2.0
// A seeded table inside a text, to be given back as JSON, and the score of what came.
#include "app/cli/eval_extract_task.h"

#include <algorithm>
#include <array>
#include <random>
#include <set>

namespace bookwheel {

namespace {

constexpr std::array<const char*, 12> kFirst{"Albert", "Bertha", "Carlo",  "Dora",
                                             "Edwin",  "Flora",  "Gustav", "Hilda",
                                             "Ivan",   "Judith", "Karl",   "Laura"};
constexpr std::array<const char*, 12> kLast{"Abel",   "Brandt", "Castle", "Duval",
                                            "Engel",  "Fisher", "Grant",  "Hobbs",
                                            "Ingram", "Jansen", "Keller", "Lund"};
constexpr std::array<const char*, 12> kPorts{"Aberdeen",  "Bergen", "Cadiz",  "Dundee",
                                             "Esbjerg",   "Fowey",  "Gdansk", "Hamburg",
                                             "Inverness", "Kiel",   "Lisbon", "Malmo"};
constexpr std::array<const char*, 10> kShipOne{"Golden",  "Northern", "Silent", "Royal", "Little",
                                               "Scarlet", "Ancient",  "Merry",  "Grey",  "Bold"};
constexpr std::array<const char*, 10> kShipTwo{"Heron", "Star",  "Rose", "Whale", "Lark",
                                               "Crown", "Raven", "Tide", "Comet", "Swan"};

template <std::size_t Count>
const char* pick(std::mt19937_64& random, const std::array<const char*, Count>& from) {
  return from[static_cast<std::size_t>(random() % Count)];
}

std::string asText(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// The end of the JSON object that begins at `begin`, behind its brace; npos if it is not closed.
std::size_t endOfObject(const std::string& text, std::size_t begin) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t at = begin; at < text.size(); ++at) {
    const char character = text[at];
    if (quoted) {
      if (character == '\\') {
        ++at;
      } else if (character == '"') {
        quoted = false;
      }
    } else if (character == '"') {
      quoted = true;
    } else if (character == '{') {
      ++depth;
    } else if (character == '}' && --depth == 0) {
      return at + 1;
    }
  }
  return std::string::npos;
}

bool holdsWholeArray(const std::string& answer) {
  const std::size_t begin = answer.find('[');
  const std::size_t end = answer.rfind(']');
  if (begin == std::string::npos || end == std::string::npos || end < begin) {
    return false;
  }
  const Json json = Json::parse(answer.substr(begin, end - begin + 1), nullptr, false);
  return json.is_array() &&
         std::all_of(json.begin(), json.end(), [](const Json& item) { return item.is_object(); });
}

}  // namespace

std::string ExtractTable::markdown() const {
  std::string out = "|";
  std::string rule = "|";
  for (const std::string& column : columns) {
    out += " " + column + " |";
    rule += "---|";
  }
  out += "\n" + rule + "\n";
  for (const auto& row : rows) {
    out += "|";
    for (const std::string& cell : row) {
      out += " " + cell + " |";
    }
    out += "\n";
  }
  out.pop_back();
  return out;
}

ExtractTable makeTable(int rows, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  ExtractTable table{{"ship", "captain", "port", "year", "crates", "insured"}, {}};
  std::set<std::string> names;
  while (static_cast<int>(table.rows.size()) < rows) {
    std::string ship = std::string(pick(random, kShipOne)) + " " + pick(random, kShipTwo);
    if (!names.insert(ship).second) {
      // A hundred names are few: the next one of that name has a number.
      ship += " " + std::to_string(table.rows.size() + 1);
      names.insert(ship);
    }
    const std::string captain = std::string(pick(random, kFirst)) + " " + pick(random, kLast);
    const std::string port = pick(random, kPorts);
    const std::string year = std::to_string(1780 + random() % 120);
    const std::string crates = std::to_string(100 + random() % 9900);
    const std::string insured = random() % 2 == 0 ? "yes" : "no";
    table.rows.push_back({ship, captain, port, year, crates, insured});
  }
  return table;
}

std::string extractQuestion(const ExtractTable& table) {
  std::string columns;
  for (const std::string& column : table.columns) {
    columns += (columns.empty() ? "\"" : ", \"") + column + "\"";
  }
  return "The text contains a table of ships. Write the whole table as a JSON array with one "
         "object for each row, in the order of the table. The keys are " +
         columns + ". Write the JSON and nothing else.";
}

std::vector<Json> objectsIn(const std::string& answer) {
  std::vector<Json> objects;
  for (std::size_t at = answer.find('{'); at != std::string::npos;) {
    const std::size_t end = endOfObject(answer, at);
    Json json = end == std::string::npos ? Json()
                                         : Json::parse(answer.substr(at, end - at), nullptr, false);
    if (json.is_object()) {
      objects.push_back(std::move(json));
      at = answer.find('{', end);
    } else {
      at = answer.find('{', at + 1);
    }
  }
  return objects;
}

ExtractScore scoreExtract(const std::string& answer, const ExtractTable& table) {
  ExtractScore score{0, 0, 0, holdsWholeArray(answer)};
  std::vector<Json> objects = objectsIn(answer);
  if (objects.size() == 1) {
    // {"ships": [...]}: the rows are inside.
    const Json whole = objects.front();
    for (const Json& value : whole) {
      if (value.is_array() && !value.empty() && value.front().is_object()) {
        objects.assign(value.begin(), value.end());
        break;
      }
    }
  }
  std::vector<bool> found(table.rows.size(), false);
  double cells = 0;
  double rows = 0;
  for (const Json& object : objects) {
    const std::string key = object.contains(table.columns.front())
                                ? asText(object[table.columns.front()])
                                : std::string();
    std::size_t row = 0;
    while (row < table.rows.size() && table.rows[row].front() != key) {
      ++row;
    }
    if (row == table.rows.size() || found[row]) {
      ++score.extraRows;
      continue;
    }
    found[row] = true;
    std::size_t right = 0;
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
      const std::string& name = table.columns[column];
      right += object.contains(name) && asText(object[name]) == table.rows[row][column] ? 1 : 0;
    }
    cells += static_cast<double>(right);
    rows += right == table.columns.size() ? 1 : 0;
  }
  if (!table.rows.empty()) {
    const auto count = static_cast<double>(table.rows.size());
    score.cells = cells / (count * static_cast<double>(table.columns.size()));
    score.rows = rows / count;
  }
  return score;
}

}  // namespace bookwheel
