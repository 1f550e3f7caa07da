// SPDX-License-Identifier: Apache-2.0
// DocumentView: the middle pane: the book as pages or text, with contents, find, zoom and the way
// back.
#include "ui/reader/document_view.h"

#include "app/chat/chat_controller.h"
#include "app/library/words.h"
#include "ui/actions.h"
#include "ui/reader/back_pill.h"
#include "ui/reader/find_bar.h"
#include "ui/reader/outline_panel.h"
#include "ui/reader/page_view.h"
#include "ui/reader/text_finder.h"
#include "ui/reader/text_view.h"
#include "ui/style/controls.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLineEdit>
#include <QLocale>
#include <QPainter>
#include <QPushButton>
#include <QShortcut>
#include <QStackedWidget>
#include <QVBoxLayout>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr int kZoomGroupFrom = 560;  // width of the pane from which the zoom buttons have room
constexpr int kOutlineWidth = 248;
constexpr int kOutlineBesideFrom = 620;
constexpr std::array kZoomSteps = {0.25, 0.33, 0.5,  0.67, 0.75, 0.9, 1.0, 1.1,
                                   1.25, 1.5,  1.75, 2.0,  2.5,  3.0, 4.0};
constexpr double kJumpWorthReturning = 0.9;  // pages; a shorter way is walked back by hand

double steppedZoom(double zoom, int step) {
  constexpr double kSame = 0.01;
  if (step > 0) {
    for (const double candidate : kZoomSteps) {
      if (candidate > zoom + kSame) {
        return candidate;
      }
    }
    return kZoomSteps.back();
  }
  for (auto it = kZoomSteps.rbegin(); it != kZoomSteps.rend(); ++it) {
    if (*it < zoom - kSame) {
      return *it;
    }
  }
  return kZoomSteps.front();
}

}  // namespace

DocumentView::DocumentView(ChatController& controller, Settings& settings, Actions& actions,
                           QWidget* parent)
    : QWidget(parent),
      m_controller(controller),
      m_settings(settings),
      m_actions(actions),
      m_pages(new PageView),
      m_text(new TextView),
      m_stack(new QStackedWidget),
      m_outline(new OutlinePanel),
      m_outlineLine(makeLine(Qt::Vertical)),
      m_findBar(new FindBar),
      m_finder(new TextFinder(this)) {
  m_stack->addWidget(m_pages);
  m_stack->addWidget(m_text);
  m_outline->setFixedWidth(scaled(kOutlineWidth));
  m_outline->hide();
  m_outlineLine->hide();
  m_findBar->hide();

  auto* body = new QHBoxLayout;
  body->setContentsMargins(0, 0, 0, 0);
  body->setSpacing(0);
  body->addWidget(m_outline);
  body->addWidget(m_outlineLine);
  auto* reading = new QVBoxLayout;
  reading->setContentsMargins(0, 0, 0, 0);
  reading->setSpacing(0);
  reading->addWidget(m_findBar);
  reading->addWidget(m_stack, 1);
  body->addLayout(reading, 1);

  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(makeBar());
  column->addWidget(makeLine(Qt::Horizontal));
  column->addLayout(body, 1);

  m_pill = new BackPill(this);
  connect(m_pill, &QPushButton::clicked, this, [this] { m_actions[Command::GoBack]->trigger(); });

  const auto viewSignals = [this](auto* view) {
    using View = std::remove_pointer_t<decltype(view)>;
    connect(view, &View::pageChanged, this, &DocumentView::showPage);
    connect(view, &View::zoomStepRequested, this, &DocumentView::stepZoom);
    connect(view, &View::positionChanged, this, [this, view](double position) {
      if (view == reader() && m_document) {
        m_controller.setPosition(position);
        m_outline->setPlace(
            m_heading.value_or(m_document->pages().value(view->currentPage()).begin));
      }
    });
    connect(view, &View::scrolledByHand, this, [this] {
      m_heading.reset();
      if (m_pill->isVisible() && std::abs(position() - m_pillPosition) >= 1) {
        m_pill->hide();
      }
    });
  };
  viewSignals(m_pages);
  viewSignals(m_text);

  connect(m_findBar, &FindBar::wordsChanged, this, [this](const QString& words) {
    if (m_document) {
      m_findBar->setResult(-1, -1, false);
      m_finder->find(m_document, words);
    }
  });
  connect(m_findBar, &FindBar::nextRequested, this, [this] { stepMatch(1); });
  connect(m_findBar, &FindBar::previousRequested, this, [this] { stepMatch(-1); });
  connect(m_findBar, &FindBar::closed, this, &DocumentView::closeFind);
  connect(m_finder, &TextFinder::found, this, &DocumentView::takeMatches);
  connect(m_outline, &OutlinePanel::closed, this, [this] {
    m_actions[Command::ToggleContents]->setChecked(false);
    reader()->setFocus(Qt::ShortcutFocusReason);
  });
  connect(m_outline, &OutlinePanel::chosen, this, [this](int entry) {
    m_history.jumpFrom(position());
    showHeading(m_document->outline().at(entry));
    showHistory();
  });

  auto* copy = new QShortcut(QKeySequence::Copy, m_pages);
  copy->setContext(Qt::WidgetWithChildrenShortcut);
  connect(copy, &QShortcut::activated, this, [this] {
    if (!m_pages->selectedText().isEmpty()) {
      QGuiApplication::clipboard()->setText(m_pages->selectedText());
    }
  });

  connectActions();
  connect(&m_controller, &ChatController::documentChanged, this, &DocumentView::takeDocument);
  connect(&m_controller, &ChatController::positionRestored, this,
          [this](double position) { setPosition(position); });
  connect(&m_settings, &Settings::changed, this, [this](Setting setting) {
    if (setting == Setting::DarkPages) {
      const bool dark = m_settings.flag(Setting::DarkPages);
      m_pages->setDarkPages(dark);
      m_text->setDarkPages(dark);
      m_actions[Command::ToggleDarkPages]->setChecked(dark);
    }
  });
  m_pages->setDarkPages(m_settings.flag(Setting::DarkPages));
  m_text->setDarkPages(m_settings.flag(Setting::DarkPages));
  m_actions[Command::ToggleDarkPages]->setChecked(m_settings.flag(Setting::DarkPages));
  takeDocument();
}

