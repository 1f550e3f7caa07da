// SPDX-License-Identifier: Apache-2.0
// Copies all rows from one database to another, also from a damaged one.
#pragma once

#include <QString>
#include <QStringList>

#include <array>

class QSqlDatabase;

namespace bookwheel {

/// Tables in an order in which each refers only to those before it (but for the deferred
/// references).
inline constexpr std::array<const char*, 4> kRowTables = {"books", "chats", "messages",
                                                          "model_speeds"};

/// The columns of a table, in their order; empty if there is no such table.
QStringList columnsOf(QSqlDatabase& database, const QString& table);

/// Copies the rows of all tables, the columns that both have. Rows that cannot be read are left
/// out; what refers to them is kept, under a book and a chat made for it. Returns whether every
/// table was read to its end. Both connections belong to the calling thread; `to` has foreign keys
/// on afterwards.
bool copyRows(QSqlDatabase& from, QSqlDatabase& to);

}  // namespace bookwheel
