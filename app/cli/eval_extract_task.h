// SPDX-License-Identifier: Apache-2.0
// A seeded table inside a text, to be given back as JSON, and the score of what came.
#pragma once

#include "app/cli/command.h"

#include <cstdint>
#include <string>
#include <vector>

namespace bookwheel {

/// A table of text cells; the first column names the row and has no value twice.
struct ExtractTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;

  std::string markdown() const;
};

/// Rows of a ship's register: name, captain, port, year, crates, insured. Deterministic.
ExtractTable makeTable(int rows, std::uint64_t seed);

/// What the model is asked for.
std::string extractQuestion(const ExtractTable& table);

/// The JSON objects that stand in an answer, also behind prose, in a code fence, or in an array
/// that was cut: whatever parses by itself.
std::vector<Json> objectsIn(const std::string& answer);

struct ExtractScore {
  double cells;     // share of the table's cells that came back right, row by row name
  double rows;      // share of the rows with all cells right
  int extraRows;    // objects that name no row of the table, or a row again
  bool wellFormed;  // the answer holds one complete array of objects
};

/// Cells are compared as text; numbers may come as numbers or strings.
ExtractScore scoreExtract(const std::string& answer, const ExtractTable& table);

}  // namespace bookwheel