QWidget* DocumentView::makeBar() {
  auto* bar = new SurfaceWidget(Surface::Window);
  auto* contents = makeActionButton(m_actions[Command::ToggleContents], u"contents"_s);
  m_pageField = new QLineEdit;
  m_pageField->setObjectName(u"page"_s);
  followType(m_pageField, Type::Row);
  m_pageField->setAlignment(Qt::AlignCenter);
  m_pageField->setAccessibleName(tr("Page"));
  m_pageField->setToolTip(withKey(tr("Page"), m_actions.keyText(Command::GoToPage)));
  m_pageField->setMaxLength(12);
  connect(m_pageField, &QLineEdit::returnPressed, this, &DocumentView::commitPageField);
  connect(m_pageField, &QLineEdit::editingFinished, this, [this] {
    if (m_document) {
      showPage(m_mode == Mode::Pages ? m_pages->currentPage() : m_text->currentPage());
    }
  });
  m_pageCount = new Label(Type::Row, Ink::Text2);

  m_zoomGroup = new QWidget;
  auto* zoomRow = new QHBoxLayout(m_zoomGroup);
  zoomRow->setContentsMargins(0, 0, 0, 0);
  zoomRow->setSpacing(4);
  zoomRow->addWidget(makeActionButton(m_actions[Command::ZoomOut], u"minus"_s));
  m_zoomButton = makeButton(QString(), ButtonKind::Quiet);
  connect(m_zoomButton, &QPushButton::clicked, m_actions[Command::ZoomReset], &QAction::trigger);
  zoomRow->addWidget(m_zoomButton);
  zoomRow->addWidget(makeActionButton(m_actions[Command::ZoomIn], u"plus"_s));

  m_pagesButton = makeButton(tr("Pages"), ButtonKind::Quiet, u"page"_s);
  m_textButton = makeButton(tr("Text"), ButtonKind::Quiet, u"text"_s);
  for (QPushButton* button : {m_pagesButton, m_textButton}) {
    button->setCheckable(true);
  }
  connect(m_pagesButton, &QPushButton::clicked, this, [this] { setMode(Mode::Pages); });
  connect(m_textButton, &QPushButton::clicked, this, [this] { setMode(Mode::Text); });

  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(12, 6, 12, 6);
  row->setSpacing(4);
  row->addWidget(contents);
  row->addSpacing(4);
  row->addWidget(m_pageField);
  row->addSpacing(4);
  row->addWidget(m_pageCount);
  row->addStretch(1);
  row->addWidget(m_zoomGroup);
  row->addStretch(1);
  row->addWidget(m_pagesButton);
  row->addWidget(m_textButton);
  row->addSpacing(4);
  row->addWidget(makeActionButton(m_actions[Command::ToggleDarkPages], u"moon"_s));
  row->addWidget(makeActionButton(m_actions[Command::Find], u"search"_s));
  return bar;
}

