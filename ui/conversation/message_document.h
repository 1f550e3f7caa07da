// SPDX-License-Identifier: Apache-2.0
// MessageDocument: one message laid out for the conversation, from Markdown that is not trusted.
#pragma once

#include <QString>
#include <QTextDocument>

#include <memory>

namespace bookwheel {

enum class MessageForm { Question, Answer };

/// A QTextDocument that loads nothing: no image, no style sheet, no file, whatever the text asks
/// for.
class SafeDocument : public QTextDocument {
  Q_OBJECT
 public:
  using QTextDocument::QTextDocument;

 protected:
  QVariant loadResource(int type, const QUrl& name) override;
};

/// Lays out `text`: an answer as GitHub Markdown with HTML as plain letters (every letter of the
/// text is kept: tests/ui/message_document_test.cpp), a question as plain text. `width` in pixels.
/// `cursor` adds the streaming cursor. Colours and fonts are those of the theme now.
std::shared_ptr<SafeDocument> makeMessageDocument(const QString& text, MessageForm form,
                                                  qreal width, bool cursor = false);

/// Schemes a link of an answer may lead to; all others are only shown.
bool mayOpen(const QUrl& link);

}  // namespace bookwheel
