// SPDX-License-Identifier: Apache-2.0
// ModelCatalog: the model files found on this computer, what each is, and whether it can take the
// document.
#pragma once

#include "app/library/computer.h"
#include "app/library/settings.h"

#include <QAbstractListModel>
#include <QHash>
#include <QList>
#include <QString>
#include <QStringList>
#include <QThreadPool>

#include <cstdint>
#include <optional>

namespace bookwheel {

struct ModelEntry {
  QString path;          ///< absolute
  QString name;          ///< from the file, or the file's name
  QString architecture;  ///< "llama", "qwen2"; "" unknown
  QString weights;       ///< the tensor type most bytes are in: "Q4_K"; "" unknown
  QString license;
  std::int64_t fileBytes = 0;
  std::int64_t contextTokens = 0;  ///< what it was trained on
  std::int64_t kvBytesPerToken = 0;
  std::int64_t parameters = 0;
  QString problem;  ///< why it cannot be used, one sentence; "" it can
  bool usable() const { return problem.isEmpty(); }
};

/// What a document of so many tokens needs from a model and from this computer.
struct FitVerdict {
  enum class Kind {
    Fits,
    TooLong,  ///< for the model's context
    TooLittleMemory,
    Unusable,  ///< the file
  };
  Kind kind = Kind::Fits;
  QString words;  ///< "fits whole", "12,402 tokens too long", "needs 3.1 GB, 2.4 GB are free"
};

/// Reads the header of one file: never throws, the problem is in the entry. Blocks for some
/// milliseconds; any thread.
ModelEntry readModelEntry(const QString& path);

/// GUI thread; files are read in the thread pool.
class ModelCatalog : public QAbstractListModel {
  Q_OBJECT
 public:
  enum Role {
    NameRole = Qt::DisplayRole,
    DetailRole = Qt::UserRole,  ///< QString; "Q4_K, 1.0 GB. Reads 32,768 tokens."
    SpeedRole,                  ///< QString; "about 20 tokens/s", "" not measured here
    FitsRole,                   ///< QString; FitVerdict::words for the document that is open
    FitKindRole,                ///< int of FitVerdict::Kind
    UsableRole,                 ///< bool
    CurrentRole,                ///< bool; the loaded one
    PathRole,
    AccessibleRole = Qt::AccessibleTextRole,
  };

  /// `folder`: the standard model folder; others come from the settings.
  ModelCatalog(const QString& folder, Settings& settings, QObject* parent = nullptr);
  ~ModelCatalog() override;

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QHash<int, QByteArray> roleNames() const override;

  QString folder() const { return m_folder; }
  /// Looks for *.gguf in all folders, off this thread; scanned() follows, also if nothing was
  /// found.
  void rescan();
  bool scanning() const { return m_scansRunning > 0; }
  /// Remembers a file outside the folders and reads it; scanned() follows.
  void addFile(const QString& path);
  void removeFile(const QString& path);  ///< from the list, not from the disk

  const QList<ModelEntry>& entries() const { return m_entries; }
  std::optional<ModelEntry> entry(const QString& path) const;
  int rowOf(const QString& path) const;
  /// The one to load at a first start: the largest usable file that fits comfortably in memory; ""
  /// none.
  QString suggested() const;
  /// Usable models that read `tokens` and fit in memory, smallest first.
  QList<ModelEntry> thatFit(std::int64_t tokens) const;

  FitVerdict fit(const ModelEntry& entry, std::int64_t tokens) const;
  /// "3 files found here, nothing downloaded", "No model file found in ...".
  QString summary() const;

  // Set by the controller
  void setCurrent(const QString& path);
  QString current() const { return m_current; }
  void setDocumentTokens(std::int64_t tokens);  ///< 0: no document
  void setSpeed(const QString& path, double tokensPerSecond);

 Q_SIGNALS:
  void scanned();

 private:
  void startScan(const QStringList& folders, const QStringList& files);
  void takeEntries(QList<ModelEntry> entries);
  void refreshFits();

  const QString m_folder;
  Settings& m_settings;
  QList<ModelEntry> m_entries;
  QHash<QString, double> m_speeds;
  QString m_current;
  std::int64_t m_documentTokens = 0;
  ComputerFacts m_computer;
  int m_scansRunning = 0;
  QThreadPool m_pool;  // one thread that reads headers
};

}  // namespace bookwheel