void DocumentView::connectActions() {
  const auto on = [this](Command command, auto slot) {
    connect(m_actions[command], &QAction::triggered, this, slot);
  };
  on(Command::Find, [this] { openFind(); });
  on(Command::FindNext, [this] { stepMatch(1); });
  on(Command::FindPrevious, [this] { stepMatch(-1); });
  on(Command::ZoomIn, [this] { stepZoom(1); });
  on(Command::ZoomOut, [this] { stepZoom(-1); });
  on(Command::ZoomReset, [this] { resetZoom(); });
  on(Command::GoBack, [this] { go(m_history.goBack(position())); });
  on(Command::GoForward, [this] { go(m_history.goForward(position())); });
  on(Command::GoToPage, [this] {
    m_pageField->setFocus(Qt::ShortcutFocusReason);
    m_pageField->selectAll();
  });
  on(Command::ToggleDarkPages,
     [this](bool checked) { m_settings.set(Setting::DarkPages, checked); });
  connect(m_actions[Command::ToggleContents], &QAction::toggled, this,
          &DocumentView::toggleContents);
}

QWidget* DocumentView::reader() const {
  return m_mode == Mode::Pages ? static_cast<QWidget*>(m_pages) : m_text;
}

bool DocumentView::showsPages() const { return m_mode == Mode::Pages; }

bool DocumentView::isDrawn() const { return m_mode == Mode::Text || m_pages->isDrawn(); }

double DocumentView::position() const {
  return m_mode == Mode::Pages ? m_pages->position() : m_text->position();
}

void DocumentView::setPosition(double position) {
  m_heading.reset();
  if (m_mode == Mode::Pages) {
    m_pages->setPosition(position);
  } else {
    m_text->setPosition(position);
  }
}

void DocumentView::takeDocument() {
  const auto document = m_controller.document();
  const bool there = document && m_controller.documentFileThere();
  const bool pdf = there && document->format() == DocumentFormat::Pdf;
  if (document == m_document && pdf == m_hasPages && m_path == m_controller.documentPath()) {
    return;
  }
  m_document = document;
  m_path = m_controller.documentPath();
  m_hasPages = pdf;
  m_history.clear();
  m_matches.clear();
  m_currentMatch = -1;
  closeFind();
  m_pill->hide();
  m_outline->setDocument(document);
  if (!document) {
    m_pages->clear();
    m_text->clearDocument();
  } else {
    m_text->setDocument(document);
    if (pdf) {
      m_pages->setDocument(m_path, m_controller.documentPassword(), document);
    } else {
      m_pages->clear();
    }
    m_mode = pdf ? Mode::Pages : Mode::Text;
    const QString count = countText(document->pageCount());
    m_pageCount->setText(tr("of %1").arg(count));
    const int widest = std::max<int>(4, int(count.size()) + 1);
    m_pageField->setFixedWidth(m_pageField->fontMetrics().horizontalAdvance(u'0') * widest + 18);
  }
  m_pagesButton->setVisible(pdf);
  m_textButton->setVisible(pdf);
  setMode(m_mode);
  if (document) {
    setPosition(m_controller.lastPosition());
  }
  showHistory();
}

