// SPDX-License-Identifier: Apache-2.0
// The panel's figures as text to paste and as CSV to keep; pure.
#pragma once

#include <QByteArray>
#include <QString>

namespace bookwheel {

class BudgetModel;
class CacheStatsModel;

/// Everything the panel shows, a line each.
QString panelAsText(const CacheStatsModel& stats, const BudgetModel& budget);
/// RFC 4180, UTF-8, numbers without thousands separators: "part,name,value,unit". Values that are
/// not known are empty.
QByteArray panelAsCsv(const CacheStatsModel& stats, const BudgetModel& budget);

}  // namespace bookwheel
