// SPDX-License-Identifier: Apache-2.0
// PageRangeDialog: which pages of the book are read, by numbers or by chapter.
#include "ui/dialogs/page_range_dialog.h"

#include "app/chat/chat_controller.h"
#include "app/library/words.h"
#include "ui/style/controls.h"
#include "ui/style/paint.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QLocale>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {
constexpr int kMostChapters = 400;
}

PageRangeDialog::PageRangeDialog(ChatController& controller, QWidget* parent)
    : Dialog(tr("Choose pages"), parent),
      m_controller(controller),
      m_document(controller.document()) {
  const int pages = m_document ? m_document->pageCount() : 1;
  const PageRange now = controller.readFacts().range;
  const auto makeField = [](const QString& name) {
    auto* field = new QLineEdit;
    followType(field, Type::Row);
    field->setAccessibleName(name);
    field->setAlignment(Qt::AlignCenter);
    field->setFixedWidth(scaled(76));
    field->setMaxLength(9);
    return field;
  };
  m_first = makeField(tr("First page"));
  m_last = makeField(tr("Last page"));
  m_first->setText(QLocale().toString(now.whole() ? 1 : now.first));
  m_last->setText(QLocale().toString(now.whole() ? pages : now.last));
  auto* from = new Label(Type::Row);
  from->setText(tr("Pages"));
  auto* to = new Label(Type::Row);
  to->setText(tr("to"));
  auto* of = new Label(Type::Row, Ink::Text2);
  of->setText(tr("of %1").arg(countText(pages)));
  auto* row = new QHBoxLayout;
  row->setSpacing(8);
  row->addWidget(from);
  row->addWidget(m_first);
  row->addWidget(to);
  row->addWidget(m_last);
  row->addWidget(of);
  row->addStretch(1);
  body()->addLayout(row);

  if (m_document && !m_document->outline().isEmpty()) {
    m_chapter = new QComboBox;
    followType(m_chapter, Type::Row);
    m_chapter->setAccessibleName(tr("Chapter"));
    m_chapter->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_chapter->setMinimumContentsLength(34);
    m_chapter->addItem(tr("Take the pages of a chapter"), -1);
    for (int i = 0; i < m_document->outline().size() && m_chapter->count() < kMostChapters; ++i) {
      const OutlineEntry& entry = m_document->outline().at(i);
      if (entry.level <= 1) {
        m_chapter->addItem(QString(entry.level * 3, u' ') + entry.title, i);
      }
    }
    connect(m_chapter, &QComboBox::activated, this,
            [this](int index) { takeChapter(m_chapter->itemData(index).toInt()); });
    body()->addWidget(m_chapter);
  }
  m_words = new Label(Type::Note, Ink::Text2, Label::Fit::Wrap);
  m_words->setMinimumHeight(2 * lineHeight(Type::Note) + 2);
  m_words->setAlignment(Qt::AlignTop | Qt::AlignLeft);
  body()->addWidget(m_words);

  auto* cancel = addButton(tr("Cancel"), false);
  m_read = addButton(tr("Read these pages"), true);
  connect(cancel, &QPushButton::clicked, this, &QDialog::reject);
  connect(m_read, &QPushButton::clicked, this, [this] {
    if (const auto range = typed()) {
      m_range = *range;
      accept();
    }
  });
  connect(m_first, &QLineEdit::textChanged, this, &PageRangeDialog::refresh);
  connect(m_last, &QLineEdit::textChanged, this, &PageRangeDialog::refresh);
  m_first->setFocus(Qt::OtherFocusReason);
  m_first->selectAll();
  refresh();
  setMinimumWidth(scaled(440));
}

std::optional<PageRange> PageRangeDialog::typed() const {
  bool firstOk = false;
  bool lastOk = false;
  const PageRange range{QLocale().toInt(m_first->text().trimmed(), &firstOk),
                        QLocale().toInt(m_last->text().trimmed(), &lastOk)};
  const int pages = m_document ? m_document->pageCount() : 0;
  if (!firstOk || !lastOk || range.first < 1 || range.last > pages || range.first > range.last) {
    return std::nullopt;
  }
  return range;
}

void PageRangeDialog::takeChapter(int index) {
  if (index < 0) {
    return;
  }
  const TextRange bytes = m_document->outlineRange(index);
  const int first = m_document->pageAt(bytes.begin);
  const int last = m_document->pageAt(std::max(bytes.begin, bytes.end - 1));
  m_first->setText(QLocale().toString(first + 1));
  m_last->setText(QLocale().toString(last + 1));
}

void PageRangeDialog::refresh() {
  const auto range = typed();
  m_read->setEnabled(range.has_value());
  const int pages = m_document ? m_document->pageCount() : 0;
  if (!range) {
    m_words->setInk(Ink::Warn);
    m_words->setText(tr("Give two page numbers from 1 to %1, the first not after the last.")
                         .arg(countText(pages)));
    return;
  }
  m_words->setInk(Ink::Text2);
  const std::int64_t limit = m_controller.readFacts().limitTokens;
  const std::int64_t tokens = m_controller.tokensInPages(range->first, range->last);
  const int count = range->last - range->first + 1;
  QString words = count == 1 ? tr("1 page") : tr("%1 pages").arg(countText(count));
  if (tokens > 0 && limit > 0) {
    m_words->setInk(tokens > limit ? Ink::Warn : Ink::Text2);
    words =
        tr("%1, %2 tokens; the model reads %3.").arg(words, countText(tokens), countText(limit));
  }
  m_words->setText(words);
}

}  // namespace bookwheel
