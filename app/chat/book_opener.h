// SPDX-License-Identifier: Apache-2.0
// BookOpener: from a file or a row of the shelf to a text: recognize, take from the cache, or
// import.
#pragma once

#include "app/documents/document.h"
#include "app/documents/import_client.h"
#include "app/library/document_cache.h"
#include "app/library/library.h"

#include <QByteArray>
#include <QObject>
#include <QString>
#include <QThreadPool>

#include <functional>
#include <optional>

namespace bookwheel {

/// What was opened. The record is in the library already.
struct OpenedBook {
  enum class Story {
    Usual,
    Moved,        ///< the same bytes were known under another path, which is gone: oldPath
    NewVersion,   ///< a known path with other bytes: this is a new book, the old one stays
    FileGone,     ///< only the kept text is left
    FileChanged,  ///< the kept text of the old bytes; the file at the path has others now
  };
  BookRecord record;
  Document document;
  QString password;       ///< that opened the file; "" none
  bool fileThere = true;  ///< the file at record.path is the one the text is from
  Story story = Story::Usual;
  QString oldPath;
};

/// Why not. `sentence` is whole and has its numbers and what to do.
struct OpenFailure {
  ImportFailure kind = ImportFailure::CannotOpen;
  QString path;
  QString sentence;
  bool fileGone = false;  ///< a book of the shelf whose file and text are both gone
  bool fileChanged =
      false;  ///< a book of the shelf whose text is gone and whose file is another one now
};

/// GUI thread. Hashing and the text cache run in a pool thread of its own, parsing in the helper
/// process; no method blocks. Each open() ends in exactly one of opened(), failed() or a later
/// open() or cancel(). A protected document's text is not kept on the disk: it asks for its
/// password each time.
class BookOpener : public QObject {
  Q_OBJECT
 public:
  /// `textFolder`: of the DocumentCache; "" keeps no texts.
  BookOpener(Library& library, const QString& textFolder, QObject* parent = nullptr);
  ~BookOpener() override;

  void openFile(const QString& path);
  void openBook(const BookRecord& record);
  void providePassword(const QString& password);
  void cancel();
  bool isRunning() const { return m_running; }
  QString path() const { return m_path; }
  /// Process id of the import helper; 0 none (tests kill it).
  qint64 helperPid() const { return m_import.helperPid(); }
  /// Removes kept texts that no book names, off this thread.
  void sweep();

 Q_SIGNALS:
  void progressed(int pagesDone, int pagesTotal);
  void passwordNeeded(bool wrong);
  void opened(const OpenedBook& book);
  void failed(const OpenFailure& failure);
  /// The text could not be kept; the book is open all the same.
  void textNotKept(const QString& sentence);

 private:
  struct FileFacts {
    bool exists = false;
    qint64 bytes = 0;
    qint64 modifiedMs = 0;
    QByteArray sha256;  // empty: not asked for, or not readable
  };
  static FileFacts factsOf(const QString& path, bool withHash);

  /// Runs `work` in the pool and `then` with its result here, unless another open() came between.
  template <typename Work, typename Then>
  void inPool(Work work, Then then);
  void begin(const QString& path);
  void finish(OpenedBook book);
  void fail(const OpenFailure& failure);
  void takeFileFacts(const FileFacts& facts);
  void takeBookFacts(const BookRecord& record, const FileFacts& facts);
  void loadText(const BookRecord& record, OpenedBook::Story story, bool fileThere,
                const std::function<void()>& otherwise);
  void startImport(OpenedBook::Story story);
  void takeImported(const Document& document);

  Library& m_library;
  const QString m_textFolder;
  ImportClient m_import;
  QThreadPool m_pool;
  quint64 m_request = 0;
  bool m_running = false;
  QString m_path;
  QString m_password;
  QString m_oldPath;
  OpenedBook::Story m_story = OpenedBook::Story::Usual;
  std::optional<BookRecord> m_known;  // the row that an import renews
};

}  // namespace bookwheel
