// SPDX-License-Identifier: Apache-2.0
// ModelsDialog: the model files found here, with their facts, and the way to another file.
#pragma once

#include "ui/dialogs/dialog.h"

namespace bookwheel {

class ChatController;
class ModelCatalog;

class ModelsDialog : public Dialog {
  Q_OBJECT
 public:
  ModelsDialog(ChatController& controller, ModelCatalog& catalog, QWidget* parent);

 Q_SIGNALS:
  void modelFileRequested();
};

}  // namespace bookwheel
