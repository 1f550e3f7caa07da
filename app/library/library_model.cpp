// SPDX-License-Identifier: Apache-2.0
// LibraryModel: the shelf as a list of rows, with the state of each book in words.
#include "app/library/library_model.h"

#include "app/library/words.h"

#include <QFileInfo>

#include <algorithm>

namespace bookwheel {

LibraryModel::LibraryModel(Library& library, QObject* parent)
    : QAbstractListModel(parent), m_library(library) {
  connect(&library, &Library::booksChanged, this, &LibraryModel::reload);
  reload();
}

int LibraryModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_shown.size());
}

QVariant LibraryModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) {
    return {};
  }
  const BookRecord& book = m_shown.at(index.row());
  const bool isCurrent = book.id == m_current;
  switch (role) {
    case TitleRole:
      return book.title;
    case WordsRole:
      if (isCurrent) {
        return m_activity.words;
      }
      // The cache holds one book at a time: all others are read again when they are opened.
      return book.range.whole() ? tr("Waiting to be read, %1").arg(pagesText(book.pages))
                                : tr("Waiting to be read, pages %1 to %2 of %3")
                                      .arg(countText(book.range.first), countText(book.range.last),
                                           countText(book.pages));
    case GlyphRole:
      return static_cast<int>(isCurrent ? m_activity.glyph : BookActivity::Glyph::Waiting);
    case ShareRole:
      return isCurrent ? m_activity.share : 0.0;
    case CurrentRole:
      return isCurrent;
    case BookRole:
      return book.id;
    case PathRole:
    case Qt::ToolTipRole:
      return book.path;
    case AccessibleRole:
      return tr("%1. %2").arg(book.title, data(index, WordsRole).toString());
    default:
      return {};
  }
}

QHash<int, QByteArray> LibraryModel::roleNames() const {
  return {{TitleRole, "title"}, {WordsRole, "words"},     {GlyphRole, "glyph"},
          {ShareRole, "share"}, {CurrentRole, "current"}, {BookRole, "book"},
          {PathRole, "path"}};
}

void LibraryModel::setFilter(const QString& words) {
  if (words != m_filter) {
    m_filter = words;
    applyFilter();
  }
}

QString LibraryModel::summary() const {
  if (m_all.isEmpty()) {
    return tr("No books yet. A document you open stays here.");
  }
  if (m_shown.size() == m_all.size()) {
    return booksText(bookCount());
  }
  return tr("%1 of %2").arg(countText(m_shown.size()), booksText(bookCount()));
}

void LibraryModel::setCurrent(BookId book, const BookActivity& activity) {
  const int before = rowOf(m_current);
  m_current = book;
  m_activity = activity;
  const int after = rowOf(book);
  for (const int row : {before, after}) {
    if (row >= 0) {
      Q_EMIT dataChanged(index(row), index(row));
    }
    if (before == after) {
      break;
    }
  }
}

int LibraryModel::rowOf(BookId book) const {
  const auto found = std::find_if(m_shown.begin(), m_shown.end(),
                                  [&](const BookRecord& shown) { return shown.id == book; });
  return found == m_shown.end() ? -1 : static_cast<int>(found - m_shown.begin());
}

void LibraryModel::reload() {
  m_all = m_library.books();
  applyFilter();
}

void LibraryModel::applyFilter() {
  const QStringList words = m_filter.simplified().split(QLatin1Char(' '), Qt::SkipEmptyParts);
  QList<BookRecord> wanted;
  for (const BookRecord& book : m_all) {
    const QString where = book.title + QLatin1Char(' ') + QFileInfo(book.path).fileName();
    if (std::all_of(words.begin(), words.end(), [&](const QString& word) {
          return where.contains(word, Qt::CaseInsensitive);
        })) {
      wanted.append(book);
    }
  }
  // The same books in the same order: rows stay (and with them selection and scroll position).
  const bool sameRows =
      std::equal(wanted.begin(), wanted.end(), m_shown.begin(), m_shown.end(),
                 [](const BookRecord& a, const BookRecord& b) { return a.id == b.id; });
  if (sameRows) {
    m_shown = wanted;
    if (!m_shown.isEmpty()) {
      Q_EMIT dataChanged(index(0), index(static_cast<int>(m_shown.size()) - 1));
    }
  } else {
    beginResetModel();
    m_shown = wanted;
    endResetModel();
  }
  Q_EMIT summaryChanged();
}

}  // namespace bookwheel
