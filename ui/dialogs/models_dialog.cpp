// SPDX-License-Identifier: Apache-2.0
// ModelsDialog: the model files found here, with their facts, and the way to another file.
#include "ui/dialogs/models_dialog.h"

#include "app/chat/chat_controller.h"
#include "app/library/model_catalog.h"
#include "ui/dialogs/model_list.h"
#include "ui/style/controls.h"
#include "ui/style/paint.h"

#include <QDesktopServices>
#include <QHBoxLayout>
#include <QPushButton>
#include <QUrl>
#include <QVBoxLayout>

namespace bookwheel {

using namespace Qt::StringLiterals;

ModelsDialog::ModelsDialog(ChatController& controller, ModelCatalog& catalog, QWidget* parent)
    : Dialog(tr("Choose a model"), parent) {
  auto* summary = new Label(Type::Note, Ink::Text2, Label::Fit::Wrap);
  auto* folder = new Label(Type::Note, Ink::Text2, Label::Fit::Wrap);
  folder->setText(tr("GGUF files in %1 appear here. Nothing is downloaded.").arg(catalog.folder()));
  auto* list = new ModelList(catalog);
  auto* card = new Card;
  auto* inside = new QVBoxLayout(card);
  inside->setContentsMargins(8, 8, 8, 8);
  inside->addWidget(list);
  body()->addWidget(summary);
  body()->addWidget(card, 1);
  body()->addWidget(folder);

  auto* other = makeButton(tr("Open a model file…"), ButtonKind::Quiet, u"plus"_s);
  addFootWidget(other);
  auto* close = addButton(tr("Close"), false);
  connect(other, &QPushButton::clicked, this, [this] {
    accept();
    Q_EMIT modelFileRequested();
  });
  connect(close, &QPushButton::clicked, this, &QDialog::accept);
  connect(list, &ModelList::chosen, this, [this, &controller](const QString& path) {
    controller.openModel(path);
    accept();
  });
  const auto refresh = [summary, &catalog] { summary->setText(catalog.summary()); };
  connect(&catalog, &ModelCatalog::scanned, this, refresh);
  refresh();
  catalog.rescan();
  const int row = catalog.rowOf(catalog.current());
  list->setCurrentIndex(catalog.index(std::max(0, row), 0));
  list->setFocus(Qt::OtherFocusReason);
  resize(scaled(600), sizeHint().height());
}

}  // namespace bookwheel
