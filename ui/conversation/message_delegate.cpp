// SPDX-License-Identifier: Apache-2.0
// MessageDelegate: paints the messages and opens one of them as a text browser.
#include "ui/conversation/message_delegate.h"

#include "app/chat/chat_model.h"
#include "ui/style/focus_ring.h"
#include "ui/style/icons.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QAbstractTextDocumentLayout>
#include <QGuiApplication>
#include <QPainter>
#include <QTextBrowser>

#include <algorithm>
#include <cmath>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr int kRight = space::kPane - 12;  // the scroll bar stands in the pane's right margin
constexpr int kQuestionPadX = 14;
constexpr int kQuestionPadY = 10;
constexpr int kAfterQuestion = 16;
constexpr int kAfterAnswer = 24;
constexpr int kAboveText = 6;
constexpr int kBelowText = 6;
constexpr int kActionSide = 30;
constexpr int kActionIcon = 18;
constexpr int kStandsOnIcon = 16;
constexpr int kMostCached = 400;
constexpr int kAnswerCharacters = 72;  // of a line, at most

bool isQuestion(const QModelIndex& index) {
  return index.data(ChatModel::MessageRoleRole).toInt() == static_cast<int>(MessageRole::Question);
}

/// Read-only, without a frame, exactly over the painted text.
class MessageBrowser : public QTextBrowser {
 public:
  explicit MessageBrowser(QWidget* parent) : QTextBrowser(parent) {
    setFrameShape(QFrame::NoFrame);
    setOpenLinks(false);
    setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setTextInteractionFlags(Qt::TextBrowserInteraction | Qt::TextSelectableByKeyboard);
    setTabChangesFocus(false);
    setViewportMargins(0, 0, 0, 0);
    setContextMenuPolicy(Qt::NoContextMenu);  // the list's own menu
    viewport()->setAutoFillBackground(false);
    setAutoFillBackground(false);
    setFocusPolicy(Qt::ClickFocus);
  }

  void show(std::shared_ptr<SafeDocument> document) {
    setDocument(document.get());  // takes leave of the old one, which must still be there
    m_kept = std::move(document);
  }

  ~MessageBrowser() override {
    // The document belongs to the cache as well; the browser must not outlive its hold on it.
    setDocument(nullptr);
  }

 protected:
  QVariant loadResource(int, const QUrl&) override { return {}; }
  void wheelEvent(QWheelEvent* event) override { event->ignore(); }  // the list scrolls

 private:
  std::shared_ptr<SafeDocument> m_kept;
};

}  // namespace

struct MessageDelegate::Parts {
  QRect card;      // of a question
  QRect standsOn;  // the line above an answer
  QRect text;
  QRect foot;
  QRect copy;
  QRect retry;
  QRect edit;
  QRect earlier;
  QRect later;
  QRect versions;
  int height = 0;
};

MessageDelegate::MessageDelegate(QObject* parent) : QStyledItemDelegate(parent) {}

void MessageDelegate::clearCache() { m_cache.clear(); }

std::shared_ptr<SafeDocument> MessageDelegate::documentOf(const QModelIndex& index,
                                                          qreal width) const {
  const qint64 id = index.data(ChatModel::MessageIdRole).toLongLong();
  const QString text = index.data(ChatModel::TextRole).toString();
  const bool cursor = index.data(ChatModel::StreamingRole).toBool();
  Entry& entry = m_cache[id];
  if (!entry.document || entry.width != width || entry.cursor != cursor || entry.text != text) {
    entry.text = text;
    entry.width = width;
    entry.cursor = cursor;
    entry.document = makeMessageDocument(
        text, isQuestion(index) ? MessageForm::Question : MessageForm::Answer, width, cursor);
  }
  const auto document = entry.document;
  if (m_cache.size() > kMostCached) {
    const Entry keep = m_cache.value(id);
    m_cache.clear();
    m_cache.insert(id, keep);
  }
  return document;
}

