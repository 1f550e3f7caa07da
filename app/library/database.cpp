// SPDX-License-Identifier: Apache-2.0
// Database: one SQLite file that goes on in memory when the disk does not take it, and comes back.
#include "app/library/database.h"

#include "app/library/data_folders.h"
#include "app/library/database_rows.h"
#include "app/library/words.h"

#include <QCoreApplication>
#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QLoggingCategory>
#include <QSqlDatabase>
#include <QSqlError>
#include <QSqlQuery>
#include <QStorageInfo>
#include <QStringList>
#include <QUrl>

#include <atomic>
#include <iterator>
#include <utility>

Q_LOGGING_CATEGORY(logDatabase, "bookwheel.database")

namespace bookwheel {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(bookwheel::Database)
};

// SQLite's primary result codes (sqlite.org/rescode.html); the high bytes refine them.
constexpr int kCodeMask = 0xff;
constexpr int kError = 1;
constexpr int kBusy = 5;
constexpr int kReadOnly = 8;
constexpr int kCorrupt = 11;
constexpr int kFull = 13;
constexpr int kCannotOpen = 14;
constexpr int kConstraint = 19;
constexpr int kMismatch = 20;
constexpr int kMisuse = 21;
constexpr int kRange = 25;
constexpr int kNotADatabase = 26;

QString memoryPath() { return QStringLiteral(":memory:"); }

QStringList statements(const QString& script) {
  QStringList found;
  for (const QString& paragraph : script.split(QStringLiteral("\n\n"), Qt::SkipEmptyParts)) {
    QStringList lines;
    for (const QString& line : paragraph.split(QLatin1Char('\n'))) {
      if (!line.trimmed().startsWith(QStringLiteral("--"))) {
        lines.append(line);
      }
    }
    const QString statement = lines.join(QLatin1Char('\n')).trimmed();
    if (!statement.isEmpty()) {
      found.append(statement);
    }
  }
  return found;
}

int nativeCode(const QSqlError& error) { return error.nativeErrorCode().toInt() & kCodeMask; }

/// The first value of the first row; invalid if there is none or the statement failed.
QVariant firstValue(QSqlDatabase& database, const QString& sql, int* code = nullptr) {
  QSqlQuery query(database);
  query.setForwardOnly(true);
  if (query.exec(sql) && query.next()) {
    return query.value(0);
  }
  if (code != nullptr) {
    *code = nativeCode(query.lastError());
  }
  return {};
}

/// A null QString or QByteArray is an empty one everywhere in this program; SQL's NULL is a
/// QVariant without a value.
QVariant withoutNull(const QVariant& value) {
  if (value.typeId() == QMetaType::QString && value.toString().isNull()) {
    return QString(QLatin1String(""));
  }
  if (value.typeId() == QMetaType::QByteArray && value.toByteArray().isNull()) {
    return QByteArray("");
  }
  return value;
}

}  // namespace

