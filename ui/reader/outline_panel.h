// SPDX-License-Identifier: Apache-2.0
// OutlinePanel: the document's contents as a tree; the section in sight is marked.
#pragma once

#include "app/documents/document.h"

#include <QWidget>

#include <memory>

class QStandardItem;
class QStandardItemModel;
class QTreeView;

namespace bookwheel {

class Label;

class OutlinePanel : public QWidget {
  Q_OBJECT
 public:
  explicit OutlinePanel(QWidget* parent = nullptr);

  /// Null: no document.
  void setDocument(std::shared_ptr<const Document> document);
  /// Marks the entry that the byte stands in.
  void setPlace(std::int64_t byte);
  void takeFocus();

 Q_SIGNALS:
  void chosen(int entry);
  void closed();

 protected:
  void keyPressEvent(QKeyEvent* event) override;

 private:
  std::shared_ptr<const Document> m_document;
  QStandardItemModel* m_model;
  QTreeView* m_tree;
  Label* m_empty;
  QList<QStandardItem*> m_items;  // owned by the model; one for each outline entry
  int m_current = -1;
};

}  // namespace bookwheel
