// SPDX-License-Identifier: Apache-2.0
// DocumentView: the middle pane: the book as pages or text, with contents, find, zoom and the way
// back.
#pragma once

#include "app/documents/document.h"
#include "app/library/settings.h"
#include "ui/reader/jump_history.h"

#include <QList>
#include <QWidget>

#include <memory>
#include <optional>

class QHBoxLayout;
class QLineEdit;
class QPushButton;
class QStackedWidget;

namespace bookwheel {

class Actions;
class BackPill;
class ChatController;
class FindBar;
class Label;
class OutlinePanel;
class PageView;
class TextFinder;
class TextView;

class DocumentView : public QWidget {
  Q_OBJECT
 public:
  DocumentView(ChatController& controller, Settings& settings, Actions& actions,
               QWidget* parent = nullptr);

  /// The pages or the text, whichever is shown.
  QWidget* reader() const;
  /// Jumps, and leaves the way back.
  void jumpTo(TextRange range);
  void jumpToPage(int page);  ///< index from 0
  /// As a jump, but from nowhere: no way back.
  void openAtPage(int page);
  double position() const;
  bool showsPages() const;
  /// What is in sight is drawn.
  bool isDrawn() const;

 protected:
  void resizeEvent(QResizeEvent* event) override;
  void paintEvent(QPaintEvent* event) override;

 private:
  enum class Mode { Pages, Text };

  QWidget* makeBar();
  void connectActions();
  void takeDocument();
  void setMode(Mode mode);
  void setPosition(double position);
  void reveal(TextRange range);
  void showHeading(const OutlineEntry& entry);
  void go(std::optional<double> target);
  void showHistory();
  void placePill();
  void openFind();
  void closeFind();
  void takeMatches(const QList<TextRange>& matches);
  void stepMatch(int step);
  void showMatches();
  void stepZoom(int step);
  void resetZoom();
  void showZoom();
  void commitPageField();
  void showPage(int page);
  void toggleContents(bool on);
  QString selectedText() const;

  ChatController& m_controller;
  Settings& m_settings;
  Actions& m_actions;
  std::shared_ptr<const Document> m_document;
  QString m_path;
  Mode m_mode = Mode::Text;
  bool m_hasPages = false;
  JumpHistory m_history;

  PageView* m_pages;
  TextView* m_text;
  QStackedWidget* m_stack;
  OutlinePanel* m_outline;
  QWidget* m_outlineLine;
  FindBar* m_findBar;
  TextFinder* m_finder;
  BackPill* m_pill;
  QLineEdit* m_pageField;
  Label* m_pageCount;
  QWidget* m_zoomGroup;
  QPushButton* m_zoomButton;
  QPushButton* m_pagesButton;
  QPushButton* m_textButton;
  QList<TextRange> m_matches;
  int m_currentMatch = -1;
  std::optional<std::int64_t> m_heading;  // that was gone to, until something else moves the view
  double m_pillPosition = 0;
  double m_pageZoom = 0;  // PageView::kFitWidth
  double m_textZoom = 1;
};

}  // namespace bookwheel
