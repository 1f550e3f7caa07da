// SPDX-License-Identifier: Apache-2.0
// CachePanel: memory and speed, opened from the strip: budget, table, hit rate, time of a step.
#include "ui/panel/cache_panel.h"

#include "app/chat/budget_model.h"
#include "app/chat/cache_stats_model.h"
#include "app/library/words.h"
#include "ui/actions.h"
#include "ui/panel/budget_bar.h"
#include "ui/panel/budget_view.h"
#include "ui/panel/figure.h"
#include "ui/panel/hit_chart.h"
#include "ui/panel/memory_legend.h"
#include "ui/panel/speed_chart.h"
#include "ui/style/controls.h"
#include "ui/style/icons.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QAction>
#include <QHBoxLayout>
#include <QLocale>
#include <QPainter>
#include <QPushButton>
#include <QVBoxLayout>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr int kFrameMs = 33;
constexpr int kHeadPadding = 30;
constexpr int kSide = 22;
constexpr int kTop = 14;
constexpr int kBottom = 16;
constexpr int kColumnGap = 18;
constexpr int kBarInset = 9;  // the bar keeps room for its handle; captions stand above its ends
// Widths at 100 % text; together with their gaps what all columns side by side need.
constexpr int kMemoryWidth = 444;
constexpr int kTableWidth = 430;
constexpr int kHitWidth = 212;
constexpr int kSpeedWidth = 198;
constexpr int kAllColumns =
    kMemoryWidth + kTableWidth + kHitWidth + kSpeedWidth + 2 * kSide + 6 * kColumnGap - 40;

class Icon : public QWidget {
 public:
  Icon() { setFixedSize(scaled(18), scaled(18)); }

 protected:
  void paintEvent(QPaintEvent*) override {
    QPainter painter(this);
    drawIcon(painter, u"memory"_s, theme().text2, QPointF(0, 0), width());
  }
};

QVBoxLayout* columnOf(QWidget* widget) {
  auto* column = new QVBoxLayout(widget);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(10);
  return column;
}

/// "7.21 GB" -> "7.21" and "GB".
std::pair<QString, QString> split(const QString& text) {
  const qsizetype at = text.indexOf(u' ');
  return at < 0 ? std::pair{text, QString()} : std::pair{text.left(at), text.mid(at + 1)};
}

}  // namespace

CachePanel::CachePanel(CacheStatsModel& stats, BudgetModel& budget, Actions& actions,
                       QWidget* parent)
    : QWidget(parent), m_stats(stats), m_budget(budget) {
  setAccessibleName(tr("Memory and speed"));
  auto* rows = new QVBoxLayout(this);
  rows->setContentsMargins(0, 0, 0, 0);
  rows->setSpacing(0);
  rows->addWidget(makeHead(actions));
  m_memoryColumn = makeMemory();
  m_tableColumn = makeTable();
  m_hitColumn = makeHits();
  m_speedColumn = makeSpeed();
  m_columns = new QHBoxLayout;
  m_columns->setContentsMargins(kSide - kBarInset, kTop, kSide, kBottom);
  m_columns->setSpacing(kColumnGap);
  const auto addLine = [this] {
    m_lines.append(makeLine(Qt::Vertical));
    m_columns->addWidget(m_lines.last());
  };
  m_columns->addWidget(m_memoryColumn, kMemoryWidth);
  addLine();
  m_columns->addWidget(m_tableColumn, kTableWidth);
  addLine();
  m_columns->addWidget(m_hitColumn, kHitWidth);
  addLine();
  m_columns->addWidget(m_speedColumn, kSpeedWidth);
  rows->addLayout(m_columns, 1);

  m_budgetTimer.setSingleShot(true);
  m_budgetTimer.setInterval(kFrameMs);
  connect(&m_budgetTimer, &QTimer::timeout, this, &CachePanel::refreshBudget);
  connect(&stats, &CacheStatsModel::figuresChanged, this, &CachePanel::refreshNumbers);
  connect(&stats, &CacheStatsModel::chartsChanged, this, &CachePanel::refreshCharts);
  connect(&budget, &BudgetModel::changed, this, [this] {
    if (!m_budgetTimer.isActive()) {
      m_budgetTimer.start();
    }
  });
  connect(&themeEvents(), &ThemeEvents::changed, this, &CachePanel::updateGeometry);
  setCompact(false);
}

