// SPDX-License-Identifier: Apache-2.0
// MessageDocument: one message laid out for the conversation, from Markdown that is not trusted.
#include "ui/conversation/message_document.h"

#include "ui/style/paint.h"
#include "ui/style/theme.h"
#include "ui/style/type.h"

#include <QTextBlock>
#include <QTextCursor>
#include <QTextFrame>
#include <QTextList>
#include <QTextTable>
#include <QUrl>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr int kLinePixels = 23;
constexpr int kCodeLinePixels = 19;
constexpr int kParagraphGap = 8;
constexpr int kListIndent = 18;

bool isCodeBlock(const QTextBlock& block) {
  return block.blockFormat().hasProperty(QTextFormat::BlockCodeLanguage) ||
         block.blockFormat().hasProperty(QTextFormat::BlockCodeFence);
}

QFont headingFont(int level) { return font(level <= 2 ? Type::Heading : Type::Strong); }

/// Pictures are not loaded: their description stands in their place, so no letter is lost.
void replacePictures(QTextDocument& document) {
  QTextCursor cursor(&document);
  for (QTextBlock block = document.begin(); block.isValid(); block = block.next()) {
    QList<QPair<int, QString>> pictures;
    for (auto it = block.begin(); !it.atEnd(); ++it) {
      const QTextFragment fragment = it.fragment();
      if (fragment.charFormat().isImageFormat()) {
        const QTextImageFormat image = fragment.charFormat().toImageFormat();
        const QString words = image.stringProperty(QTextFormat::ImageAltText);
        for (int i = 0; i < fragment.length(); ++i) {
          pictures.append({fragment.position() + i, u"[%1](%2)"_s.arg(words, image.name())});
        }
      }
    }
    for (auto it = pictures.crbegin(); it != pictures.crend(); ++it) {
      cursor.setPosition(it->first);
      cursor.setPosition(it->first + 1, QTextCursor::KeepAnchor);
      cursor.insertText(it->second, QTextCharFormat());
    }
  }
}

void styleFragments(QTextDocument& document, const QTextBlock& block, const QFont& base,
                    bool code) {
  const Theme& t = theme();
  struct Run {
    int begin;
    int length;
    QTextCharFormat format;
  };
  QList<Run> runs;
  for (auto it = block.begin(); !it.atEnd(); ++it) {
    const QTextFragment fragment = it.fragment();
    const QTextCharFormat was = fragment.charFormat();
    QTextCharFormat format;
    QFont face = base;
    if (code || was.fontFixedPitch()) {
      face = codeFont();
      if (!code) {
        format.setBackground(t.dark ? t.border : t.sunken);
      }
    } else {
      if (was.fontWeight() > QFont::Medium) {
        face.setWeight(QFont::DemiBold);
      }
      face.setItalic(was.fontItalic());
      face.setStrikeOut(was.fontStrikeOut());
    }
    format.setFont(face);
    format.setForeground(t.text);
    if (was.isAnchor()) {
      format.setAnchor(true);
      format.setAnchorHref(was.anchorHref());
      format.setFontUnderline(true);
      format.setUnderlineColor(t.control);
    }
    runs.append({fragment.position(), fragment.length(), format});
  }
  QTextCursor cursor(&document);
  for (const Run& run : std::as_const(runs)) {
    cursor.setPosition(run.begin);
    cursor.setPosition(run.begin + run.length, QTextCursor::KeepAnchor);
    cursor.setCharFormat(run.format);
  }
}

