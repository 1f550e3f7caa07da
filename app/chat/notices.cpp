// SPDX-License-Identifier: Apache-2.0
// The wording of every notice: what happened with its numbers, and the ways on.
#include "app/chat/notices.h"

#include "app/library/words.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>

namespace bookwheel::notices {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(bookwheel::notices)
};

Notice make(Notice::Kind kind, Notice::Severity severity, const QString& title,
            const QString& facts = {}) {
  Notice notice;
  notice.kind = kind;
  notice.severity = severity;
  notice.title = title;
  notice.facts = facts;
  return notice;
}

NoticeWay chooseModel() {
  return {Words::tr("Use another model"),
          Words::tr("From the files on this computer."),
          Words::tr("Choose a model…"),
          NoticeAction::ChooseModel,
          {}};
}

NoticeWay openDocument() {
  return {
      Words::tr("Open another document"), {}, Words::tr("Open…"), NoticeAction::OpenDocument, {}};
}

/// The first model that could take the text, by name; else the list.
NoticeWay anotherModel(const QList<ModelEntry>& others) {
  if (others.isEmpty()) {
    NoticeWay way = chooseModel();
    way.cost = Words::tr("None of those found here reads this text whole.");
    return way;
  }
  const ModelEntry& other = others.first();
  return {Words::tr("Use another model"),
          Words::tr("%1 is here: reads %2 tokens. The text is read from the start.")
              .arg(other.name, countText(other.contextTokens)),
          Words::tr("Use %1").arg(titleFrom(other.name, 24)), NoticeAction::UseModel, other.path};
}

QString fileName(const QString& path) { return QFileInfo(path).fileName(); }

}  // namespace

Notice saving(const QString& problem) {
  Notice notice = make(Notice::Kind::Saving, Notice::Severity::Warning,
                       Words::tr("What you do now is not on disk yet"), problem);
  notice.ways = {{Words::tr("Try again"),
                  Words::tr("Bookwheel also tries by itself with each message."),
                  Words::tr("Save now"),
                  NoticeAction::RetrySaving,
                  {}}};
  return notice;
}

Notice library(const QString& sentence) {
  Notice notice = make(Notice::Kind::Library, Notice::Severity::Error,
                       Words::tr("The library was repaired"), sentence);
  notice.dismissable = true;
  return notice;
}

Notice noModelFound(const QString& folder) {
  Notice notice =
      make(Notice::Kind::Model, Notice::Severity::Warning, Words::tr("No model file was found"),
           Words::tr("Bookwheel reads with a model file (*.gguf). Put one into %1, or choose one "
                     "elsewhere. Books can be opened and looked at without a model.")
               .arg(QDir::toNativeSeparators(folder)));
  notice.ways = {{Words::tr("Choose a model file"),
                  Words::tr("Nothing is downloaded."),
                  Words::tr("Choose a file…"),
                  NoticeAction::OpenModelFile,
                  {}}};
  return notice;
}

Notice modelFailed(const QString& path, const EngineFailure& failure, const QString& previous) {
  const QString name = fileName(path);
  QString title;
  switch (failure.code) {
    case ErrorCode::FileMissing:
      title = Words::tr("The model file %1 cannot be opened").arg(name);
      break;
    case ErrorCode::BadModelFile:
      title = Words::tr("The model file %1 cannot be used").arg(name);
      break;
    case ErrorCode::UnsupportedModel:
      title = Words::tr("Bookwheel does not run the model %1").arg(name);
      break;
    case ErrorCode::DoesNotFit:
      title = Words::tr("The model %1 does not fit into memory").arg(name);
      break;
    default:
      title = Words::tr("The model %1 could not be loaded").arg(name);
      break;
  }
  Notice notice = make(Notice::Kind::Model, Notice::Severity::Error, title, failure.message);
  if (!previous.isEmpty() && previous != path) {
    notice.ways.append({Words::tr("Back to the model before"), fileName(previous),
                        Words::tr("Load it again"), NoticeAction::UseModel, previous});
  }
  notice.ways.append(chooseModel());
  notice.ways.append({Words::tr("Try again"), Words::tr("After the file was put right."),
                      Words::tr("Load again"), NoticeAction::UseModel, path});
  return notice;
}

Notice chatFormat(const QString& sentence) {
  Notice notice = make(Notice::Kind::Model, Notice::Severity::Information, sentence);
  notice.dismissable = true;
  return notice;
}