QWidget* CachePanel::makeHead(Actions& actions) {
  auto* head = new SurfaceWidget(Surface::Window);
  head->setFixedHeight(lineHeight(Type::Row) + kHeadPadding);
  connect(&themeEvents(), &ThemeEvents::changed, head,
          [head] { head->setFixedHeight(lineHeight(Type::Row) + kHeadPadding); });
  auto* column = new QVBoxLayout(head);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  auto* row = new QHBoxLayout;
  row->setContentsMargins(kSide, 0, 12, 0);
  row->setSpacing(8);
  m_icon = new Icon;
  m_title = new Label(Type::ControlStrong);
  m_title->setText(tr("Memory and speed"));
  m_memoryTab = makeButton(tr("Memory"), ButtonKind::Quiet, u"memory"_s, ButtonSize::Small);
  m_speedTab = makeButton(tr("Speed"), ButtonKind::Quiet, u"chip"_s, ButtonSize::Small);
  for (QPushButton* tab : {m_memoryTab, m_speedTab}) {
    tab->setCheckable(true);
  }
  connect(m_memoryTab, &QPushButton::clicked, this, [this] { showTab(false); });
  connect(m_speedTab, &QPushButton::clicked, this, [this] { showTab(true); });
  m_sentence = new Label(Type::Row, Ink::Text2, Label::Fit::Elide);
  m_back = makeButton(QString(), ButtonKind::Outlined, {}, ButtonSize::Small);
  connect(m_back, &QPushButton::clicked, this, [this] {
    if (m_budget.changing()) {
      m_budget.cancel();
    } else {
      m_budget.undo();
    }
    m_bar->setFocus(Qt::OtherFocusReason);  // the button is going to be hidden
  });
  auto* close = makeButton(tr("Close"), ButtonKind::Quiet, u"chevron-down"_s, ButtonSize::Small);
  QAction* toggle = actions[Command::TogglePanel];
  const auto followKey = [close, toggle] {
    close->setToolTip(withKey(tr("Close"), toggle->shortcut().toString(QKeySequence::NativeText)));
  };
  connect(toggle, &QAction::changed, close, followKey);
  followKey();
  connect(close, &QPushButton::clicked, toggle, &QAction::trigger);
  row->addWidget(m_icon);
  row->addWidget(m_title);
  row->addWidget(m_memoryTab);
  row->addWidget(m_speedTab);
  row->addSpacing(10);
  row->addWidget(m_sentence, 1);
  row->addWidget(m_back);
  row->addWidget(makeActionButton(actions[Command::CopyFigures], u"copy"_s));
  row->addWidget(makeActionButton(actions[Command::SaveFigures], u"export"_s));
  row->addWidget(close);
  column->addWidget(makeLine(Qt::Horizontal));
  column->addLayout(row, 1);
  column->addWidget(makeLine(Qt::Horizontal));
  return head;
}

QWidget* CachePanel::makeMemory() {
  auto* widget = new QWidget;
  QVBoxLayout* column = columnOf(widget);
  m_memory = new Figure(tr("Main memory"));
  m_ratio = new Figure(tr("Cache compression"));
  m_bar = new BudgetBar(m_budget);
  m_legend = new MemoryLegend;
  auto* figures = new QHBoxLayout;
  figures->setContentsMargins(kBarInset, 0, kBarInset, 0);
  figures->setSpacing(16);
  figures->addWidget(m_memory, 1);
  figures->addWidget(m_ratio, 1);
  column->addLayout(figures);
  column->addWidget(m_bar);
  column->addWidget(m_legend);
  column->addStretch(1);
  return widget;
}

