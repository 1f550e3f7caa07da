// SPDX-License-Identifier: Apache-2.0
// TextDialog: a few sentences that have no place of their own in the window.
#include "ui/dialogs/text_dialog.h"

#include "ui/style/controls.h"

#include <QPushButton>
#include <QVBoxLayout>

namespace bookwheel {

TextDialog::TextDialog(const QString& title, const QString& text, QWidget* parent)
    : Dialog(title, parent) {
  auto* words = new Label(Type::Row, Ink::Text, Label::Fit::Wrap);
  words->setText(text);
  words->setMinimumWidth(scaled(400));
  body()->addWidget(words);
  auto* close = addButton(tr("Close"), true);
  connect(close, &QPushButton::clicked, this, &QDialog::accept);
}

}  // namespace bookwheel
