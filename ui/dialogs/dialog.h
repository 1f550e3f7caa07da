// SPDX-License-Identifier: Apache-2.0
// Dialog: the frame all dialogs share: the pane colour, a title, a body, buttons at the foot.
#pragma once

#include <QDialog>
#include <QPointer>

class QHBoxLayout;
class QPushButton;
class QVBoxLayout;

namespace bookwheel {

/// Modal to its window. When it closes, the focus returns to what had it before.
class Dialog : public QDialog {
  Q_OBJECT
 public:
  Dialog(const QString& title, QWidget* parent);

 protected:
  QVBoxLayout* body() const { return m_body; }
  /// The first is at the far right; Enter triggers the primary one.
  QPushButton* addButton(const QString& text, bool primary);
  void addFootWidget(QWidget* widget);

  void paintEvent(QPaintEvent* event) override;
  void showEvent(QShowEvent* event) override;
  void done(int result) override;

 private:
  QVBoxLayout* m_body;
  QHBoxLayout* m_foot;
  QPointer<QWidget> m_opener;
};

}  // namespace bookwheel
