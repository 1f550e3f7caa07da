// SPDX-License-Identifier: Apache-2.0
// TextDialog: a few sentences that have no place of their own in the window.
#pragma once

#include "ui/dialogs/dialog.h"

namespace bookwheel {

class TextDialog : public Dialog {
  Q_OBJECT
 public:
  TextDialog(const QString& title, const QString& text, QWidget* parent);
};

}  // namespace bookwheel
