// SPDX-License-Identifier: Apache-2.0
// BudgetModel: the memory budget of the open book: what is chosen, previewed, changing, taken back.
#pragma once

#include "app/chat/budget_table.h"
#include "app/chat/engine_figures.h"

#include <QObject>
#include <QString>
#include <QTimer>

#include <cstdint>
#include <optional>

namespace bookwheel {

/// GUI thread. Decides which cache a budget means and says everything about it; the engine makes
/// the change (cacheWanted), between two tokens of an answer or at once.
class BudgetModel : public QObject {
  Q_OBJECT
 public:
  explicit BudgetModel(QObject* parent = nullptr);

  const BudgetTable& table() const { return m_table; }
  /// What the handle shows: the budget chosen, or as long as none was chosen the one that the plan
  /// in use needs. 0 without stops.
  std::int64_t bytes() const;
  bool isChosen() const { return m_chosen > 0; }
  /// Row of the cache that the engine uses now; -1: none of them.
  int currentRow() const;
  /// Row of the budget that is previewed; -1: nothing is previewed.
  int previewRow() const;
  bool changing() const { return m_change.has_value(); }
  double changeShare() const { return m_change ? m_change->share : 0; }
  /// The budget that undo() goes back to; 0: nothing to take back.
  std::int64_t undoBytes() const { return m_undo; }
  /// What the head of the panel says in the place of the limit; "" most of the time.
  QString sentence() const;
  /// Why there is nothing to choose; "" if there is.
  QString disabledReason() const;
  /// Under the table: what the columns mean and what the rows' marks say.
  QString tableNote() const;
  /// For screen readers: "8.0 GB, keys 2 bit, values 2 bit, 256 exact pairs, 131,072 tokens fit".
  QString valueSentence(std::int64_t bytes) const;

 public Q_SLOTS:
  void preview(std::int64_t bytes);
  void clearPreview();
  /// Takes it at once. Less than the book needs becomes what it needs.
  void choose(std::int64_t bytes);
  /// Gives up a change that is going on: the budget before stays.
  void cancel();
  void undo();

  // Set by the controller
  void setTable(const BudgetTable& table);
  /// The budget of the settings; 0: none.
  void setChosen(std::int64_t bytes);
  void setEngine(const EngineFigures& figures);
  void takeProgress(double share);
  void takeChanged(double seconds);
  void takeFailed(const QString& sentence);
  void takeStopped();

 Q_SIGNALS:
  /// The table or what is in use, chosen or previewed; also while a change goes on.
  void changed();
  void cacheWanted(const CacheOptions& cache);
  void stopWanted();
  /// To be remembered; `inFile`: where this budget wants the 16-bit store.
  void chosen(std::int64_t bytes, bool inFile);
  void announced(const QString& sentence);

 private:
  struct Change {
    std::int64_t from;  // the budget before; 0: none was chosen
    double share = 0;
  };
  void apply(std::int64_t bytes, std::int64_t undoTo);
  void say(const QString& sentence);

  BudgetTable m_table;
  std::int64_t m_chosen = 0;
  std::optional<std::int64_t> m_preview;
  std::optional<Change> m_change;
  std::int64_t m_undo = 0;
  EngineFigures m_engine;
  QString m_said;  // what became of the last change
  QTimer m_forget;
};

}  // namespace bookwheel
