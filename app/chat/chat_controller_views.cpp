// SPDX-License-Identifier: Apache-2.0
// ChatController: the texts and values that the window shows, made anew after each change.
#include "app/chat/chat_controller_private.h"
#include "app/chat/notices.h"
#include "app/library/words.h"

#include <algorithm>
#include <utility>

namespace bookwheel {

ChatController::State ChatController::Private::state() const {
  if (answer) {
    return State::Answering;
  }
  if (modelState == ModelState::Loading) {
    return State::LoadingModel;
  }
  if (bookState == BookState::Opening) {
    return State::Importing;
  }
  if (bookState == BookState::Failed) {
    return State::Failed;
  }
  if (modelState != ModelState::Loaded) {
    return modelState == ModelState::Failed ? State::Failed : State::NoModel;
  }
  switch (bookState) {
    case BookState::None:
      return State::NoDocument;
    case BookState::Opened:
    case BookState::Counting:
    case BookState::Opening:
      return State::Importing;
    case BookState::Awaiting:
      return State::AwaitingRead;
    case BookState::Reading:
      return State::Reading;
    case BookState::Paused:
      return State::ReadingPaused;
    case BookState::Read:
      return State::Ready;
    case BookState::Failed:
      return State::Failed;
  }
  return State::Failed;
}

bool ChatController::Private::canAsk() const {
  if (!record || !document || answer || pending || modelState != ModelState::Loaded) {
    return false;
  }
  return bookState == BookState::Read ||
         ((bookState == BookState::Reading || bookState == BookState::Paused) &&
          !readPart().whole());
}

QString ChatController::Private::headerFacts() const {
  if (!record) {
    return {};
  }
  QStringList parts;
  const bool counted = facts.tokens > 0;
  parts.append(counted ? facts.pagesText : bookwheel::pagesText(record->pages));
  if (counted) {
    parts.append(bookwheel::tokensText(facts.tokens));
  }
  switch (bookState) {
    case BookState::Opening:
      parts.append(ChatController::tr("being opened"));
      break;
    case BookState::Counting:
      parts.append(ChatController::tr("being counted"));
      break;
    case BookState::Reading:
      parts.append(ChatController::tr("reading"));
      break;
    case BookState::Paused:
      parts.append(ChatController::tr("reading paused"));
      break;
    case BookState::Read:
      parts.append(ChatController::tr("read"));
      break;
    default:
      parts.append(ChatController::tr("not read"));
      break;
  }
  return parts.join(QStringLiteral(", "));
}

BookActivity ChatController::Private::activity() const {
  BookActivity activity;
  if (!record) {
    return activity;
  }
  const bool counted = facts.tokens > 0;
  const QString pages = counted ? facts.pagesText : bookwheel::pagesText(record->pages);
  const auto filling = [&](const QString& words) {
    activity.glyph = BookActivity::Glyph::Filling;
    activity.share = reading.share;
    activity.words = words;
  };
  switch (bookState) {
    case BookState::Opening:
      activity.words = ChatController::tr("Being opened");
      break;
    case BookState::Counting:
      activity.words = ChatController::tr("Counting tokens, %1").arg(pages);
      break;
    case BookState::Reading:
      filling(ChatController::tr("Reading, page %1 of %2")
                  .arg(countText(reading.page), countText(facts.bookPages)));
      break;
    case BookState::Paused:
      filling(ChatController::tr("Paused at page %1 of %2")
                  .arg(countText(reading.page), countText(facts.bookPages)));
      break;
    case BookState::Read:
      activity.glyph = BookActivity::Glyph::Check;
      activity.words = ChatController::tr("Read, %1").arg(pages);
      break;
    case BookState::Failed:
      activity.glyph = BookActivity::Glyph::Warning;
      activity.words = ChatController::tr("Cannot be read; see the notice");
      break;
    default:
      if (counted && facts.tooLong()) {
        activity.glyph = BookActivity::Glyph::Warning;
        activity.words =
            ChatController::tr("Too long by %1 tokens").arg(countText(facts.tooLongBy()));
      } else if (counted && !facts.fitsMemory()) {
        activity.glyph = BookActivity::Glyph::Warning;
        activity.words = ChatController::tr("Needs %1 of memory").arg(bytesText(facts.kvBytes));
      } else {
        activity.words = ChatController::tr("Waiting to be read, %1").arg(pages);
      }
      break;
  }
  return activity;
}

ReadingView ChatController::Private::makeReading() const {
  ReadingView view;
  const PageRange range = record ? record->range : PageRange{};
  const QString pages =
      ChatController::tr("pages %1 to %2").arg(countText(range.first), countText(range.last));
  view.title = range.whole()
                   ? ChatController::tr("Reading the whole book")
                   : ChatController::tr("Reading %1 of %2").arg(pages, countText(record->pages));
  switch (bookState) {
    case BookState::None:
    case BookState::Failed:
      return {};
    case BookState::Opening:
      view.stage = ReadingView::Stage::Text;
      view.canCancel = true;
      view.share = importTotal > 0 ? static_cast<double>(importDone) / importTotal : 0;
      view.progress = importTotal > 0 ? ChatController::tr("Text of page %1 of %2")
                                            .arg(countText(importDone), countText(importTotal))
                                      : ChatController::tr("Text of the file");
      view.sentence =
          ChatController::tr("The text is taken from the file by a process of its own.");
      return view;
    case BookState::Opened:
      view.stage = ReadingView::Stage::Tokens;
      view.sentence = modelState == ModelState::Loading
                          ? ChatController::tr("Reading starts when the model is loaded.")
                          : ChatController::tr("Choose a model: it counts and reads the text.");
      return view;
    case BookState::Counting:
      view.stage = ReadingView::Stage::Tokens;
      view.progress = ChatController::tr("Counting the tokens of %1 characters")
                          .arg(countText(document->characters()));
      return view;
    default:
      break;
  }
  view.tokensTotal = facts.tokens;
  view.tokensDone = std::min(tokensDone, facts.tokens);
  view.share = facts.tokens > 0
                   ? static_cast<double>(view.tokensDone) / static_cast<double>(facts.tokens)
                   : 0;
  view.byte = anchors.byteAfter(view.tokensDone);
  const int lastPage = range.whole() ? facts.bookPages : range.last;
  view.page = std::clamp(document->pageAt(view.byte) + 1, 1, std::max(1, lastPage));
  view.progress = ChatController::tr("%1 of %2 tokens")
                      .arg(countText(view.tokensDone), countText(view.tokensTotal));
  view.where =
      ChatController::tr("Page %1 of %2").arg(countText(view.page), countText(facts.bookPages));
  const PageRange part = readPart();
  const QString askNow =
      part.whole() ? ChatController::tr("Questions can be asked once the first page is read.")
                   : ChatController::tr("You can ask now: answers use pages %1 to %2.")
                         .arg(countText(part.first), countText(part.last));
  switch (bookState) {
    case BookState::Awaiting:
      view.stage = ReadingView::Stage::Reading;
      view.canResume = !facts.tooLong() && (facts.fitsMemory() || readAnyway);
      view.timeLeft = facts.timeText;
      view.sentence =
          facts.tooLong() ? ChatController::tr("The text does not fit whole: choose what to read.")
          : !facts.fitsMemory() && !readAnyway
              ? ChatController::tr("The text needs more memory than is free: choose what to do.")
          : facts.secondsMeasured
              ? ChatController::tr("Reading takes %1 and %2, once.")
                    .arg(facts.timeText, facts.memoryText)
              : ChatController::tr(
                    "Reading takes %1 and %2, once; the time is a guess until this "
                    "model has read something here.")
                    .arg(facts.timeText, facts.memoryText);
      break;
    case BookState::Reading:
      view.stage = ReadingView::Stage::Reading;
      view.canPause = true;
      view.canCancel = true;
      view.speed = speedText(progress.tokensPerSecond);
      view.timeLeft = progress.tokensDone > 0 && progress.secondsLeft >= 0
                          ? ChatController::tr("%1 left").arg(durationText(progress.secondsLeft))
                      : facts.timeText.isEmpty()
                          ? QString()
                          : ChatController::tr("%1 left").arg(facts.timeText);
      view.sentence = askNow + QLatin1Char(' ') +
                      ChatController::tr("What is read is remembered until Bookwheel is closed.");
      break;
    case BookState::Paused:
      view.stage = ReadingView::Stage::Reading;
      view.paused = true;
      view.canResume = true;
      view.canCancel = true;
      view.sentence = askNow;
      break;
    case BookState::Read:
      view.stage = ReadingView::Stage::Ready;
      view.remainder = readFromCache > 0
                           ? ChatController::tr("Read %1 tokens, %2 of them from memory, in %3")
                                 .arg(countText(facts.tokens), countText(readFromCache),
                                      measuredDurationText(readSeconds))
                           : ChatController::tr("Read %1 tokens in %2")
                                 .arg(countText(facts.tokens), measuredDurationText(readSeconds));
      break;
    default:
      break;
  }
  return view;
}

ComposerView ChatController::Private::makeComposer() const {
  ComposerView view;
  view.answering = answer.has_value() || pending.has_value();
  view.limitTokens = model ? model->contextTokens : 0;
  view.usedTokens = usedTokens;
  if (model && document) {
    view.used =
        ChatController::tr("%1 of %2").arg(countText(usedTokens), countText(model->contextTokens));
  }
  const PageRange range = record ? record->range : PageRange{};
  const bool reads = bookState == BookState::Reading || bookState == BookState::Paused;
  const PageRange part = reads ? readPart() : PageRange{};
  const auto pages = [](const PageRange& of) {
    return of.first == of.last
               ? ChatController::tr("Page %1").arg(countText(of.first))
               : ChatController::tr("Pages %1 to %2").arg(countText(of.first), countText(of.last));
  };
  view.scope = !part.whole()   ? pages(part)
               : range.whole() ? ChatController::tr("Whole book")
                               : pages(range);
  view.canSend = canAsk();
  view.enabled = view.canSend || view.answering;
  if (view.answering) {
    view.placeholder = ChatController::tr("Write the next question");
  } else if (!document && bookState != BookState::Opening) {
    view.placeholder = ChatController::tr("Open a document to ask about it");
  } else if (modelState == ModelState::Loading) {
    view.placeholder = ChatController::tr("The model is being loaded");
  } else if (modelState != ModelState::Loaded) {
    view.placeholder = ChatController::tr("Choose a model to ask questions");
  } else if (view.canSend) {
    view.placeholder = bookState == BookState::Read && range.whole()
                           ? ChatController::tr("Ask about the whole book")
                           : ChatController::tr("Ask about %1").arg(view.scope.toLower());
  } else {
    switch (bookState) {
      case BookState::Opening:
        view.placeholder = ChatController::tr("The text is being taken from the file");
        break;
      case BookState::Opened:
      case BookState::Counting:
        view.placeholder = ChatController::tr("The tokens are being counted");
        break;
      case BookState::Reading:
      case BookState::Paused:
        view.placeholder = ChatController::tr("You can ask once the first page is read");
        view.enabled = true;  // writing meanwhile is possible
        break;
      default:
        view.placeholder = ChatController::tr("Choose what to read first");
        break;
    }
  }
  return view;
}

void ChatController::Private::refresh() {
  // Values first, signals after: a view that reads in a slot finds everything of the same moment.
  const ReadingView newReading = makeReading();
  const bool readingChanged = std::exchange(reading, newReading) != newReading;
  const ComposerView newComposer = makeComposer();
  const bool composerChanged = std::exchange(composer, newComposer) != newComposer;
  const State newState = state();
  const bool stateChanged = std::exchange(toldState, newState) != newState;
  const QString title = q.title();
  const QString words = headerFacts();
  const QString name = q.modelName();
  const bool titleChanged = std::exchange(toldTitle, title) != title;
  const bool factsChanged = std::exchange(toldFacts, words) != words;
  const bool nameChanged = std::exchange(toldModelName, name) != name;

  const BookActivity now = activity();
  const QString activityKey = QStringLiteral("%1|%2|%3")
                                  .arg(static_cast<int>(now.glyph))
                                  .arg(static_cast<int>(now.share * 100))
                                  .arg(now.words);
  const BookId bookNow = record ? record->id : 0;
  const bool activityChanged = std::exchange(toldActivity, activityKey) != activityKey;
  if (std::exchange(toldBook, bookNow) != bookNow || activityChanged) {
    shelf.setCurrent(bookNow, now);
  }
  if (readingChanged) {
    Q_EMIT q.readingChanged();
  }
  if (composerChanged) {
    Q_EMIT q.composerChanged();
  }
  if (titleChanged || factsChanged || nameChanged) {
    Q_EMIT q.headerChanged();
  }
  if (stateChanged) {
    Q_EMIT q.stateChanged(newState);
  }
}

void ChatController::Private::setNotice(Notice notice) {
  notice.id = nextNoticeId++;
  const auto same = std::find_if(notices.begin(), notices.end(), [&](const Notice& standing) {
    return standing.kind == notice.kind;
  });
  if (same != notices.end()) {
    *same = notice;
  } else {
    notices.append(notice);
  }
  Q_EMIT q.noticesChanged();
  Q_EMIT q.announced(notice.title);
}

void ChatController::Private::clearNotice(Notice::Kind kind) {
  if (notices.removeIf([&](const Notice& notice) { return notice.kind == kind; }) > 0) {
    Q_EMIT q.noticesChanged();
  }
}

void ChatController::Private::refreshSavingNotice() {
  const QString problem = library.saveProblem();
  if (problem.isEmpty()) {
    clearNotice(Notice::Kind::Saving);
  } else {
    setNotice(notices::saving(problem));
  }
}

}  // namespace bookwheel
