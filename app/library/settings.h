// SPDX-License-Identifier: Apache-2.0
// Settings: one declared table of key, type, default and range, kept in one small JSON file.
#pragma once

#include <QHash>
#include <QObject>
#include <QString>
#include <QStringList>
#include <QVariant>

#include <span>

namespace bookwheel {

/// Every setting of the program. To add one: a name here and a row in kSettings (settings.cpp).
enum class Setting {
  // Model and reading
  ModelPath,          ///< QString; the model to load at start, "" none
  ModelFolders,       ///< QStringList; searched beside the standard folder
  ModelFiles,         ///< QStringList; opened by dialog, outside the folders
  Threads,            ///< int; 0: one for each core
  ReadAutomatically,  ///< bool; a document that fits is read without asking
  MemoryBudget,       ///< double; bytes that model and memory of a book may take; 0 none chosen
  StoreInFile,        ///< bool; where that budget wants the 16-bit keys and values
  // Answers
  Temperature,
  TopK,
  TopP,
  MinP,
  RepeatPenalty,
  Seed,             ///< int; 0: another one for each answer
  MaxAnswerTokens,  ///< int
  // Looks
  Theme,         ///< QString: "system", "light", "dark"
  DarkPages,     ///< bool; the document's own dark mode
  TextPercent,   ///< int; size of all text
  ReduceMotion,  ///< QString: "system", "on", "off"
  // Window
  WindowGeometry,  ///< QString; base64 of QWidget::saveGeometry
  WindowLayout,    ///< QString; what the window writes for its width classes (JSON)
  Shortcuts,       ///< QString; JSON object: action name to key sequence
  LastFolder,      ///< QString; where the last dialog was
};

struct SettingRow {
  Setting setting;
  const char* key;  ///< in the file, for example "answers.temperature"
  QVariant initial;
  QVariant least;  ///< of numbers; invalid: none
  QVariant most;
  QStringList choices;  ///< of texts; empty: any text
};

/// GUI thread. Values read from the file that have the wrong type or are out of range count as
/// absent, so a damaged file costs settings, never the start. Written half a second after a change
/// and in the destructor, to a temporary file that then takes the old one's name.
class Settings : public QObject {
  Q_OBJECT
 public:
  /// `path`: the file; "" keeps everything in memory (tests).
  explicit Settings(const QString& path, QObject* parent = nullptr);
  ~Settings() override;

  static std::span<const SettingRow> table();
  static const SettingRow& row(Setting setting);

  QVariant value(Setting setting) const;
  bool flag(Setting setting) const { return value(setting).toBool(); }
  int integer(Setting setting) const { return value(setting).toInt(); }
  double number(Setting setting) const { return value(setting).toDouble(); }
  QString text(Setting setting) const { return value(setting).toString(); }
  QStringList list(Setting setting) const { return value(setting).toStringList(); }

  /// False, and nothing changes, if the value has the wrong type or is out of the row's range.
  bool set(Setting setting, const QVariant& value);
  void reset(Setting setting);
  void resetAll();

  /// Writes what has changed now. Returns one sentence if that failed, else "".
  QString save();

 Q_SIGNALS:
  void changed(Setting setting);
  void saveFailed(const QString& sentence);

 private:
  void load();
  void saveSoon();

  const QString m_path;
  QHash<Setting, QVariant> m_values;  // only what differs from the default
  QVariantMap m_unknown;              // keys of a newer version, written back as they were
  bool m_changed = false;
  bool m_saveScheduled = false;
};

}  // namespace bookwheel
