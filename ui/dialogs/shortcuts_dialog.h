// SPDX-License-Identifier: Apache-2.0
// ShortcutsDialog: all keys of the window by group; each can be changed in place.
#pragma once

#include "ui/dialogs/dialog.h"

namespace bookwheel {

class Actions;

class ShortcutsDialog : public Dialog {
  Q_OBJECT
 public:
  ShortcutsDialog(Actions& actions, QWidget* parent);
};

}  // namespace bookwheel