MessageDelegate::Parts MessageDelegate::partsOf(const QRect& row, const QModelIndex& index) const {
  Parts parts;
  const int left = row.left() + space::kPane;
  const int width = row.width() - space::kPane - kRight;
  int y = row.top() + (index.row() == 0 ? m_topSpace : 0);
  const int side = scaled(kActionSide);
  const int versions = index.data(ChatModel::BranchCountRole).toInt();
  const auto placeVersions = [&](QRect line) {
    if (versions > 1) {
      const int words =
          int(std::ceil(textWidth(tr("%1 of %2").arg(versions).arg(versions), Type::Note))) + 8;
      parts.later = QRect(line.right() - side + 1, line.top(), side, line.height());
      parts.versions = QRect(parts.later.left() - words, line.top(), words, line.height());
      parts.earlier = QRect(parts.versions.left() - side, line.top(), side, line.height());
    }
  };
  if (isQuestion(index)) {
    const int reserve = side + 4;  // for Edit, at the right of the first line
    const int textWidthPixels = width - 2 * kQuestionPadX - reserve;
    const auto document = documentOf(index, textWidthPixels);
    const int textHeight = int(std::ceil(document->size().height()));
    parts.text = QRect(left + kQuestionPadX, y + kQuestionPadY, textWidthPixels, textHeight);
    parts.card = QRect(left, y, width, textHeight + 2 * kQuestionPadY);
    parts.edit = QRect(parts.card.right() - side - 5, y + 7, side, side);
    y = parts.card.bottom() + 1;
    if (versions > 1) {
      const QRect line(left, y + 2, width, side);
      placeVersions(line);
      y = line.bottom() + 1;
    }
    parts.height = y + kAfterQuestion - row.top();
    return parts;
  }
  const int noteHeight = lineHeight(Type::NoteMedium) + 4;
  if (!index.data(ChatModel::StandsOnRole).toString().isEmpty()) {
    parts.standsOn = QRect(left, y, width, noteHeight);
    y += noteHeight + kAboveText;
  }
  const int measure =
      int(QFontMetricsF(font(Type::Body)).averageCharWidth() * kAnswerCharacters * 1.08);
  const int textWidthPixels = std::min(width, std::max(200, measure));
  const auto document = documentOf(index, textWidthPixels);
  parts.text = QRect(left, y, textWidthPixels, int(std::ceil(document->size().height())));
  y = parts.text.bottom() + 1 + kBelowText;
  const QString figures = index.data(ChatModel::FiguresRole).toString();
  const bool streaming = index.data(ChatModel::StreamingRole).toBool();
  const bool hasState = !index.data(ChatModel::StateWordsRole).toString().isEmpty();
  if (!streaming || !figures.isEmpty() || hasState) {
    parts.foot = QRect(left, y, width, side);
    int x = left - 6;  // icons align with the text, their buttons reach out
    if (!streaming) {
      parts.copy = QRect(x, y, side, side);
      x += side + 2;
      if (index.data(ChatModel::CanRetryRole).toBool()) {
        parts.retry = QRect(x, y, side, side);
        x += side + 2;
      }
      placeVersions(parts.foot);
    } else {
      x = left;
    }
    parts.foot.setLeft(streaming ? left : x + 6);
    parts.foot.setRight((parts.earlier.isNull() ? left + width : parts.earlier.left()) - 4);
    y += side;
  }
  parts.height = y + kAfterAnswer - row.top();
  return parts;
}

QSize MessageDelegate::sizeHint(const QStyleOptionViewItem& option,
                                const QModelIndex& index) const {
  const QRect row(0, 0, option.rect.width(), 0);
  return {row.width(), partsOf(row, index).height};
}

void MessageDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                            const QModelIndex& index) const {
  const Theme& t = theme();
  const Parts parts = partsOf(option.rect, index);
  painter->save();
  painter->setRenderHint(QPainter::Antialiasing);
  const bool focused = (option.state & QStyle::State_HasFocus) && FocusRing::keyboardInUse();
  if (!parts.card.isNull()) {
    drawBox(*painter, parts.card, radius::kCard, t.raised, t.border);
  }
  if (!parts.standsOn.isNull()) {
    const QString words = index.data(ChatModel::StandsOnRole).toString();
    const int icon = scaled(kStandsOnIcon);
    drawIcon(*painter, u"book"_s, t.text2,
             QPointF(parts.standsOn.left(), parts.standsOn.center().y() - icon / 2.0 + 0.5), icon);
    drawText(*painter, parts.standsOn.adjusted(icon + 6, 0, 0, 0), Qt::AlignVCenter, words,
             Type::NoteMedium, t.text2);
  }
  const auto document = documentOf(index, parts.text.width());
  painter->save();
  painter->translate(parts.text.topLeft());
  QAbstractTextDocumentLayout::PaintContext context;
  context.palette.setColor(QPalette::Text, t.text);
  context.clip = QRectF(0, 0, parts.text.width(), parts.text.height());
  document->documentLayout()->draw(painter, context);
  painter->restore();

  const bool rowHovered = (option.state & QStyle::State_MouseOver) || focused;
  const auto button = [&](const QRect& rect, const QString& icon, RowAction action, bool enabled) {
    if (rect.isNull()) {
      return;
    }
    if (enabled && m_hoverIndex == index && m_hoverAction == action) {
      drawBox(*painter, rect, radius::kControl, t.hover);
    }
    const int size = scaled(kActionIcon);
    drawIcon(*painter, icon, enabled ? t.text2 : t.border,
             QRectF(rect).center() - QPointF(size / 2.0, size / 2.0), size);
  };
  button(parts.copy, u"copy"_s, RowAction::Copy, true);
  button(parts.retry, u"retry"_s, RowAction::Retry, true);
  if (rowHovered) {
    button(parts.edit, u"edit"_s, RowAction::Edit, true);
  }
  if (!parts.versions.isNull()) {
    const int version = index.data(ChatModel::BranchIndexRole).toInt();
    const int count = index.data(ChatModel::BranchCountRole).toInt();
    button(parts.earlier, u"back"_s, RowAction::Earlier, version > 0);
    button(parts.later, u"forward"_s, RowAction::Later, version + 1 < count);
    drawText(*painter, parts.versions, Qt::AlignCenter, tr("%1 of %2").arg(version + 1).arg(count),
             Type::Note, t.text2);
  }
  if (!parts.foot.isNull()) {
    const QString state = index.data(ChatModel::StateWordsRole).toString();
    QString figures = index.data(ChatModel::FiguresRole).toString();
    QRect line = parts.foot;
    if (!state.isEmpty()) {
      const bool failed =
          index.data(ChatModel::StateRole).toInt() == static_cast<int>(MessageState::Failed);
      drawText(*painter, line, Qt::AlignVCenter, state, Type::NoteMedium,
               failed ? t.error : t.text);
      line.setLeft(line.left() + int(textWidth(state, Type::NoteMedium)) + 10);
    }
    drawText(*painter, line, Qt::AlignVCenter, figures, Type::Note, t.text2);
  }
  if (focused) {
    QRect ring = parts.card.isNull()
                     ? QRect(parts.text.left() - 10,
                             option.rect.top() + (index.row() == 0 ? m_topSpace : 0) - 4,
                             option.rect.width() - space::kPane - kRight + 20,
                             parts.text.bottom() - option.rect.top() -
                                 (index.row() == 0 ? m_topSpace : 0) + 10)
                     : parts.card.adjusted(-4, -4, 4, 4);
    drawFocusRing(*painter, ring.intersected(option.rect.adjusted(2, 0, -2, 0)), radius::kCard + 3);
  }
  painter->restore();
}

QRect MessageDelegate::textRect(const QRect& row, const QModelIndex& index) const {
  return partsOf(row, index).text;
}

RowAction MessageDelegate::actionAt(const QRect& row, const QModelIndex& index, QPoint at) const {
  const Parts parts = partsOf(row, index);
  const int version = index.data(ChatModel::BranchIndexRole).toInt();
  const int count = index.data(ChatModel::BranchCountRole).toInt();
  if (parts.copy.contains(at)) {
    return RowAction::Copy;
  }
  if (parts.retry.contains(at)) {
    return RowAction::Retry;
  }
  if (parts.edit.contains(at)) {
    return RowAction::Edit;
  }
  if (parts.earlier.contains(at) && version > 0) {
    return RowAction::Earlier;
  }
  if (parts.later.contains(at) && version + 1 < count) {
    return RowAction::Later;
  }
  return RowAction::None;
}

void MessageDelegate::setHovered(const QModelIndex& index, RowAction action) {
  m_hoverIndex = index;
  m_hoverAction = action;
}

QWidget* MessageDelegate::createEditor(QWidget* parent, const QStyleOptionViewItem&,
                                       const QModelIndex& index) const {
  auto* browser = new MessageBrowser(parent);
  browser->setAccessibleName(isQuestion(index) ? tr("Question") : tr("Answer"));
  auto* self = const_cast<MessageDelegate*>(this);
  connect(browser, &QTextBrowser::anchorClicked, self,
          [self](const QUrl& link) { Q_EMIT self->linkClicked(link.toString(), QCursor::pos()); });
  return browser;
}

/// An open message is there to be selected, not to be edited: Qt's handling of editors would keep
/// Esc (which stops the answer) and Tab from it.
bool MessageDelegate::eventFilter(QObject*, QEvent*) { return false; }

void MessageDelegate::setEditorData(QWidget* editor, const QModelIndex& index) const {
  // The geometry comes first: a browser lays its document out anew at whatever width it has.
  auto* browser = static_cast<MessageBrowser*>(editor);
  const auto have = m_cache.constFind(index.data(ChatModel::MessageIdRole).toLongLong());
  if (have != m_cache.constEnd() && browser->document() != have->document.get()) {
    const Entry entry = *have;
    browser->resize(int(entry.width), int(std::ceil(entry.document->size().height())));
    browser->show(entry.document);
  }
}

void MessageDelegate::updateEditorGeometry(QWidget* editor, const QStyleOptionViewItem& option,
                                           const QModelIndex& index) const {
  editor->setGeometry(textRect(option.rect, index));
}

}  // namespace bookwheel
