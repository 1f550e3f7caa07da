// SPDX-License-Identifier: Apache-2.0
// ReadingCard: what reading the book will take, how far it is, and the one line that is left of it.
#include "ui/conversation/reading_card.h"

#include "app/chat/chat_controller.h"
#include "ui/actions.h"
#include "ui/style/controls.h"
#include "ui/style/icons.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QGridLayout>
#include <QHBoxLayout>
#include <QPainter>
#include <QProgressBar>
#include <QPushButton>
#include <QVBoxLayout>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {
constexpr int kDot = 14;
constexpr int kDotGap = 6;
constexpr int kLink = 18;
constexpr int kLinkGap = 9;
constexpr int kBarRange = 10000;
}  // namespace

StageRow::StageRow(QWidget* parent) : QWidget(parent) {
  connect(&themeEvents(), &ThemeEvents::changed, this, [this] { updateGeometry(); });
}

QStringList StageRow::names() const {
  return {tr("Text"), tr("Tokens"), tr("Reading"), tr("Ready")};
}

void StageRow::setStage(int current) {
  if (m_current != current) {
    m_current = current;
    update();
  }
}

QSize StageRow::sizeHint() const {
  qreal width = 0;
  for (const QString& name : names()) {
    width += scaled(kDot) + kDotGap + textWidth(name, Type::NoteStrong);
  }
  return {qCeil(width) + 3 * (kLink + 2 * kLinkGap),
          std::max(lineHeight(Type::Note), scaled(kDot)) + 2};
}

QSize StageRow::minimumSizeHint() const { return {100, sizeHint().height()}; }

void StageRow::paintEvent(QPaintEvent*) {
  const Theme& t = theme();
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const QStringList stages = names();
  const int dot = scaled(kDot);
  const qreal middle = height() / 2.0;
  qreal x = 0;
  for (int i = 0; i < stages.size(); ++i) {
    const bool done = i < m_current || m_current == stages.size() - 1;
    const bool now = i == m_current && !done;
    const QRectF circle(x, middle - dot / 2.0, dot, dot);
    drawBox(painter, circle, dot / 2.0, done ? t.accent : t.raised,
            done || now ? t.accent : t.control, 1.5);
    if (done) {
      const int check = dot - 3;
      drawIcon(painter, u"check"_s, t.onAccent, circle.center() - QPointF(check / 2.0, check / 2.0),
               check);
    } else if (now) {
      const QRectF core = circle.adjusted(dot * 0.28, dot * 0.28, -dot * 0.28, -dot * 0.28);
      drawBox(painter, core, core.width() / 2, t.accent);
    }
    const Type type = now ? Type::NoteStrong : Type::Note;
    const qreal words = textWidth(stages.at(i), type);
    x += dot + kDotGap;
    drawText(painter, QRectF(x, 0, words + 1, height()), Qt::AlignVCenter, stages.at(i), type,
             done || now ? t.text : t.text3);
    x += words + kLinkGap;
    if (i + 1 < stages.size()) {
      painter.setPen(QPen(i < m_current ? t.accent : t.control, 1.5));
      painter.drawLine(QPointF(x, middle), QPointF(x + kLink, middle));
      x += kLink + kLinkGap;
    }
  }
}

