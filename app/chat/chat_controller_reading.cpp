// SPDX-License-Identifier: Apache-2.0
// ChatController: counting a text, deciding whether it can be read, and reading it.
#include "app/chat/chat_controller_private.h"
#include "app/chat/notices.h"
#include "app/library/computer.h"
#include "app/library/words.h"

#include <algorithm>

namespace bookwheel {
namespace {

/// Left free for questions and answers; an eighth of a small context.
constexpr std::int64_t kAnswerReserveTokens = 1024;

std::int64_t reserveFor(std::int64_t contextTokens) {
  return std::min(kAnswerReserveTokens, contextTokens / 8);
}

}  // namespace

std::int64_t ChatController::Private::rangeBegin() const {
  return record->range.whole()
             ? 0
             : document->pageRange(record->range.first - 1, record->range.last - 1).begin;
}

/// The text that is read: shared with the document if it is all of it.
QByteArray ChatController::Private::rangeText() const {
  if (record->range.whole()) {
    return document->utf8();
  }
  const auto bytes = document->pageRange(record->range.first - 1, record->range.last - 1);
  return document->utf8().mid(bytes.begin, bytes.end - bytes.begin);
}

void ChatController::Private::startCount() {
  host.drop();
  clearNotice(Notice::Kind::Reading);
  bookState = BookState::Counting;
  tokensDone = 0;
  readAnyway = false;
  host.countPrefix({rangeText(), {}});
  refresh();
}

void ChatController::Private::takePrefixCount(const PromptCount& count) {
  const std::int64_t begin = rangeBegin();
  const auto bytes = static_cast<std::int64_t>(rangeText().size());
  anchors = TokenAnchors(count.encoding, count.documentBegin, bytes, begin);
  if (record->range.whole()) {
    wholeAnchors = anchors;
  }
  facts = {};
  facts.range = record->range;
  facts.bookPages = document->pageCount();
  facts.pages = facts.range.whole() ? facts.bookPages : facts.range.last - facts.range.first + 1;
  facts.tokens = count.tokens;
  facts.limitTokens = model->contextTokens;
  facts.answerReserveTokens = reserveFor(model->contextTokens);
  facts.kvBytes = (facts.tokens + facts.answerReserveTokens) * count.kvBytesPerToken;
  if (engine.capacity == CapacityPlace::File && !facts.tooLong()) {
    const MemoryPlan plan = planMemory(shape, planRequest());
    facts.kvBytes = plan.kvMemoryBytes + plan.layerBytes + plan.copyBytes;
  }
  const ComputerFacts computer = readComputer(catalog.folder());
  // What the cache holds now is used again.
  facts.availableBytes =
      static_cast<std::int64_t>(static_cast<double>(computer.memoryAvailableBytes) * kMemoryShare) +
      memory.kvBytes;
  facts.pagesText = facts.range.whole()
                        ? bookwheel::pagesText(facts.pages)
                        : ChatController::tr("pages %1 to %2 of %3")
                              .arg(countText(facts.range.first), countText(facts.range.last),
                                   countText(facts.bookPages));
  facts.tokensText = ChatController::tr("%1 tokens of %2")
                         .arg(countText(facts.tokens), countText(facts.limitTokens));
  facts.memoryText = ChatController::tr("%1 of memory").arg(bytesText(facts.kvBytes));
  updateEstimate(count.tokensInCache);
  stats.setComputer(computer.memoryTotalBytes, computer.memoryAvailableBytes);
  takeCacheForBook();
  catalog.setDocumentTokens(facts.tokens + facts.answerReserveTokens);
  usedTokens = facts.tokens;
  if (record->tokens != facts.tokens || record->tokensModel != modelKey) {
    record->tokens = facts.tokens;
    record->tokensModel = modelKey;
    library.updateBook(*record);
  }

  bookState = BookState::Awaiting;
  Q_EMIT q.factsChanged();
  QList<ModelEntry> others = catalog.thatFit(facts.tokens + facts.answerReserveTokens);
  others.removeIf([this](const ModelEntry& entry) { return entry.path == modelPath; });
  if (facts.tooLong()) {
    std::int64_t tokens = 0;
    const PageRange fitting = fittingRange(&tokens);
    setNotice(notices::tooLong(facts, fitting, tokens, others));
  } else if (!facts.fitsMemory()) {
    setNotice(notices::tooLittleMemory(facts, others));
  } else if (settings.flag(Setting::ReadAutomatically)) {
    startReading();
    return;
  }
  countSoon();
  refresh();
}

void ChatController::Private::updateEstimate(std::int64_t tokensInCache) {
  const auto measured = library.modelSpeed(modelKey);
  facts.secondsMeasured = measured && measured->perToken > 0;
  facts.seconds = readingSeconds(
      facts.secondsMeasured ? *measured : guessSpeed(shape, readComputer(catalog.folder()).cores),
      tokensInCache, facts.tokens);
  facts.timeText = durationText(facts.seconds);
}

/// The longest run of pages from the range's start that leaves room for an answer.
PageRange ChatController::Private::fittingRange(std::int64_t* tokens) const {
  const int first = facts.range.whole() ? 1 : facts.range.first;
  const int last = facts.range.whole() ? facts.bookPages : facts.range.last;
  const std::int64_t room = facts.limitTokens - facts.answerReserveTokens;
  // The chat format's tokens after the document count too.
  const std::int64_t end = document->pageRange(first - 1, last - 1).end;
  const std::int64_t tail = facts.tokens - anchors.tokensUpTo(end);
  PageRange range;
  for (int page = first; page < last; ++page) {
    const std::int64_t upTo = anchors.tokensUpTo(document->pages().at(page - 1).end) + tail;
    if (upTo > room) {
      break;
    }
    range = {first, page};
    *tokens = upTo;
  }
  return range;
}

std::int64_t ChatController::Private::tokensInPages(int first, int last) const {
  if (!document || wholeAnchors.tokens() == 0 || first < 1 || last < first ||
      last > document->pageCount()) {
    return 0;
  }
  const auto bytes = document->pageRange(first - 1, last - 1);
  const std::int64_t format =
      wholeAnchors.tokens() -
      (wholeAnchors.tokensUpTo(static_cast<std::int64_t>(document->utf8().size())) -
       wholeAnchors.tokensUpTo(0));
  return wholeAnchors.tokensUpTo(bytes.end) - wholeAnchors.tokensUpTo(bytes.begin) + format;
}

void ChatController::Private::startReading() {
  if (!document || modelState != ModelState::Loaded || facts.tokens == 0 || facts.tooLong() ||
      (!facts.fitsMemory() && !readAnyway)) {
    return;
  }
  clearNotice(Notice::Kind::Reading);
  bookState = BookState::Reading;
  if (answer) {
    readOnAfterAnswer = true;
    refresh();
    return;
  }
  if (host.job() == EngineHost::Job::Read) {
    refresh();  // it is still stopping: takeReadResult goes on from there
    return;
  }
  host.drop();
  progress = {};
  progress.tokensTotal = facts.tokens;
  meter.start();
  announcedQuarter = 0;
  stats.setStage(CacheStatsModel::Stage::Reading);
  host.read({rangeText(), {}});
  refresh();
}

void ChatController::Private::pauseReading() {
  if (bookState == BookState::Reading) {
    bookState = BookState::Paused;
    stopReading();
    refresh();
  }
}

void ChatController::Private::resumeReading() {
  if (bookState == BookState::Paused || bookState == BookState::Awaiting) {
    startReading();
  }
}

void ChatController::Private::cancelReading() {
  if (bookState == BookState::Opening) {
    closeBook();
  } else if (bookState == BookState::Reading || bookState == BookState::Paused) {
    bookState = BookState::Awaiting;
    dropPending();
    stopReading();
    refresh();
  }
}

/// Not an answer, which may be what runs between two parts of a reading.
void ChatController::Private::stopReading() {
  readOnAfterAnswer = false;
  if (host.job() == EngineHost::Job::Read) {
    host.stop();
  }
}

void ChatController::Private::readRange(PageRange range) {
  if (!document || !record) {
    return;
  }
  const int pages = document->pageCount();
  if (range.first == 1 && range.last == pages) {
    range = {};
  }
  if (!range.whole() && (range.first < 1 || range.last < range.first || range.last > pages)) {
    return;
  }
  breakOffAnswer();
  record->range = range;
  library.updateBook(*record);
  if (modelState == ModelState::Loaded) {
    startCount();
  }
  refresh();
}

void ChatController::Private::takeReadProgress(const PrefillStats& stats_) {
  stats.addPrefill(stats_);
  if (bookState == BookState::Read || answer) {
    return;  // the tokens of a question
  }
  progress = stats_;
  tokensDone = stats_.tokensDone;
  meter.add(stats_);
  const auto quarter =
      static_cast<int>(4 * stats_.tokensDone / std::max<std::int64_t>(1, stats_.tokensTotal));
  if (quarter > announcedQuarter && quarter < 4 && bookState == BookState::Reading) {
    announcedQuarter = quarter;
    Q_EMIT q.announced(ChatController::tr("%1% read").arg(quarter * 25));
  }
  refresh();
}

void ChatController::Private::takeReadResult(const ReadResult& result, const MemoryUse& use) {
  memory = use;
  if (result.complete) {
    bookState = BookState::Read;
    tokensDone = facts.tokens;
    readSeconds = result.seconds;
    readFromCache = result.tokensFromCache;
    if (const auto measured = meter.result()) {
      Library::ModelSpeed speed = *measured;
      if (const auto before = library.modelSpeed(modelKey)) {
        speed.decodeTokensPerSecond = before->decodeTokensPerSecond;
      }
      library.setModelSpeed(modelKey, speed);
    }
    stats.setStage(CacheStatsModel::Stage::Idle);
    Q_EMIT q.announced(ChatController::tr("The text is read; it can be asked about."));
  } else {
    stats.setStage(CacheStatsModel::Stage::Idle);
  }
  if (pending) {
    askWhenStopped();
  } else if (!result.complete && bookState == BookState::Reading) {
    startReading();  // it was resumed before the engine had stopped
  }
  countSoon();
  refresh();
}

/// The pages of the range that are wholly in the cache.
PageRange ChatController::Private::readPart() const {
  if (!document || anchors.tokens() == 0) {
    return {};
  }
  const int first = facts.range.whole() ? 1 : facts.range.first;
  const int last = facts.range.whole() ? facts.bookPages : facts.range.last;
  const std::int64_t byte = anchors.byteAfter(tokensDone);
  // The last page that ends at or before the last byte read.
  int page = document->pageAt(byte) + 1;
  if (byte < document->pages().at(std::clamp(page, 1, facts.bookPages) - 1).end) {
    --page;
  }
  page = std::min(page, last);
  return page < first ? PageRange{} : PageRange{first, page};
}

}  // namespace bookwheel
