// SPDX-License-Identifier: Apache-2.0
// Lines of eval grid as Markdown tables and as the panels of a plot.
#pragma once

#include "app/cli/eval_grid_lines.h"
#include "app/cli/eval_plot.h"

#include <string>
#include <vector>

namespace bookwheel {

/// One table for each model: a row for each setting, a column for each text with the mean KL, its
/// interval and how many times nearer it is than its own copy alone (same bits, levels and logits,
/// k = 0) where that was measured. Lines of other lengths or passages go to tables of their own.
std::string gridTables(const std::vector<GridLine>& lines);

/// One panel for each model: mean KL over the texts against bits an element; a line joins the k of
/// one setting.
std::vector<PlotPanel> gridPanels(const std::vector<GridLine>& lines);

/// `document` with everything between the lines "<!-- eval grid -->" and "<!-- end of eval grid
/// -->" replaced by `part`. Throws CommandError if it lacks them; an empty document gets both.
std::string withGridPart(const std::string& document, const std::string& part);

}  // namespace bookwheel