ReadingCard::ReadingCard(ChatController& controller, Actions& actions, QWidget* parent)
    : QWidget(parent), m_controller(controller) {
  m_title = new Label(Type::Heading, Ink::Text, Label::Fit::Wrap);
  m_pause = makeButton(tr("Pause"), ButtonKind::Outlined, u"pause"_s, ButtonSize::Small);
  m_pause->setToolTip(withKey(tr("Pause reading"), actions.keyText(Command::PauseReading)));
  m_cancel = makeButton(tr("Cancel"), ButtonKind::Quiet, {}, ButtonSize::Small);
  m_cancel->setToolTip(tr("Stop reading; the book stays on the shelf"));
  m_stages = new StageRow;
  m_bar = new QProgressBar;
  m_bar->setTextVisible(false);
  m_bar->setRange(0, kBarRange);
  m_bar->setFixedHeight(8);
  m_bar->setAccessibleName(tr("Reading"));
  m_progress = new Label(Type::Control);
  m_timeLeft = new Label(Type::Control);
  m_where = new Label(Type::Note, Ink::Text2);
  m_speed = new Label(Type::Note, Ink::Text2);
  m_sentence = new Label(Type::Note, Ink::Text2, Label::Fit::Wrap);
  m_remainder = new Label(Type::Note, Ink::Text, Label::Fit::Wrap);
  m_read = makeButton(tr("Read"), ButtonKind::Primary);
  m_choosePages = makeButton(tr("Choose pages…"), ButtonKind::Outlined);
  m_factNames = new Label(Type::Row, Ink::Text2);
  m_factValues = new Label(Type::Control);

  auto* head = new QHBoxLayout;
  head->setSpacing(6);
  head->addWidget(m_title, 1);
  head->addWidget(m_cancel, 0, Qt::AlignTop);
  head->addWidget(m_pause, 0, Qt::AlignTop);

  m_figures = new QWidget;
  auto* figures = new QGridLayout(m_figures);
  figures->setContentsMargins(0, 0, 0, 0);
  figures->setHorizontalSpacing(12);
  figures->setVerticalSpacing(3);
  figures->addWidget(m_progress, 0, 0);
  figures->addWidget(m_timeLeft, 0, 1, Qt::AlignRight);
  figures->addWidget(m_where, 1, 0);
  figures->addWidget(m_speed, 1, 1, Qt::AlignRight);
  figures->setColumnStretch(0, 1);

  m_facts = new QWidget;
  auto* facts = new QVBoxLayout(m_facts);
  facts->setContentsMargins(0, 0, 0, 0);
  facts->setSpacing(14);
  auto* table = new QHBoxLayout;
  table->setSpacing(20);
  table->addWidget(m_factNames);
  table->addWidget(m_factValues, 1);
  facts->addLayout(table);
  auto* buttons = new QHBoxLayout;
  buttons->setSpacing(8);
  buttons->addWidget(m_read);
  buttons->addWidget(m_choosePages);
  buttons->addStretch(1);
  facts->addLayout(buttons);

  m_line = makeLine(Qt::Horizontal);
  m_body = new QWidget;
  auto* body = new QVBoxLayout(m_body);
  body->setContentsMargins(0, 0, 0, 0);
  body->setSpacing(0);
  body->addLayout(head);
  body->addSpacing(8);
  body->addWidget(m_stages);
  body->addSpacing(12);
  body->addWidget(m_bar);
  body->addSpacing(8);
  body->addWidget(m_figures);
  body->addWidget(m_facts);
  body->addSpacing(12);
  body->addWidget(m_line);
  body->addSpacing(10);
  body->addWidget(m_sentence);

  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(space::kCard, 14, space::kCard, 14);
  column->setSpacing(0);
  column->addWidget(m_body);
  column->addWidget(m_remainder);

  connect(m_pause, &QPushButton::clicked, this, [this] {
    if (m_controller.reading().canPause) {
      m_controller.pauseReading();
    } else {
      m_controller.resumeReading();
    }
  });
  connect(m_cancel, &QPushButton::clicked, &m_controller, &ChatController::cancelReading);
  connect(m_read, &QPushButton::clicked, &m_controller, &ChatController::resumeReading);
  connect(m_choosePages, &QPushButton::clicked, this, &ReadingCard::pageRangeRequested);
  connect(&m_controller, &ChatController::readingChanged, this, &ReadingCard::refresh);
  connect(&m_controller, &ChatController::factsChanged, this, &ReadingCard::refresh);
  connect(&m_controller, &ChatController::stateChanged, this, &ReadingCard::refresh);
  refresh();
}

