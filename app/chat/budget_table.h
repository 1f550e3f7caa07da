// SPDX-License-Identifier: Apache-2.0
// BudgetTable: what each memory budget buys for a book; pure, every size comes from the planner.
#pragma once

#include "engine/cache/planner.h"
#include "engine/model/shape.h"

#include <QList>
#include <QString>

#include <cstdint>
#include <optional>

namespace bookwheel {

/// Mean times of decoding steps that were measured with this model, in microseconds, and the bytes
/// of KV that such a step read (stepReadBytes).
struct StepCost {
  double weightsUs = 0;
  double cacheUs = 0;
  double otherUs = 0;
  std::int64_t cacheBytes = 0;

  double totalUs() const { return weightsUs + cacheUs + otherUs; }
  bool known() const { return totalUs() > 0; }
};

/// A speed that was measured with one cache since the book was opened.
struct MeasuredSpeed {
  CacheOptions cache;
  CapacityPlace capacity = CapacityPlace::Memory;
  double tokensPerSecond = 0;
};

/// What a budget is looked at for.
struct BudgetRequest {
  ModelShape shape;
  QString modelName;
  PlanRequest plan;  ///< tokens: book, questions and answers; weights, context and threads
  std::int64_t memoryTotalBytes = 0;  ///< of the computer
  StepCost cost;                      ///< known() false: nothing was measured in this run
  /// Measured with this model earlier, over another book perhaps; 0 unknown.
  double earlierTokensPerSecond = 0;
  QList<MeasuredSpeed> measured;
};

/// One row: a budget from which on the plan is another one.
struct BudgetStop {
  std::int64_t bytes = 0;  ///< a round number if that buys the same, else exactly what is needed
  PlanChoice choice;       ///< with the plan for `bytes`
  std::int64_t tokensThatFit = 0;
  double tokensPerSecond = 0;       ///< 0 unknown
  bool speedMeasured = false;       ///< here, with this cache; else an estimate ("about")
  std::optional<double> agreement;  ///< 0 to 1: same next token as the exact cache; docs/quality.md

  QString budgetText;     ///< "6.8 GB"
  QString bitsText;       ///< "2 / 1", "16 / 16"
  QString pairsText;      ///< "256", "all"
  QString tokensText;     ///< "110,800"
  QString speedText;      ///< "41 /s", "about 41 /s", "–"
  QString agreementText;  ///< "97.1%", "–"
  QString placeText;      ///< "in memory", "in a file"
};

/// Stops in the order of their budgets, and the scale they stand on.
class BudgetTable {
 public:
  BudgetTable() = default;
  /// Throws nothing: a model without a low-bit form has the exact cache's stops only. No stops for
  /// plan.tokens == 0 or more tokens than the model reads.
  explicit BudgetTable(const BudgetRequest& request);

  const QList<BudgetStop>& stops() const { return m_stops; }
  bool isEmpty() const { return m_stops.isEmpty(); }
  /// The row that `bytes` buys; the first one also for less than it needs, -1 without stops.
  int stopFor(std::int64_t bytes) const;
  /// False: not even the first row fits in `bytes`.
  bool isEnough(std::int64_t bytes) const;

  std::int64_t scaleBytes() const { return m_scaleBytes; }  ///< end of the scale, at most:
  std::int64_t memoryTotalBytes() const { return m_memoryTotalBytes; }
  /// Slider positions are multiples of this, so that they fit an int.
  std::int64_t unitBytes() const { return m_unitBytes; }
  /// A step of the arrow keys: 0.1 GB, or less where all is small.
  std::int64_t grainBytes() const { return m_grainBytes; }
  std::int64_t tokens() const { return m_tokens; }
  /// The plan of `stop` for as many tokens as the book has, by part.
  const MemoryPlan& plan(int stop) const { return m_stops.at(stop).choice.plan; }

 private:
  QList<BudgetStop> m_stops;
  std::int64_t m_scaleBytes = 0;
  std::int64_t m_memoryTotalBytes = 0;
  std::int64_t m_unitBytes = 1024;
  std::int64_t m_grainBytes = 1;
  std::int64_t m_tokens = 0;
};

/// Same next token as with the exact cache, as measured for this model and listed in
/// docs/quality.md; nothing where it was not measured.
std::optional<double> measuredAgreement(const QString& modelName, const ModelShape& shape,
                                        const CacheOptions& cache);

/// "6.8 GB", for small ones "12.5 MB": budgets are distinguished to a tenth.
QString budgetText(std::int64_t bytes);

/// The sentence while the handle is held: what would be other than now. `now` and `next` are rows
/// of `table`; -1: nothing is known of now.
QString previewSentence(const BudgetTable& table, int now, int next, std::int64_t bytes,
                        std::int64_t keptBytes, bool sameSession);

/// "keys 2 bit, values 1 bit", "keys and values exact": how a row is said.
QString bitsSentence(const CacheOptions& cache);

}  // namespace bookwheel
