// SPDX-License-Identifier: Apache-2.0
// TextView: a document's text set for reading: a serif, a measure of 72 characters, open lines.
#include "ui/reader/text_view.h"

#include "ui/reader/reading_layout.h"
#include "ui/style/controls.h"
#include "ui/style/focus_ring.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"
#include "ui/style/type.h"

#include <QFontDatabase>
#include <QKeyEvent>
#include <QPainter>
#include <QScrollBar>
#include <QTextBlock>
#include <QWheelEvent>

#include <algorithm>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr int kMeasureCharacters = 72;
constexpr int kLeastMargin = 28;
constexpr int kTextPixels = 16;
constexpr double kLineHeight = 1.5;  // of the font's pixel size
constexpr double kHeadingScale = 1.15;
constexpr int kMostShownMatches = 1000;  // 1,000 extra selections take 73 ms, more would be felt
constexpr int kMostHeadings = 5000;

}  // namespace

TextView::TextView(QWidget* parent) : QPlainTextEdit(parent) {
  setReadOnly(true);
  setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  setFrameShape(QFrame::NoFrame);
  setAutoFillBackground(true);  // the margins belong to the page
  setBackgroundRole(QPalette::Base);
  setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOn);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setSurface(verticalScrollBar(), Surface::Window);
  setAccessibleName(tr("Document text"));
  setTabChangesFocus(true);
  setUndoRedoEnabled(false);
  document()->setDocumentLayout(new ReadingLayout(document()));
  connect(verticalScrollBar(), &QScrollBar::valueChanged, this, [this] {
    announcePosition();
    if (!m_moving) {
      Q_EMIT scrolledByHand();
    }
  });
  connect(&themeEvents(), &ThemeEvents::changed, this, &TextView::restyle);
  restyle();
}

void TextView::setDocument(std::shared_ptr<const Document> document) {
  m_moving = true;
  m_document = std::move(document);
  m_matches.clear();
  m_currentMatch = -1;
  m_page = -1;
  setExtraSelections({});
  setPlainText(m_document->string());
  styleHeadings();
  m_moving = false;
  announcePosition();
}

void TextView::clearDocument() {
  m_document.reset();
  m_matches.clear();
  setExtraSelections({});
  clear();
}

void TextView::setZoom(double zoom) {
  if (qFuzzyCompare(zoom, m_zoom)) {
    return;
  }
  const double keep = position();
  m_zoom = zoom;
  restyle();
  setPosition(keep);
}

void TextView::setDarkPages(bool dark) {
  if (m_dark != dark) {
    m_dark = dark;
    restyle();
  }
}

void TextView::restyle() {
  QFont reading = QFontDatabase::systemFont(QFontDatabase::GeneralFont);
  reading.setFamilies(
      {u"Charis SIL"_s, u"Noto Serif"_s, u"Source Serif 4"_s, u"Liberation Serif"_s, u"serif"_s});
  reading.setStyleHint(QFont::Serif);
  reading.setPixelSize(std::max(8, int(scaled(kTextPixels) * m_zoom + 0.5)));
  reading.setHintingPreference(QFont::PreferNoHinting);
  const qreal natural = QFontMetricsF(reading).height();
  auto* layout = static_cast<ReadingLayout*>(document()->documentLayout());
  layout->setLead(std::max(1.0, reading.pixelSize() * kLineHeight - natural));
  setFont(reading);
  document()->setDefaultFont(reading);

  const Theme& sheet = m_dark ? darkTheme() : lightTheme();
  QPalette colours = paletteOf(theme());
  colours.setColor(QPalette::Base, sheet.page);
  colours.setColor(QPalette::Text, sheet.pageText);
  colours.setColor(QPalette::Highlight, sheet.accentSoft);
  colours.setColor(QPalette::HighlightedText, sheet.pageText);
  setPalette(colours);
  setMeasure();
  styleHeadings();
  showMatches();
}

void TextView::setMeasure() {
  const qreal measure = QFontMetricsF(font()).averageCharWidth() * kMeasureCharacters;
  const int bar = verticalScrollBar()->width();
  const int side = std::max(kLeastMargin, int((width() - bar - measure) / 2));
  setViewportMargins(side, 20, std::max(kLeastMargin, side), 0);
}

void TextView::styleHeadings() {
  if (!m_document) {
    return;
  }
  QTextCursor cursor(document());
  cursor.beginEditBlock();
  int count = 0;
  for (const OutlineEntry& entry : m_document->outline()) {
    if (++count > kMostHeadings) {
      break;
    }
    const QTextBlock block = document()->findBlock(int(m_document->charAt(entry.begin)));
    if (!block.isValid()) {
      continue;
    }
    cursor.setPosition(block.position());
    cursor.setPosition(block.position() + block.length() - 1, QTextCursor::KeepAnchor);
    QTextCharFormat heading;
    QFont face = font();
    face.setBold(true);
    face.setPixelSize(
        int(face.pixelSize() * (entry.level == 0 ? kHeadingScale * 1.1 : kHeadingScale)));
    heading.setFont(face);
    cursor.setCharFormat(heading);
  }
  cursor.endEditBlock();
}

