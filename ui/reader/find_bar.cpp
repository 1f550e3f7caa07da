// SPDX-License-Identifier: Apache-2.0
// FindBar: the words to find in the document, which match is shown of how many, next and previous.
#include "ui/reader/find_bar.h"

#include "app/library/words.h"
#include "ui/style/controls.h"
#include "ui/style/theme.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLineEdit>
#include <QPainter>
#include <QPushButton>

namespace bookwheel {

using namespace Qt::StringLiterals;

FindBar::FindBar(QWidget* parent)
    : QWidget(parent), m_field(new QLineEdit), m_result(new Label(Type::Note, Ink::Text2)) {
  followType(m_field, Type::Row);
  m_field->setPlaceholderText(tr("Find in this book"));
  m_field->setAccessibleName(tr("Find in this book"));
  m_field->setObjectName(u"find"_s);
  m_result->setObjectName(u"find-result"_s);
  m_field->installEventFilter(this);
  m_previous = makeIconButton(u"chevron-up"_s, tr("Previous match"), u"Shift+F3"_s);
  m_next = makeIconButton(u"chevron-down"_s, tr("Next match"), u"F3"_s);
  auto* close = makeIconButton(u"close"_s, tr("Close the find bar"), u"Esc"_s);
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(12, 6, 12, 6);
  row->setSpacing(4);
  row->addWidget(m_field, 1);
  row->addSpacing(4);
  row->addWidget(m_result);
  row->addSpacing(4);
  row->addWidget(m_previous);
  row->addWidget(m_next);
  row->addWidget(close);
  connect(m_field, &QLineEdit::textChanged, this, &FindBar::wordsChanged);
  connect(m_previous, &QPushButton::clicked, this, &FindBar::previousRequested);
  connect(m_next, &QPushButton::clicked, this, &FindBar::nextRequested);
  connect(close, &QPushButton::clicked, this, &FindBar::closed);
  setResult(-1, 0, false);
  setProperty(kTakesEscape, true);
}

QString FindBar::words() const { return m_field->text(); }

void FindBar::open(const QString& words) {
  if (!words.isEmpty()) {
    m_field->setText(words);
  }
  m_field->selectAll();
  m_field->setFocus(Qt::ShortcutFocusReason);
}

void FindBar::setResult(int current, int total, bool capped) {
  QString text;
  if (!words().trimmed().isEmpty()) {
    if (total < 0) {
      text = tr("Searching");
    } else if (total == 0) {
      text = tr("Not found");
    } else {
      const QString all = capped ? tr("more than %1").arg(countText(total)) : countText(total);
      text = tr("%1 of %2").arg(countText(current + 1), all);
    }
  }
  m_result->setText(text);
  m_result->setInk(total == 0 ? Ink::Warn : Ink::Text2);
  m_previous->setEnabled(total > 0);
  m_next->setEnabled(total > 0);
}

bool FindBar::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_field && event->type() == QEvent::KeyPress) {
    const auto* key = static_cast<QKeyEvent*>(event);
    if (key->key() == Qt::Key_Return || key->key() == Qt::Key_Enter) {
      if (key->modifiers() & Qt::ShiftModifier) {
        Q_EMIT previousRequested();
      } else {
        Q_EMIT nextRequested();
      }
      return true;
    }
  }
  return QWidget::eventFilter(watched, event);
}

void FindBar::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape) {
    Q_EMIT closed();
    return;
  }
  QWidget::keyPressEvent(event);
}

void FindBar::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.fillRect(rect(), theme().window);
  painter.fillRect(QRect(0, height() - 1, width(), 1), theme().border);
}

}  // namespace bookwheel
