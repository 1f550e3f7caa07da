// SPDX-License-Identifier: Apache-2.0
// ShareBar: a thin bar that shows what share of something is in use.
#pragma once

#include <QWidget>

namespace bookwheel {

class ShareBar : public QWidget {
  Q_OBJECT
 public:
  explicit ShareBar(QWidget* parent = nullptr);
  void setShare(double share);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  double m_share = 0;
};

}  // namespace bookwheel