void ReadingCard::refresh() {
  const ReadingView& view = m_controller.reading();
  const bool awaiting = m_controller.state() == ChatController::State::AwaitingRead;
  const ReadFacts& facts = m_controller.readFacts();
  const bool done = view.stage == ReadingView::Stage::Ready;
  const bool showsFacts = awaiting && view.canResume && facts.tokens > 0;
  const bool shown = done ? !view.remainder.isEmpty()
                          : showsFacts || (view.stage != ReadingView::Stage::None && !awaiting);
  if (isHidden() == shown) {
    setVisible(shown);
  }
  if (!shown) {
    return;
  }
  m_isRemainder = done;
  layout()->setContentsMargins(done ? 42 : space::kCard, done ? 11 : 14, space::kCard,
                               done ? 11 : 14);
  m_body->setVisible(!done);
  m_remainder->setVisible(done);
  if (done) {
    m_remainder->setText(view.remainder);
    setAccessibleName(view.remainder);
    update();
    return;
  }
  m_stages->setVisible(!showsFacts);
  m_bar->setVisible(!showsFacts);
  m_figures->setVisible(!showsFacts);
  m_facts->setVisible(showsFacts);
  if (showsFacts) {
    showFacts();
  } else {
    showProgress();
  }
  m_sentence->setText(view.sentence);
  m_sentence->setVisible(!view.sentence.isEmpty());
  m_line->setVisible(!view.sentence.isEmpty());
  update();
}

void ReadingCard::showProgress() {
  const ReadingView& view = m_controller.reading();
  m_title->setText(view.title);
  m_pause->setVisible(view.canPause || view.canResume);
  m_pause->setText(view.canPause ? tr("Pause") : tr("Resume"));
  m_pause->setAccessibleName(view.canPause ? tr("Pause reading") : tr("Resume reading"));
  setGlyph(m_pause, view.canPause ? u"pause"_s : u"play"_s);
  m_cancel->setVisible(view.canCancel);
  m_cancel->setAccessibleName(tr("Cancel reading"));
  m_stages->setStage(static_cast<int>(view.stage) - static_cast<int>(ReadingView::Stage::Text));
  m_bar->setValue(int(view.share * kBarRange));
  m_progress->setText(view.progress);
  m_timeLeft->setText(view.timeLeft);
  m_where->setText(view.where);
  m_speed->setText(view.speed);
  m_where->setVisible(!view.where.isEmpty());
  m_speed->setVisible(!view.speed.isEmpty());
  m_bar->setAccessibleDescription(u"%1, %2"_s.arg(view.progress, view.timeLeft));
  setAccessibleName(u"%1: %2"_s.arg(view.title, view.progress));
}

void ReadingCard::showFacts() {
  const ReadFacts& facts = m_controller.readFacts();
  m_title->setText(tr("Ready to read"));
  m_pause->hide();
  m_cancel->hide();
  QStringList names{tr("Pages"), tr("Tokens"), tr("Memory")};
  QStringList values{facts.pagesText, facts.tokensText, facts.memoryText};
  if (!facts.timeText.isEmpty()) {
    names.append(tr("Time to read"));
    values.append(facts.timeText);
  }
  m_factNames->setText(names.join(u'\n'));
  m_factValues->setText(values.join(u'\n'));
  setAccessibleName(u"%1: %2"_s.arg(m_title->text(), values.join(u", "_s)));
}

void ReadingCard::paintEvent(QPaintEvent*) {
  const Theme& t = theme();
  QPainter painter(this);
  if (m_isRemainder) {
    drawBox(painter, rect(), radius::kRow, t.accentSoft);
    drawBox(painter, QRectF(0, 8, 3, height() - 16), 1.5, t.accent);
    const int icon = scaled(18);
    drawIcon(painter, u"check"_s, t.accent,
             QPointF(13, 11 + lineHeight(Type::Note) / 2.0 - icon / 2.0), icon);
    return;
  }
  drawBox(painter, rect(), radius::kCard, t.raised, t.border);
}

}  // namespace bookwheel
