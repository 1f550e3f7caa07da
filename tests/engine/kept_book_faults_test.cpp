// SPDX-License-Identifier: Apache-2.0
// A kept book when processes are killed, bits turn round, disks fail or are full: what is damaged
// is found and read again, and no answer differs from that of a session that keeps nothing.
//
// BOOKWHEEL_KILLS and BOOKWHEEL_FLIPS make the tests of that name longer.
#include "tests/engine/kept_book_fixture.h"
#include "tests/support/failing_file.h"
#include "tests/support/seeded_random.h"

#include <QTest>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

extern char** environ;

using namespace bookwheel;

namespace {

int times(const char* variable, int usual) {
  const char* const value = std::getenv(variable);
  return value != nullptr ? std::max(1, std::atoi(value)) : usual;
}

CapacityPlace placeOf(bool inFile) { return inFile ? CapacityPlace::File : CapacityPlace::Memory; }

SessionOptions childOptions(const std::filesystem::path& model, bool inFile) {
  SessionOptions options;
  options.model = model;
  options.threads = 1;
  options.chunkTokens = 128;
  options.cache = lowBit(2, 2);
  options.capacity = placeOf(inFile);
  options.capacityFolder = model.parent_path();
  return options;
}

/// The child: opens the book, reads it, answers, and closes it again and again, and says on its
/// output how many tokens are kept.
int readUntilKilled(const char* model, const char* folder, bool inFile) {
  const auto session = Session::open(childOptions(model, inFile));
  const std::vector<TokenId> document = theDocument();
  const auto say = [&] {
    const auto kept = static_cast<std::uint32_t>(session->keptTokens());
    return ::write(STDOUT_FILENO, &kept, sizeof kept) == sizeof kept;
  };
  for (;;) {
    session->openBook(folder, document, KeptBookUse::Continue, {}, {});
    say();
    session->read(document, [&](const PrefillStats&) { say(); }, {});
    KeptBookFixture::answer(*session);
    session->closeBook();
  }
}

struct Child {
  pid_t process = 0;
  int output = -1;
};

Child startChild(const std::filesystem::path& model, const std::filesystem::path& folder,
                 bool inFile) {
  std::array<int, 2> pipe;
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    return {};
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  const std::string place = inFile ? "file" : "memory";
  std::array<char*, 6> arguments{
      const_cast<char*>("child"),       const_cast<char*>("--read"),
      const_cast<char*>(model.c_str()), const_cast<char*>(folder.c_str()),
      const_cast<char*>(place.c_str()), nullptr};
  Child child;
  if (::posix_spawn(&child.process, "/proc/self/exe", &actions, nullptr, arguments.data(),
                    environ) == 0) {
    child.output = pipe[0];
  } else {
    ::close(pipe[0]);
  }
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  return child;
}

/// Kills it `delay` after it has opened the book. Returns the last count of kept tokens that it
/// said, or nothing if it said none.
std::optional<std::uint32_t> kill(const Child& child, std::chrono::microseconds delay) {
  std::optional<std::uint32_t> said;
  std::uint32_t kept = 0;
  if (::read(child.output, &kept, sizeof kept) == sizeof kept) {
    said = kept;
    std::this_thread::sleep_for(delay);  // the moment is what is random here, nothing waits for it
  }
  ::kill(child.process, SIGKILL);
  while (::read(child.output, &kept, sizeof kept) == sizeof kept) {
    said = kept;
  }
  ::close(child.output);
  ::waitpid(child.process, nullptr, 0);
  return said;
}

void copyFolder(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::remove_all(to);
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

}  // namespace

class KeptBookFaultsTest : public QObject {
  Q_OBJECT

 private:
  static void places() {
    QTest::addColumn<bool>("inFile");
    QTest::newRow("memory") << false;
    QTest::newRow("file") << true;
  }

 private Q_SLOTS:
  // ---- Kills --------------------------------------------------------------------------------

