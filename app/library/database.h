// SPDX-License-Identifier: Apache-2.0
// Database: one SQLite file that goes on in memory when the disk does not take it, and comes back.
#pragma once

#include <QList>
#include <QString>
#include <QVariant>

#include <functional>
#include <initializer_list>
#include <memory>

class QSqlDatabase;
class QSqlQuery;

namespace bookwheel {

/// SQL that takes a database from `version` - 1 to `version`; a blank line ends a statement.
struct Migration {
  int version;
  QString sql;
};

/// The program's own, oldest first: resources/schema/NNN_*.sql.
const QList<Migration>& schemaMigrations();

/// One thread, the one that made it. Opening never fails: what cannot be kept on the disk is kept
/// in memory and problem() says why. WAL, synchronous=FULL, foreign keys on, deleted pages
/// overwritten.
///
///   file fine            -> works on the file
///   file damaged         -> set aside whole, its readable rows copied to a new file; notice()
///   file of a newer form -> left untouched, empty memory; problem()
///   folder or file not writable, disk full -> its rows copied to memory; problem(); returnToDisk()
///   later
class Database {
 public:
  /// `path` may be ":memory:". `migrations`: versions 1, 2, ... without a gap.
  Database(const QString& path, const QList<Migration>& migrations);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// "" while everything is where it belongs; else one sentence.
  const QString& problem() const { return m_problem; }
  /// One sentence about what happened at opening; "" nothing.
  const QString& notice() const { return m_notice; }

  enum class Outcome {
    Done,
    DiskFailed,  ///< nothing has changed; the disk did not take it
    Rejected,  ///< nothing has changed; a rule of the schema was broken: a mistake of ours, logged
  };
  /// Runs `change`, which calls execute(), in one transaction. `change` returns false to give up.
  Outcome transact(const std::function<bool()>& change);
  /// One statement; inside transact() for changes. `newId`: of the row it added.
  bool execute(const QString& sql, std::initializer_list<QVariant> values = {},
               qint64* newId = nullptr);
  /// One SELECT; `row` is called for each row. False if it failed (logged).
  bool select(const QString& sql, std::initializer_list<QVariant> values,
              const std::function<void(const QSqlQuery& row)>& row) const;

  /// After Outcome::DiskFailed: copies everything to memory and works there.
  void goToMemory();
  /// Writes what is only in memory to the file and works there again. True if nothing is only in
  /// memory.
  bool returnToDisk();
  /// Overwrites and shortens the write-ahead log, so that deleted text is in no file.
  void forgetDeleted();

 private:
  struct Connection;
  enum class Opening { Ok, Failed, Newer, Damaged };

  Opening openFile(Connection& connection);
  bool migrate(Connection& connection, int from);
  void openMemory();
  void setAside();
  void takeReadOnly();
  QString diskSentence(int code, const QString& text) const;
  void noteError(const QString& sql, const QSqlQuery& query) const;

  const QString m_path;
  const QList<Migration> m_migrations;
  std::unique_ptr<Connection> m_connection;
  QString m_problem;
  QString m_notice;
  bool m_mayReturn = false;  // memory holds all that the file holds
  mutable int m_lastCode = 0;
  mutable QString m_lastText;
};

}  // namespace bookwheel