void DocumentView::setMode(Mode mode) {
  const double keep = position();
  const bool changed = mode != m_mode;
  m_mode = mode;
  m_stack->setCurrentWidget(reader());
  m_pagesButton->setChecked(mode == Mode::Pages);
  m_textButton->setChecked(mode == Mode::Text);
  if (changed) {
    setPosition(keep);
    showMatches();
  }
  showZoom();
  if (m_document) {
    showPage(mode == Mode::Pages ? m_pages->currentPage() : m_text->currentPage());
  }
}

void DocumentView::showPage(int page) {
  if (m_document && page >= 0 && page < m_document->pageCount() && !m_pageField->hasFocus()) {
    m_pageField->setText(m_document->pages().at(page).label);
  }
  if (m_document && page >= 0 && page < m_document->pageCount()) {
    const QString place =
        tr("Page %1 of %2")
            .arg(m_document->pages().at(page).label, countText(m_document->pageCount()));
    m_pages->setAccessibleDescription(place);
    m_text->setAccessibleDescription(place);
  }
}

void DocumentView::commitPageField() {
  if (!m_document) {
    return;
  }
  const QString wanted = m_pageField->text().trimmed();
  int page = -1;
  for (int i = 0; i < m_document->pageCount() && page < 0; ++i) {
    if (m_document->pages().at(i).label.compare(wanted, Qt::CaseInsensitive) == 0) {
      page = i;
    }
  }
  bool isNumber = false;
  const int number = QLocale().toInt(wanted, &isNumber);
  if (page < 0 && isNumber) {
    page = std::clamp(number, 1, m_document->pageCount()) - 1;
  }
  if (page >= 0) {
    reader()->setFocus(Qt::OtherFocusReason);
    jumpToPage(page);
  } else {
    m_pageField->selectAll();
  }
}

void DocumentView::jumpTo(TextRange range) {
  if (!m_document) {
    return;
  }
  m_history.jumpFrom(position());
  reveal(range);
  showHistory();
}

void DocumentView::reveal(TextRange range) {
  m_heading.reset();
  if (m_mode == Mode::Pages) {
    m_pages->reveal(range);
  } else {
    m_text->reveal(range);
  }
}

void DocumentView::showHeading(const OutlineEntry& entry) {
  const DocumentPage& page = m_document->pages().at(m_document->pageAt(entry.begin));
  if (m_mode == Mode::Pages) {
    const std::string_view rest = m_document->text({entry.begin, page.end});
    const auto line = std::min(rest.find('\n'), rest.size());
    m_pages->showFromTop({entry.begin, entry.begin + static_cast<std::int64_t>(line)});
  } else {
    const double length = double(std::max<std::int64_t>(1, page.end - page.begin));
    setPosition(entry.page + double(entry.begin - page.begin) / length);
  }
  m_heading = entry.begin;
  m_outline->setPlace(entry.begin);
}

void DocumentView::jumpToPage(int page) {
  m_history.jumpFrom(position());
  setPosition(page);
  showHistory();
}

void DocumentView::openAtPage(int page) { setPosition(page); }

void DocumentView::go(std::optional<double> target) {
  if (target) {
    setPosition(*target);
    m_pill->hide();
  }
  m_actions[Command::GoBack]->setEnabled(m_history.canGoBack());
  m_actions[Command::GoForward]->setEnabled(m_history.canGoForward());
}

void DocumentView::showHistory() {
  m_actions[Command::GoBack]->setEnabled(m_history.canGoBack());
  m_actions[Command::GoForward]->setEnabled(m_history.canGoForward());
  const auto previous = m_history.previous();
  if (!m_document || !previous || std::abs(*previous - position()) < kJumpWorthReturning) {
    return;
  }
  const QString label = m_document->pages().value(int(*previous)).label;
  m_pill->offer(tr("Back to page %1").arg(label), m_actions.keyText(Command::GoBack));
  m_pillPosition = position();
  placePill();
}

void DocumentView::placePill() {
  const QPoint corner = m_stack->mapTo(this, QPoint(0, m_stack->height()));
  m_pill->move(corner + QPoint(space::kPane, -m_pill->height() - 16));
}

void DocumentView::openFind() {
  if (!m_document) {
    return;
  }
  m_findBar->show();
  m_findBar->open(selectedText().simplified().left(100));
  if (!m_findBar->words().isEmpty() && m_matches.isEmpty()) {
    m_finder->find(m_document, m_findBar->words());
  }
}