  void aKillAtAnyMoment_data() { places(); }
  void aKillAtAnyMoment() {
    QFETCH(bool, inFile);
    const KeptBookFixture book(placeOf(inFile), lowBit(2, 2));
    const std::filesystem::path copy = book.folder().parent_path() / "copy";
    SeededRandom random(inFile ? 8 : 7);
    const auto checker = book.open();
    int partial = 0;
    const int kills = times("BOOKWHEEL_KILLS", 16) / 2;
    for (int round = 0; round < kills; ++round) {
      const Child child = startChild(book.model().path(), book.folder(), inFile);
      QVERIFY(child.output >= 0);
      const std::optional<std::uint32_t> said =
          kill(child, std::chrono::microseconds(random.below(60'000)));
      QVERIFY(said);
      // In a copy, so that the next child goes on with what this one left.
      copyFolder(book.folder(), copy);
      const BookRestore restore =
          checker->openBook(copy, theDocument(), KeptBookUse::Continue, {}, {});
      QCOMPARE(QString::fromStdString(restore.notice), QString());
      QVERIFY2(restore.tokensRestored >= static_cast<std::int64_t>(*said),
               "a token that was kept is gone");
      checker->read(theDocument(), {}, {});
      QVERIFY(book.answer(*checker) == book.expected);
      checker->closeBook();
      if (restore.tokensRestored == kDocumentTokens) {
        removeKeptBook(book.folder());
      } else {
        partial += restore.tokensRestored > 0 ? 1 : 0;
      }
    }
    qInfo("%d kills, %d of them between two segments", kills, partial);
  }

  // ---- Damage -------------------------------------------------------------------------------

  void aBitThatTurnsRound_data() { places(); }
  void aBitThatTurnsRound() {
    QFETCH(bool, inFile);
    const KeptBookFixture book(placeOf(inFile), lowBit(2, 2));
    book.keep();
    const std::filesystem::path damaged = book.folder().parent_path() / "damaged";
    std::vector<std::filesystem::path> names;
    for (const auto& entry : std::filesystem::directory_iterator(book.folder())) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    SeededRandom random(inFile ? 18 : 17);
    const auto session = book.open();
    int found = 0;
    const int flips = times("BOOKWHEEL_FLIPS", 80) / 2;
    for (int round = 0; round < flips; ++round) {
      copyFolder(book.folder(), damaged);
      const auto& name = names[random.below(static_cast<std::uint32_t>(names.size()))];
      const auto bytes = static_cast<std::uint32_t>(std::filesystem::file_size(damaged / name));
      const std::uint32_t byte = random.below(bytes);
      flipBit(damaged / name, byte, static_cast<int>(random.below(8)));
      const BookRestore restore =
          session->openBook(damaged, theDocument(), KeptBookUse::Continue, {}, {});
      if (restore.tokensRestored < kDocumentTokens) {
        ++found;
        QVERIFY(restore.notice.starts_with("What was kept of this book is damaged"));
        session->read(theDocument(), {}, {});
      }
      QVERIFY2(book.answer(*session) == book.expected, qPrintable(QString::number(byte)));
      QCOMPARE(session->keptTokens(), kDocumentTokens);
      session->closeBook();
    }
    qInfo("%d bits turned round, %d of them found and read again", flips, found);
    // Only what is behind the last token of the last segment may go unnoticed: a tenth of the rows.
    QVERIFY(found > flips / 2);
  }

  void aFileThatIsCutOrGone_data() { places(); }
  void aFileThatIsCutOrGone() {
    QFETCH(bool, inFile);
    const KeptBookFixture book(placeOf(inFile), lowBit(1, 1));
    const auto session = book.open();
    const auto check = [&](std::int64_t most) {
      const BookRestore restore = book.openBook(*session);
      QVERIFY2(restore.tokensRestored <= most, qPrintable(QString::number(restore.tokensRestored)));
      session->read(theDocument(), {}, {});
      QCOMPARE(session->keptTokens(), kDocumentTokens);
      QVERIFY(book.answer(*session) == book.expected);
      session->closeBook();
      QCOMPARE(book.openBook(*session).tokensRestored, kDocumentTokens);
      session->closeBook();
    };
    book.keep();
    for (const auto& [name, bytes, most] : {std::tuple{"rows", 3 * 262'144 - 1, 1024},
                                            {"rows", 262'144 + 5, 512},
                                            {"rows", 0, 0},
                                            {"index", 4096 * 3 + 7, 1024},
                                            {"index", 4096, 0},
                                            {"index", 4000, 0},
                                            {"index", 0, 0}}) {
      std::filesystem::resize_file(book.file(name), static_cast<std::uintmax_t>(bytes));
      check(most);
    }
    std::filesystem::remove(book.file("rows"));
    check(0);
    std::filesystem::remove(book.file("index"));
    check(0);
  }

  // ---- System calls that fail ---------------------------------------------------------------

  void everyCallFailsOnce_data() {
    QTest::addColumn<bool>("inFile");
    QTest::addColumn<int>("call");
    QTest::addColumn<int>("error");
    QTest::addColumn<bool>("forGood");
    for (const bool inFile : {false, true}) {
      for (const bool forGood : {false, true}) {
        const auto row = [&](const char* what, FileCall call, int error) {
          QTest::addRow("%s, %s%s", inFile ? "file" : "memory", what, forGood ? ", for good" : "")
              << inFile << static_cast<int>(call) << error << forGood;
        };
        row("read", FileCall::Read, EIO);
        row("write", FileCall::Write, EIO);
        row("full", FileCall::Write, ENOSPC);
        row("sync", FileCall::Sync, EIO);
        row("space", FileCall::Allocate, ENOSPC);
        row("half of it", FileCall::Write, 0);
      }
    }
  }
  void everyCallFailsOnce() {
    QFETCH(bool, inFile);
    QFETCH(int, call);
    QFETCH(int, error);
    QFETCH(bool, forGood);
    const KeptBookFixture book(placeOf(inFile), lowBit(2, 2));
    const auto session = book.open();
    // The first calls one by one, then fewer: there are some hundred.
    int reached = 0;
    for (int nth = 1;; nth += nth < 8 ? 1 : nth / 2) {
      int failures = 0;
      bool isSaid = false;
      {
        const FailingFile failing("/books/", static_cast<FileCall>(call), nth, error,
                                  forGood ? FaultLength::FromThenOn : FaultLength::Once);
        const CaughtError caught = caughtError([&] {
          isSaid |= !book.openBook(*session).notice.empty();
          session->read(theDocument(), {}, {});
          QVERIFY(book.answer(*session) == book.expected);
          isSaid |= !session->keptProblem().empty();
          session->closeBook();
          isSaid |= !book.openBook(*session).notice.empty();
          session->read(theDocument(), {}, {});
          QVERIFY(book.answer(*session) == book.expected);
          isSaid |= !session->keptProblem().empty();
        });
        QVERIFY2(!caught.happened || caught.code == ErrorCode::FileIo, caught.message.c_str());
        isSaid |= caught.happened;
        failures = failing.failures();
      }
      // The session goes on, and what is on the disk is right.
      session->read(theDocument(), {}, {});
      QVERIFY(book.answer(*session) == book.expected);
      session->closeBook();
      book.openBook(*session);
      session->read(theDocument(), {}, {});
      QCOMPARE(session->keptTokens(), kDocumentTokens);
      QCOMPARE(session->keptProblem(), std::string());
      QVERIFY(book.answer(*session) == book.expected);
      session->closeBook();
      removeKeptBook(book.folder());
      if (failures == 0) {
        QVERIFY2(nth > 1, "no such call");
        break;
      }
      // What may fail unseen: space that is given back, a sync of the folder's name or of a book
      // that is being closed, half a write that is continued, a single row that is read once more.
      const bool mayBeUnseen =
          error == 0 || static_cast<FileCall>(call) == FileCall::Sync ||
          static_cast<FileCall>(call) == FileCall::Allocate ||
          (static_cast<FileCall>(call) == FileCall::Read && inFile && !forGood);
      QVERIFY2(isSaid || mayBeUnseen, qPrintable(QString::number(nth)));
      ++reached;
    }
    QVERIFY(reached > 0);
  }

  // A limit of the file's size is a disk that is full in the middle of a book.
  void aFullDisk_data() { places(); }
  void aFullDisk() {
    QFETCH(bool, inFile);
    const KeptBookFixture book(placeOf(inFile), lowBit(2, 2));
    const auto session = book.open();
    book.openBook(*session);
    rlimit before{};
    QCOMPARE(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto signalBefore = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit = before;
    limit.rlim_cur = 262'144 + 100'000;  // a segment, and not a second one
    QCOMPARE(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    const CaughtError caught = caughtError([&] { session->read(theDocument(), {}, {}); });
    const std::vector<TokenId> answer = inFile ? std::vector<TokenId>{} : book.answer(*session);
    const std::string problem = session->keptProblem();
    const std::int64_t kept = session->keptTokens();
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, signalBefore);

    QCOMPARE(kept, 512);
    QCOMPARE(caught.happened, inFile);  // there is no other place for the cache
    const std::string& sentence = inFile ? caught.message : problem;
    QVERIFY2(sentence.find("of disk space") != std::string::npos, sentence.c_str());
    QVERIFY(inFile || answer == book.expected);
    if (!inFile) {
      // There is space again: what is at hand is kept now, and nothing is read again.
      QCOMPARE(book.openBook(*session).tokensRestored, kDocumentTokens);
      QCOMPARE(session->keptTokens(), kDocumentTokens);
      QCOMPARE(session->keptProblem(), std::string());
    }
    session->read(theDocument(), {}, {});
    QVERIFY(book.answer(*session) == book.expected);
    session->closeBook();
    const BookRestore restore = book.openBook(*session);
    QCOMPARE(restore.tokensRestored, kDocumentTokens);
    QCOMPARE(restore.notice, std::string());
    session->read(theDocument(), {}, {});
    QCOMPARE(session->keptTokens(), kDocumentTokens);
    QVERIFY(book.answer(*session) == book.expected);
  }
};

int main(int argc, char** argv) {
  if (argc == 5 && std::strcmp(argv[1], "--read") == 0) {
    return readUntilKilled(argv[2], argv[3], std::strcmp(argv[4], "file") == 0);
  }
  KeptBookFaultsTest test;
  return QTest::qExec(&test, argc, argv);
}

#include "kept_book_faults_test.moc"
