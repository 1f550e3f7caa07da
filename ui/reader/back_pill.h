// SPDX-License-Identifier: Apache-2.0
// BackPill: the way back after a jump, "Back to page 96", floating over the document.
#pragma once

#include <QPushButton>

namespace bookwheel {

class BackPill : public QPushButton {
  Q_OBJECT
 public:
  explicit BackPill(QWidget* parent);

  /// `key` is the shortcut as it is now.
  void offer(const QString& text, const QString& key);
  QSize sizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  QString m_key;
};

}  // namespace bookwheel