void styleBlock(QTextDocument& document, const QTextBlock& block, bool isLast) {
  const Theme& t = theme();
  QTextCursor cursor(block);
  const QTextBlockFormat was = block.blockFormat();
  QTextBlockFormat format = was;
  const bool code = isCodeBlock(block);
  const bool inTable = cursor.currentTable() != nullptr;
  const int heading = was.headingLevel();
  const bool rule = was.hasProperty(QTextFormat::BlockTrailingHorizontalRulerWidth);
  if (rule) {
    return;
  }
  format.setLineHeight(scaled(code ? kCodeLinePixels : kLinePixels), QTextBlockFormat::FixedHeight);
  format.setTopMargin(heading > 0 && block.position() > 0 ? kParagraphGap : 0);
  const bool codeGoesOn = code && block.next().isValid() && isCodeBlock(block.next());
  const bool listGoesOn =
      block.textList() != nullptr && block.next().isValid() && block.next().textList() != nullptr;
  int below = scaled(kParagraphGap);
  if (isLast || inTable || codeGoesOn) {
    below = 0;
  } else if (listGoesOn || heading > 0) {
    below = scaled(4);
  }
  format.setBottomMargin(below);
  if (code) {
    format.setBackground(t.dark ? t.raised : t.sunken);
    format.setNonBreakableLines(false);
  }
  const int quote = was.intProperty(QTextFormat::BlockQuoteLevel);
  format.setLeftMargin(quote * scaled(kListIndent));
  format.setRightMargin(0);
  cursor.setBlockFormat(format);
  styleFragments(document, block, heading > 0 ? headingFont(heading) : font(Type::Body), code);
  // The format of the block's end draws list markers.
  QTextCharFormat marker;
  marker.setFont(font(Type::Body));
  marker.setForeground(t.text2);
  QTextCursor end(block);
  end.setBlockCharFormat(marker);
}

void styleTables(QTextFrame* frame) {
  const auto children = frame->childFrames();
  for (QTextFrame* child : children) {
    if (auto* table = qobject_cast<QTextTable*>(child)) {
      QTextTableFormat format = table->format();
      format.setBorder(1);
      format.setBorderCollapse(true);
      format.setBorderBrush(theme().border);
      format.setBorderStyle(QTextFrameFormat::BorderStyle_Solid);
      format.setCellPadding(6);
      format.setCellSpacing(0);
      format.setTopMargin(2);
      format.setBottomMargin(kParagraphGap);
      table->setFormat(format);
    }
    styleTables(child);
  }
}

}  // namespace

QVariant SafeDocument::loadResource(int, const QUrl&) { return {}; }

bool mayOpen(const QUrl& link) {
  return link.isValid() && (link.scheme() == u"https"_s || link.scheme() == u"http"_s) &&
         !link.host().isEmpty();
}

std::shared_ptr<SafeDocument> makeMessageDocument(const QString& text, MessageForm form,
                                                  qreal width, bool cursor) {
  auto document = std::make_shared<SafeDocument>();
  document->setUndoRedoEnabled(false);
  document->setDocumentMargin(0);
  document->setIndentWidth(scaled(kListIndent));
  document->setDefaultFont(font(form == MessageForm::Question ? Type::Question : Type::Body));
  if (form == MessageForm::Question) {
    document->setPlainText(text);
    QTextCursor all(document.get());
    all.select(QTextCursor::Document);
    QTextBlockFormat lines;
    lines.setLineHeight(scaled(kLinePixels), QTextBlockFormat::FixedHeight);
    all.mergeBlockFormat(lines);
    QTextCharFormat ink;
    ink.setForeground(theme().text);
    all.mergeCharFormat(ink);
  } else {
    document->setMarkdown(text,
                          QTextDocument::MarkdownFeatures(QTextDocument::MarkdownDialectGitHub |
                                                          QTextDocument::MarkdownNoHTML));
    replacePictures(*document);
    QTextCursor edit(document.get());
    edit.beginEditBlock();
    for (QTextBlock block = document->begin(); block.isValid(); block = block.next()) {
      styleBlock(*document, block, !block.next().isValid());
    }
    edit.endEditBlock();
    styleTables(document->rootFrame());
    if (cursor) {
      QTextCursor end(document.get());
      end.movePosition(QTextCursor::End);
      QTextCharFormat block;
      block.setFont(font(Type::Body));
      block.setForeground(theme().accent);
      end.insertText(u"\u2009\u258D"_s, block);
    }
  }
  document->setTextWidth(width);
  return document;
}

}  // namespace bookwheel