/// Owns one named Qt connection.
struct Database::Connection {
  Connection(const QString& file, const QString& options) {
    static std::atomic<int> counter{0};
    name = QStringLiteral("bookwheel-%1").arg(counter.fetch_add(1));
    database = QSqlDatabase::addDatabase(QStringLiteral("QSQLITE"), name);
    database.setDatabaseName(file);
    // A second program on the same file is an exception (there is an instance lock): wait half a
    // second, not Qt's five, as the window waits too.
    database.setConnectOptions(QStringLiteral("QSQLITE_BUSY_TIMEOUT=500;") + options);
  }
  ~Connection() {
    database.close();
    database = QSqlDatabase();
    QSqlDatabase::removeDatabase(name);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  QString name;
  QSqlDatabase database;
};

Database::Database(const QString& path, const QList<Migration>& migrations)
    : m_path(path), m_migrations(migrations) {
  if (path == memoryPath()) {
    openMemory();
    return;
  }
  const bool isNew = !QFileInfo::exists(path);
  if (const QString problem = makeFolder(QFileInfo(path).path()); !problem.isEmpty()) {
    openMemory();
    m_problem = Words::tr("%1 Until then nothing is saved.").arg(problem);
    m_mayReturn = isNew;
    return;
  }
  m_connection = std::make_unique<Connection>(path, QString());
  switch (openFile(*m_connection)) {
    case Opening::Ok:
      return;
    case Opening::Newer:
      m_connection.reset();
      openMemory();
      m_mayReturn = false;
      return;
    case Opening::Damaged:
      m_connection.reset();
      setAside();
      return;
    case Opening::Failed:
      m_problem = diskSentence(m_lastCode, m_lastText);
      m_connection.reset();
      openMemory();
      m_mayReturn = true;
      if (!isNew) {
        takeReadOnly();
      }
      return;
  }
}

Database::~Database() = default;

Database::Opening Database::openFile(Connection& connection) {
  QSqlDatabase& database = connection.database;
  m_lastCode = 0;
  if (!database.open()) {
    m_lastCode = nativeCode(database.lastError());
    m_lastText = database.lastError().text();
    return Opening::Failed;
  }
  const auto failed = [&](const QSqlError& error) {
    m_lastCode = nativeCode(error);
    m_lastText = error.text();
    return m_lastCode == kCorrupt || m_lastCode == kNotADatabase ? Opening::Damaged
                                                                 : Opening::Failed;
  };
  QSqlQuery query(database);
  if (!query.exec(QStringLiteral("PRAGMA user_version")) || !query.next()) {
    return failed(query.lastError());
  }
  const int version = query.value(0).toInt();
  query.finish();
  const int ours = m_migrations.isEmpty() ? 0 : m_migrations.last().version;
  if (version > ours) {
    m_problem = Words::tr(
                    "The library %1 was written by a newer Bookwheel (form %2; this one "
                    "writes form %3). It was left as it is, and nothing is saved now: use "
                    "the newer Bookwheel.")
                    .arg(QDir::toNativeSeparators(m_path))
                    .arg(version)
                    .arg(ours);
    return Opening::Newer;
  }
  if (!query.exec(QStringLiteral("PRAGMA quick_check(1)")) || !query.next()) {
    return failed(query.lastError());
  }
  if (query.value(0).toString() != QStringLiteral("ok")) {
    m_lastText = query.value(0).toString();
    return Opening::Damaged;
  }
  query.finish();
  for (const char* const pragma :
       {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON",
        "PRAGMA secure_delete = ON", "BEGIN IMMEDIATE", "ROLLBACK"}) {
    if (!query.exec(QLatin1String(pragma))) {
      return failed(query.lastError());
    }
    query.finish();
  }
  return migrate(connection, version) ? Opening::Ok : Opening::Failed;
}

bool Database::migrate(Connection& connection, int from) {
  QSqlDatabase& database = connection.database;
  const auto noted = [&](const QSqlQuery& query) {
    m_lastCode = nativeCode(query.lastError());
    m_lastText = query.lastError().text();
    qCWarning(logDatabase) << "migration:" << m_lastText;
    return false;
  };
  const int last = m_migrations.isEmpty() ? 0 : m_migrations.last().version;
  if (from > 0 && from < last && m_path != memoryPath()) {
    const QString folder = QFileInfo(m_path).path() + QStringLiteral("/backups");
    makeFolder(folder);
    QSqlQuery backup(database);
    backup.prepare(QStringLiteral("VACUUM INTO ?"));
    backup.addBindValue(
        QStringLiteral("%1/library-form%2-%3.sqlite")
            .arg(folder)
            .arg(from)
            .arg(QDateTime::currentDateTimeUtc().toString(QStringLiteral("yyyyMMdd-HHmmsszzz"))));
    if (!backup.exec()) {
      return noted(backup);
    }
  }
  for (const Migration& migration : m_migrations) {
    if (migration.version <= from) {
      continue;
    }
    QStringList all = statements(migration.sql);
    all.append(QStringLiteral("PRAGMA user_version = %1").arg(migration.version));
    all.prepend(QStringLiteral("BEGIN IMMEDIATE"));
    all.append(QStringLiteral("COMMIT"));
    for (const QString& statement : std::as_const(all)) {
      QSqlQuery query(database);
      if (!query.exec(statement)) {
        noted(query);
        QSqlQuery(database).exec(QStringLiteral("ROLLBACK"));
        return false;
      }
    }
  }
  return true;
}

void Database::openMemory() {
  m_connection = std::make_unique<Connection>(memoryPath(), QString());
  m_connection->database.open();
  QSqlQuery(m_connection->database).exec(QStringLiteral("PRAGMA foreign_keys = ON"));
  if (!migrate(*m_connection, 0)) {
    qCCritical(logDatabase) << "the schema does not run:" << m_lastText;
  }
}

/// Renames the damaged file and its log, starts a new one and copies what can be read.
void Database::setAside() {
  const QString stamp = QDateTime::currentDateTime().toString(QStringLiteral("yyyy-MM-dd-HHmmss"));
  const QFileInfo file(m_path);
  QString aside = QStringLiteral("%1/%2-damaged-%3.%4")
                      .arg(file.path(), file.completeBaseName(), stamp, file.suffix());
  for (int number = 2; QFileInfo::exists(aside); ++number) {
    aside = QStringLiteral("%1/%2-damaged-%3-%4.%5")
                .arg(file.path(), file.completeBaseName(), stamp)
                .arg(number)
                .arg(file.suffix());
  }
  if (!QFile::rename(m_path, aside)) {
    openMemory();
    m_mayReturn = false;
    m_problem = Words::tr(
                    "The library %1 is damaged and cannot be set aside: nothing is saved "
                    "until its folder can be written.")
                    .arg(QDir::toNativeSeparators(m_path));
    return;
  }
  for (const QString& tail : {QStringLiteral("-wal"), QStringLiteral("-shm")}) {
    QFile::rename(m_path + tail, aside + tail);
  }
  m_connection = std::make_unique<Connection>(m_path, QString());
  if (openFile(*m_connection) != Opening::Ok) {
    m_problem = diskSentence(m_lastCode, m_lastText);
    m_connection.reset();
    openMemory();
    m_mayReturn = true;
  }
  // A copy is read, so that looking into the damaged file cannot change it.
  const QString copy = aside + QStringLiteral(".reading");
  QFile::copy(aside, copy);
  QFile::copy(aside + QStringLiteral("-wal"), copy + QStringLiteral("-wal"));
  {
    Connection old(copy, QString());
    if (old.database.open()) {
      copyRows(old.database, m_connection->database);
    }
  }
  for (const QString& tail : {QString(), QStringLiteral("-wal"), QStringLiteral("-shm")}) {
    QFile::remove(copy + tail);
  }
  const QString books =
      countText(firstValue(m_connection->database, QStringLiteral("SELECT count(*) FROM books"))
                    .toLongLong());
  const QString messages =
      countText(firstValue(m_connection->database, QStringLiteral("SELECT count(*) FROM messages"))
                    .toLongLong());
  m_notice = Words::tr(
                 "The library was damaged. What could be read is here: books %1, messages %2. "
                 "The damaged file is kept as %3.")
                 .arg(books, messages, QDir::toNativeSeparators(aside));
}

/// Fills memory with what a file holds that can be read but not written.
void Database::takeReadOnly() {
  // A folder that cannot be written has no room for the lock file of WAL; "immutable" reads without
  // it.
  const QString address = QUrl::fromLocalFile(m_path).toString(QUrl::FullyEncoded);
  for (const QString& name :
       {address + QStringLiteral("?mode=ro"), address + QStringLiteral("?immutable=1")}) {
    Connection file(name, QStringLiteral("QSQLITE_OPEN_URI;QSQLITE_OPEN_READONLY"));
    if (file.database.open() &&
        firstValue(file.database, QStringLiteral("SELECT count(*) FROM sqlite_schema")).isValid()) {
      m_mayReturn = copyRows(file.database, m_connection->database);
      return;
    }
  }
  m_mayReturn = false;
}

Database::Outcome Database::transact(const std::function<bool()>& change) {
  // Not QSqlDatabase::transaction() and commit(): their errors carry no code (Qt 6.4).
  const auto run = [this](const QString& sql) { return execute(sql); };
  m_lastCode = 0;
  const bool begun = run(QStringLiteral("BEGIN IMMEDIATE"));
  if (begun && change() && run(QStringLiteral("COMMIT"))) {
    return Outcome::Done;
  }
  if (begun) {
    // After some errors SQLite has rolled back already; then this fails, and may.
    QSqlQuery(m_connection->database).exec(QStringLiteral("ROLLBACK"));
  }
  switch (m_lastCode) {
    case 0:
    case kError:
    case kConstraint:
    case kMismatch:
    case kMisuse:
    case kRange:
      qCCritical(logDatabase) << "a change was rejected:" << m_lastText;
      return Outcome::Rejected;
    default:
      return Outcome::DiskFailed;
  }
}

void Database::noteError(const QString& sql, const QSqlQuery& query) const {
  m_lastCode = nativeCode(query.lastError());
  m_lastText = query.lastError().text();
  qCWarning(logDatabase).noquote() << m_lastText << "in" << sql.left(80);
}

bool Database::execute(const QString& sql, std::initializer_list<QVariant> values, qint64* newId) {
  QSqlQuery query(m_connection->database);
  bool good = query.prepare(sql);
  if (good) {
    for (const QVariant& value : values) {
      query.addBindValue(withoutNull(value));
    }
    good = query.exec();
  }
  if (!good) {
    noteError(sql, query);
    return false;
  }
  if (newId != nullptr) {
    *newId = query.lastInsertId().toLongLong();
  }
  return true;
}

bool Database::select(const QString& sql, std::initializer_list<QVariant> values,
                      const std::function<void(const QSqlQuery& row)>& row) const {
  QSqlQuery query(m_connection->database);
  query.setForwardOnly(true);
  bool good = query.prepare(sql);
  if (good) {
    for (const QVariant& value : values) {
      query.addBindValue(value);
    }
    good = query.exec();
  }
  while (good && query.next()) {
    row(query);
  }
  if (query.lastError().isValid()) {
    noteError(sql, query);
    return false;
  }
  return true;
}

void Database::goToMemory() {
  const QString sentence = diskSentence(m_lastCode, m_lastText);
  std::unique_ptr<Connection> file = std::move(m_connection);
  openMemory();
  m_mayReturn = copyRows(file->database, m_connection->database);
  m_problem = sentence;
}

bool Database::returnToDisk() {
  if (m_problem.isEmpty()) {
    return true;
  }
  if (!m_mayReturn || !makeFolder(QFileInfo(m_path).path()).isEmpty()) {
    return false;
  }
  const QString problem = m_problem;
  auto file = std::make_unique<Connection>(m_path, QString());
  if (openFile(*file) != Opening::Ok) {
    m_problem = problem;
    return false;
  }
  QSqlDatabase& memory = m_connection->database;
  const auto run = [&](const QString& sql) {
    QSqlQuery query(memory);
    if (query.exec(sql)) {
      return true;
    }
    noteError(sql, query);
    return false;
  };
  QSqlQuery attach(memory);
  attach.prepare(QStringLiteral("ATTACH ? AS disk"));
  attach.addBindValue(m_path);
  if (!attach.exec()) {
    return false;
  }
  attach.finish();
  bool good = run(QStringLiteral("BEGIN")) && run(QStringLiteral("PRAGMA defer_foreign_keys = ON"));
  for (const char* const name : kRowTables) {
    const QString table = QLatin1String(name);
    // Added and changed rows, not all: a disk that is nearly full has room for them.
    const QString key = table == QStringLiteral("model_speeds") ? QStringLiteral("model_key")
                                                                : QStringLiteral("id");
    QStringList columns = columnsOf(memory, table);
    QStringList updates;
    for (const QString& column : columns) {
      if (column != key) {
        updates.append(QStringLiteral("%1 = excluded.%1").arg(column));
      }
    }
    good = good &&
           run(QStringLiteral("INSERT INTO disk.%1 SELECT * FROM (SELECT * FROM main.%1 EXCEPT "
                              "SELECT * FROM disk.%1) WHERE true ON CONFLICT (%2) DO UPDATE SET %3")
                   .arg(table, key, updates.join(QStringLiteral(", "))));
  }
  for (qsizetype index = std::ssize(kRowTables) - 1; index >= 0; --index) {
    const QString table = QLatin1String(kRowTables[static_cast<std::size_t>(index)]);
    const QString key = table == QStringLiteral("model_speeds") ? QStringLiteral("model_key")
                                                                : QStringLiteral("id");
    good =
        good && run(QStringLiteral("DELETE FROM disk.%1 WHERE %2 NOT IN (SELECT %2 FROM main.%1)")
                        .arg(table, key));
  }
  good = good && run(QStringLiteral("COMMIT"));
  if (!good) {
    QSqlQuery(memory).exec(QStringLiteral("ROLLBACK"));
  }
  QSqlQuery(memory).exec(QStringLiteral("DETACH disk"));
  if (!good) {
    return false;
  }
  m_connection = std::move(file);
  m_problem.clear();
  return true;
}

void Database::forgetDeleted() {
  for (const char* const sql : {"INSERT INTO messages_words (messages_words) VALUES ('optimize')",
                                "PRAGMA wal_checkpoint(TRUNCATE)"}) {
    QSqlQuery query(m_connection->database);
    if (!query.exec(QLatin1String(sql))) {
      noteError(QLatin1String(sql), query);
    }
  }
}

QString Database::diskSentence(int code, const QString& text) const {
  const QString file = QDir::toNativeSeparators(m_path);
  const QString goesOn = Words::tr("Bookwheel goes on, and saves everything as soon as it can.");
  const QStorageInfo disk(QFileInfo(m_path).path());
  switch (code & kCodeMask) {
    case kFull:
      return Words::tr("The disk with %1 is full (%2 free): free some space. %3")
          .arg(file, bytesText(disk.bytesAvailable()), goesOn);
    case kReadOnly:
    case kCannotOpen:
      return Words::tr("%1 cannot be written: check its permissions and those of its folder. %2")
          .arg(file, goesOn);
    case kBusy:
      return Words::tr("Another program is using %1: close it. %2").arg(file, goesOn);
    default:
      return Words::tr("Writing %1 failed (%2; %3 free on its disk). %4")
          .arg(file, text.simplified(), bytesText(disk.bytesAvailable()), goesOn);
  }
}

}  // namespace bookwheel
