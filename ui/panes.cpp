// SPDX-License-Identifier: Apache-2.0
// Panes: where shelf, document and conversation stand, and what the person changed about it.
#include "ui/panes.h"

#include "app/library/settings.h"
#include "ui/conversation/conversation_view.h"
#include "ui/reader/document_view.h"
#include "ui/shelf/shelf_view.h"
#include "ui/start/start_page.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QStackedWidget>

#include <algorithm>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr int kWideFrom = 1200;
constexpr int kMediumFrom = 1000;
constexpr int kShelfWidth = 264;
constexpr int kShelfLeast = 220;
constexpr int kShelfMost = 380;
constexpr int kRailWidth = 56;
constexpr int kDocumentLeast = 420;
constexpr int kConversationWidth = 502;
constexpr int kConversationLeast = 380;
constexpr int kConversationMost = 720;
constexpr int kStackedLeast = 190;
constexpr double kStackedDocumentShare = 0.45;

QJsonObject allLayouts(const Settings& settings) {
  return QJsonDocument::fromJson(settings.text(Setting::WindowLayout).toUtf8()).object();
}

}  // namespace

Panes::Panes(ShelfView* shelf, StartPage* start, DocumentView* document,
             ConversationView* conversation, Settings& settings, QWidget* parent)
    : QSplitter(Qt::Horizontal, parent),
      m_settings(settings),
      m_shelf(shelf),
      m_start(start),
      m_document(document),
      m_conversation(conversation),
      m_reading(new QSplitter(Qt::Horizontal)),
      m_stack(new QStackedWidget) {
  m_reading->addWidget(m_document);
  m_reading->addWidget(m_conversation);
  m_reading->setStretchFactor(0, 1);
  m_reading->setStretchFactor(1, 0);
  m_reading->setChildrenCollapsible(false);
  m_stack->addWidget(m_start);
  m_stack->addWidget(m_reading);
  addWidget(m_shelf);
  addWidget(m_stack);
  setStretchFactor(0, 0);
  setStretchFactor(1, 1);
  setChildrenCollapsible(false);
  // Only what the person moves is remembered, not what a narrow window squeezes.
  connect(this, &QSplitter::splitterMoved, this, &Panes::storeLayout);
  connect(m_reading, &QSplitter::splitterMoved, this, &Panes::storeLayout);
}

void Panes::showBook(bool open) {
  m_stack->setCurrentWidget(open ? static_cast<QWidget*>(m_reading) : m_start);
}

bool Panes::showsBook() const { return m_stack->currentWidget() == m_reading; }

Panes::WidthClass Panes::widthClassOf(int width) {
  return width >= kWideFrom     ? WidthClass::Wide
         : width >= kMediumFrom ? WidthClass::Medium
                                : WidthClass::Narrow;
}

QJsonObject Panes::storedLayout(WidthClass width) const {
  return allLayouts(m_settings).value(QString::number(int(width))).toObject();
}

void Panes::storeLayout() {
  if (!m_arranged) {
    return;
  }
  const QJsonObject before = storedLayout(m_widthClass);
  QJsonObject now;
  const bool open = m_shelf->form() == ShelfView::Form::Full;
  now.insert(u"shelf"_s, open);
  now.insert(u"panel"_s, m_panelOpen);
  now.insert(u"shelfWidth"_s, open ? m_shelf->width() : before.value(u"shelfWidth"_s).toInt());
  const QList<int> split = m_reading->sizes();
  if (showsBook() && split.size() == 2) {
    now.insert(u"split"_s, QJsonArray{split.at(0), split.at(1)});
  } else {
    now.insert(u"split"_s, before.value(u"split"_s));
  }
  QJsonObject all = allLayouts(m_settings);
  all.insert(QString::number(int(m_widthClass)), now);
  m_settings.set(Setting::WindowLayout,
                 QString::fromUtf8(QJsonDocument(all).toJson(QJsonDocument::Compact)));
}

void Panes::arrange(QSize window) {
  m_window = window;
  const WidthClass now = widthClassOf(window.width());
  if (m_arranged && now == m_widthClass) {
    return;
  }
  m_widthClass = now;
  m_arranged = true;
  const QJsonObject stored = storedLayout(now);
  const bool narrow = now == WidthClass::Narrow;
  Q_EMIT narrowChanged(narrow);

  m_reading->setOrientation(narrow ? Qt::Vertical : Qt::Horizontal);
  m_document->setMinimumSize(narrow ? QSize(0, kStackedLeast) : QSize(kDocumentLeast, 0));
  m_conversation->setMinimumSize(narrow ? QSize(0, kStackedLeast) : QSize(kConversationLeast, 0));
  m_conversation->setMaximumWidth(narrow ? QWIDGETSIZE_MAX : kConversationMost);
  const QJsonArray split = stored.value(u"split"_s).toArray();
  if (split.size() == 2) {
    m_reading->setSizes({split.at(0).toInt(), split.at(1).toInt()});
  } else if (narrow) {
    const int room = window.height();
    m_reading->setSizes(
        {int(room * kStackedDocumentShare), int(room * (1 - kStackedDocumentShare))});
  } else {
    const int room = window.width() - (now == WidthClass::Wide ? kShelfWidth : kRailWidth);
    const int talk = std::min(kConversationWidth, std::max(kConversationLeast, room * 45 / 100));
    m_reading->setSizes({room - talk, talk});
  }
  showShelf(stored.value(u"shelf"_s).toBool(now == WidthClass::Wide));
  m_panelOpen = stored.value(u"panel"_s).toBool(false);
  Q_EMIT panelOpenChanged(m_panelOpen);
}

void Panes::setPanelOpen(bool open) {
  m_panelOpen = open;
  storeLayout();
  Q_EMIT panelOpenChanged(open);
}

void Panes::coverDocument(QWidget* panel) {
  if (panel != nullptr && m_reading->indexOf(panel) < 0) {
    m_reading->insertWidget(0, panel);
    const int least = panel->minimumSizeHint().height();
    m_reading->setSizes({least, 0, std::max(m_window.height() - least, 1)});
    m_reading->setStretchFactor(0, 0);
    panel->show();
  }
  m_document->setVisible(panel == nullptr);
}

void Panes::setShelfOpen(bool open) {
  showShelf(open);
  storeLayout();
}

void Panes::showShelf(bool open) {
  m_shelf->setForm(open ? ShelfView::Form::Full : ShelfView::Form::Rail);
  if (open) {
    m_shelf->setMinimumWidth(kShelfLeast);
    m_shelf->setMaximumWidth(kShelfMost);
    const int stored = storedLayout(m_widthClass).value(u"shelfWidth"_s).toInt();
    const int wanted = std::clamp(stored > 0 ? stored : kShelfWidth, kShelfLeast, kShelfMost);
    setSizes({wanted, std::max(1, m_window.width() - wanted)});
  } else {
    m_shelf->setFixedWidth(kRailWidth);
    // A splitter keeps the room of a widget whose largest width shrinks.
    setSizes({kRailWidth, std::max(1, m_window.width() - kRailWidth)});
  }
  Q_EMIT shelfOpenChanged(open);
}

}  // namespace bookwheel
