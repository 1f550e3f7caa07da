// SPDX-License-Identifier: Apache-2.0
// Session: what the cache holds after every kind of call, errors, and the same tokens whichever way
// they were read.
#include "engine/run/session.h"

#include "engine/cache/planner.h"
#include "engine/error.h"
#include "tests/engine/engine_fixtures.h"
#include "tests/support/plain_model.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace bookwheel;

namespace {

TinyModelOptions smallContext(int tokens) {
  TinyModelOptions options;
  options.contextTokens = tokens;
  return options;
}

std::vector<TokenId> joined(std::vector<TokenId> first, const std::vector<TokenId>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

std::vector<TokenId> cached(const Session& session) {
  return {session.cachedTokens().begin(), session.cachedTokens().end()};
}

template <typename Call>
ErrorCode codeOf(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  qFatal("no Error was thrown");
}

}  // namespace

class SessionTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void greedyTokensAreThePlainModels_data() {
    QTest::addColumn<int>("architecture");
    QTest::newRow("llama") << static_cast<int>(Architecture::Llama);
    QTest::newRow("qwen2") << static_cast<int>(Architecture::Qwen2);
  }
  void greedyTokensAreThePlainModels() {
    QFETCH(int, architecture);
    TinyModelOptions options;
    options.architecture = static_cast<Architecture>(architecture);
    const TinyModelFile file(options);
    const PlainModel plain(file.parse(), PlainModel::Cache::Half);
    SessionOptions exact;
    exact.activations = Activations::Float32;
    const auto session = file.open(exact);
    const auto prompt = someTokens(20, session->shape().vocabulary);
    const Answer answer = session->answer(prompt, greedy(12), {}, {}, {});
    QCOMPARE(answer.tokens, plain.greedy(prompt, 12));
    QCOMPARE(answer.promptTokens, 20);
    QCOMPARE(answer.promptTokensFromCache, 0);
    QCOMPARE(answer.stopReason, StopReason::MaxTokens);
  }

  void chunkSizeChangesNoToken_data() {
    QTest::addColumn<int>("chunk");
    for (const int chunk : {1, 2, 7, 31, 32, 33, 64, 150, 400}) {
      QTest::addRow("%d", chunk) << chunk;
    }
  }
  void chunkSizeChangesNoToken() {
    QFETCH(int, chunk);
    const TinyModelFile file;
    const auto reference = file.open();
    const auto prompt = someTokens(150, reference->shape().vocabulary);
    const Answer expected = reference->answer(prompt, greedy(24), {}, {}, {});
    SessionOptions options;
    options.chunkTokens = chunk;
    const auto session = file.open(options);
    QCOMPARE(session->answer(prompt, greedy(24), {}, {}, {}).tokens, expected.tokens);
  }

  void threadsChangeNoToken() {
    const TinyModelFile file;
    std::vector<TokenId> expected;
    for (const int threads : {1, 2, 3, 5}) {
      SessionOptions options;
      options.threads = threads;
      const auto session = file.open(options);
      const auto prompt = someTokens(70, session->shape().vocabulary);
      const Answer answer = session->answer(prompt, greedy(16), {}, {}, {});
      if (expected.empty()) {
        expected = answer.tokens;
      }
      QCOMPARE(answer.tokens, expected);
    }
  }

  // Two chats about one book: the book's tokens are read once, and the answers are those of a fresh
  // session.
  void commonPrefixIsReused() {
    const TinyModelFile file;
    const auto session = file.open();
    const int vocabulary = session->shape().vocabulary;
    const auto book = someTokens(100, vocabulary, 1);
    const auto first = joined(book, someTokens(9, vocabulary, 2));
    const auto second = joined(book, someTokens(14, vocabulary, 3));

    QVERIFY(session->read(book, {}, {}).complete);
    QCOMPARE(cached(*session), book);
    const Answer one = session->answer(first, greedy(10), {}, {}, {});
    QCOMPARE(one.promptTokensFromCache, 100);
    // The answer stays in the cache: all its tokens but the last, which was never fed.
    QCOMPARE(cached(*session), joined(first, {one.tokens.begin(), one.tokens.end() - 1}));

    const Answer two = session->answer(second, greedy(10), {}, {}, {});
    QCOMPARE(two.promptTokensFromCache, 100);
    QCOMPARE(two.tokens, file.open()->answer(second, greedy(10), {}, {}, {}).tokens);

    // The next turn of the first chat goes on from the book again.
    const auto turn = joined(joined(first, one.tokens), someTokens(5, vocabulary, 4));
    QCOMPARE(session->answer(turn, greedy(10), {}, {}, {}).tokens,
             file.open()->answer(turn, greedy(10), {}, {}, {}).tokens);
  }

