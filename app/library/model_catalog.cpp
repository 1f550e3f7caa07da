// SPDX-License-Identifier: Apache-2.0
// ModelCatalog: the model files found on this computer, what each is, and whether it can take the
// document.
#include "app/library/model_catalog.h"

#include "app/library/words.h"
#include "engine/error.h"
#include "engine/model/gguf.h"
#include "engine/model/shape.h"
#include "engine/model/weights.h"

#include <QDir>
#include <QFileInfo>

#include <algorithm>
#include <filesystem>
#include <map>
#include <new>
#include <string>

namespace bookwheel {
namespace {

/// Beside weights and KV: activations, logits, code and the window (the bound for the
/// engine).
constexpr std::int64_t kWorkspaceBytes = std::int64_t{300} << 20;

/// The tensor type that holds most bytes of the file.
QString weightsType(const Gguf& file) {
  std::map<std::string, std::uint64_t> bytes;
  for (const GgufTensor& tensor : file.tensors()) {
    bytes[tensor.type.name()] += tensor.bytes;
  }
  const auto most = std::max_element(
      bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes.end() ? QString() : QString::fromStdString(most->first);
}

std::int64_t parameterCount(const Gguf& file) {
  std::int64_t count = 0;
  for (const GgufTensor& tensor : file.tensors()) {
    std::int64_t elements = 1;
    for (int dimension = 0; dimension < tensor.dimensionCount; ++dimension) {
      elements *= tensor.dimensions[static_cast<std::size_t>(dimension)];
    }
    count += elements;
  }
  return count;
}

}  // namespace

ModelEntry readModelEntry(const QString& path) {
  const QFileInfo info(path);
  ModelEntry entry;
  entry.path = info.absoluteFilePath();
  entry.name = info.completeBaseName();
  entry.fileBytes = info.size();
  try {
    const Gguf file = Gguf::open(std::filesystem::path(entry.path.toStdString()));
    entry.weights = weightsType(file);
    if (const auto architecture = file.text("general.architecture")) {
      entry.architecture =
          QString::fromUtf8(architecture->data(), static_cast<qsizetype>(architecture->size()));
    }
    const ModelShape shape = readShape(file);
    if (!shape.name.empty()) {
      entry.name = titleFrom(QString::fromStdString(shape.name));
    }
    entry.license = QString::fromStdString(shape.license);
    entry.contextTokens = shape.contextTokens;
    entry.kvBytesPerToken = shape.kvBytesPerToken();
    entry.parameters = parameterCount(file);
    bindWeights(file, shape);
  } catch (const Error& error) {
    entry.problem = QString::fromUtf8(error.what());
  } catch (const std::bad_alloc&) {
    entry.problem =
        ModelCatalog::tr("There is too little memory to look into %1.").arg(info.fileName());
  }
  return entry;
}

ModelCatalog::ModelCatalog(const QString& folder, Settings& settings, QObject* parent)
    : QAbstractListModel(parent), m_folder(folder), m_settings(settings) {
  m_pool.setMaxThreadCount(1);
}

ModelCatalog::~ModelCatalog() { m_pool.waitForDone(); }

int ModelCatalog::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_entries.size());
}

QVariant ModelCatalog::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) {
    return {};
  }
  const ModelEntry& entry = m_entries.at(index.row());
  switch (role) {
    case NameRole:
      return entry.name;
    case DetailRole:
      if (!entry.usable()) {
        return entry.problem;
      }
      return tr("%1, %2. Reads %3 tokens.")
          .arg(entry.weights, bytesText(entry.fileBytes), countText(entry.contextTokens));
    case SpeedRole: {
      const double speed = m_speeds.value(entry.path);
      return speed > 0 ? tr("about %1").arg(speedText(speed)) : QString();
    }
    case FitsRole:
      return fit(entry, m_documentTokens).words;
    case FitKindRole:
      return static_cast<int>(fit(entry, m_documentTokens).kind);
    case UsableRole:
      return entry.usable();
    case CurrentRole:
      return entry.path == m_current;
    case PathRole:
    case Qt::ToolTipRole:
      return entry.path;
    case AccessibleRole:
      return QStringList{entry.name, data(index, DetailRole).toString(),
                         data(index, SpeedRole).toString(), data(index, FitsRole).toString()}
          .join(QStringLiteral(", "));
    default:
      return {};
  }
}

QHash<int, QByteArray> ModelCatalog::roleNames() const {
  return {{NameRole, "name"},       {DetailRole, "detail"},   {SpeedRole, "speed"},
          {FitsRole, "fits"},       {FitKindRole, "fitKind"}, {UsableRole, "usable"},
          {CurrentRole, "current"}, {PathRole, "path"}};
}

void ModelCatalog::rescan() {
  QStringList folders{m_folder};
  folders += m_settings.list(Setting::ModelFolders);
  startScan(folders, m_settings.list(Setting::ModelFiles));
}

void ModelCatalog::addFile(const QString& path) {
  const QString absolute = QFileInfo(path).absoluteFilePath();
  QStringList files = m_settings.list(Setting::ModelFiles);
  if (rowOf(absolute) < 0 && !files.contains(absolute)) {
    files.append(absolute);
    m_settings.set(Setting::ModelFiles, files);
  }
  rescan();
}

void ModelCatalog::removeFile(const QString& path) {
  QStringList files = m_settings.list(Setting::ModelFiles);
  if (files.removeAll(path) > 0) {
    m_settings.set(Setting::ModelFiles, files);
    rescan();
  }
}

