// SPDX-License-Identifier: Apache-2.0
// ModelList: the model files found here, as radio rows: name, facts, speed, whether the book fits.
#include "ui/dialogs/model_list.h"

#include "app/library/model_catalog.h"
#include "ui/style/focus_ring.h"
#include "ui/style/icons.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QKeyEvent>
#include <QPainter>

#include <algorithm>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {
constexpr int kRadio = 17;
constexpr int kTextLeft = 40;
constexpr int kSide = 14;
constexpr int kLeastRows = 2;
constexpr int kIcon = 14;
}  // namespace

QSize ModelDelegate::sizeHint(const QStyleOptionViewItem&, const QModelIndex&) const {
  return {320, lineHeight(Type::Question) + lineHeight(Type::Note) + 30};
}

void ModelDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                          const QModelIndex& index) const {
  const Theme& t = theme();
  const bool current = index.data(ModelCatalog::CurrentRole).toBool();
  const bool usable = index.data(ModelCatalog::UsableRole).toBool();
  const auto fit = static_cast<FitVerdict::Kind>(index.data(ModelCatalog::FitKindRole).toInt());
  painter->save();
  painter->setRenderHint(QPainter::Antialiasing);
  const QRectF row = QRectF(option.rect).adjusted(0, 2, 0, -2);
  if (current) {
    drawBox(*painter, row, radius::kRow, t.accentSoft, t.accent);
  } else if ((option.state & QStyle::State_MouseOver) && usable) {
    drawBox(*painter, row, radius::kRow, t.dark ? t.raisedHover : t.window);
  }
  if ((option.state & QStyle::State_HasFocus) && FocusRing::keyboardInUse()) {
    drawFocusRing(*painter, row, radius::kRow);
  }
  const int first = lineHeight(Type::Question);
  const int second = lineHeight(Type::Note);
  const qreal top = row.center().y() - (first + second + 4) / 2.0;
  QRectF radio(0, 0, scaled(kRadio), scaled(kRadio));
  radio.moveCenter(QPointF(row.left() + 22, top + first / 2.0));
  drawBox(*painter, radio, radio.width() / 2, usable ? t.raised : t.sunken,
          current  ? t.accent
          : usable ? t.control
                   : t.border,
          1.5);
  if (current) {
    const qreal inset = radio.width() * 0.27;
    const QRectF dot = radio.adjusted(inset, inset, -inset, -inset);
    drawBox(*painter, dot, dot.width() / 2, t.accent);
  }
  const QRectF upper(row.left() + kTextLeft, top, row.width() - kTextLeft - kSide, first);
  const QRectF lower(upper.left(), top + first + 4, upper.width(), second);
  const QString speed = index.data(ModelCatalog::SpeedRole).toString();
  const qreal speedWidth = textWidth(speed, Type::Control);
  drawText(*painter, upper, Qt::AlignVCenter | Qt::AlignRight, speed, Type::Control, t.text);
  drawText(*painter, upper.adjusted(0, 0, speed.isEmpty() ? 0 : -speedWidth - 12, 0),
           Qt::AlignVCenter, index.data(ModelCatalog::NameRole).toString(), Type::Question,
           usable ? t.text : t.text2);
  const QString verdict = index.data(ModelCatalog::FitsRole).toString();
  const bool good = fit == FitVerdict::Kind::Fits;
  const QString detail = index.data(ModelCatalog::DetailRole).toString();
  qreal verdictWidth = 0;
  if (!verdict.isEmpty() && usable) {
    const int icon = scaled(kIcon);
    verdictWidth = std::min(textWidth(verdict, Type::Note), lower.width() * 0.55);
    drawText(*painter, lower.adjusted(lower.width() - verdictWidth, 0, 0, 0),
             Qt::AlignVCenter | Qt::AlignRight, verdict, Type::Note, good ? t.text2 : t.warn);
    drawIcon(*painter, good ? u"check"_s : u"warning"_s, good ? t.accent : t.warn,
             QPointF(lower.right() - verdictWidth - icon - 5, lower.center().y() - icon / 2.0),
             icon);
    verdictWidth += icon + 17;
  }
  drawText(*painter, lower.adjusted(0, 0, -verdictWidth, 0), Qt::AlignVCenter,
           detail.isEmpty() ? verdict : detail, Type::Note, usable ? t.text2 : t.warn);
  painter->restore();
}

ModelList::ModelList(ModelCatalog& catalog, QWidget* parent) : QListView(parent) {
  setModel(&catalog);
  setItemDelegate(new ModelDelegate(this));
  setFrameShape(QFrame::NoFrame);
  setAccessibleName(tr("Models"));
  setSelectionMode(QAbstractItemView::NoSelection);
  setEditTriggers(QAbstractItemView::NoEditTriggers);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  setMouseTracking(true);
  setTabKeyNavigation(false);
  viewport()->setAutoFillBackground(false);
  viewport()->setAttribute(Qt::WA_Hover);
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Preferred);
  connect(this, &QListView::clicked, this, &ModelList::choose);
  connect(&catalog, &QAbstractItemModel::rowsInserted, this, [this] { updateGeometry(); });
  connect(&catalog, &QAbstractItemModel::rowsRemoved, this, [this] { updateGeometry(); });
  connect(&catalog, &QAbstractItemModel::modelReset, this, [this] { updateGeometry(); });
  connect(&themeEvents(), &ThemeEvents::changed, this, [this] { scheduleDelayedItemsLayout(); });
}

int ModelList::rowHeight() const {
  return itemDelegate()->sizeHint(QStyleOptionViewItem(), QModelIndex()).height();
}

QSize ModelList::sizeHint() const {
  return {360, std::max(kLeastRows, model()->rowCount()) * rowHeight()};
}

QSize ModelList::minimumSizeHint() const {
  return {280, std::min(std::max(1, model()->rowCount()), 3) * rowHeight()};
}

void ModelList::choose(const QModelIndex& index) {
  if (index.isValid() && index.data(ModelCatalog::UsableRole).toBool()) {
    Q_EMIT chosen(index.data(ModelCatalog::PathRole).toString());
  }
}

void ModelList::keyPressEvent(QKeyEvent* event) {
  switch (event->key()) {
    case Qt::Key_Return:
    case Qt::Key_Enter:
    case Qt::Key_Space:
      choose(currentIndex());
      return;
    default:
      QListView::keyPressEvent(event);
  }
}

}  // namespace bookwheel