  // Asking the very same again computes only the last token, and says the same.
  void theSameAgain() {
    const TinyModelFile file;
    const auto session = file.open();
    const auto prompt = someTokens(40, session->shape().vocabulary);
    const Answer first = session->answer(prompt, greedy(10), {}, {}, {});
    const Answer again = session->answer(prompt, greedy(10), {}, {}, {});
    QCOMPARE(again.promptTokensFromCache, 39);
    QCOMPARE(again.tokens, first.tokens);
    session->clear();
    QCOMPARE(cached(*session), std::vector<TokenId>());
    QCOMPARE(session->memory().kvBytes, 0);
    QCOMPARE(session->answer(prompt, greedy(10), {}, {}, {}).tokens, first.tokens);
  }

  void readMakesTheCacheExactlyTheSequence() {
    const TinyModelFile file;
    const auto session = file.open();
    const auto ids = someTokens(60, session->shape().vocabulary);
    const std::vector<TokenId> shorter(ids.begin(), ids.begin() + 25);
    QVERIFY(session->read(ids, {}, {}).complete);
    QCOMPARE(session->memory().kvBytes, session->kvBytes(60));
    const ReadResult truncated = session->read(shorter, {}, {});
    QVERIFY(truncated.complete);
    QCOMPARE(truncated.tokensFromCache, 25);
    QCOMPARE(cached(*session), shorter);
    QCOMPARE(session->memory().kvBytes, session->kvBytes(25));
    QVERIFY(session->read({}, {}, {}).complete);
    QCOMPARE(cached(*session), std::vector<TokenId>());
  }

  void sampledAnswersDependOnTheSeedAlone() {
    const TinyModelFile file;
    const auto session = file.open();
    const auto prompt = someTokens(20, session->shape().vocabulary);
    AnswerOptions options = greedy(20);
    options.sampling.temperature = 1;
    options.sampling.seed = 7;
    const Answer first = session->answer(prompt, options, {}, {}, {});
    QCOMPARE(session->answer(prompt, options, {}, {}, {}).tokens, first.tokens);
    options.sampling.seed = 8;
    QVERIFY(session->answer(prompt, options, {}, {}, {}).tokens != first.tokens);
  }

  void endTokenEndsTheAnswer() {
    const TinyModelFile file;
    const auto session = file.open();
    const auto prompt = someTokens(20, session->shape().vocabulary);
    // At this temperature a tiny model's tokens are close to uniform: an end token comes soon.
    AnswerOptions options;
    options.sampling.temperature = 100;
    options.maxTokens = 2000;
    const Answer answer = session->answer(prompt, options, {}, {}, {});
    QCOMPARE(answer.stopReason, StopReason::EndOfAnswer);
    for (const TokenId id : answer.tokens) {
      QVERIFY(!session->tokenizer().endsAnswer(id));
    }
    // All of the answer's tokens were fed to get to the one that ended it.
    QCOMPARE(cached(*session), joined(prompt, answer.tokens));
  }

  void streamedTextIsTheAnswer() {
    const TinyModelFile file;
    const auto session = file.open();
    const auto prompt = someTokens(20, session->shape().vocabulary);
    AnswerOptions options = greedy(60);
    options.sampling.temperature = 100;
    std::string streamed;
    std::vector<TokenId> tokens;
    std::int64_t position = 19;
    const Answer answer =
        session->answer(prompt, options, {},
                        [&](TokenId id, std::string_view text, const StepStats& stats) {
                          streamed += text;
                          if (tokens.size() < 60) {
                            tokens.push_back(id);
                            QCOMPARE(stats.position, position++);
                            QVERIFY(stats.decodeUs > 0);
                            QCOMPARE(stats.capacityBytes, session->kvBytes(position));
                          }
                        },
                        {});
    QCOMPARE(streamed, answer.text);
    QCOMPARE(tokens, answer.tokens);
    QVERIFY(QString::fromStdString(answer.text).toUtf8().toStdString() == answer.text);
    QVERIFY(answer.firstTokenSeconds > 0 && answer.tokensPerSecond > 0);
  }

  void stopKeepsWhatCame() {
    const TinyModelFile file;
    const auto session = file.open();
    const auto prompt = someTokens(20, session->shape().vocabulary);
    std::stop_source stop;
    int seen = 0;
    const Answer answer = session->answer(
        prompt, greedy(500), {},
        [&](TokenId, std::string_view, const StepStats&) {
          if (++seen == 5) {
            stop.request_stop();
          }
        },
        stop.get_token());
    QCOMPARE(answer.stopReason, StopReason::Stopped);
    QCOMPARE(answer.tokens.size(), 5u);
    QCOMPARE(file.open()->answer(prompt, greedy(5), {}, {}, {}).tokens, answer.tokens);
    // Stopped before it began: no token, and the session goes on afterwards.
    QVERIFY(session->answer(joined(prompt, {1, 2, 3}), greedy(5), {}, {}, stop.get_token())
                .tokens.empty());
    QCOMPARE(session->answer(prompt, greedy(5), {}, {}, {}).tokens, answer.tokens);
  }

