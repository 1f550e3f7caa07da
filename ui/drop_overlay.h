// SPDX-License-Identifier: Apache-2.0
// DropOverlay: says that what is being dragged can be dropped here.
#pragma once

#include <QWidget>

namespace bookwheel {

class DropOverlay : public QWidget {
  Q_OBJECT
 public:
  explicit DropOverlay(QWidget* parent);

 protected:
  void paintEvent(QPaintEvent* event) override;
};

}  // namespace bookwheel
