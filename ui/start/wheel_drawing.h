// SPDX-License-Identifier: Apache-2.0
// WheelDrawing: Ramelli's bookwheel as a line drawing, for the empty window only.
#pragma once

#include <QWidget>

namespace bookwheel {

class WheelDrawing : public QWidget {
  Q_OBJECT
 public:
  explicit WheelDrawing(QWidget* parent = nullptr);

 protected:
  void paintEvent(QPaintEvent* event) override;
};

}  // namespace bookwheel
