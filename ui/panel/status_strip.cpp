// SPDX-License-Identifier: Apache-2.0
// StatusStrip: the calm line at the bottom: memory by part, speed, hit rate, what limits it.
#include "ui/panel/status_strip.h"

#include "app/chat/budget_model.h"
#include "app/chat/cache_stats_model.h"
#include "app/library/words.h"
#include "ui/panel/hit_chart.h"
#include "ui/panel/memory_bar.h"
#include "ui/style/controls.h"
#include "ui/style/icons.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QAction>
#include <QHBoxLayout>
#include <QPainter>
#include <QPushButton>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {
constexpr int kBarWidth = 180;
constexpr int kNarrowBarWidth = 120;
constexpr int kBarHeight = 10;
constexpr int kLineHeightPixels = 18;
constexpr int kPadding = 30;

class MemoryIcon : public QWidget {
 public:
  MemoryIcon() { setFixedSize(scaled(18), scaled(18)); }

 protected:
  void paintEvent(QPaintEvent*) override {
    QPainter painter(this);
    drawIcon(painter, u"memory"_s, theme().text2, QPointF(0, 0), width());
  }
};

/// "39.1 tokens/s" -> "39.1" and "tokens/s": the number is what the eye looks for.
std::pair<QString, QString> atFirstSpace(const QString& text) {
  const qsizetype at = text.indexOf(u' ');
  return at < 0 ? std::pair{text, QString()} : std::pair{text.left(at), text.mid(at + 1)};
}

}  // namespace

StatusStrip::StatusStrip(CacheStatsModel& stats, BudgetModel& budget, QAction* openPanel,
                         QWidget* parent)
    : QWidget(parent),
      m_stats(stats),
      m_budget(budget),
      m_bar(new MemoryBar),
      m_used(new Label(Type::ControlStrong)),
      m_of(new Label(Type::Row, Ink::Text2)),
      m_sparkline(new Sparkline),
      m_open(makeButton(tr("Memory and speed"), ButtonKind::Quiet, u"chevron-up"_s,
                        ButtonSize::Small)) {
  m_bar->setFixedSize(kBarWidth, kBarHeight);
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(18, 1, 12, 0);
  row->setSpacing(16);
  auto* memory = new QHBoxLayout;
  memory->setSpacing(10);
  memory->addWidget(new MemoryIcon);
  memory->addWidget(m_bar);
  auto* used = new QHBoxLayout;
  used->setSpacing(5);
  used->addWidget(m_used);
  used->addWidget(m_of);
  row->addLayout(memory);
  row->addLayout(used);
  m_speed = addItem(*row);
  m_share = addItem(*row);
  m_hits = addItem(*row);
  m_ratio = addItem(*row);
  m_limit = addItem(*row, Label::Fit::Elide);
  row->addStretch(1);
  row->addWidget(m_open);
  connect(m_open, &QPushButton::clicked, openPanel, &QAction::trigger);
  const auto followKey = [this, openPanel] {
    m_open->setToolTip(
        withKey(tr("Memory and speed"), openPanel->shortcut().toString(QKeySequence::NativeText)));
  };
  connect(openPanel, &QAction::changed, this, followKey);
  followKey();
  setFixedHeight(lineHeight(Type::Row) + kPadding);
  setAccessibleName(tr("Memory and speed"));
  connect(&stats, &CacheStatsModel::figuresChanged, this, &StatusStrip::refresh);
  connect(&stats, &CacheStatsModel::stageChanged, this, &StatusStrip::refresh);
  connect(&stats, &CacheStatsModel::chartsChanged, this, &StatusStrip::refreshSparkline);
  connect(&budget, &BudgetModel::changed, this, &StatusStrip::refresh);
  connect(&themeEvents(), &ThemeEvents::changed, this,
          [this] { setFixedHeight(lineHeight(Type::Row) + kPadding); });
  refresh();
}

StatusStrip::Item StatusStrip::addItem(QBoxLayout& row, Label::Fit fit) {
  Item item{makeLine(Qt::Vertical), new Label(Type::ControlStrong),
            new Label(Type::Row, Ink::Text2, fit)};
  item.line->setFixedHeight(kLineHeightPixels);
  auto* words = new QHBoxLayout;
  words->setSpacing(5);
  if (m_speed.line != nullptr && m_share.line != nullptr && m_hits.line == nullptr) {
    words->addWidget(m_sparkline);
  }
  words->addWidget(item.strong);
  words->addWidget(item.rest);
  row.addWidget(item.line);
  row.addLayout(words, fit == Label::Fit::Elide ? 1000 : 0);
  return item;
}

void StatusStrip::show(const Item& item, const QString& strong, const QString& rest) {
  item.strong->setText(strong);
  item.rest->setText(rest);
  item.line->setVisible(!strong.isEmpty() || !rest.isEmpty());
  item.strong->setVisible(!strong.isEmpty());
  item.rest->setVisible(!rest.isEmpty());
}

void StatusStrip::setNarrow(bool narrow) {
  m_narrow = narrow;
  m_bar->setFixedWidth(narrow ? kNarrowBarWidth : kBarWidth);
  m_open->setText(narrow ? QString() : tr("Memory and speed"));
  refresh();
}

void StatusStrip::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  refresh();
  refreshSparkline();
}

void StatusStrip::refresh() {
  if (!isVisibleTo(parentWidget())) {
    return;
  }
  const auto stage = m_stats.stage();
  const std::int64_t budget = m_budget.bytes();
  const std::int64_t scale =
      std::max(budget > 0 ? budget : m_stats.memoryTotalBytes(), m_stats.usedBytes());
  m_bar->setData(m_stats.memoryParts(), scale, m_stats.memorySentence());
  m_used->setText(m_stats.usedText());
  m_of->setText(budget > 0 ? tr("of %1 budget").arg(budgetText(budget))
                : m_stats.memoryTotalBytes() > 0
                    ? tr("of %1").arg(bytesText(m_stats.memoryTotalBytes()))
                    : QString());
  const bool reading = stage == CacheStatsModel::Stage::Reading;
  const bool answering = stage == CacheStatsModel::Stage::Answering;
  const auto [speed, unit] =
      atFirstSpace(reading || answering ? m_stats.speedTextNow() : QString());
  show(m_speed, speed, unit);
  const auto [share, ofBook] = atFirstSpace(reading ? m_stats.shareText() : QString());
  show(m_share, share, ofBook);
  const QString hits = reading ? QString() : m_stats.hitRateText();
  show(m_hits, hits, hits.isEmpty() ? QString() : tr("prefetched"));
  m_sparkline->setVisible(!hits.isEmpty() && !m_narrow);
  const QString ratio = m_narrow ? QString() : m_stats.ratioText();
  show(m_ratio, ratio, ratio.isEmpty() ? QString() : tr("smaller cache"));
  show(m_limit, QString(), m_narrow ? QString() : m_stats.headlineInBrief());
  setAccessibleDescription(m_stats.headline());
}

void StatusStrip::refreshSparkline() {
  if (isVisible() && m_sparkline->isVisible()) {
    m_sparkline->setData(m_stats.hitRates(), m_stats.hitRateSentence());
  }
}

void StatusStrip::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.fillRect(rect(), theme().window);
  painter.fillRect(QRect(0, 0, width(), 1), theme().border);
}

}  // namespace bookwheel
