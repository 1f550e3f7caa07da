// SPDX-License-Identifier: Apache-2.0
// NoticeList: the standing notices, each with its facts and its ways on, said in place.
#include "ui/conversation/notice_list.h"

#include "app/chat/chat_controller.h"
#include "ui/style/controls.h"
#include "ui/style/icons.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QApplication>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QPainter>
#include <QPainterPath>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr int kIcon = 20;
constexpr int kHeadLeft = 18;
constexpr int kHeadTextLeft = 48;
constexpr int kOneLineTextLeft = 42;
constexpr int kWayButtonWidth = 148;

struct Looks {
  QString icon;
  QColor ink;
  QColor bar;
  QColor fill;
};

Looks looksOf(Notice::Severity severity) {
  const Theme& t = theme();
  switch (severity) {
    case Notice::Severity::Information:
      return {u"info"_s, t.text2, t.text2, t.hover};
    case Notice::Severity::Done:
      return {u"check"_s, t.accent, t.accent, t.accentSoft};
    case Notice::Severity::Warning:
      return {u"warning"_s, t.warn, t.markStrong, t.warnBackground};
    case Notice::Severity::Error:
      return {u"error"_s, t.error, t.error, t.errorBackground};
  }
  Q_UNREACHABLE();
}

bool isOneLine(const Notice& notice) { return notice.facts.isEmpty() && notice.ways.isEmpty(); }

bool sameNotice(const Notice& a, const Notice& b) {
  return a.id == b.id && a.title == b.title && a.facts == b.facts && a.details == b.details &&
         a.severity == b.severity && a.dismissable == b.dismissable &&
         std::equal(a.ways.begin(), a.ways.end(), b.ways.begin(), b.ways.end(),
                    [](const NoticeWay& x, const NoticeWay& y) {
                      return x.name == y.name && x.cost == y.cost && x.button == y.button &&
                             x.action == y.action && x.argument == y.argument;
                    });
}

bool needsWindow(NoticeAction action) {
  switch (action) {
    case NoticeAction::ChoosePages:
    case NoticeAction::ChooseModel:
    case NoticeAction::OpenModelFile:
    case NoticeAction::OpenDocument:
    case NoticeAction::LocateFile:
      return true;
    default:
      return false;
  }
}

}  // namespace

NoticeCard::NoticeCard(const Notice& notice, QWidget* parent)
    : QWidget(parent), m_notice(notice), m_head(new QWidget) {
  const bool oneLine = isOneLine(notice);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(m_head);

  auto* head = new QHBoxLayout(m_head);
  const int oneLinePad = notice.dismissable ? 5 : 11;
  head->setContentsMargins(oneLine ? kOneLineTextLeft : kHeadTextLeft, oneLine ? oneLinePad : 14,
                           oneLine ? 6 : 10, oneLine ? oneLinePad : 16);
  head->setSpacing(8);
  auto* words = new QVBoxLayout;
  words->setSpacing(6);
  auto* title = new Label(oneLine ? Type::Note : Type::Heading, Ink::Text, Label::Fit::Wrap);
  title->setText(notice.title);
  m_title = title;
  words->addWidget(title);
  if (!notice.facts.isEmpty()) {
    auto* facts = new Label(Type::Row, Ink::Text, Label::Fit::Wrap);
    facts->setText(notice.facts);
    words->addWidget(facts);
  }
  if (!notice.details.isEmpty()) {
    auto* details = new Label(Type::Note, Ink::Text, Label::Fit::Wrap);
    details->setText(notice.details);
    details->setTextInteractionFlags(Qt::TextSelectableByMouse);
    details->setFocusPolicy(Qt::NoFocus);
    details->hide();
    auto* more = makeButton(tr("Details"), ButtonKind::Link, {}, ButtonSize::Small);
    more->setCheckable(true);
    setChevron(more, true);
    connect(more, &QPushButton::toggled, details, &QWidget::setVisible);
    auto* row = new QHBoxLayout;
    row->setContentsMargins(-10, 0, 0, 0);
    row->addWidget(more);
    row->addStretch(1);
    words->addLayout(row);
    words->addWidget(details);
  }
  head->addLayout(words, 1);
  if (notice.dismissable) {
    auto* close = makeIconButton(u"close"_s, tr("Dismiss: %1").arg(notice.title));
    close->setToolTip(tr("Dismiss"));
    connect(close, &QPushButton::clicked, this, [this] { Q_EMIT dismissed(m_notice.id); });
    head->addWidget(close, 0, oneLine ? Qt::AlignVCenter : Qt::AlignTop);
  }
  for (int i = 0; i < notice.ways.size(); ++i) {
    if (i > 0) {
      auto* line = makeLine(Qt::Horizontal);
      auto* inset = new QHBoxLayout;
      inset->setContentsMargins(space::kCard, 0, space::kCard, 0);
      inset->addWidget(line);
      column->addLayout(inset);
    }
    addWay(*column, notice.ways.at(i), i == 0);
  }
  setAccessibleName(notice.title);
  setAccessibleDescription(notice.facts);
}

