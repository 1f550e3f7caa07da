// SPDX-License-Identifier: Apache-2.0
// Composer: where the question is written: the field, what it is about, the tokens, Send or Stop.
#include "ui/conversation/composer.h"

#include "app/chat/chat_controller.h"
#include "app/documents/document.h"
#include "ui/actions.h"
#include "ui/style/controls.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QAbstractTextDocumentLayout>
#include <QAction>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QMenu>
#include <QPainter>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QScrollBar>
#include <QVBoxLayout>

#include <algorithm>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {
constexpr int kMostLines = 8;
}

Composer::Composer(ChatController& controller, Actions& actions, QWidget* parent)
    : QWidget(parent), m_controller(controller), m_field(new QPlainTextEdit) {
  followType(m_field, Type::Body);
  m_field->setFrameShape(QFrame::NoFrame);
  m_field->setAccessibleName(tr("Question"));
  m_field->document()->setDocumentMargin(0);
  m_field->viewport()->setAutoFillBackground(false);
  m_field->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  m_field->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  m_field->setTabChangesFocus(true);
  m_field->installEventFilter(this);
  m_scope = makeButton(QString(), ButtonKind::Outlined, u"book"_s, ButtonSize::Small);
  setChevron(m_scope, true);
  m_used = new Label(Type::Note, Ink::Text2);
  m_send = makeButton(QString(), ButtonKind::Primary, u"send"_s);
  m_send->setAccessibleName(tr("Send"));
  m_send->setToolTip(withKey(tr("Send"), tr("Enter")));
  m_stop = makeButton(tr("Stop"), ButtonKind::Outlined, u"stop"_s);
  m_stop->setToolTip(withKey(tr("Stop"), actions.keyText(Command::Stop)));

  m_editNote = new QWidget;
  auto* note = new QHBoxLayout(m_editNote);
  note->setContentsMargins(0, 0, 0, 0);
  auto* words = new Label(Type::Note, Ink::Text2, Label::Fit::Elide);
  words->setText(tr("Another version of your question; the first one stays"));
  auto* leave = makeIconButton(u"close"_s, tr("Leave the question as it is"));
  connect(leave, &QPushButton::clicked, this, &Composer::stopEditing);
  note->addWidget(words, 1);
  note->addWidget(leave);
  m_editNote->hide();

  auto* foot = new QHBoxLayout;
  foot->setContentsMargins(0, 0, 0, 0);
  foot->setSpacing(10);
  foot->addWidget(m_scope);
  foot->addStretch(1);
  foot->addWidget(m_used);
  foot->addWidget(m_send);
  foot->addWidget(m_stop);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(14, 12, 10, 10);
  column->setSpacing(8);
  column->addWidget(m_editNote);
  column->addWidget(m_field);
  column->addLayout(foot);

  connect(m_send, &QPushButton::clicked, this, &Composer::send);
  connect(m_stop, &QPushButton::clicked, &m_controller, &ChatController::stop);
  connect(m_scope, &QPushButton::clicked, this, &Composer::showScopeMenu);
  connect(m_field, &QPlainTextEdit::textChanged, this, [this] {
    if (m_field->toPlainText().isEmpty()) {
      m_editing = 0;
      m_editNote->hide();
    }
    m_controller.setDraft(m_field->toPlainText());
    fitHeight();
    refresh();
  });
  connect(m_field->document()->documentLayout(), &QAbstractTextDocumentLayout::documentSizeChanged,
          this, &Composer::fitHeight);
  connect(&m_controller, &ChatController::composerChanged, this, &Composer::refresh);
  connect(&themeEvents(), &ThemeEvents::changed, this, [this] {
    m_field->document()->setDefaultFont(m_field->font());
    fitHeight();
  });
  fitHeight();
  refresh();
}

void Composer::edit(qint64 message, const QString& question) {
  m_field->setPlainText(question);
  m_field->moveCursor(QTextCursor::End);
  m_field->setFocus(Qt::ShortcutFocusReason);
  m_editing = message;
  m_editNote->show();
}

void Composer::stopEditing() {
  m_field->clear();
  m_field->setFocus(Qt::OtherFocusReason);
}

void Composer::refresh() {
  const ComposerView& view = m_controller.composer();
  m_field->setEnabled(view.enabled);
  m_field->setPlaceholderText(view.placeholder);
  m_scope->setText(view.scope);
  m_scope->setAccessibleName(tr("Ask about: %1").arg(view.scope));
  m_scope->setVisible(!view.scope.isEmpty());
  m_scope->setEnabled(view.enabled && !view.answering);
  m_used->setText(view.used);
  m_used->setAccessibleName(view.used);
  m_used->setInk(view.limitTokens > 0 && view.usedTokens > view.limitTokens ? Ink::Warn
                                                                            : Ink::Text2);
  const bool hasText = !m_field->toPlainText().trimmed().isEmpty();
  m_send->setEnabled(view.canSend && hasText);
  m_send->setVisible(!view.answering);
  m_stop->setVisible(view.answering);
  update();
}

void Composer::send() {
  const QString question = m_field->toPlainText().trimmed();
  if (question.isEmpty() || !m_controller.composer().canSend) {
    return;
  }
  const qint64 editing = m_editing;
  m_field->clear();
  if (editing != 0) {
    m_controller.editQuestion(editing, question);
  } else {
    m_controller.ask(question);
  }
  Q_EMIT sent();
}

void Composer::fitHeight() {
  const QFontMetrics metrics(m_field->font());
  const int lines = std::clamp(int(m_field->document()->size().height()), 1, kMostLines);
  m_field->setFixedHeight(lines * metrics.lineSpacing() + 4);
  m_field->setVerticalScrollBarPolicy(m_field->document()->size().height() > kMostLines
                                          ? Qt::ScrollBarAsNeeded
                                          : Qt::ScrollBarAlwaysOff);
}

void Composer::showScopeMenu() {
  QMenu menu(this);
  QAction* whole = menu.addAction(tr("Whole book"));
  QAction* pages = menu.addAction(tr("Pages…"));
  const bool isWhole = m_controller.readFacts().range.whole();
  whole->setCheckable(true);
  whole->setChecked(isWhole);
  pages->setCheckable(true);
  pages->setChecked(!isWhole);
  const QAction* chosen = menu.exec(m_scope->mapToGlobal(QPoint(0, -menu.sizeHint().height() - 4)));
  if (chosen == whole && !isWhole) {
    m_controller.readWholeBook();
  } else if (chosen == pages) {
    Q_EMIT pageRangeRequested();
  }
}

bool Composer::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_field) {
    if (event->type() == QEvent::KeyPress) {
      const auto* key = static_cast<QKeyEvent*>(event);
      const bool enter = key->key() == Qt::Key_Return || key->key() == Qt::Key_Enter;
      if (enter && !(key->modifiers() & Qt::ShiftModifier)) {
        send();
        return true;
      }
    }
    if (event->type() == QEvent::FocusIn || event->type() == QEvent::FocusOut) {
      update();
    }
  }
  return QWidget::eventFilter(watched, event);
}

void Composer::paintEvent(QPaintEvent*) {
  const Theme& t = theme();
  QPainter painter(this);
  const bool enabled = m_controller.composer().enabled;
  const bool focused = m_field->hasFocus();
  drawBox(painter, rect(), radius::kComposer, enabled ? t.raised : t.window,
          focused   ? t.accent
          : enabled ? t.control
                    : t.border,
          focused ? 2 : 1);
}

}  // namespace bookwheel
