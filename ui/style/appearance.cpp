// SPDX-License-Identifier: Apache-2.0
// Appearance: follows the system's and the person's choice of theme, contrast, text size and
// motion.
#include "ui/style/appearance.h"

#include "ui/style/style.h"
#include "ui/style/theme.h"
#include "ui/style/type.h"

#include <QApplication>
#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusVariant>
#include <QToolTip>
#include <QWidget>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

const QString kPortal = u"org.freedesktop.portal.Desktop"_s;
const QString kPortalPath = u"/org/freedesktop/portal/desktop"_s;
const QString kPortalSettings = u"org.freedesktop.portal.Settings"_s;
const QString kAppearance = u"org.freedesktop.appearance"_s;
const QString kGnome = u"org.gnome.desktop.interface"_s;

constexpr uint kPrefersDark = 1;  // 0 no preference, 2 light; GNOME's light is 0
constexpr int kAnimationMs = 120;

}  // namespace

Appearance::Appearance(Settings& settings, QObject* parent)
    : QObject(parent),
      m_settings(settings),
      m_style(new BookwheelStyle),
      m_systemDark(QApplication::palette().color(QPalette::Window).lightness() < 128) {
  QApplication::setStyle(m_style);
  connect(&m_settings, &Settings::changed, this, [this](Setting setting) {
    if (setting == Setting::Theme || setting == Setting::TextPercent ||
        setting == Setting::ReduceMotion) {
      apply();
    }
  });
  apply();
  askPortal();
}

bool Appearance::isDark() const {
  const QString choice = m_settings.text(Setting::Theme);
  return choice == u"dark"_s || (choice != u"light"_s && m_systemDark);
}

bool Appearance::motionAllowed() const {
  const QString choice = m_settings.text(Setting::ReduceMotion);
  return choice == u"off"_s || (choice != u"on"_s && !m_systemReducesMotion);
}

void Appearance::askPortal() {
  QDBusConnection bus = QDBusConnection::sessionBus();
  if (!bus.isConnected()) {
    return;
  }
  bus.connect(kPortal, kPortalPath, kPortalSettings, u"SettingChanged"_s, this,
              SLOT(onPortalChanged(QString, QString, QDBusVariant)));
  ask(kAppearance, u"color-scheme"_s);
  ask(kAppearance, u"contrast"_s);
  ask(kAppearance, u"reduced-motion"_s);
  ask(kGnome, u"enable-animations"_s);
}

void Appearance::ask(const QString& space, const QString& key) {
  QDBusMessage call =
      QDBusMessage::createMethodCall(kPortal, kPortalPath, kPortalSettings, u"Read"_s);
  call << space << key;
  auto* watcher = new QDBusPendingCallWatcher(QDBusConnection::sessionBus().asyncCall(call), this);
  connect(watcher, &QDBusPendingCallWatcher::finished, this,
          [this, space, key](QDBusPendingCallWatcher* done) {
            const QDBusPendingReply<QDBusVariant> reply = *done;
            done->deleteLater();
            if (!reply.isError()) {
              take(space, key, reply.value().variant());
            }
          });
}

void Appearance::onPortalChanged(const QString& space, const QString& key,
                                 const QDBusVariant& value) {
  take(space, key, value.variant());
}

void Appearance::take(const QString& space, const QString& key, const QVariant& value) {
  // Read() wraps its answer in a second variant.
  const QVariant plain =
      value.canConvert<QDBusVariant>() ? value.value<QDBusVariant>().variant() : value;
  if (space == kAppearance && key == u"color-scheme"_s) {
    m_systemDark = plain.toUInt() == kPrefersDark;
  } else if (space == kAppearance && key == u"contrast"_s) {
    m_systemContrast = plain.toUInt() == 1;
  } else if (space == kAppearance && key == u"reduced-motion"_s) {
    m_systemReducesMotion = plain.toUInt() == 1;
  } else if (space == kGnome && key == u"enable-animations"_s) {
    m_systemReducesMotion = !plain.toBool();
  } else {
    return;
  }
  apply();
}

void Appearance::apply() {
  const Theme& base = isDark() ? darkTheme() : lightTheme();
  setTheme(m_systemContrast ? highContrast(base) : base);
  setTextScale(m_settings.integer(Setting::TextPercent));
  m_style->setAnimationMs(motionAllowed() ? kAnimationMs : 0);
  QApplication::setPalette(paletteOf(theme()));
  QApplication::setFont(font(Type::Row));
  QToolTip::setFont(font(Type::Note));
  QToolTip::setPalette(paletteOf(theme()));
  Q_EMIT themeEvents().changed();
  const auto widgets = QApplication::allWidgets();
  for (QWidget* widget : widgets) {
    widget->updateGeometry();
    widget->update();
  }
}

}  // namespace bookwheel
