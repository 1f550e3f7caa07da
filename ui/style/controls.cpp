// SPDX-License-Identifier: Apache-2.0
// Helpers that make the window's controls and set the properties the style reads.
#include "ui/style/controls.h"

#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QAction>
#include <QKeySequence>
#include <QPaintEvent>
#include <QPainter>
#include <QPushButton>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr auto kKind = "bwKind";
constexpr auto kGlyph = "bwGlyph";
constexpr auto kSmall = "bwSmall";
constexpr auto kChevron = "bwChevron";
constexpr auto kPill = "bwPill";
constexpr auto kLeft = "bwLeft";
constexpr auto kFrameless = "bwFrameless";
constexpr auto kSurface = "bwSurface";

bool flag(const QWidget* widget, const char* name) {
  return widget != nullptr && widget->property(name).toBool();
}

void setFlag(QWidget* widget, const char* name, const QVariant& value) {
  widget->setProperty(name, value);
  widget->updateGeometry();
  widget->update();
}

}  // namespace

QPushButton* makeButton(const QString& text, ButtonKind kind, const QString& glyph, ButtonSize size,
                        QWidget* parent) {
  auto* button = new QPushButton(text, parent);
  followType(button, Type::Control);
  button->setAccessibleName(text);
  button->setAutoDefault(false);
  button->setProperty(kSmall, size == ButtonSize::Small);
  setKind(button, kind);
  setGlyph(button, glyph);
  return button;
}

QPushButton* makeIconButton(const QString& glyph, const QString& name, const QString& key,
                            QWidget* parent) {
  auto* button = makeButton(QString(), ButtonKind::Quiet, glyph, ButtonSize::Normal, parent);
  button->setAccessibleName(name);
  button->setToolTip(withKey(name, key));
  return button;
}

QPushButton* makeActionButton(QAction* action, const QString& glyph, QWidget* parent) {
  auto* button = makeIconButton(glyph, QString(), QString(), parent);
  const auto follow = [button, action] {
    QString name = action->text();
    name.remove(u'&');
    if (name.endsWith(u'…')) {
      name.chop(1);
    }
    button->setAccessibleName(name);
    button->setToolTip(withKey(name, action->shortcut().toString(QKeySequence::NativeText)));
    button->setEnabled(action->isEnabled());
    button->setCheckable(action->isCheckable());
    button->setChecked(action->isChecked());
  };
  follow();
  QObject::connect(action, &QAction::changed, button, follow);
  QObject::connect(button, &QPushButton::clicked, action, [button, action] {
    action->trigger();
    button->setChecked(action->isChecked());
  });
  return button;
}

QString withKey(const QString& name, const QString& key) {
  return key.isEmpty() ? name : u"%1 (%2)"_s.arg(name, key);
}

void setKind(QPushButton* button, ButtonKind kind) {
  setFlag(button, kKind, static_cast<int>(kind));
}
void setGlyph(QPushButton* button, const QString& glyph) { setFlag(button, kGlyph, glyph); }
void setChevron(QPushButton* button, bool on) { setFlag(button, kChevron, on); }
void setPill(QPushButton* button) { setFlag(button, kPill, true); }
void setLeftAligned(QPushButton* button) { setFlag(button, kLeft, true); }
void setFrameless(QWidget* field) { setFlag(field, kFrameless, true); }
void setSurface(QWidget* widget, Surface surface) {
  setFlag(widget, kSurface, static_cast<int>(surface));
}

ButtonKind buttonKind(const QWidget* widget) {
  return widget == nullptr ? ButtonKind::Outlined
                           : static_cast<ButtonKind>(widget->property(kKind).toInt());
}
QString glyphOf(const QWidget* widget) {
  return widget == nullptr ? QString() : widget->property(kGlyph).toString();
}
bool isSmall(const QWidget* widget) { return flag(widget, kSmall); }
bool hasChevron(const QWidget* widget) { return flag(widget, kChevron); }
bool isPill(const QWidget* widget) { return flag(widget, kPill); }
bool isLeftAligned(const QWidget* widget) { return flag(widget, kLeft); }
bool isFrameless(const QWidget* widget) { return flag(widget, kFrameless); }
Surface surfaceOf(const QWidget* widget) {
  return widget == nullptr ? Surface::Pane
                           : static_cast<Surface>(widget->property(kSurface).toInt());
}

QColor inkColor(Ink ink) {
  const Theme& t = theme();
  switch (ink) {
    case Ink::Text:
      return t.text;
    case Ink::Text2:
      return t.text2;
    case Ink::Text3:
      return t.text3;
    case Ink::Accent:
      return t.accent;
    case Ink::Warn:
      return t.warn;
    case Ink::Error:
      return t.error;
  }
  Q_UNREACHABLE();
}

Label::Label(Type type, Ink ink, Fit fit, QWidget* parent)
    : QLabel(parent), m_type(type), m_ink(ink), m_fit(fit) {
  setTextFormat(Qt::PlainText);
  setForegroundRole(QPalette::WindowText);  // inside a list it would be Text
  setWordWrap(fit == Fit::Wrap);
  restyle();
  connect(&themeEvents(), &ThemeEvents::changed, this, &Label::restyle);
}

void Label::setInk(Ink ink) {
  m_ink = ink;
  restyle();
}

void Label::setType(Type type) {
  m_type = type;
  restyle();
}

void Label::restyle() {
  setFont(bookwheel::font(m_type));
  QPalette colours = palette();
  colours.setColor(QPalette::WindowText, inkColor(m_ink));
  setPalette(colours);
}

QSize Label::sizeHint() const {
  if (m_fit != Fit::Elide) {
    return QLabel::sizeHint();
  }
  return {fontMetrics().horizontalAdvance(text()) + 1, fontMetrics().height()};
}

QSize Label::minimumSizeHint() const {
  if (m_fit != Fit::Elide) {
    return QLabel::minimumSizeHint();
  }
  return {std::min(sizeHint().width(), fontMetrics().averageCharWidth() * 4),
          fontMetrics().height()};
}

void Label::paintEvent(QPaintEvent* event) {
  if (m_fit != Fit::Elide) {
    QLabel::paintEvent(event);
    return;
  }
  QPainter painter(this);
  drawText(painter, rect(), static_cast<int>(alignment()), text(), m_type, inkColor(m_ink));
}

namespace {

class Line : public QWidget {
 public:
  explicit Line(Qt::Orientation orientation, QWidget* parent) : QWidget(parent) {
    if (orientation == Qt::Horizontal) {
      setFixedHeight(1);
    } else {
      setFixedWidth(1);
    }
  }

 protected:
  void paintEvent(QPaintEvent*) override { QPainter(this).fillRect(rect(), theme().border); }
};

}  // namespace

QWidget* makeLine(Qt::Orientation orientation, QWidget* parent) {
  return new Line(orientation, parent);
}

SurfaceWidget::SurfaceWidget(Surface surface, QWidget* parent)
    : QWidget(parent), m_surface(surface) {}

void SurfaceWidget::paintEvent(QPaintEvent* event) {
  QPainter(this).fillRect(event->rect(),
                          m_surface == Surface::Window ? theme().window : theme().pane);
}

Card::Card(QWidget* parent) : QWidget(parent) {}

void Card::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  drawBox(painter, rect(), radius::kCard, theme().raised, theme().border);
}

void followType(QWidget* widget, Type type) {
  const auto apply = [widget, type] { widget->setFont(font(type)); };
  apply();
  QObject::connect(&themeEvents(), &ThemeEvents::changed, widget, apply);
}

}  // namespace bookwheel