Notice openFailed(const OpenFailure& failure) {
  const QString name = fileName(failure.path);
  QString title;
  switch (failure.kind) {
    case ImportFailure::Scanned:
      title = Words::tr("%1 is scanned and has no text").arg(name);
      break;
    case ImportFailure::Empty:
      title = Words::tr("%1 has no text").arg(name);
      break;
    case ImportFailure::Unsupported:
      title = Words::tr("%1 is not a document that Bookwheel reads").arg(name);
      break;
    case ImportFailure::TooLarge:
      title = Words::tr("%1 is too large").arg(name);
      break;
    case ImportFailure::Damaged:
      title = Words::tr("%1 is damaged").arg(name);
      break;
    case ImportFailure::CannotOpen:
      title = failure.fileChanged ? Words::tr("%1 was changed").arg(name)
              : failure.fileGone  ? Words::tr("%1 is not there any more").arg(name)
                                  : Words::tr("%1 cannot be opened").arg(name);
      break;
    default:
      title = Words::tr("%1 could not be read").arg(name);
      break;
  }
  Notice notice = make(Notice::Kind::Document, Notice::Severity::Error, title, failure.sentence);
  if (failure.fileChanged) {
    notice.ways.append({Words::tr("Read the new version"),
                        Words::tr("It becomes a book of its own; the chats stay with the old one."),
                        Words::tr("Read it"), NoticeAction::ReadNewVersion, failure.path});
  } else if (failure.fileGone) {
    notice.ways.append({Words::tr("Find the file"),
                        Words::tr("If it was moved or renamed."),
                        Words::tr("Find it…"),
                        NoticeAction::LocateFile,
                        {}});
  } else {
    notice.ways.append(openDocument());
    notice.ways.append(
        {Words::tr("Try again"), {}, Words::tr("Try again"), NoticeAction::Retry, failure.path});
  }
  return notice;
}

Notice password(const QString& path, bool wrong) {
  Notice notice = make(
      Notice::Kind::Document, wrong ? Notice::Severity::Warning : Notice::Severity::Information,
      wrong ? Words::tr("This password does not open %1").arg(fileName(path))
            : Words::tr("%1 is protected with a password").arg(fileName(path)),
      Words::tr("The password is used now and kept nowhere. The text of a protected document "
                "is not kept on the disk either."));
  notice.ways = {{Words::tr("Password"), {}, Words::tr("Open"), NoticeAction::EnterPassword, {}},
                 openDocument()};
  return notice;
}

Notice story(const OpenedBook& book) {
  const QString name = fileName(book.record.path);
  Notice notice;
  switch (book.story) {
    case OpenedBook::Story::Moved:
      notice = make(Notice::Kind::Document, Notice::Severity::Information,
                    Words::tr("This book was moved from %1 to %2; it is the same text.")
                        .arg(QDir::toNativeSeparators(book.oldPath),
                             QDir::toNativeSeparators(book.record.path)));
      notice.dismissable = true;
      break;
    case OpenedBook::Story::NewVersion:
      notice = make(Notice::Kind::Document, Notice::Severity::Information,
                    Words::tr("%1 was changed since it was read last").arg(name),
                    Words::tr("This is the new version, as a book of its own. The old text and its "
                              "chats stay on the shelf."));
      notice.dismissable = true;
      break;
    case OpenedBook::Story::FileGone:
      notice = make(Notice::Kind::Document, Notice::Severity::Warning,
                    Words::tr("The file %1 is not there any more").arg(name),
                    Words::tr("Its text was kept and can be read and asked about; its pages cannot "
                              "be drawn. It was at %1.")
                        .arg(QDir::toNativeSeparators(book.record.path)));
      notice.ways = {{Words::tr("Find the file"),
                      Words::tr("If it was moved or renamed."),
                      Words::tr("Find it…"),
                      NoticeAction::LocateFile,
                      {}}};
      notice.dismissable = true;
      break;
    case OpenedBook::Story::FileChanged:
      notice = make(Notice::Kind::Document, Notice::Severity::Warning,
                    Words::tr("The file %1 was changed since it was read").arg(name),
                    Words::tr("This is the text it had then. Pages cannot be drawn from the "
                              "changed file."));
      notice.ways = {
          {Words::tr("Read the new version"),
           Words::tr("It becomes a book of its own; these chats stay with the old text."),
           Words::tr("Read it"), NoticeAction::ReadNewVersion, book.record.path}};
      notice.dismissable = true;
      break;
    case OpenedBook::Story::Usual:
      break;
  }
  return notice;
}

Notice textNotKept(const QString& sentence) {
  Notice notice = make(Notice::Kind::Document, Notice::Severity::Warning, sentence);
  notice.dismissable = true;
  return notice;
}

Notice warnings(const QStringList& warnings) {
  Notice notice = warnings.size() == 1
                      ? make(Notice::Kind::Warnings, Notice::Severity::Warning, warnings.first())
                      : make(Notice::Kind::Warnings, Notice::Severity::Warning,
                             Words::tr("%Ln things to know about this text", nullptr,
                                       static_cast<int>(warnings.size())),
                             warnings.join(QLatin1Char(' ')));
  notice.dismissable = true;
  return notice;
}

