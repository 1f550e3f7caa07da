// SPDX-License-Identifier: Apache-2.0
// SearchField: searches books and chats; the hits stand below it as a list.
#pragma once

#include "app/library/library.h"

#include <QLineEdit>
#include <QList>
#include <QPointer>
#include <QTimer>

class QListView;
class QStandardItemModel;

namespace bookwheel {

/// The field of the header. In a narrow window, where the header has no room for it, openOver()
/// shows it as part of the popup.
class SearchField : public QLineEdit {
  Q_OBJECT
 public:
  explicit SearchField(Library& library, QWidget* parent = nullptr);
  ~SearchField() override;

  void setKeyText(const QString& key);
  /// Shows hits under `anchor` instead of under this field, with a field of its own if this one is
  /// hidden.
  void openOver(QWidget* anchor);

 Q_SIGNALS:
  void chosen(const bookwheel::SearchHit& hit);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;
  void focusOutEvent(QFocusEvent* event) override;

 private:
  class Popup;

  void search(const QString& words);
  void showPopup();
  void hidePopup();
  void choose(int row);
  bool handleKey(QKeyEvent* event);

  Library& m_library;
  QString m_key;
  QList<SearchHit> m_hits;
  Popup* m_popup;
};

}  // namespace bookwheel
