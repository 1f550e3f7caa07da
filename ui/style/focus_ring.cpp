// SPDX-License-Identifier: Apache-2.0
// FocusRing: the 2 px ring around the control that has the focus, after keyboard use only.
#include "ui/style/focus_ring.h"

#include "ui/style/controls.h"
#include "ui/style/paint.h"

#include <QAbstractButton>
#include <QApplication>
#include <QComboBox>
#include <QKeyEvent>
#include <QPainter>
#include <QRadioButton>
#include <QSlider>

namespace bookwheel {

namespace {

bool g_keyboardInUse = false;  // GUI thread

bool isRinged(const QWidget* widget) {
  return widget != nullptr && !widget->property(kOwnFocusRing).toBool() &&
         (qobject_cast<const QAbstractButton*>(widget) != nullptr ||
          qobject_cast<const QComboBox*>(widget) != nullptr ||
          qobject_cast<const QSlider*>(widget) != nullptr);
}

bool isModifier(int key) {
  return key == Qt::Key_Control || key == Qt::Key_Shift || key == Qt::Key_Alt ||
         key == Qt::Key_Meta || key == Qt::Key_AltGr;
}

class Frame : public QFocusFrame {
 protected:
  void paintEvent(QPaintEvent*) override {
    QPainter painter(this);
    const bool round = qobject_cast<const QRadioButton*>(widget()) != nullptr || isPill(widget());
    drawFocusRing(painter, rect(), round ? height() / 2.0 : radius::kControl + 3);
  }
};

}  // namespace

FocusRing::FocusRing() {
  qApp->installEventFilter(this);
  connect(qApp, &QApplication::focusChanged, this, [this](QWidget*, QWidget* now) { follow(now); });
}

FocusRing::~FocusRing() { delete m_frame; }

bool FocusRing::keyboardInUse() { return g_keyboardInUse; }

bool FocusRing::eventFilter(QObject* watched, QEvent* event) {
  const bool key =
      event->type() == QEvent::KeyPress && !isModifier(static_cast<QKeyEvent*>(event)->key());
  const bool press = event->type() == QEvent::MouseButtonPress;
  if ((key || press) && g_keyboardInUse != key) {
    g_keyboardInUse = key;
    follow(QApplication::focusWidget());
    if (QWidget* focused = QApplication::focusWidget()) {
      focused->update();
    }
  }
  return QObject::eventFilter(watched, event);
}

void FocusRing::follow(QWidget* focused) {
  QWidget* ringed = g_keyboardInUse && isRinged(focused) ? focused : nullptr;
  if (m_frame.isNull()) {
    if (ringed == nullptr) {
      return;
    }
    m_frame = new Frame;
  }
  m_frame->setWidget(ringed);
}

}  // namespace bookwheel