void NoticeCard::addWay(QVBoxLayout& column, const NoticeWay& way, bool first) {
  auto* row = new QHBoxLayout;
  row->setContentsMargins(kHeadLeft, 13, space::kCard, 13);
  row->setSpacing(12);
  auto* words = new QVBoxLayout;
  words->setSpacing(3);
  if (!way.name.isEmpty()) {
    auto* name = new Label(Type::ControlStrong, Ink::Text, Label::Fit::Wrap);
    name->setText(way.name);
    words->addWidget(name);
  }
  if (!way.cost.isEmpty()) {
    auto* cost = new Label(Type::Note, Ink::Text2, Label::Fit::Wrap);
    cost->setText(way.cost);
    words->addWidget(cost);
  }
  row->addLayout(words, 1);
  auto* button = makeButton(way.button, first ? ButtonKind::Primary : ButtonKind::Outlined, {},
                            ButtonSize::Small);
  button->setAccessibleName(way.name.isEmpty() ? way.button
                                               : tr("%1: %2").arg(way.name, way.button));
  button->setMinimumWidth(scaled(kWayButtonWidth));
  if (way.action == NoticeAction::EnterPassword) {
    auto* field = new QLineEdit;
    followType(field, Type::Row);
    field->setEchoMode(QLineEdit::Password);
    field->setAccessibleName(tr("Password"));
    field->setPlaceholderText(tr("Password"));
    const auto enter = [this, field] { Q_EMIT passwordEntered(field->text()); };
    connect(field, &QLineEdit::returnPressed, this, enter);
    connect(button, &QPushButton::clicked, this, enter);
    auto* below = new QHBoxLayout;
    below->setSpacing(8);
    below->addWidget(field, 1);
    below->addWidget(button);
    words->addSpacing(5);
    words->addLayout(below);
    setFocusProxy(field);
  } else {
    connect(button, &QPushButton::clicked, this,
            [this, way] { Q_EMIT wayChosen(m_notice.id, way); });
    row->addWidget(button, 0, Qt::AlignVCenter);
    if (focusProxy() == nullptr) {
      setFocusProxy(button);
    }
  }
  column.addLayout(row);
}

void NoticeCard::focusFirst() {
  if (QWidget* first = focusProxy()) {
    first->setFocus(Qt::OtherFocusReason);
  }
}

void NoticeCard::paintEvent(QPaintEvent*) {
  const Theme& t = theme();
  const Looks looks = looksOf(m_notice.severity);
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const QRect title(m_title->mapTo(this, QPoint(0, 0)), m_title->size());
  if (isOneLine(m_notice)) {
    drawBox(painter, rect(), radius::kRow, looks.fill);
    drawBox(painter, QRectF(0, 8, 3, height() - 16), 1.5, looks.bar);
    const int icon = scaled(18);
    drawIcon(painter, looks.icon, looks.ink, QPointF(13, QRectF(title).center().y() - icon / 2.0),
             icon);
    return;
  }
  QPainterPath shape;
  shape.addRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius::kCard, radius::kCard);
  painter.fillPath(shape, t.raised);
  painter.save();
  painter.setClipPath(shape);
  painter.fillRect(m_head->geometry(), looks.fill);
  painter.fillRect(QRect(0, 0, 4, m_head->height()), looks.bar);
  painter.restore();
  painter.setPen(t.border);
  painter.setBrush(Qt::NoBrush);
  painter.drawPath(shape);
  const int icon = scaled(kIcon);
  drawIcon(painter, looks.icon, looks.ink,
           QPointF(kHeadLeft, title.top() + lineHeight(Type::Heading) / 2.0 - icon / 2.0), icon);
}

NoticeList::NoticeList(ChatController& controller, QWidget* parent)
    : QWidget(parent), m_controller(controller), m_column(new QVBoxLayout(this)) {
  m_column->setContentsMargins(0, 0, 0, 0);
  m_column->setSpacing(12);
  connect(&controller, &ChatController::noticesChanged, this, &NoticeList::refresh);
  refresh();
}

void NoticeList::refresh() {
  const QList<Notice>& notices = m_controller.notices();
  const bool same = std::equal(m_cards.begin(), m_cards.end(), notices.begin(), notices.end(),
                               [](const NoticeCard* card, const Notice& notice) {
                                 return sameNotice(card->notice(), notice);
                               });
  if (same) {
    setVisible(!m_cards.isEmpty());
    return;
  }
  QList<NoticeCard*> kept;
  QList<NoticeCard*> old = m_cards;
  bool focusLost = false;
  for (const Notice& notice : notices) {
    NoticeCard* card = nullptr;
    for (NoticeCard* candidate : std::as_const(old)) {
      if (sameNotice(candidate->notice(), notice)) {
        card = candidate;
      }
    }
    if (card != nullptr) {
      old.removeOne(card);
    } else {
      card = new NoticeCard(notice);
      connect(card, &NoticeCard::wayChosen, this, [this](int id, const NoticeWay& way) {
        if (needsWindow(way.action)) {
          Q_EMIT wayChosen(id, way);
        } else {
          m_controller.perform(id, way.action, way.argument);
        }
      });
      connect(card, &NoticeCard::passwordEntered, &m_controller, &ChatController::submitPassword);
      connect(card, &NoticeCard::dismissed, &m_controller, &ChatController::dismiss);
    }
    kept.append(card);
  }
  for (NoticeCard* card : std::as_const(old)) {
    const QWidget* focused = QApplication::focusWidget();
    focusLost = focusLost || (focused != nullptr && card->isAncestorOf(focused));
    m_column->removeWidget(card);
    card->hide();
    card->deleteLater();
  }
  for (int i = 0; i < kept.size(); ++i) {
    m_column->removeWidget(kept.at(i));
    m_column->insertWidget(i, kept.at(i));
    kept.at(i)->show();
  }
  m_cards = kept;
  if (focusLost && !m_cards.isEmpty()) {
    m_cards.first()->focusFirst();
  }
  setVisible(!m_cards.isEmpty());
  Q_EMIT changed();
}

}  // namespace bookwheel