QWidget* CachePanel::makeTable() {
  auto* widget = new QWidget;
  QVBoxLayout* column = columnOf(widget);
  column->setSpacing(6);
  auto* caption = new Label(Type::NoteMedium, Ink::Text2);
  caption->setText(tr("What the budget buys for this book"));
  caption->setContentsMargins(kBarInset, 0, 0, 0);
  m_table = new BudgetView(m_budget);
  m_noTable = new Label(Type::Row, Ink::Text3, Label::Fit::Wrap);
  m_noTable->setContentsMargins(kBarInset, 8, 0, 0);
  m_note = new Label(Type::Note, Ink::Text3, Label::Fit::Wrap);
  m_note->setContentsMargins(kBarInset, 0, 0, 0);
  column->addWidget(caption);
  column->addWidget(m_table);
  column->addWidget(m_noTable);
  column->addWidget(m_note);
  column->addStretch(1);
  return widget;
}

QWidget* CachePanel::makeHits() {
  auto* widget = new QWidget;
  QVBoxLayout* column = columnOf(widget);
  m_hits = new Figure(tr("Prefetch hit rate"));
  m_hitChart = new HitRateChart;
  m_layers = new LayerChart;
  m_noHits = new Label(Type::Row, Ink::Text3, Label::Fit::Wrap);
  column->addWidget(m_hits);
  column->addWidget(m_noHits);
  column->addWidget(m_hitChart);
  column->addSpacing(4);
  column->addWidget(m_layers);
  column->addStretch(1);
  return widget;
}

QWidget* CachePanel::makeSpeed() {
  auto* widget = new QWidget;
  QVBoxLayout* column = columnOf(widget);
  m_speed = new Figure(tr("Speed"));
  m_speedChart = new SpeedChart;
  column->addWidget(m_speed);
  column->addWidget(m_speedChart);
  column->addStretch(1);
  return widget;
}

QSize CachePanel::minimumSizeHint() const {
  return {scaled(560), layout()->minimumSize().height()};
}

void CachePanel::setCompact(bool compact) {
  m_compact = compact;
  m_icon->setVisible(!compact);
  m_title->setVisible(!compact);
  m_memoryTab->setVisible(compact);
  m_speedTab->setVisible(compact);
  m_table->setNarrow(compact);
  showTab(m_showsSpeed);
}

void CachePanel::showTab(bool speed) {
  m_showsSpeed = speed;
  m_memoryTab->setChecked(!speed);
  m_speedTab->setChecked(speed);
  const bool memoryShown = !m_compact || !speed;
  const bool speedShown = !m_compact || speed;
  m_memoryColumn->setVisible(memoryShown);
  m_tableColumn->setVisible(memoryShown);
  m_hitColumn->setVisible(speedShown);
  m_speedColumn->setVisible(speedShown);
  m_lines.at(0)->setVisible(memoryShown);
  m_lines.at(1)->setVisible(!m_compact);
  m_lines.at(2)->setVisible(speedShown);
  refreshNumbers();
  refreshCharts();
  refreshBudget();
}

void CachePanel::takeFocus() {
  QWidget* first = m_compact && m_showsSpeed ? static_cast<QWidget*>(m_speedTab)
                   : m_bar->isEnabled()      ? static_cast<QWidget*>(m_bar)
                   : m_compact               ? static_cast<QWidget*>(m_memoryTab)
                                             : static_cast<QWidget*>(m_table);
  first->setFocus(Qt::ShortcutFocusReason);
}

