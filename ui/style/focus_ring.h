// SPDX-License-Identifier: Apache-2.0
// FocusRing: the 2 px ring around the control that has the focus, after keyboard use only.
#pragma once

#include <QFocusFrame>
#include <QObject>
#include <QPointer>

namespace bookwheel {

/// One a program. Rings buttons, indicators, combo boxes and sliders from outside, so that no
/// control reserves room for it; fields colour their own border, lists and documents draw theirs
/// inside.
class FocusRing : public QObject {
  Q_OBJECT
 public:
  FocusRing();
  ~FocusRing() override;

  /// The last input was a key: views draw the ring of their current row only then.
  static bool keyboardInUse();

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void follow(QWidget* focused);

  // A focus frame becomes a child of the window whose control it rings, and goes with that window:
  // it is made again then.
  QPointer<QFocusFrame> m_frame;
};

}  // namespace bookwheel
