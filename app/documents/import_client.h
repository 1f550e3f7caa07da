// SPDX-License-Identifier: Apache-2.0
// Reads a document file through the jailed helper process bookwheel-import.
#pragma once

#include "app/documents/document.h"

#include <QObject>
#include <QString>
#include <QStringList>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

namespace bookwheel {

/// Why a document could not be read. The sentence that comes with it says it in words.
enum class ImportFailure {
  CannotOpen,      ///< no such file, a folder, no permission
  Empty,           ///< 0 bytes, or nothing but white space
  TooLarge,        ///< over a limit of import_limits.h; the sentence has the numbers
  Unsupported,     ///< binary, or a format that is not read
  Scanned,         ///< a PDF in which no page has text
  PasswordNeeded,  ///< protected, and no password was given
  PasswordWrong,   ///< protected, and the given password does not open it
  Damaged,         ///< says it is a format that is read, but breaks its rules
  HelperMissing,   ///< bookwheel-import is not installed where it should be
  HelperFailed,  ///< the helper crashed, was killed or broke the protocol before anything was read
  TimedOut,      ///< the helper made no progress before the deadline
  Cancelled,     ///< cancel() was called
};

struct ImportOptions {
  QString password;
  /// The helper program; empty looks in the environment variable BOOKWHEEL_IMPORT, beside this
  /// program, then in the installed libexec folder.
  QString helper;
  /// The helper is killed after this long without a sign of progress.
  std::chrono::milliseconds stallLimit{60'000};
  /// Called from readDocument() only, in the calling thread; total is 0 while it is unknown.
  std::function<void(int pagesDone, int pagesTotal)> progress;
};

/// One file at a time. Belongs to one thread, which must run an event loop; the object never blocks
/// it. Every start() ends in exactly one of finished() or failed(), never inside start() itself.
///
/// A helper that crashes or hangs on a page is started again behind that page: the document then
/// lacks the page, and a warning says which ("Page 37 could not be read."). After passwordNeeded
/// the client waits for providePassword() or cancel().
class ImportClient : public QObject {
  Q_OBJECT

 public:
  explicit ImportClient(QObject* parent = nullptr);
  ~ImportClient() override;  ///< kills a running helper

  /// Drops what is running, then reads `path`.
  void start(const QString& path, const ImportOptions& options = {});
  void providePassword(const QString& password);
  /// Ends in failed(..., Cancelled) when something is running, else does nothing.
  void cancel();
  bool isRunning() const;
  /// Process id of the helper, 0 when none runs (tests kill it).
  qint64 helperPid() const;

 Q_SIGNALS:
  /// Pages read so far; total is 0 while unknown.
  void progressed(int pagesDone, int pagesTotal);
  /// wrong: a password was given and did not open the file.
  void passwordNeeded(bool wrong);
  void finished(const bookwheel::Document& document);
  void failed(const QString& sentence, bookwheel::ImportFailure failure);

 private:
  class Private;
  std::unique_ptr<Private> d;
};

/// What readDocument() gives: a document, or a sentence and its kind.
struct ImportResult {
  std::optional<Document> document;
  QString sentence;
  ImportFailure failure = ImportFailure::HelperFailed;
};

/// Blocks until the file is read; needs a QCoreApplication, any thread. A protected file without
/// the right password is an ordinary failure here.
ImportResult readDocument(const QString& path, const ImportOptions& options = {});

/// Where the helper is, or an empty string.
QString findImportHelper();

/// Suffixes of the formats that are read, lower case without the dot, for dialogs and drops. The
/// content decides in the end.
QStringList documentSuffixes();

}  // namespace bookwheel
