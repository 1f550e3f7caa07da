// SPDX-License-Identifier: Apache-2.0
// PageRangeDialog: which pages of the book are read, by numbers or by chapter.
#pragma once

#include "app/documents/document.h"
#include "app/library/library.h"
#include "ui/dialogs/dialog.h"

#include <memory>
#include <optional>

class QComboBox;
class QLineEdit;
class QPushButton;

namespace bookwheel {

class ChatController;
class Label;

class PageRangeDialog : public Dialog {
  Q_OBJECT
 public:
  PageRangeDialog(ChatController& controller, QWidget* parent);

  /// Counted from 1; valid after accept().
  PageRange range() const { return m_range; }

 private:
  std::optional<PageRange> typed() const;
  void refresh();
  void takeChapter(int index);

  ChatController& m_controller;
  std::shared_ptr<const Document> m_document;
  PageRange m_range;
  QLineEdit* m_first;
  QLineEdit* m_last;
  QComboBox* m_chapter = nullptr;
  Label* m_words;
  QPushButton* m_read;
};

}  // namespace bookwheel