void CachePanel::refreshNumbers() {
  if (!isVisible()) {
    return;
  }
  const QList<MemoryPart> parts = m_stats.memoryParts();
  const auto [used, unit] = split(exactBytesText(m_stats.usedBytes()));
  const auto [planned, plannedUnit] = split(exactBytesText(m_stats.plannedBytes()));
  m_memory->setData(used,
                    m_stats.plannedBytes() <= 0 ? unit
                    : plannedUnit == unit       ? tr("%1, planned %2").arg(unit, planned)
                                          : tr("%1, planned %2 %3").arg(unit, planned, plannedUnit),
                    m_stats.memorySentence());
  const QString ratio = m_stats.ratioText();
  m_ratio->setData(ratio, ratio.isEmpty() ? tr("the exact cache") : m_stats.compressionText(),
                   ratio.isEmpty() ? tr("The exact cache is in use.")
                                   : tr("%1 smaller: %2.").arg(ratio, m_stats.compressionText()));
  m_bar->setParts(parts, m_stats.usedBytes());
  m_legend->setData(parts, m_stats.memorySentence());

  const bool copy = m_stats.engine().cache.usesCopy();
  m_hits->setData(m_stats.hitRateText(), copy ? tr("of pairs were ready") : QString(),
                  m_stats.hitRateSentence());
  m_noHits->setVisible(!copy);
  m_noHits->setText(tr("The exact cache is read whole: no pairs are wanted or fetched."));
  m_hitChart->setVisible(copy);
  m_layers->setVisible(copy);
  // These two are read as numbers, so they change as rarely.
  m_layers->setData(m_stats.layerHitRates(), m_stats.layersSentence());
  m_speedChart->setData(m_stats.means(), m_stats.storeInFile(), m_stats.guessedRight(),
                        m_stats.speedSentence());

  const bool reading = m_stats.stage() == CacheStatsModel::Stage::Reading;
  const StepMeans means = m_stats.means();
  const double speed = reading            ? m_stats.tokensPerSecond()
                       : means.stepUs > 0 ? 1e6 / means.stepUs
                                          : 0;
  const auto [number, unitOfSpeed] = split(speedText(speed));
  m_speed->setData(number, reading && speed > 0 ? tr("tokens/s reading") : unitOfSpeed,
                   m_stats.speedSentence());
  refreshHead();
}

void CachePanel::refreshCharts() {
  if (!isVisible()) {
    return;
  }
  if (m_hitChart->isVisible()) {
    m_hitChart->setData(m_stats.hitRates(), m_stats.hitRateSentence());
  }
}

void CachePanel::refreshBudget() {
  if (!isVisible()) {
    return;
  }
  const bool empty = m_budget.table().isEmpty();
  m_bar->refresh();
  m_table->setVisible(!empty);
  m_note->setVisible(!empty);
  m_note->setText(m_budget.tableNote());
  m_noTable->setVisible(empty);
  m_noTable->setText(m_budget.disabledReason());
  refreshHead();
}

void CachePanel::refreshHead() {
  const QString said = m_budget.sentence();
  const QString sentence = said.isEmpty() ? m_stats.headline() : said;
  if (sentence != m_sentence->text()) {
    m_sentence->setText(sentence);
    m_sentence->setToolTip(sentence);
  }
  const bool previewed = m_budget.previewRow() >= 0;
  m_sentence->setInk(previewed ? Ink::Text : Ink::Text2);
  m_sentence->setType(previewed ? Type::Control : Type::Row);
  const bool changing = m_budget.changing();
  const bool undo = !previewed && !changing && m_budget.undoBytes() > 0;
  m_back->setVisible(changing || undo);
  const QString words =
      changing ? tr("Stop changing") : tr("Back to %1").arg(budgetText(m_budget.undoBytes()));
  m_back->setText(words);
  m_back->setAccessibleName(words);
}

void CachePanel::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  refreshNumbers();
  refreshCharts();
  refreshBudget();
}

void CachePanel::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  const bool compact = width() < scaled(kAllColumns);
  if (compact != m_compact) {
    setCompact(compact);
  }
}

void CachePanel::paintEvent(QPaintEvent*) { QPainter(this).fillRect(rect(), theme().pane); }

}  // namespace bookwheel
