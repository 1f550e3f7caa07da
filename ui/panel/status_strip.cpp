// SPDX-License-Identifier: Apache-2.0
// StatusStrip: the calm line at the bottom: memory by part, speed, share read, what is going on.
#include "ui/panel/status_strip.h"

#include "app/chat/cache_stats_model.h"
#include "ui/panel/memory_bar.h"
#include "ui/style/controls.h"
#include "ui/style/icons.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QHBoxLayout>
#include <QPainter>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {
constexpr int kBarWidth = 180;
constexpr int kNarrowBarWidth = 120;
constexpr int kBarHeight = 10;
constexpr int kLineHeightPixels = 18;

class MemoryIcon : public QWidget {
 public:
  MemoryIcon() { setFixedSize(scaled(18), scaled(18)); }

 protected:
  void paintEvent(QPaintEvent*) override {
    QPainter painter(this);
    drawIcon(painter, u"memory"_s, theme().text2, QPointF(0, 0), width());
  }
};

QWidget* divider() {
  QWidget* line = makeLine(Qt::Vertical);
  line->setFixedHeight(kLineHeightPixels);
  return line;
}

}  // namespace

StatusStrip::StatusStrip(CacheStatsModel& stats, QWidget* parent)
    : QWidget(parent), m_stats(stats), m_bar(new MemoryBar) {
  m_used = new Label(Type::ControlStrong);
  m_available = new Label(Type::Row, Ink::Text2);
  m_kv = new Label(Type::Row, Ink::Text2);
  m_speed = new Label(Type::Row, Ink::Text2);
  m_share = new Label(Type::Row, Ink::Text2);
  m_headline = new Label(Type::Row, Ink::Text2, Label::Fit::Elide);
  m_kvLine = divider();
  m_speedLine = divider();
  m_shareLine = divider();
  m_headLine = divider();
  m_bar->setFixedSize(kBarWidth, kBarHeight);
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(18, 1, 18, 0);
  row->setSpacing(16);
  auto* memory = new QHBoxLayout;
  memory->setSpacing(10);
  memory->addWidget(new MemoryIcon);
  memory->addWidget(m_bar);
  auto* used = new QHBoxLayout;
  used->setSpacing(5);
  used->addWidget(m_used);
  used->addWidget(m_available);
  row->addLayout(memory);
  row->addLayout(used);
  row->addWidget(m_speedLine);
  row->addWidget(m_speed);
  row->addWidget(m_shareLine);
  row->addWidget(m_share);
  row->addWidget(m_kvLine);
  row->addWidget(m_kv);
  row->addWidget(m_headLine);
  row->addWidget(m_headline, 1000);
  row->addStretch(1);
  setFixedHeight(lineHeight(Type::Row) + 30);
  setAccessibleName(tr("Memory and speed"));
  connect(&stats, &CacheStatsModel::figuresChanged, this, &StatusStrip::refresh);
  connect(&stats, &CacheStatsModel::stageChanged, this, &StatusStrip::refresh);
  connect(&themeEvents(), &ThemeEvents::changed, this,
          [this] { setFixedHeight(lineHeight(Type::Row) + 30); });
  refresh();
}

void StatusStrip::setNarrow(bool narrow) {
  m_narrow = narrow;
  m_bar->setFixedWidth(narrow ? kNarrowBarWidth : kBarWidth);
  refresh();
}

void StatusStrip::refresh() {
  m_bar->setData(m_stats.memoryParts(), m_stats.memoryTotalBytes(), m_stats.memorySentence());
  m_used->setText(m_stats.usedText());
  m_available->setText(m_stats.availableText());
  const auto stage = m_stats.stage();
  const auto show = [](QWidget* line, Label* label, const QString& text) {
    label->setText(text);
    label->setVisible(!text.isEmpty());
    line->setVisible(!text.isEmpty());
  };
  const bool working =
      stage == CacheStatsModel::Stage::Reading || stage == CacheStatsModel::Stage::Answering;
  show(m_speedLine, m_speed, working ? m_stats.speedTextNow() : QString());
  show(m_shareLine, m_share,
       stage == CacheStatsModel::Stage::Reading ? m_stats.shareText() : QString());
  show(m_kvLine, m_kv, m_narrow ? QString() : m_stats.kvText());
  show(m_headLine, m_headline, m_narrow ? QString() : m_stats.headline());
  setAccessibleDescription(m_stats.headline());
}

void StatusStrip::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.fillRect(rect(), theme().window);
  painter.fillRect(QRect(0, 0, width(), 1), theme().border);
}

}  // namespace bookwheel
