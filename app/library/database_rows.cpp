// SPDX-License-Identifier: Apache-2.0
// Copies all rows from one database to another, also from a damaged one.
#include "app/library/database_rows.h"

#include <QCoreApplication>
#include <QList>
#include <QSqlDatabase>
#include <QSqlError>
#include <QSqlQuery>

#include <utility>

namespace bookwheel {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(bookwheel::Database)
};

/// After rows were lost: what refers to them is kept, under a book and a chat made for it. Foreign
/// keys are off meanwhile.
void mendReferences(QSqlDatabase& database) {
  struct Orphan {
    QString table;
    qint64 row;
    QString missing;
  };
  // Making a chat may miss a book: three rounds mend everything.
  for (int round = 0; round < 3; ++round) {
    QList<Orphan> orphans;
    QSqlQuery check(database);
    check.exec(QStringLiteral("PRAGMA foreign_key_check"));
    while (check.next()) {
      orphans.append(
          {check.value(0).toString(), check.value(1).toLongLong(), check.value(2).toString()});
    }
    check.finish();
    for (const Orphan& orphan : std::as_const(orphans)) {
      QSqlQuery mend(database);
      if (orphan.missing == QStringLiteral("books")) {
        mend.prepare(
            QStringLiteral("INSERT OR IGNORE INTO books SELECT book_id, '', x'', 0, 0, ?, "
                           "'', 0, 0, '', 0, 0, 0, '', 0.0, 0, 0 FROM chats "
                           "WHERE rowid = ?"));
        mend.addBindValue(Words::tr("Chats of a lost book"));
      } else if (orphan.missing == QStringLiteral("chats")) {
        mend.prepare(
            QStringLiteral("INSERT OR IGNORE INTO chats SELECT chat_id, -1, ?, NULL, "
                           "'{}', 0, 0 FROM messages WHERE rowid = ?"));
        mend.addBindValue(Words::tr("Messages of a lost chat"));
      } else if (orphan.table == QStringLiteral("chats")) {
        mend.prepare(
            QStringLiteral("UPDATE chats SET leaf_id = (SELECT max(id) FROM messages "
                           "WHERE chat_id = chats.id) WHERE rowid = ?"));
      } else {
        mend.prepare(QStringLiteral("UPDATE messages SET parent_id = NULL WHERE rowid = ?"));
      }
      mend.addBindValue(orphan.row);
      mend.exec();
    }
    if (orphans.isEmpty()) {
      break;
    }
  }
  QSqlQuery(database).exec(QStringLiteral(
      "UPDATE chats SET leaf_id = (SELECT max(id) FROM messages WHERE chat_id = chats.id) "
      "WHERE leaf_id IS NULL AND book_id = -1"));
}

}  // namespace

QStringList columnsOf(QSqlDatabase& database, const QString& table) {
  QStringList names;
  QSqlQuery query(database);
  if (query.exec(QStringLiteral("PRAGMA table_info(%1)").arg(table))) {
    while (query.next()) {
      names.append(query.value(1).toString());
    }
  }
  return names;
}

bool copyRows(QSqlDatabase& from, QSqlDatabase& to) {
  bool all = true;
  QSqlQuery(to).exec(QStringLiteral("PRAGMA foreign_keys = OFF"));
  to.transaction();
  for (const char* const name : kRowTables) {
    const QString table = QLatin1String(name);
    QStringList shared;
    const QStringList theirs = columnsOf(from, table);
    for (const QString& column : columnsOf(to, table)) {
      if (theirs.contains(column)) {
        shared.append(column);
      }
    }
    if (shared.isEmpty()) {
      all = false;
      continue;
    }
    QSqlQuery read(from);
    read.setForwardOnly(true);
    if (!read.exec(QStringLiteral("SELECT %1 FROM %2 NOT INDEXED")
                       .arg(shared.join(QStringLiteral(", ")), table))) {
      all = false;
      continue;
    }
    QSqlQuery add(to);
    add.prepare(
        QStringLiteral("INSERT OR IGNORE INTO %1 (%2) VALUES (%3)")
            .arg(table, shared.join(QStringLiteral(", ")),
                 QStringList(shared.size(), QStringLiteral("?")).join(QStringLiteral(", "))));
    while (read.next()) {
      for (int column = 0; column < shared.size(); ++column) {
        add.bindValue(column, read.value(column));
      }
      add.exec();
    }
    all = all && !read.lastError().isValid();
  }
  to.commit();
  mendReferences(to);
  QSqlQuery(to).exec(QStringLiteral("PRAGMA foreign_keys = ON"));
  return all;
}

}  // namespace bookwheel
