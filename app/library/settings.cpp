// SPDX-License-Identifier: Apache-2.0
// Settings: one declared table of key, type, default and range, kept in one small JSON file.
#include "app/library/settings.h"

#include "app/library/data_folders.h"

#include <QCoreApplication>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QSaveFile>
#include <QTimer>

#include <cmath>
#include <vector>

namespace bookwheel {
namespace {

/// More than this is no settings file of ours.
constexpr qint64 kMostFileBytes = 4 << 20;
constexpr int kSaveDelayMs = 500;

const std::vector<SettingRow>& rows() {
  static const std::vector<SettingRow> kSettings = {
      {Setting::ModelPath, "model.path", QString(), {}, {}, {}},
      {Setting::ModelFolders, "model.folders", QStringList(), {}, {}, {}},
      {Setting::ModelFiles, "model.files", QStringList(), {}, {}, {}},
      {Setting::Threads, "model.threads", 0, 0, 1024, {}},
      {Setting::ReadAutomatically, "reading.automatic", true, {}, {}, {}},
      {Setting::MemoryBudget, "memory.budget_bytes", 0.0, 0.0, 0x1p60, {}},
      {Setting::StoreInFile, "memory.store_in_file", false, {}, {}, {}},
      // Low, not zero: greedy answers of small models repeat themselves.
      {Setting::Temperature, "answers.temperature", 0.3, 0.0, 5.0, {}},
      {Setting::TopK, "answers.top_k", 40, 0, 1000000, {}},
      {Setting::TopP, "answers.top_p", 0.95, 0.0, 1.0, {}},
      {Setting::MinP, "answers.min_p", 0.05, 0.0, 1.0, {}},
      {Setting::RepeatPenalty, "answers.repeat_penalty", 1.0, 0.1, 10.0, {}},
      {Setting::Seed, "answers.seed", 0, 0, 2147483647, {}},
      {Setting::MaxAnswerTokens, "answers.max_tokens", 1024, 1, 1000000, {}},
      {Setting::Theme,
       "looks.theme",
       QStringLiteral("system"),
       {},
       {},
       {QStringLiteral("system"), QStringLiteral("light"), QStringLiteral("dark")}},
      {Setting::DarkPages, "looks.dark_pages", false, {}, {}, {}},
      {Setting::TextPercent, "looks.text_percent", 100, 50, 300, {}},
      {Setting::ReduceMotion,
       "looks.reduce_motion",
       QStringLiteral("system"),
       {},
       {},
       {QStringLiteral("system"), QStringLiteral("on"), QStringLiteral("off")}},
      {Setting::WindowGeometry, "window.geometry", QString(), {}, {}, {}},
      {Setting::WindowLayout, "window.layout", QString(), {}, {}, {}},
      {Setting::Shortcuts, "window.shortcuts", QString(), {}, {}, {}},
      {Setting::LastFolder, "window.last_folder", QString(), {}, {}, {}},
  };
  return kSettings;
}

/// `value` as the row's type if it is one of its values, else invalid.
QVariant checked(const SettingRow& row, const QVariant& value) {
  switch (row.initial.typeId()) {
    case QMetaType::Bool:
      return value.typeId() == QMetaType::Bool ? value : QVariant();
    case QMetaType::Int:
    case QMetaType::Double: {
      if (value.typeId() == QMetaType::QString || value.typeId() == QMetaType::Bool) {
        return {};
      }
      bool isNumber = false;
      const double number = value.toDouble(&isNumber);
      if (!isNumber || !std::isfinite(number) || number < row.least.toDouble() ||
          number > row.most.toDouble()) {
        return {};
      }
      if (row.initial.typeId() == QMetaType::Double) {
        return number;
      }
      return number == std::floor(number) ? QVariant(static_cast<int>(number)) : QVariant();
    }
    case QMetaType::QString:
      if (value.typeId() != QMetaType::QString ||
          (!row.choices.isEmpty() && !row.choices.contains(value.toString()))) {
        return {};
      }
      return value;
    case QMetaType::QStringList: {
      if (value.typeId() == QMetaType::QStringList) {
        return value;
      }
      if (value.typeId() != QMetaType::QVariantList) {
        return {};
      }
      QStringList texts;
      for (const QVariant& item : value.toList()) {
        if (item.typeId() != QMetaType::QString) {
          return {};
        }
        texts.append(item.toString());
      }
      return texts;
    }
    default:
      return {};
  }
}

const SettingRow* rowWithKey(const QString& key) {
  for (const SettingRow& row : rows()) {
    if (key == QLatin1String(row.key)) {
      return &row;
    }
  }
  return nullptr;
}

}  // namespace

Settings::Settings(const QString& path, QObject* parent) : QObject(parent), m_path(path) { load(); }

Settings::~Settings() { save(); }

std::span<const SettingRow> Settings::table() { return rows(); }

const SettingRow& Settings::row(Setting setting) {
  // The enum and the table have the same order; the settings test holds them to it.
  return rows()[static_cast<std::size_t>(setting)];
}

QVariant Settings::value(Setting setting) const {
  const auto found = m_values.constFind(setting);
  return found != m_values.constEnd() ? *found : row(setting).initial;
}

bool Settings::set(Setting setting, const QVariant& value) {
  const SettingRow& of = row(setting);
  const QVariant good = checked(of, value);
  if (!good.isValid()) {
    return false;
  }
  if (this->value(setting) == good) {
    return true;
  }
  if (good == of.initial) {
    m_values.remove(setting);
  } else {
    m_values.insert(setting, good);
  }
  m_changed = true;
  saveSoon();
  Q_EMIT changed(setting);
  return true;
}

void Settings::reset(Setting setting) { set(setting, row(setting).initial); }

void Settings::resetAll() {
  for (const SettingRow& each : rows()) {
    reset(each.setting);
  }
}

void Settings::load() {
  QFile file(m_path);
  if (m_path.isEmpty() || !file.open(QIODevice::ReadOnly) || file.size() > kMostFileBytes) {
    return;
  }
  const QJsonObject object = QJsonDocument::fromJson(file.readAll()).object();
  for (auto entry = object.begin(); entry != object.end(); ++entry) {
    const SettingRow* const known = rowWithKey(entry.key());
    if (known == nullptr) {
      m_unknown.insert(entry.key(), entry.value().toVariant());
      continue;
    }
    const QVariant good = checked(*known, entry.value().toVariant());
    if (good.isValid() && good != known->initial) {
      m_values.insert(known->setting, good);
    }
  }
}

void Settings::saveSoon() {
  if (m_saveScheduled || m_path.isEmpty()) {
    return;
  }
  m_saveScheduled = true;
  QTimer::singleShot(kSaveDelayMs, this, [this] {
    m_saveScheduled = false;
    if (const QString sentence = save(); !sentence.isEmpty()) {
      Q_EMIT saveFailed(sentence);
    }
  });
}

QString Settings::save() {
  if (!m_changed || m_path.isEmpty()) {
    return {};
  }
  QJsonObject object = QJsonObject::fromVariantMap(m_unknown);
  for (auto entry = m_values.constBegin(); entry != m_values.constEnd(); ++entry) {
    object.insert(QLatin1String(row(entry.key()).key), QJsonValue::fromVariant(entry.value()));
  }
  const QByteArray bytes = QJsonDocument(object).toJson();
  // QSaveFile writes a temporary file, syncs it and renames it: the file is whole, old or new.
  QSaveFile file(m_path);
  if (!makeFolder(QFileInfo(m_path).path()).isEmpty() || !file.open(QIODevice::WriteOnly) ||
      file.write(bytes) != bytes.size() || !file.commit()) {
    return tr("The settings could not be saved to %1 (%2). They hold until Bookwheel is closed.")
        .arg(QDir::toNativeSeparators(m_path), file.errorString());
  }
  m_changed = false;
  return {};
}

}  // namespace bookwheel