QString DocumentView::selectedText() const {
  return m_mode == Mode::Pages ? m_pages->selectedText() : m_text->textCursor().selectedText();
}

void DocumentView::closeFind() {
  const QWidget* focused = QApplication::focusWidget();
  const bool hadFocus = focused != nullptr && m_findBar->isAncestorOf(focused);
  m_findBar->hide();
  m_matches.clear();
  m_currentMatch = -1;
  showMatches();
  if (hadFocus) {
    reader()->setFocus(Qt::ShortcutFocusReason);
  }
}

void DocumentView::takeMatches(const QList<TextRange>& matches) {
  m_matches = matches;
  m_currentMatch = -1;
  if (!matches.isEmpty()) {
    // The first match from the page in sight on.
    const int page =
        std::max(0, m_mode == Mode::Pages ? m_pages->currentPage() : m_text->currentPage());
    const std::int64_t from = m_document->pages().at(page).begin;
    const auto next = std::lower_bound(
        matches.begin(), matches.end(), from,
        [](const TextRange& range, std::int64_t byte) { return range.begin < byte; });
    m_currentMatch = next == matches.end() ? 0 : int(next - matches.begin());
  }
  showMatches();
  if (m_currentMatch >= 0) {
    reveal(m_matches.at(m_currentMatch));
  }
}

void DocumentView::stepMatch(int step) {
  if (m_matches.isEmpty()) {
    if (!m_findBar->isVisible()) {
      openFind();
    }
    return;
  }
  const int count = int(m_matches.size());
  m_currentMatch = (m_currentMatch + step + count) % count;
  showMatches();
  const double before = position();
  reveal(m_matches.at(m_currentMatch));
  if (std::abs(position() - before) >= 1) {
    m_history.jumpFrom(before);
    showHistory();
  }
}

void DocumentView::showMatches() {
  m_pages->setMatches(m_mode == Mode::Pages ? m_matches : QList<TextRange>(), m_currentMatch);
  m_text->setMatches(m_mode == Mode::Text ? m_matches : QList<TextRange>(), m_currentMatch);
  m_findBar->setResult(m_currentMatch, int(m_matches.size()),
                       m_matches.size() >= TextFinder::kMostMatches);
}

void DocumentView::stepZoom(int step) {
  if (m_mode == Mode::Pages) {
    m_pageZoom = steppedZoom(m_pages->effectiveZoom(), step);
    m_pages->setZoom(m_pageZoom);
  } else {
    m_textZoom = std::clamp(steppedZoom(m_textZoom, step), 0.5, 3.0);
    m_text->setZoom(m_textZoom);
  }
  showZoom();
}

void DocumentView::resetZoom() {
  if (m_mode == Mode::Pages) {
    m_pageZoom = PageView::kFitWidth;
    m_pages->setZoom(m_pageZoom);
  } else {
    m_textZoom = 1;
    m_text->setZoom(m_textZoom);
  }
  showZoom();
}

void DocumentView::showZoom() {
  const bool pages = m_mode == Mode::Pages;
  const double zoom = pages ? m_pageZoom : m_textZoom;
  const QString text = pages && m_pageZoom == PageView::kFitWidth
                           ? tr("Fit width")
                           : tr("%1%").arg(qRound(zoom * 100));
  m_zoomButton->setText(text);
  const QString name = pages ? tr("Fit the page to the width") : tr("Normal text size");
  m_zoomButton->setAccessibleName(tr("%1, now %2").arg(name, text));
  m_zoomButton->setToolTip(withKey(name, m_actions.keyText(Command::ZoomReset)));
}

void DocumentView::toggleContents(bool on) {
  m_outline->setVisible(on);
  m_outlineLine->setVisible(on);
  if (on) {
    if (m_document) {
      m_outline->setPlace(m_document->pages().value(int(position())).begin);
    }
    m_outline->takeFocus();
  }
}

void DocumentView::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  m_zoomGroup->setVisible(width() >= scaled(kZoomGroupFrom));
  placePill();
}

void DocumentView::paintEvent(QPaintEvent*) { QPainter(this).fillRect(rect(), theme().window); }

}  // namespace bookwheel
