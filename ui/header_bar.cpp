// SPDX-License-Identifier: Apache-2.0
// HeaderBar: menu, side bar, back and forward, the book's title with its facts, search, model,
// settings.
#include "ui/header_bar.h"

#include "app/chat/chat_controller.h"
#include "ui/actions.h"
#include "ui/search_field.h"
#include "ui/style/controls.h"
#include "ui/style/theme.h"

#include <QAction>
#include <QHBoxLayout>
#include <QPainter>
#include <QPushButton>
#include <QVBoxLayout>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {
constexpr int kSearchWidth = 250;
constexpr int kModelWidth = 260;
}  // namespace

HeaderBar::HeaderBar(ChatController& controller, Actions& actions, SearchField* search,
                     QWidget* parent)
    : QWidget(parent), m_controller(controller), m_actions(actions), m_search(search) {
  m_menu = makeActionButton(actions[Command::ShowMenu], u"menu"_s);
  auto* shelf = makeActionButton(actions[Command::ToggleShelf], u"sidebar"_s);
  m_back = makeActionButton(actions[Command::GoBack], u"back"_s);
  m_forward = makeActionButton(actions[Command::GoForward], u"forward"_s);
  m_title = new Label(Type::Strong, Ink::Text, Label::Fit::Elide);
  m_facts = new Label(Type::Note, Ink::Text2, Label::Fit::Elide);
  m_search->setFixedWidth(scaled(kSearchWidth));
  m_searchButton = makeActionButton(actions[Command::Search], u"search"_s);
  m_model = makeButton(QString(), ButtonKind::Quiet, u"chip"_s);
  m_model->setMaximumWidth(scaled(kModelWidth));
  connect(m_model, &QPushButton::clicked, actions[Command::ShowModels], &QAction::trigger);
  auto* settings = makeActionButton(actions[Command::OpenSettings], u"settings"_s);

  auto* words = new QVBoxLayout;
  words->setContentsMargins(0, 0, 0, 0);
  words->setSpacing(2);
  words->addStretch(1);
  words->addWidget(m_title);
  words->addWidget(m_facts);
  words->addStretch(1);

  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(12, 9, 12, 9);
  row->setSpacing(4);
  row->addWidget(m_menu);
  row->addWidget(shelf);
  row->addWidget(m_back);
  row->addWidget(m_forward);
  row->addSpacing(8);
  row->addLayout(words, 1);
  row->addSpacing(12);
  row->addWidget(m_search);
  row->addWidget(m_searchButton);
  row->addSpacing(4);
  row->addWidget(m_model);
  row->addWidget(settings);
  setNarrow(false);
  connect(&controller, &ChatController::headerChanged, this, &HeaderBar::refresh);
  connect(&controller, &ChatController::modelChanged, this, &HeaderBar::refresh);
  connect(&controller, &ChatController::stateChanged, this, &HeaderBar::refresh);
  connect(&controller, &ChatController::documentChanged, this, &HeaderBar::refresh);
  refresh();
}

void HeaderBar::setNarrow(bool narrow) {
  m_narrow = narrow;
  m_search->setVisible(!narrow);
  m_searchButton->setVisible(narrow);
  refresh();
}

void HeaderBar::refresh() {
  m_title->setText(m_controller.title());
  m_title->setToolTip(m_controller.documentPath());
  m_facts->setText(m_controller.facts());
  m_facts->setVisible(!m_controller.facts().isEmpty());
  const bool book = m_controller.document() != nullptr;
  m_back->setVisible(book);
  m_forward->setVisible(book);
  const QString model = m_controller.modelName();
  m_model->setText(m_narrow ? QString() : model);
  setChevron(m_model, false);
  m_model->setAccessibleName(tr("Model: %1").arg(model));
  m_model->setToolTip(withKey(tr("Model: %1").arg(model), m_actions.keyText(Command::ShowModels)));
}

void HeaderBar::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.fillRect(rect(), theme().window);
  painter.fillRect(QRect(0, height() - 1, width(), 1), theme().border);
}

}  // namespace bookwheel
