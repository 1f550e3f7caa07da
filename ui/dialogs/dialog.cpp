// SPDX-License-Identifier: Apache-2.0
// Dialog: the frame all dialogs share: the pane colour, a title, a body, buttons at the foot.
#include "ui/dialogs/dialog.h"

#include "ui/style/controls.h"
#include "ui/style/theme.h"

#include <QApplication>
#include <QHBoxLayout>
#include <QPainter>
#include <QPushButton>
#include <QVBoxLayout>

namespace bookwheel {

Dialog::Dialog(const QString& title, QWidget* parent)
    : QDialog(parent), m_body(new QVBoxLayout), m_foot(new QHBoxLayout) {
  setWindowTitle(title);
  setModal(true);
  auto* heading = new Label(Type::Heading, Ink::Text, Label::Fit::Wrap);
  heading->setText(title);
  m_body->setSpacing(12);
  m_foot->setSpacing(8);
  m_foot->addStretch(1);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(24, 20, 24, 20);
  column->setSpacing(16);
  column->addWidget(heading);
  column->addLayout(m_body, 1);
  column->addLayout(m_foot);
}

QPushButton* Dialog::addButton(const QString& text, bool primary) {
  auto* button = makeButton(text, primary ? ButtonKind::Primary : ButtonKind::Outlined);
  button->setDefault(primary);
  m_foot->insertWidget(m_foot->count(), button);
  return button;
}

void Dialog::addFootWidget(QWidget* widget) { m_foot->insertWidget(0, widget); }

void Dialog::paintEvent(QPaintEvent*) { QPainter(this).fillRect(rect(), theme().pane); }

void Dialog::showEvent(QShowEvent* event) {
  if (m_opener.isNull()) {
    m_opener = QApplication::focusWidget();
  }
  QDialog::showEvent(event);
}

void Dialog::done(int result) {
  QDialog::done(result);
  if (m_opener != nullptr) {
    m_opener->setFocus(Qt::OtherFocusReason);
  }
}

}  // namespace bookwheel