  void contextFullIsAnOrdinaryEnd() {
    const TinyModelFile file(smallContext(64));
    const auto session = file.open();
    QCOMPARE(session->contextTokens(), 64);
    const int vocabulary = session->shape().vocabulary;
    const Answer answer = session->answer(someTokens(60, vocabulary), greedy(100), {}, {}, {});
    QCOMPARE(answer.stopReason, StopReason::ContextFull);
    QCOMPARE(answer.tokens.size(), 5u);  // four are fed, one more is chosen
    QCOMPARE(session->cachedTokens().size(), 64u);
    // A prompt that fills it exactly still gets its one token.
    const Answer last = session->answer(someTokens(64, vocabulary, 9), greedy(100), {}, {}, {});
    QCOMPARE(last.stopReason, StopReason::ContextFull);
    QCOMPARE(last.tokens.size(), 1u);
  }

  void tooManyTokensAreRefusedWithBothNumbers() {
    const TinyModelFile file(smallContext(2048));
    const auto session = file.open();
    const auto ids = someTokens(3000, session->shape().vocabulary);
    const std::vector<TokenId> kept(ids.begin(), ids.begin() + 50);
    session->read(kept, {}, {});
    try {
      session->read(ids, {}, {});
      QFAIL("no Error");
    } catch (const Error& error) {
      QCOMPARE(error.code(), ErrorCode::DoesNotFit);
      QVERIFY2(std::strstr(error.what(), "3,000") != nullptr, error.what());
      QVERIFY2(std::strstr(error.what(), "2,048") != nullptr, error.what());
    }
    QCOMPARE(cached(*session), kept);  // nothing was lost
  }

