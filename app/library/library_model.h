// SPDX-License-Identifier: Apache-2.0
// LibraryModel: the shelf as a list of rows, with the state of each book in words.
#pragma once

#include "app/library/library.h"

#include <QAbstractListModel>
#include <QList>
#include <QString>

namespace bookwheel {

/// What is going on with the book that is open; set by the controller.
struct BookActivity {
  enum class Glyph { Waiting, Filling, Check, Warning };
  Glyph glyph = Glyph::Waiting;
  double share = 0;  ///< of Filling, 0 to 1
  QString words;     ///< "Reading, page 189 of 312"
};

/// GUI thread. Follows Library::booksChanged.
class LibraryModel : public QAbstractListModel {
  Q_OBJECT
 public:
  enum Role {
    TitleRole = Qt::DisplayRole,
    WordsRole = Qt::UserRole,                 ///< QString; the second line
    GlyphRole,                                ///< int of BookActivity::Glyph
    ShareRole,                                ///< double
    CurrentRole,                              ///< bool
    BookRole,                                 ///< BookId
    PathRole,                                 ///< QString
    AccessibleRole = Qt::AccessibleTextRole,  ///< both lines in one
  };

  explicit LibraryModel(Library& library, QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QHash<int, QByteArray> roleNames() const override;

  /// Shows only books whose title or file name contains all the words; "" shows all.
  void setFilter(const QString& words);
  QString filter() const { return m_filter; }
  int bookCount() const { return static_cast<int>(m_all.size()); }  ///< without the filter
  /// "4 books", "1 of 4 books", or what an empty shelf says.
  QString summary() const;

  void setCurrent(BookId book, const BookActivity& activity);
  BookId current() const { return m_current; }
  int rowOf(BookId book) const;  ///< -1: not shown

 Q_SIGNALS:
  void summaryChanged();

 private:
  void reload();
  void applyFilter();

  Library& m_library;
  QList<BookRecord> m_all;
  QList<BookRecord> m_shown;
  QString m_filter;
  BookId m_current = 0;
  BookActivity m_activity;
};

}  // namespace bookwheel
