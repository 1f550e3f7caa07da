// SPDX-License-Identifier: Apache-2.0
// Answers over a cache in a file when the disk is slow, full, damaged or reads half: a clear error
// or the right answer, and a session that goes on.
#include "engine/error.h"
#include "tests/engine/engine_fixtures.h"
#include "tests/support/failing_file.h"

#include <QTemporaryDir>
#include <QTest>

#include <cerrno>
#include <future>
#include <optional>

using namespace bookwheel;

namespace {

/// A session with its cache in a file of its own folder, and the answer that is right.
class Reader {
 public:
  explicit Reader(CachePolicy policy = CachePolicy::Corrected) {
    SessionOptions options;
    options.chunkTokens = 64;
    options.cache.policy = policy;
    options.cache.pairs = 32;
    expected = m_model.open(options)->answer(ids(), greedy(60), {}, {}, {}).tokens;
    options.capacity = CapacityPlace::File;
    options.capacityFolder = folder();
    session = m_model.open(options);
  }

  std::string folder() const { return m_folder.path().toStdString(); }
  static std::vector<TokenId> ids() { return someTokens(600, 400); }
  std::vector<TokenId> answer() { return session->answer(ids(), greedy(60), {}, {}, {}).tokens; }

  /// What answering throws; if nothing, the answer must be right.
  std::optional<Error> failure() {
    try {
      [this] { QVERIFY(answer() == expected); }();
    } catch (const Error& error) {
      return error;
    }
    return std::nullopt;
  }

 private:
  const TinyModelFile m_model;
  const QTemporaryDir m_folder;

 public:
  std::unique_ptr<Session> session;
  std::vector<TokenId> expected;
};

}  // namespace

class TierFaultsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void aFailedCallIsSaidAndTheSessionGoesOn_data() {
    QTest::addColumn<int>("call");
    QTest::addColumn<int>("nth");
    QTest::addColumn<int>("error");
    const auto rows = [](const char* what, FileCall call, int error) {
      for (const int nth : {1, 2, 3, 7, 20}) {
        QTest::addRow("%s, call %d", what, nth) << static_cast<int>(call) << nth << error;
      }
    };
    rows("read", FileCall::Read, EIO);
    rows("write", FileCall::Write, EIO);
    rows("full disk", FileCall::Write, ENOSPC);
    // A single row that fails is tried once more: no error, and the right answer.
    QTest::addRow("read of a pair") << static_cast<int>(FileCall::Read) << 60 << EIO;
    QTest::addRow("no space") << static_cast<int>(FileCall::Allocate) << 1 << ENOSPC;
    QTest::addRow("no space later") << static_cast<int>(FileCall::Allocate) << 2 << ENOSPC;
  }
  void aFailedCallIsSaidAndTheSessionGoesOn() {
    QFETCH(int, call);
    QFETCH(int, nth);
    QFETCH(int, error);
    Reader reader;
    std::optional<Error> failure;
    int failures = 0;
    {
      const FailingFile failing(reader.folder(), static_cast<FileCall>(call), nth, error);
      failure = reader.failure();
      failures = failing.failures();
    }
    QCOMPARE(failures, 1);
    const bool triedAgain = QByteArray(QTest::currentDataTag()) == "read of a pair";
    QCOMPARE(failure.has_value(), !triedAgain);
    QVERIFY(!failure || failure->code() == ErrorCode::FileIo);
    // The cache holds a whole part of what was asked for.
    const auto ids = Reader::ids();
    const auto cached = reader.session->cachedTokens();
    QVERIFY(std::equal(cached.begin(), cached.begin() + std::min(cached.size(), ids.size()),
                       ids.begin()));
    QVERIFY(reader.answer() == reader.expected);
  }

  void whileTheDiskFailsEveryAnswerSaysSo() {
    Reader reader;
    QVERIFY(reader.answer() == reader.expected);
    {
      const FailingFile failing(reader.folder(), FileCall::Write, 1, ENOSPC,
                                FaultLength::FromThenOn);
      reader.session->clear();
      for (int attempt = 0; attempt < 3; ++attempt) {
        const std::optional<Error> failure = reader.failure();
        QVERIFY(failure && failure->code() == ErrorCode::FileIo);
      }
    }
    QVERIFY(reader.answer() == reader.expected);
  }

  // A step that failed between two layers leaves no sets behind that the next one would use.
  void thePaperStepStartsAnewAfterAFailure() {
    Reader reader(CachePolicy::Paper);
    reader.session->read(Reader::ids(), {}, {});
    std::optional<Error> failure;
    {
      const FailingFile failing(reader.folder(), FileCall::Read, 40, EIO, FaultLength::FromThenOn);
      failure = reader.failure();
    }
    QVERIFY(failure && failure->code() == ErrorCode::FileIo);
    QVERIFY(reader.answer() == reader.expected);
  }

  void shortReadsAndWritesChangeNothing_data() {
    QTest::addColumn<int>("call");
    QTest::newRow("reads") << static_cast<int>(FileCall::Read);
    QTest::newRow("writes") << static_cast<int>(FileCall::Write);
  }
  void shortReadsAndWritesChangeNothing() {
    QFETCH(int, call);
    Reader reader;
    const FailingFile failing(reader.folder(), static_cast<FileCall>(call), 1, 0,
                              FaultLength::FromThenOn);
    QVERIFY(reader.answer() == reader.expected);
    QVERIFY(failing.failures() > 20);
  }

  void aSlowDiskIsWaitedFor() {
    Reader reader;
    reader.session->read(Reader::ids(), {}, {});
    std::optional<HeldFile> held;
    held.emplace(reader.folder(), FileCall::Read);
    std::future<std::vector<TokenId>> answer =
        std::async(std::launch::async, [&] { return reader.answer(); });
    held->waitUntilHeld(1);
    QVERIFY(answer.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
    held->release();
    QVERIFY(answer.get() == reader.expected);
  }
};

QTEST_APPLESS_MAIN(TierFaultsTest)
#include "tier_faults_test.moc"
