// SPDX-License-Identifier: Apache-2.0
// Appearance: follows the system's and the person's choice of theme, contrast, text size and
// motion.
#pragma once

#include "app/library/settings.h"

#include <QObject>
#include <QVariant>

class QDBusVariant;

namespace bookwheel {

class BookwheelStyle;

/// Installs the style, palette and fonts at once and again whenever a choice changes. The system is
/// asked through the settings portal, without waiting: until it answers, and where there is none,
/// the lightness of the palette the program started with decides. GUI thread; one a program.
class Appearance : public QObject {
  Q_OBJECT
 public:
  /// `settings` must outlive it.
  explicit Appearance(Settings& settings, QObject* parent = nullptr);

  bool isDark() const;
  bool motionAllowed() const;

 private Q_SLOTS:
  void onPortalChanged(const QString& space, const QString& key, const QDBusVariant& value);

 private:
  void askPortal();
  void ask(const QString& space, const QString& key);
  void take(const QString& space, const QString& key, const QVariant& value);
  void apply();

  Settings& m_settings;
  BookwheelStyle* m_style;  // owned by QApplication
  bool m_systemDark;
  bool m_systemContrast = false;
  bool m_systemReducesMotion = false;
};

}  // namespace bookwheel
