// SPDX-License-Identifier: Apache-2.0
// BookOpener: from a file or a row of the shelf to a text: recognize, take from the cache, or
// import.
#include "app/chat/book_opener.h"

#include <QDateTime>
#include <QDir>
#include <QFileInfo>
#include <QSet>

#include <utility>

namespace bookwheel {

BookOpener::BookOpener(Library& library, const QString& textFolder, QObject* parent)
    : QObject(parent), m_library(library), m_textFolder(textFolder) {
  // One thread: a text is written before a later request reads it.
  m_pool.setMaxThreadCount(1);
  connect(&m_import, &ImportClient::progressed, this, &BookOpener::progressed);
  connect(&m_import, &ImportClient::passwordNeeded, this, &BookOpener::passwordNeeded);
  connect(&m_import, &ImportClient::finished, this, &BookOpener::takeImported);
  connect(&m_import, &ImportClient::failed, this,
          [this](const QString& sentence, ImportFailure failure) {
            if (failure != ImportFailure::Cancelled) {
              fail({failure, m_path, sentence});
            }
          });
}

BookOpener::~BookOpener() {
  ++m_request;
  m_pool.waitForDone();
}

BookOpener::FileFacts BookOpener::factsOf(const QString& path, bool withHash) {
  FileFacts facts;
  const QFileInfo file(path);
  facts.exists = file.isFile();
  if (facts.exists) {
    facts.bytes = file.size();
    facts.modifiedMs = file.lastModified().toMSecsSinceEpoch();
    if (withHash) {
      facts.sha256 = hashFile(path);
    }
  }
  return facts;
}

template <typename Work, typename Then>
void BookOpener::inPool(Work work, Then then) {
  m_pool.start([this, request = m_request, work, then] {
    auto result = work();
    // The destructor waits for the pool; a result that comes later than that is dropped with the
    // object.
    QMetaObject::invokeMethod(
        this,
        [this, request, then, result = std::move(result)] {
          if (request == m_request) {
            then(result);
          }
        },
        Qt::QueuedConnection);
  });
}

void BookOpener::begin(const QString& path) {
  cancel();
  m_running = true;
  m_path = path;
  m_password.clear();
  m_known.reset();
  m_story = OpenedBook::Story::Usual;
}

void BookOpener::cancel() {
  ++m_request;
  m_running = false;
  if (m_import.isRunning()) {
    m_import.cancel();
  }
}

void BookOpener::finish(OpenedBook book) {
  m_running = false;
  Q_EMIT opened(book);
}

void BookOpener::fail(const OpenFailure& failure) {
  m_running = false;
  Q_EMIT failed(failure);
}

void BookOpener::openFile(const QString& path) {
  begin(QFileInfo(path).absoluteFilePath());
  inPool([path = m_path] { return factsOf(path, true); },
         [this](const FileFacts& facts) { takeFileFacts(facts); });
}

void BookOpener::openBook(const BookRecord& record) {
  begin(record.path);
  inPool(
      [record] {
        FileFacts facts = factsOf(record.path, false);
        // Same size and time: the same file, as for make and git. Else its bytes decide.
        if (facts.exists && facts.bytes == record.fileBytes &&
            facts.modifiedMs == record.fileModifiedMs) {
          facts.sha256 = record.sha256;
        } else if (facts.exists) {
          facts.sha256 = hashFile(record.path);
        }
        return facts;
      },
      [this, record](const FileFacts& facts) { takeBookFacts(record, facts); });
}

void BookOpener::takeFileFacts(const FileFacts& facts) {
  // A file that is not there or cannot be read: the importer has the sentence for it.
  const std::optional<BookRecord> known =
      facts.sha256.isEmpty() ? std::nullopt : m_library.bookWithHash(facts.sha256);
  if (!known) {
    startImport(facts.exists && m_library.newestBookAt(m_path) ? OpenedBook::Story::NewVersion
                                                               : OpenedBook::Story::Usual);
    return;
  }
  BookRecord record = *known;
  OpenedBook::Story story = OpenedBook::Story::Usual;
  const QString oldPath = record.path;
  if (record.path != m_path && !QFileInfo::exists(record.path)) {
    story = OpenedBook::Story::Moved;
  }
  record.path = m_path;
  record.fileBytes = facts.bytes;
  record.fileModifiedMs = facts.modifiedMs;
  m_known = record;
  m_oldPath = oldPath;
  loadText(record, story, true, [this, story] { startImport(story); });
}

void BookOpener::takeBookFacts(const BookRecord& record, const FileFacts& facts) {
  m_known = record;
  m_oldPath = record.path;
  if (!facts.exists) {
    loadText(record, OpenedBook::Story::FileGone, false, [this, record] {
      fail({ImportFailure::CannotOpen, record.path,
            tr("The file %1 is not there any more, and its text was not kept: choose where it is "
               "now.")
                .arg(QDir::toNativeSeparators(record.path)),
            true, false});
    });
    return;
  }
  if (facts.sha256 == record.sha256) {
    m_known->fileBytes = facts.bytes;
    m_known->fileModifiedMs = facts.modifiedMs;
    loadText(*m_known, OpenedBook::Story::Usual, true,
             [this] { startImport(OpenedBook::Story::Usual); });
    return;
  }
  loadText(record, OpenedBook::Story::FileChanged, false, [this, record] {
    fail({ImportFailure::CannotOpen, record.path,
          tr("The file %1 was changed since it was read, and the text it had was not kept.")
              .arg(QDir::toNativeSeparators(record.path)),
          false, true});
  });
}

void BookOpener::loadText(const BookRecord& record, OpenedBook::Story story, bool fileThere,
                          const std::function<void()>& otherwise) {
  if (record.textKey.isEmpty() || m_textFolder.isEmpty()) {
    otherwise();
    return;
  }
  inPool([cache = DocumentCache(m_textFolder), key = record.textKey] { return cache.load(key); },
         [this, record, story, fileThere, otherwise](const std::optional<Document>& document) {
           if (!document) {
             otherwise();
             return;
           }
           OpenedBook book;
           book.record = record;
           book.record.opened = QDateTime::currentDateTimeUtc();
           book.document = *document;
           book.fileThere = fileThere;
           book.story = story;
           book.oldPath = m_oldPath;
           m_library.updateBook(book.record);
           finish(book);
         });
}

void BookOpener::startImport(OpenedBook::Story story) {
  m_story = story;
  m_import.start(m_path);
}

void BookOpener::providePassword(const QString& password) {
  m_password = password;
  m_import.providePassword(password);
}

void BookOpener::takeImported(const Document& document) {
  const bool keepsText = m_password.isEmpty() && !m_textFolder.isEmpty();
  const QString key = keepsText ? DocumentCache::keyOf(document.sha256()) : QString();
  const auto store = [this, document, key](bool kept) {
    // The bytes that were read decide, not those that were hashed before: the file may have changed
    // between.
    BookRecord record;
    if (const auto same = m_library.bookWithHash(document.sha256())) {
      record = *same;
    }
    const QFileInfo file(m_path);
    record.path = m_path;
    record.sha256 = document.sha256();
    record.fileBytes = document.fileBytes();
    record.fileModifiedMs = file.lastModified().toMSecsSinceEpoch();
    record.title = document.title().isEmpty() ? file.completeBaseName() : document.title();
    record.format = formatName(document.format());
    record.pages = document.pageCount();
    record.characters = document.characters();
    record.textKey = kept ? key : QString();
    record.opened = QDateTime::currentDateTimeUtc();
    if (record.range.last > record.pages) {
      record.range = {};
    }
    if (record.id == 0) {
      record.id = m_library.addBook(record);
    } else {
      m_library.updateBook(record);
    }
    OpenedBook book;
    book.record = record;
    book.document = document;
    book.password = m_password;
    book.story = m_story;
    book.oldPath = m_oldPath;
    finish(book);
  };
  if (!keepsText) {
    store(false);
    return;
  }
  // The text first, then the row that names it.
  inPool([cache = DocumentCache(m_textFolder), key, document] { return cache.save(key, document); },
         [this, store](const QString& problem) {
           store(problem.isEmpty());
           if (!problem.isEmpty()) {
             Q_EMIT textNotKept(problem);
           }
         });
}

void BookOpener::sweep() {
  if (m_textFolder.isEmpty()) {
    return;
  }
  QSet<QString> keys;
  for (const BookRecord& book : m_library.books()) {
    keys.insert(book.textKey);
  }
  m_pool.start([cache = DocumentCache(m_textFolder), keys] { cache.sweep(keys); });
}

}  // namespace bookwheel