Notice tooLong(const ReadFacts& facts, PageRange fitting, std::int64_t fittingTokens,
               const QList<ModelEntry>& others) {
  const bool whole = facts.range.whole();
  const QString subject = whole
                              ? Words::tr("The document has %1 tokens").arg(countText(facts.tokens))
                              : Words::tr("Pages %1 to %2 have %3 tokens")
                                    .arg(countText(facts.range.first), countText(facts.range.last),
                                         countText(facts.tokens));
  const QString title = whole ? Words::tr("This document is %1 tokens too long")
                              : Words::tr("These pages are %1 tokens too long");
  Notice notice = make(
      Notice::Kind::Reading, Notice::Severity::Warning, title.arg(countText(facts.tooLongBy())),
      Words::tr("%1; this model reads %2. Nothing was cut and nothing has been read yet. "
                "Questions and answers need %3 tokens more.")
          .arg(subject, countText(facts.limitTokens), countText(facts.answerReserveTokens)));
  if (!fitting.whole()) {
    const int lastOfAll = whole ? facts.bookPages : facts.range.last;
    const QString range = QStringLiteral("%1-%2").arg(fitting.first).arg(fitting.last);
    notice.ways.append(
        {Words::tr("Read pages %1 to %2").arg(countText(fitting.first), countText(fitting.last)),
         Words::tr("%1 tokens. Pages %2 to %3 are left out.")
             .arg(countText(fittingTokens), countText(fitting.last + 1), countText(lastOfAll)),
         Words::tr("Read these"), NoticeAction::UsePages, range});
    notice.ways.append({Words::tr("Choose other pages"),
                        Words::tr("With the tokens of each choice."), Words::tr("Choose pages…"),
                        NoticeAction::ChoosePages, range});
  }
  notice.ways.append(anotherModel(others));
  if (!others.isEmpty()) {
    notice.ways.append(chooseModel());
  }
  return notice;
}

Notice tooLittleMemory(const ReadFacts& facts, const QList<ModelEntry>& others) {
  Notice notice = make(
      Notice::Kind::Reading, Notice::Severity::Warning,
      Words::tr("This text needs %1 of memory").arg(bytesText(facts.kvBytes)),
      Words::tr("Its %1 tokens are remembered in %2; %3 can be taken now without pushing other "
                "programs out. Nothing was cut and nothing has been read yet.")
          .arg(countText(facts.tokens), bytesText(facts.kvBytes), bytesText(facts.availableBytes)));
  if (facts.pages > 1) {
    notice.ways.append({Words::tr("Read fewer pages"),
                        Words::tr("Memory goes with the pages."),
                        Words::tr("Choose pages…"),
                        NoticeAction::ChoosePages,
                        {}});
  }
  notice.ways.append(anotherModel(others));
  notice.ways.append({Words::tr("Read all the same"),
                      Words::tr("The computer may become slow; close other programs first."),
                      Words::tr("Read"),
                      NoticeAction::ReadAnyway,
                      {}});
  return notice;
}

Notice readingFailed(const EngineFailure& failure) {
  Notice notice =
      make(Notice::Kind::Reading, Notice::Severity::Error,
           failure.code == ErrorCode::DoesNotFit ? Words::tr("The text does not fit")
                                                 : Words::tr("Reading stopped because of an error"),
           failure.message);
  notice.ways = {{Words::tr("Go on reading"),
                  Words::tr("What was read is still there."),
                  Words::tr("Go on"),
                  NoticeAction::Retry,
                  {}},
                 {Words::tr("Load the model again"),
                  Words::tr("Reading starts from page 1."),
                  Words::tr("Load again"),
                  NoticeAction::ReloadModel,
                  {}},
                 chooseModel()};
  return notice;
}

Notice answerTooLong(const EngineFailure& failure) {
  Notice notice =
      make(Notice::Kind::Answer, Notice::Severity::Warning,
           Words::tr("There is no room for an answer in this chat"),
           Words::tr("The document, this chat and the question have %1 tokens; this model reads "
                     "%2. Nothing was cut.")
               .arg(countText(failure.tokens), countText(failure.limitTokens)));
  notice.ways = {{Words::tr("Start a new chat"),
                  Words::tr("This one stays as it is."),
                  Words::tr("New chat"),
                  NoticeAction::NewChat,
                  {}},
                 {Words::tr("Read fewer pages"),
                  Words::tr("The text is read again."),
                  Words::tr("Choose pages…"),
                  NoticeAction::ChoosePages,
                  {}},
                 chooseModel()};
  notice.dismissable = true;
  return notice;
}

Notice answerFailed(const EngineFailure& failure, MessageId answer) {
  Notice notice = make(Notice::Kind::Answer, Notice::Severity::Error,
                       Words::tr("The answer broke off because of an error"), failure.message);
  notice.ways = {{Words::tr("Ask again"), Words::tr("The question is kept."),
                  Words::tr("Ask again"), NoticeAction::Retry, QString::number(answer)},
                 {Words::tr("Load the model again"),
                  Words::tr("The book is read again."),
                  Words::tr("Load again"),
                  NoticeAction::ReloadModel,
                  {}}};
  notice.dismissable = true;
  return notice;
}

}  // namespace bookwheel::notices
