// SPDX-License-Identifier: Apache-2.0
// Panes: where shelf, document and conversation stand, and what the person changed about it.
#pragma once

#include <QJsonObject>
#include <QSize>
#include <QSplitter>

class QStackedWidget;

namespace bookwheel {

class ConversationView;
class DocumentView;
class Settings;
class ShelfView;
class StartPage;

/// Three panes from 1,200 pixels; a rail in the place of the shelf below that; document above
/// conversation below 1,000. Without a book the start page stands in the place of both. What the
/// person changed is remembered for each of the three widths (Setting::WindowLayout).
class Panes : public QSplitter {
  Q_OBJECT
 public:
  /// Takes the four widgets as its own. `settings` must outlive it.
  Panes(ShelfView* shelf, StartPage* start, DocumentView* document, ConversationView* conversation,
        Settings& settings, QWidget* parent = nullptr);

  /// Fits the panes to a window of this size. Nothing is moved while the window keeps to one of
  /// the three widths.
  void arrange(QSize window);
  void showBook(bool open);
  bool showsBook() const;
  /// By hand: it is remembered.
  void setShelfOpen(bool open);
  /// By hand: it is remembered. Whoever shows the panel follows panelOpenChanged().
  void setPanelOpen(bool open);
  bool isPanelOpen() const { return m_panelOpen; }
  bool isNarrow() const { return m_widthClass == WidthClass::Narrow; }
  /// `panel` takes the place of the document; null: the document is back, and the panel is
  /// whoever's who takes it into a layout of its own.
  void coverDocument(QWidget* panel);

 Q_SIGNALS:
  void narrowChanged(bool narrow);  ///< by arrange(), each time that the width is another of three
  void shelfOpenChanged(bool open);
  void panelOpenChanged(bool open);

 private:
  enum class WidthClass { Narrow, Medium, Wide };

  static WidthClass widthClassOf(int width);
  QJsonObject storedLayout(WidthClass width) const;
  void storeLayout();
  void showShelf(bool open);

  Settings& m_settings;
  ShelfView* m_shelf;
  StartPage* m_start;
  DocumentView* m_document;
  ConversationView* m_conversation;
  QSplitter* m_reading;  // document and conversation
  QStackedWidget* m_stack;
  WidthClass m_widthClass = WidthClass::Wide;
  QSize m_window;
  bool m_arranged = false;
  bool m_panelOpen = false;
};

}  // namespace bookwheel