void ModelCatalog::startScan(const QStringList& folders, const QStringList& files) {
  ++m_scansRunning;
  // Headers that have not changed are not read again.
  QHash<QString, ModelEntry> known;
  for (const ModelEntry& entry : std::as_const(m_entries)) {
    if (entry.usable()) {
      known.insert(entry.path, entry);
    }
  }
  m_pool.start([this, folders, files, known] {
    QStringList paths;
    for (const QString& folder : folders) {
      const QDir directory(folder);
      for (const QFileInfo& file : directory.entryInfoList(
               {QStringLiteral("*.gguf")}, QDir::Files | QDir::Readable, QDir::Name)) {
        paths.append(file.absoluteFilePath());
      }
    }
    for (const QString& file : files) {
      if (QFileInfo::exists(file)) {
        paths.append(file);
      }
    }
    paths.removeDuplicates();
    QList<ModelEntry> entries;
    for (const QString& path : std::as_const(paths)) {
      const auto same = known.constFind(path);
      entries.append(same != known.constEnd() && same->fileBytes == QFileInfo(path).size()
                         ? *same
                         : readModelEntry(path));
    }
    // The destructor waits for this pool: the object lives; the event is dropped if it is deleted
    // first.
    QMetaObject::invokeMethod(
        this, [this, entries] { takeEntries(entries); }, Qt::QueuedConnection);
  });
}

void ModelCatalog::takeEntries(QList<ModelEntry> entries) {
  std::stable_sort(entries.begin(), entries.end(), [](const ModelEntry& a, const ModelEntry& b) {
    return std::pair(!a.usable(), a.fileBytes) < std::pair(!b.usable(), b.fileBytes);
  });
  beginResetModel();
  m_entries = std::move(entries);
  m_computer = readComputer(m_folder);
  endResetModel();
  --m_scansRunning;
  Q_EMIT scanned();
}

std::optional<ModelEntry> ModelCatalog::entry(const QString& path) const {
  const int row = rowOf(path);
  return row < 0 ? std::nullopt : std::optional<ModelEntry>(m_entries.at(row));
}

int ModelCatalog::rowOf(const QString& path) const {
  const auto found = std::find_if(m_entries.begin(), m_entries.end(),
                                  [&](const ModelEntry& entry) { return entry.path == path; });
  return found == m_entries.end() ? -1 : static_cast<int>(found - m_entries.begin());
}

QString ModelCatalog::suggested() const {
  // Room for a document of about 40 pages: a model that only just fits is no good first choice.
  constexpr std::int64_t kComfortTokens = 16384;
  QString best;
  std::int64_t bestBytes = 0;
  for (const ModelEntry& entry : m_entries) {
    const std::int64_t tokens = std::min(kComfortTokens, entry.contextTokens);
    if (fit(entry, tokens).kind == FitVerdict::Kind::Fits && entry.fileBytes > bestBytes) {
      best = entry.path;
      bestBytes = entry.fileBytes;
    }
  }
  return best;
}

QList<ModelEntry> ModelCatalog::thatFit(std::int64_t tokens) const {
  QList<ModelEntry> found;
  for (const ModelEntry& entry : m_entries) {
    if (fit(entry, tokens).kind == FitVerdict::Kind::Fits) {
      found.append(entry);
    }
  }
  return found;
}

FitVerdict ModelCatalog::fit(const ModelEntry& entry, std::int64_t tokens) const {
  if (!entry.usable()) {
    return {FitVerdict::Kind::Unusable, tr("cannot be used")};
  }
  if (tokens > entry.contextTokens) {
    // Another model cuts the text into other tokens: the count is of the one that is loaded.
    const QString over = countText(tokens - entry.contextTokens);
    return {FitVerdict::Kind::TooLong, entry.path == m_current
                                           ? tr("%1 tokens too long").arg(over)
                                           : tr("about %1 tokens too long").arg(over)};
  }
  std::int64_t free = static_cast<std::int64_t>(
      static_cast<double>(m_computer.memoryAvailableBytes) * kMemoryShare);
  if (const auto loaded = this->entry(m_current)) {
    free += loaded->fileBytes;  // is given back when another one is loaded
  }
  const std::int64_t need = entry.fileBytes + tokens * entry.kvBytesPerToken + kWorkspaceBytes;
  if (need > free) {
    return {FitVerdict::Kind::TooLittleMemory,
            tr("needs %1, %2 are free").arg(bytesText(need), bytesText(free))};
  }
  return {FitVerdict::Kind::Fits, tokens > 0 ? tr("fits whole") : tr("fits")};
}

QString ModelCatalog::summary() const {
  if (m_entries.isEmpty()) {
    return tr("No model file (*.gguf) was found in %1.").arg(QDir::toNativeSeparators(m_folder));
  }
  const auto count = static_cast<int>(m_entries.size());
  return count == 1 ? tr("%Ln file found here, nothing downloaded", nullptr, count)
                    : tr("%Ln files found here, nothing downloaded", nullptr, count);
}

void ModelCatalog::setCurrent(const QString& path) {
  if (path != m_current) {
    m_current = path;
    refreshFits();
  }
}

void ModelCatalog::setDocumentTokens(std::int64_t tokens) {
  if (tokens != m_documentTokens) {
    m_documentTokens = tokens;
    refreshFits();
  }
}

void ModelCatalog::setSpeed(const QString& path, double tokensPerSecond) {
  m_speeds.insert(path, tokensPerSecond);
  refreshFits();
}

void ModelCatalog::refreshFits() {
  m_computer = readComputer(m_folder);
  if (!m_entries.isEmpty()) {
    Q_EMIT dataChanged(index(0), index(static_cast<int>(m_entries.size()) - 1));
  }
}

}  // namespace bookwheel