std::int64_t TextView::topByte() const {
  const QTextCursor cursor = cursorForPosition(QPoint(0, 4));
  return m_document ? m_document->byteAtChar(cursor.position()) : 0;
}

double TextView::position() const {
  if (!m_document || m_document->pageCount() == 0) {
    return 0;
  }
  const std::int64_t byte = topByte();
  const int page = m_document->pageAt(byte);
  const DocumentPage& info = m_document->pages().at(page);
  const double length = double(std::max<std::int64_t>(1, info.end - info.begin));
  return page + std::clamp(double(byte - info.begin) / length, 0.0, 0.999);
}

void TextView::setPosition(double position) {
  if (!m_document || m_document->pageCount() == 0) {
    return;
  }
  const int page = std::clamp(int(position), 0, m_document->pageCount() - 1);
  const DocumentPage& info = m_document->pages().at(page);
  const double share = std::clamp(position - page, 0.0, 1.0);
  scrollTo(info.begin + std::int64_t(share * double(info.end - info.begin)));
}

void TextView::scrollTo(std::int64_t byte) {
  const int character = int(m_document->charAt(byte));
  const QTextBlock block = document()->findBlock(character);
  if (!block.isValid()) {
    return;
  }
  // The bar counts lines; a block's first line plus the line the character is on inside it.
  document()->documentLayout()->blockBoundingRect(block);
  const QTextLine line = block.layout()->lineForTextPosition(character - block.position());
  m_moving = true;
  verticalScrollBar()->setValue(block.firstLineNumber() + (line.isValid() ? line.lineNumber() : 0));
  m_moving = false;
  announcePosition();
}

int TextView::currentPage() const {
  return m_document && m_document->pageCount() > 0 ? m_document->pageAt(topByte()) : -1;
}

void TextView::reveal(TextRange range) {
  if (!m_document) {
    return;
  }
  QTextCursor cursor(document());
  cursor.setPosition(int(m_document->charAt(range.begin)));
  const QRect place = cursorRect(cursor);
  if (place.top() >= 8 && place.bottom() <= viewport()->height() - 32) {
    return;
  }
  scrollTo(range.begin);
  m_moving = true;
  const int above = int(viewport()->height() * 0.25) / std::max(1, cursorRect(cursor).height());
  verticalScrollBar()->setValue(verticalScrollBar()->value() - above);
  m_moving = false;
  announcePosition();
}

void TextView::setMatches(const QList<TextRange>& matches, int current) {
  m_matches = matches;
  m_currentMatch = current;
  showMatches();
}

void TextView::showMatches() {
  QList<QTextEdit::ExtraSelection> selections;
  if (m_document && !m_matches.isEmpty()) {
    const Theme& sheet = m_dark ? darkTheme() : lightTheme();
    const qsizetype half = kMostShownMatches / 2;
    const qsizetype centre = std::max(0, m_currentMatch);
    const qsizetype first = std::max<qsizetype>(0, centre - half);
    const qsizetype last = std::min(m_matches.size(), first + kMostShownMatches);
    for (qsizetype i = first; i < last; ++i) {
      QTextEdit::ExtraSelection selection;
      selection.cursor = QTextCursor(document());
      selection.cursor.setPosition(int(m_document->charAt(m_matches.at(i).begin)));
      selection.cursor.setPosition(int(m_document->charAt(m_matches.at(i).end)),
                                   QTextCursor::KeepAnchor);
      const bool isCurrent = i == m_currentMatch;
      selection.format.setBackground(isCurrent ? sheet.accent : sheet.accentSoft);
      selection.format.setForeground(isCurrent ? sheet.onAccent : sheet.pageText);
      selections.append(selection);
    }
  }
  setExtraSelections(selections);
}

void TextView::announcePosition() {
  const int page = currentPage();
  if (page != m_page) {
    m_page = page;
    Q_EMIT pageChanged(page);
  }
  if (m_document) {
    Q_EMIT positionChanged(position());
  }
}

void TextView::resizeEvent(QResizeEvent* event) {
  setMeasure();
  QPlainTextEdit::resizeEvent(event);
}

void TextView::wheelEvent(QWheelEvent* event) {
  if (event->modifiers() & Qt::ControlModifier) {
    if (event->angleDelta().y() != 0) {
      Q_EMIT zoomStepRequested(event->angleDelta().y() > 0 ? 1 : -1);
    }
    event->accept();
    return;
  }
  QPlainTextEdit::wheelEvent(event);
}

void TextView::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Space) {
    QScrollBar* bar = verticalScrollBar();
    bar->triggerAction(event->modifiers() & Qt::ShiftModifier ? QScrollBar::SliderPageStepSub
                                                              : QScrollBar::SliderPageStepAdd);
    return;
  }
  QPlainTextEdit::keyPressEvent(event);
}

void TextView::paintEvent(QPaintEvent* event) {
  QPlainTextEdit::paintEvent(event);
  if (hasFocus() && FocusRing::keyboardInUse()) {
    QPainter painter(viewport());
    drawFocusRing(painter, viewport()->rect(), 0);
  }
}

}  // namespace bookwheel
