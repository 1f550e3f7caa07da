// SPDX-License-Identifier: Apache-2.0
// BudgetModel: the memory budget of the open book: what is chosen, previewed, changing, taken back.
#include "app/chat/budget_model.h"

#include "app/library/words.h"

#include <algorithm>
#include <utility>

namespace bookwheel {
namespace {

/// Long enough to look at the answer over the other cache and to go back.
constexpr int kForgetMs = 60'000;

}  // namespace

BudgetModel::BudgetModel(QObject* parent) : QObject(parent) {
  m_forget.setSingleShot(true);
  m_forget.setInterval(kForgetMs);
  connect(&m_forget, &QTimer::timeout, this, [this] {
    m_undo = 0;
    m_said.clear();
    Q_EMIT changed();
  });
}

std::int64_t BudgetModel::bytes() const {
  if (m_table.isEmpty()) {
    return 0;
  }
  if (m_chosen > 0) {
    return std::clamp(m_chosen, m_table.stops().first().bytes, m_table.scaleBytes());
  }
  const int row = currentRow();
  return m_table.stops().at(row >= 0 ? row : m_table.stops().size() - 1).bytes;
}

int BudgetModel::currentRow() const {
  const QList<BudgetStop>& stops = m_table.stops();
  for (int row = 0; row < stops.size(); ++row) {
    if (stops.at(row).choice.cache == m_engine.cache &&
        stops.at(row).choice.capacity == m_engine.capacity) {
      return row;
    }
  }
  return -1;
}

int BudgetModel::previewRow() const { return m_preview ? m_table.stopFor(*m_preview) : -1; }

QString BudgetModel::sentence() const {
  if (m_preview) {
    const int next = previewRow();
    const bool sameSession =
        next < 0 || m_table.stops().at(next).choice.capacity == m_engine.capacity;
    return previewSentence(m_table, currentRow(), next, *m_preview, bytes(), sameSession);
  }
  if (m_change) {
    return tr("Changing to %1: %2% of the keys and values. Nothing is read again.")
        .arg(budgetText(m_chosen))
        .arg(static_cast<int>(m_change->share * 100));
  }
  return m_said;
}

QString BudgetModel::disabledReason() const {
  return m_table.isEmpty() ? tr("Open a document to see what a budget buys for it.") : QString();
}

QString BudgetModel::tableNote() const {
  QString note = tr("Agreement: same next token as with the exact cache, measured.");
  bool inFile = false;
  for (const BudgetStop& stop : m_table.stops()) {
    inFile = inFile || stop.choice.capacity == CapacityPlace::File;
  }
  if (inFile) {
    note += QLatin1Char(' ') + tr("* 16-bit keys and values in a file.");
  }
  return note + QLatin1Char(' ') + tr("A change reads nothing again.");
}

QString BudgetModel::valueSentence(std::int64_t bytes) const {
  const int row = m_table.stopFor(bytes);
  if (row < 0) {
    return disabledReason();
  }
  const BudgetStop& stop = m_table.stops().at(row);
  QString sentence = tr("%1, %2, %3 tokens fit")
                         .arg(budgetText(bytes), bitsSentence(stop.choice.cache), stop.tokensText);
  if (stop.tokensPerSecond > 0) {
    sentence += stop.speedMeasured ? tr(", %1").arg(speedText(stop.tokensPerSecond))
                                   : tr(", about %1").arg(speedText(stop.tokensPerSecond));
  }
  return sentence;
}

void BudgetModel::preview(std::int64_t bytes) {
  if (!m_table.isEmpty() && m_preview != bytes) {
    m_preview = bytes;
    Q_EMIT changed();
  }
}

void BudgetModel::clearPreview() {
  if (m_preview) {
    m_preview.reset();
    Q_EMIT changed();
  }
}

void BudgetModel::choose(std::int64_t bytes) {
  m_preview.reset();
  if (m_table.isEmpty()) {
    Q_EMIT changed();
    return;
  }
  const std::int64_t before = this->bytes();
  const std::int64_t wanted = m_table.isEnough(bytes) ? std::min(bytes, m_table.scaleBytes())
                                                      : m_table.stops().first().bytes;
  if (wanted == before && !m_change) {
    Q_EMIT changed();
    return;
  }
  apply(wanted, m_change ? m_change->from : before);
}

void BudgetModel::apply(std::int64_t bytes, std::int64_t undoTo) {
  m_chosen = bytes;
  m_undo = undoTo == bytes ? 0 : undoTo;
  m_said.clear();
  m_forget.stop();
  const BudgetStop& stop = m_table.stops().at(m_table.stopFor(bytes));
  Q_EMIT chosen(bytes, stop.choice.capacity == CapacityPlace::File);
  const bool moves = stop.choice.capacity != m_engine.capacity;
  const QString placeNote =
      !moves ? QString()
      : stop.choice.capacity == CapacityPlace::File
          ? tr("The 16-bit keys and values move to a file when the model is opened next.")
          : tr("The 16-bit keys and values move to memory when the model is opened next.");
  if (m_change || !(stop.choice.cache == m_engine.cache)) {
    // A change that goes on is replaced by this one, even if it leads back to what is in use.
    m_change = Change{undoTo, 0};
    m_said = placeNote;
    Q_EMIT changed();
    Q_EMIT cacheWanted(stop.choice.cache);
    return;
  }
  say(moves ? placeNote
            : tr("The budget is %1; keys and values stay as they are.").arg(budgetText(bytes)));
}

void BudgetModel::say(const QString& sentence) {
  m_said = sentence;
  m_forget.start();
  Q_EMIT changed();
  Q_EMIT announced(sentence);
}

void BudgetModel::cancel() {
  if (m_preview) {
    clearPreview();
  } else if (m_change) {
    Q_EMIT stopWanted();  // takeStopped() follows, or takeChanged() if it was done already
  }
}

void BudgetModel::undo() {
  if (m_undo > 0 && !m_table.isEmpty()) {
    apply(m_undo, 0);
  }
}

void BudgetModel::setTable(const BudgetTable& table) {
  if (table.isEmpty()) {
    m_preview.reset();
    m_undo = 0;
    m_said.clear();
  }
  m_table = table;
  Q_EMIT changed();
}

void BudgetModel::setChosen(std::int64_t bytes) {
  m_chosen = bytes;
  Q_EMIT changed();
}

void BudgetModel::setEngine(const EngineFigures& figures) {
  const bool other = !(figures.cache == m_engine.cache) || figures.capacity != m_engine.capacity;
  m_engine = figures;
  if (other) {
    Q_EMIT changed();
  }
}

void BudgetModel::takeProgress(double share) {
  if (m_change) {
    m_change->share = share;
    Q_EMIT changed();
  }
}

void BudgetModel::takeChanged(double seconds) {
  if (!std::exchange(m_change, std::nullopt)) {
    return;  // the controller's own, when a book is opened
  }
  const QString place = m_said.isEmpty() ? QString() : QLatin1Char(' ') + m_said;
  say(tr("Changed to %1 in %2; nothing was read again.%3")
          .arg(budgetText(m_chosen),
               seconds < 0.1 ? tr("under 0.1 s") : measuredDurationText(seconds), place));
}

void BudgetModel::takeFailed(const QString& sentence) {
  if (const auto change = std::exchange(m_change, std::nullopt)) {
    m_chosen = change->from;
    m_undo = 0;
    Q_EMIT chosen(m_chosen, m_engine.capacity == CapacityPlace::File);
    say(tr("The budget stays at %1. %2").arg(budgetText(bytes()), sentence));
  }
}

void BudgetModel::takeStopped() {
  if (const auto change = std::exchange(m_change, std::nullopt)) {
    m_chosen = change->from;
    m_undo = 0;
    Q_EMIT chosen(m_chosen, m_engine.capacity == CapacityPlace::File);
    say(tr("Stopped; the budget stays at %1.").arg(budgetText(bytes())));
  }
}

}  // namespace bookwheel