  void badRequestsChangeNothing() {
    const TinyModelFile file;
    const auto session = file.open();
    const int vocabulary = session->shape().vocabulary;
    const auto ids = someTokens(30, vocabulary);
    session->read(ids, {}, {});
    QCOMPARE(codeOf([&] { session->answer({}, {}, {}, {}, {}); }), ErrorCode::InvalidRequest);
    QCOMPARE(codeOf([&] { session->answer(ids, greedy(0), {}, {}, {}); }),
             ErrorCode::InvalidRequest);
    AnswerOptions bad;
    bad.sampling.topP = 0;
    QCOMPARE(codeOf([&] { session->answer(ids, bad, {}, {}, {}); }), ErrorCode::InvalidRequest);
    for (const TokenId id : {-1, vocabulary, 2'000'000'000}) {
      QCOMPARE(codeOf([&] {
                 session->read(std::vector<TokenId>{1, id}, {}, {});
               }),
               ErrorCode::BadText);
    }
    QCOMPARE(codeOf([&] { session->fillSynthetic(1'000'000'000, 1); }), ErrorCode::InvalidRequest);
    QCOMPARE(cached(*session), ids);
  }

  void badOptionsAreRefused() {
    const TinyModelFile file;
    const auto code = [&](auto change) {
      SessionOptions options;
      change(options);
      return codeOf([&] { file.open(options); });
    };
    QCOMPARE(code([](SessionOptions& o) { o.threads = -1; }), ErrorCode::InvalidRequest);
    QCOMPARE(code([](SessionOptions& o) { o.threads = 5000; }), ErrorCode::InvalidRequest);
    QCOMPARE(code([](SessionOptions& o) { o.contextTokens = -5; }), ErrorCode::InvalidRequest);
    QCOMPARE(code([](SessionOptions& o) { o.chunkTokens = 1 << 20; }), ErrorCode::InvalidRequest);
    SessionOptions missing;
    missing.model = "/nowhere/model.gguf";
    QCOMPARE(codeOf([&] { Session::open(missing); }), ErrorCode::FileMissing);
  }

  // A NaN in one weight of the second layer, or in the output norm: an error, never a token; and
  // what was read before is as it was.
  void nanWeightIsAFault_data() {
    QTest::addColumn<QString>("tensor");
    QTest::newRow("a norm before keys and values") << "blk.1.attn_norm.weight";
    QTest::newRow("the norm before the logits") << "output_norm.weight";
  }
  void nanWeightIsAFault() {
    QFETCH(QString, tensor);
    GgufDraft draft = tinyModel();
    std::vector<std::byte>& data = draft.tensorNamed(tensor.toStdString()).data;
    const float nan = std::nanf("");
    std::memcpy(data.data() + sizeof nan, &nan, sizeof nan);
    const TinyModelFile file(draft);
    const auto session = file.open();
    const auto ids = someTokens(40, session->shape().vocabulary);
    QCOMPARE(codeOf([&] { session->answer(ids, greedy(3), {}, {}, {}); }), ErrorCode::NumericFault);
    QCOMPARE(codeOf([&] { scoreAll(*session, ids); }), ErrorCode::NumericFault);
    // Still usable: it fails the same way again, and an empty reading works.
    QCOMPARE(codeOf([&] { session->answer(ids, greedy(3), {}, {}, {}); }), ErrorCode::NumericFault);
    QVERIFY(session->read({}, {}, {}).complete);
  }

  // Reading alone asks for no logits: the fault has to be seen in the keys and values themselves,
  // before they count.
  void nanKeysNeverCount() {
    GgufDraft draft = tinyModel();
    std::vector<std::byte>& data = draft.tensorNamed("blk.1.attn_norm.weight").data;
    const float nan = std::nanf("");
    std::memcpy(data.data(), &nan, sizeof nan);
    const TinyModelFile file(draft);
    const auto session = file.open();
    const auto ids = someTokens(40, session->shape().vocabulary);
    QCOMPARE(codeOf([&] { session->read(ids, {}, {}); }), ErrorCode::NumericFault);
    QCOMPARE(cached(*session), std::vector<TokenId>());
    QCOMPARE(session->memory().kvBytes, 0);
  }

  // A short question over a long book on a machine with many workers takes the attention that
  // splits tokens, eight rows at a time, instead of the one that splits rows.
  void bothWaysOfAttentionAgree() {
    TinyModelOptions options = smallContext(8192);
    const TinyModelFile file(options);
    std::vector<Answer> answers;
    for (const int threads : {1, 16}) {
      SessionOptions sessionOptions;
      sessionOptions.threads = threads;
      const auto session = file.open(sessionOptions);
      session->fillSynthetic(5000, 11);
      const auto prompt = joined(cached(*session), someTokens(27, session->shape().vocabulary, 5));
      answers.push_back(session->answer(prompt, greedy(8), {}, {}, {}));
    }
    QCOMPARE(answers[1].tokens, answers[0].tokens);
  }

  void scoreGivesEveryPositionInOrder() {
    const TinyModelFile file;
    SessionOptions options;
    options.chunkTokens = 48;
    const auto session = file.open(options);
    const auto ids = someTokens(130, session->shape().vocabulary);
    std::vector<std::int64_t> positions;
    std::vector<TokenId> best;
    session->score(ids,
                   [&](std::int64_t position, std::span<const float> logits) {
                     positions.push_back(position);
                     best.push_back(static_cast<TokenId>(
                         std::max_element(logits.begin(), logits.end()) - logits.begin()));
                   },
                   {});
    QCOMPARE(positions.size(), ids.size());
    for (std::size_t i = 0; i < positions.size(); ++i) {
      QCOMPARE(positions[i], static_cast<std::int64_t>(i));
    }
    // The last position's likeliest token is what an answer begins with.
    QCOMPARE(best.back(), session->answer(ids, greedy(1), {}, {}, {}).tokens[0]);
  }

  void planAndSessionAgree() {
    const TinyModelFile file;
    SessionOptions options;
    options.threads = 3;
    options.chunkTokens = 40;
    const auto session = file.open(options);
    session->read(someTokens(500, session->shape().vocabulary), {}, {});
    PlanRequest request;
    request.tokens = 500;
    request.weightsBytes = session->memory().weightsBytes;
    request.availableBytes = std::int64_t{1} << 40;
    request.chunkTokens = 40;
    request.threads = 3;
    const MemoryPlan plan = planMemory(session->shape(), request);
    QCOMPARE(plan.kvBytes, session->memory().kvBytes);
    QCOMPARE(plan.workspaceBytes, session->memory().workspaceBytes);
  }

  void syntheticKvCanBeAttendedTo() {
    const TinyModelFile file;
    const auto session = file.open();
    session->fillSynthetic(1000, 3);
    QCOMPARE(session->cachedTokens().size(), 1000u);
    QCOMPARE(session->memory().kvBytes, session->kvBytes(1000));
    const auto ids = joined(cached(*session), {5, 6, 7});
    const Answer answer = session->answer(ids, greedy(5), {}, {}, {});
    QCOMPARE(answer.promptTokensFromCache, 1000);
    QCOMPARE(answer.tokens.size(), 5u);
  }

  void readingTimeIsEstimatedBeforeAndAfter() {
    const TinyModelFile file;
    const auto session = file.open();
    QVERIFY(session->estimateReadSeconds(0, 2000) > 0);
    QCOMPARE(session->cachedTokens().size(), 0u);  // the probe left nothing
    session->read(someTokens(400, session->shape().vocabulary), {}, {});
    QVERIFY(session->estimateReadSeconds(400, 2000) > session->estimateReadSeconds(400, 1000));
  }
};

QTEST_APPLESS_MAIN(SessionTest)
#include "session_test.moc"
