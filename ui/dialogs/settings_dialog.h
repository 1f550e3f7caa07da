// SPDX-License-Identifier: Apache-2.0
// SettingsDialog: the settings table as rows that apply at once.
#pragma once

#include "app/library/settings.h"
#include "ui/dialogs/dialog.h"

class QGridLayout;

namespace bookwheel {

/// Rows come from Settings::table(): a choice becomes a combo box, a flag a check box, a number a
/// field that says its range. There is no Apply button; every row can be taken back with its
/// default.
class SettingsDialog : public Dialog {
  Q_OBJECT
 public:
  SettingsDialog(Settings& settings, QWidget* parent);

 Q_SIGNALS:
  void shortcutsRequested();

 private:
  QWidget* makeControl(Setting setting, const QString& name);
  void addGroup(QGridLayout& grid, const QString& title);
  void addRow(QGridLayout& grid, Setting setting, const QString& name, const QString& note);
  QWidget* makeFolderList();

  Settings& m_settings;
};

}  // namespace bookwheel
