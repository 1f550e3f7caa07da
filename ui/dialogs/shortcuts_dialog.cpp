// SPDX-License-Identifier: Apache-2.0
// ShortcutsDialog: all keys of the window by group; each can be changed in place.
#include "ui/dialogs/shortcuts_dialog.h"

#include "ui/actions.h"
#include "ui/style/controls.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QAction>
#include <QGridLayout>
#include <QKeyEvent>
#include <QPainter>
#include <QPushButton>
#include <QScrollArea>
#include <QVBoxLayout>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

class Backdrop : public QWidget {
 protected:
  void paintEvent(QPaintEvent*) override { QPainter(this).fillRect(rect(), theme().pane); }
};

/// Shows a command's key; pressed, it takes the next key combination.
class KeyButton : public QPushButton {
 public:
  KeyButton(Actions& actions, Command command, const QString& name, Label* message)
      : m_actions(actions), m_command(command), m_name(name), m_message(message) {
    followType(this, Type::Row);
    setKind(this, ButtonKind::Quiet);
    setAutoDefault(false);
    connect(this, &QPushButton::clicked, this, [this] { listen(true); });
    connect(actions[command], &QAction::changed, this, &KeyButton::refresh);
    refresh();
  }

 protected:
  bool event(QEvent* event) override {
    if (m_listening && event->type() == QEvent::ShortcutOverride) {
      event->accept();  // the key is for us, whatever it does elsewhere
      return true;
    }
    if (m_listening && event->type() == QEvent::KeyPress) {
      take(static_cast<QKeyEvent*>(event));
      return true;
    }
    return QPushButton::event(event);
  }
  void focusOutEvent(QFocusEvent* event) override {
    listen(false);
    QPushButton::focusOutEvent(event);
  }

 private:
  void listen(bool on) {
    m_listening = on;
    refresh();
  }

  void take(const QKeyEvent* event) {
    switch (event->key()) {
      case Qt::Key_Control:
      case Qt::Key_Shift:
      case Qt::Key_Alt:
      case Qt::Key_Meta:
      case Qt::Key_AltGr:
        return;
      case Qt::Key_Escape:
        listen(false);
        return;
      case Qt::Key_Backspace:
      case Qt::Key_Delete:
        m_actions.reset(m_command);
        listen(false);
        return;
      default:
        break;
    }
    const QKeySequence keys(event->keyCombination());
    if (const auto holder = m_actions.holder(keys, m_command)) {
      QString other = m_actions[*holder]->text();
      other.remove(u'&');
      m_message->setInk(Ink::Warn);
      m_message->setText(ShortcutsDialog::tr("%1 already belongs to “%2”. Change that one first.")
                             .arg(keys.toString(QKeySequence::NativeText), other));
    } else {
      m_actions.rebind(m_command, keys);
      m_message->setInk(Ink::Text2);
      m_message->setText(ShortcutsDialog::tr("“%1” is on %2 now.")
                             .arg(m_name, keys.toString(QKeySequence::NativeText)));
    }
    listen(false);
  }

  void refresh() {
    const QString key = m_actions.keyText(m_command);
    setText(m_listening     ? ShortcutsDialog::tr("Press the keys")
            : key.isEmpty() ? ShortcutsDialog::tr("none")
                            : key);
    setAccessibleName(ShortcutsDialog::tr("%1: %2").arg(m_name, text()));
  }

  Actions& m_actions;
  Command m_command;
  QString m_name;
  Label* m_message;
  bool m_listening = false;
};

/// Keys of lists and documents, which are fixed.
struct FixedKey {
  const char* text;
  const char* keys;
};
constexpr FixedKey kFixedKeys[] = {
    {QT_TR_NOOP("Send the question"), QT_TR_NOOP("Enter")},
    {QT_TR_NOOP("New line in the question"), QT_TR_NOOP("Shift+Enter")},
    {QT_TR_NOOP("Message above, below"), QT_TR_NOOP("Up, Down")},
    {QT_TR_NOOP("Copy the message or the selection"), QT_TR_NOOP("Ctrl+C")},
    {QT_TR_NOOP("Change a question"), QT_TR_NOOP("F2")},
    {QT_TR_NOOP("Answer again"), QT_TR_NOOP("Ctrl+R")},
    {QT_TR_NOOP("Earlier, later version"), QT_TR_NOOP("Alt+Shift+Left, Right")},
    {QT_TR_NOOP("Next, previous screen of the document"), QT_TR_NOOP("Space, Shift+Space")},
};

}  // namespace

ShortcutsDialog::ShortcutsDialog(Actions& actions, QWidget* parent)
    : Dialog(tr("Keyboard shortcuts"), parent) {
  auto* message = new Label(Type::Note, Ink::Text2, Label::Fit::Wrap);
  message->setText(tr("Press a key's button, then the new keys. Backspace restores the default."));
  auto* page = new Backdrop;
  auto* grid = new QGridLayout(page);
  grid->setContentsMargins(0, 0, 16, 0);
  grid->setVerticalSpacing(2);
  grid->setColumnStretch(0, 1);
  const auto addHeading = [grid](const QString& text) {
    const int row = grid->rowCount();
    auto* heading = new Label(Type::NoteStrong, Ink::Text2);
    heading->setText(text);
    heading->setContentsMargins(0, row > 1 ? 14 : 0, 0, 4);
    grid->addWidget(heading, row, 0, 1, 2);
  };
  QString group;
  for (const CommandRow& row : Actions::table()) {
    const QString own = Actions::tr(row.group);
    if (own != group) {
      group = own;
      addHeading(group);
    }
    QString name = Actions::tr(row.text);
    name.remove(u'…');
    auto* label = new Label(Type::Row, Ink::Text, Label::Fit::Elide);
    label->setText(name);
    const int line = grid->rowCount();
    grid->addWidget(label, line, 0);
    grid->addWidget(new KeyButton(actions, row.command, name, message), line, 1, Qt::AlignRight);
  }
  addHeading(tr("In lists and fields"));
  for (const FixedKey& key : kFixedKeys) {
    auto* label = new Label(Type::Row, Ink::Text, Label::Fit::Elide);
    label->setText(tr(key.text));
    auto* keys = new Label(Type::Row, Ink::Text2);
    keys->setText(tr(key.keys));
    keys->setContentsMargins(14, 8, 14, 8);
    const int line = grid->rowCount();
    grid->addWidget(label, line, 0);
    grid->addWidget(keys, line, 1, Qt::AlignRight);
  }
  auto* scroll = new QScrollArea;
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setWidgetResizable(true);
  scroll->setFocusPolicy(Qt::NoFocus);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setWidget(page);
  body()->addWidget(message);
  body()->addWidget(scroll, 1);
  auto* close = addButton(tr("Close"), true);
  connect(close, &QPushButton::clicked, this, &QDialog::accept);
  resize(scaled(520), scaled(640));
}

}  // namespace bookwheel
