// SPDX-License-Identifier: Apache-2.0
// CapacityFile: rows that come back, files that fail, processes that die while they write.
#include "engine/cache/capacity_file.h"

#include "engine/error.h"
#include "tests/engine/kv_rows_fixture.h"
#include "tests/support/failing_file.h"
#include "tests/support/seeded_random.h"

#include <QTemporaryDir>
#include <QTest>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

extern char** environ;

using namespace bookwheel;

namespace {

constexpr std::int64_t kMostTokens = 100'000;
constexpr KvShape kShape{2, 3, 32};
constexpr int kSegment = CapacityFile::kSegmentTokens;

KvFingerprint fingerprint(std::uint8_t model = 1, std::uint8_t text = 2) {
  KvFingerprint result;
  result.model.fill(model);
  result.text.fill(text);
  return result;
}

struct Caught {
  bool happened = false;
  ErrorCode code{};
  std::string message;
};

Caught caught(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return {true, error.code(), error.what()};
  }
  return {};
}

#define VERIFY_ERROR(result, wantedCode, part)                                                 \
  do {                                                                                         \
    const Caught caughtHere = (result);                                                        \
    QVERIFY2(caughtHere.happened, "no Error");                                                 \
    QVERIFY2(                                                                                  \
        caughtHere.code == (wantedCode) && caughtHere.message.find(part) != std::string::npos, \
        caughtHere.message.c_str());                                                           \
  } while (false)

void overwrite(const std::filesystem::path& path, std::int64_t offset, const void* data,
               std::size_t bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(offset);
  file.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
}

/// The child: appends tokens one at a time and says each count on its output when it is committed,
/// until it is killed; or dies by itself between the rows and the commit of the 101st token.
int appendUntilKilled(const char* path, bool isSuicidal) {
  const auto file = CapacityFile::create(path, kShape, kMostTokens, fingerprint(), 1);
  for (std::uint32_t count = 1;; ++count) {
    writeTokens(*file, 1);
    if (isSuicidal && count == 101) {
      std::raise(SIGKILL);
    }
    file->commit(1);
    if (::write(STDOUT_FILENO, &count, sizeof count) != sizeof count) {
      return 1;
    }
  }
}

/// Runs this program as such a child and kills it once it has said `enough`, or waits for its own
/// end. Returns the last count that it said.
std::uint32_t killAfter(const std::filesystem::path& path, std::uint32_t enough) {
  std::array<int, 2> pipe;
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    return 0;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  const std::string mode = enough > 0 ? "--append" : "--append-and-die";
  std::array<char*, 4> arguments{const_cast<char*>("child"), const_cast<char*>(mode.c_str()),
                                 const_cast<char*>(path.c_str()), nullptr};
  pid_t child = 0;
  const int error =
      ::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  std::uint32_t said = 0;
  bool isKilled = enough == 0;
  for (std::uint32_t count = 0; error == 0 && ::read(pipe[0], &count, sizeof count) > 0;) {
    said = count;
    if (!isKilled && count >= enough) {
      ::kill(child, SIGKILL);
      isKilled = true;
    }
  }
  ::close(pipe[0]);
  if (error == 0) {
    ::waitpid(child, nullptr, 0);
  }
  return said;
}

}  // namespace

class CapacityFileTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() {
    m_folder = std::make_unique<QTemporaryDir>();
    QVERIFY(m_folder->isValid());
  }
  void cleanup() { m_folder.reset(); }

  // ---- Rows ---------------------------------------------------------------------------------

  void rowsComeBack_data() {
    QTest::addColumn<int>("headDim");
    QTest::addColumn<int>("spare");                // elements between the rows in memory
    for (const int headDim : {32, 64, 80, 128}) {  // 80: rows of 320 bytes are padded to 384
      for (const int spare : {0, 24}) {
        QTest::addRow("d = %d, spare %d", headDim, spare) << headDim << spare;
      }
    }
  }
  void rowsComeBack() {
    QFETCH(int, headDim);
    QFETCH(int, spare);
    const KvShape shape{2, 3, headDim};
    const std::int64_t stride = 2 * headDim + spare;
    const auto file = CapacityFile::temporary(folder(), shape, kMostTokens);
    // Across segment borders, up to one, and from one on.
    for (const std::int64_t count : {1, 510, 1, 700, 324, 513}) {
      file->reserve(count);
      KvMemory memory(shape, count, stride);
      for (int layer = 0; layer < shape.layers; ++layer) {
        memory.fill(layer, file->tokens());
        file->write(layer, file->tokens(), memory.rows(), count);
      }
      file->commit(count);
    }
    QCOMPARE(file->tokens(), 2049);
    QVERIFY(isWhole(*file));
    for (const auto& [first, count] :
         {std::pair{0, 2049}, {511, 2}, {512, 512}, {1, 1}, {2048, 1}}) {
      KvMemory memory(shape, count + 1, stride);
      file->readRange(1, 2, first, count, memory.rows());
      for (std::int64_t row = 0; row < count; ++row) {
        QVERIFY(isRowOf(&memory.at(2, row, 0), shape, 1, 2, first + row));
        for (int i = 2 * headDim; i < stride; ++i) {
          QCOMPARE(memory.at(2, row, i), KvMemory::kGuard);  // between the rows
        }
      }
      QCOMPARE(memory.at(2, count, 0), KvMemory::kGuard);  // behind the last
      QCOMPARE(memory.at(1, 0, 0), KvMemory::kGuard);      // another head
    }
  }

  void spaceIsCounted() {
    // By hand: 3 header pages; 512 tokens of 2 layers of 3 heads of 128 bytes: 393,216 a segment.
    QCOMPARE(CapacityFile::fileBytesFor(kShape, 0), 12'288);
    QCOMPARE(CapacityFile::fileBytesFor(kShape, 1), 12'288 + 393'216);
    QCOMPARE(CapacityFile::fileBytesFor(kShape, 513), 12'288 + 2 * 393'216);
    const auto file = CapacityFile::create(path(), kShape, kMostTokens, fingerprint());
    QCOMPARE(file->fileBytes(), 12'288);
    appendTokens(*file, 513);
    QCOMPARE(file->fileBytes(), 12'288 + 2 * 393'216);
    struct stat status {};
    QCOMPARE(::stat(path().c_str(), &status), 0);
    QCOMPARE(status.st_size, file->fileBytes());
    QVERIFY(status.st_blocks * 512 >= file->fileBytes());  // taken, not a hole
    QCOMPARE(status.st_mode & 0777, 0600u);
    // Space behind the segment that is in use and the next goes back.
    appendTokens(*file, 2000);
    file->truncate(100);
    QCOMPARE(file->fileBytes(), 12'288 + 2 * 393'216);
    QCOMPARE(::stat(path().c_str(), &status), 0);
    QCOMPARE(status.st_size, file->fileBytes());
    QVERIFY(isWhole(*file));
    appendTokens(*file, 900, 1);
    KvMemory memory(kShape, 900, 64);
    file->readLayer(1, 100, 900, memory.rows());
    QVERIFY(isRowOf(&memory.at(2, 899, 0), kShape, 1, 2, 999, 1));
  }

  // ---- Single rows by threads ---------------------------------------------------------------

  void singleRowsAreRead_data() {
    QTest::addColumn<int>("readers");
    QTest::addColumn<int>("headDim");
    for (const int readers : {1, 4}) {
      for (const int headDim : {32, 80}) {
        QTest::addRow("%d readers, d = %d", readers, headDim) << readers << headDim;
      }
    }
  }
  void singleRowsAreRead() {
    QFETCH(int, readers);
    QFETCH(int, headDim);
    const KvShape shape{2, 3, headDim};
    const auto file = CapacityFile::temporary(folder(), shape, kMostTokens, readers);
    appendTokens(*file, 1500);
    SeededRandom random(static_cast<std::uint64_t>(readers + headDim));
    for (int round = 0; round < 20; ++round) {
      // Neighbours, small gaps and large ones, ascending or not.
      const std::size_t count = 1 + random.below(300);
      std::vector<RowRead> reads(count);
      std::vector<std::uint16_t> rows(count * 2 * static_cast<std::size_t>(headDim), 0);
      std::vector<std::uint32_t> tokens(1500);
      std::iota(tokens.begin(), tokens.end(), 0);
      for (std::size_t i = 0; i < count; ++i) {
        std::swap(tokens[i], tokens[i + random.below(static_cast<std::uint32_t>(1500 - i))]);
      }
      if (round % 3 != 0) {
        std::sort(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(count));
      }
      ReadGroup group(file->reader());
      for (std::size_t i = 0; i < count; ++i) {
        reads[i] = {static_cast<int>(i * 2 / count), static_cast<int>(random.below(3)), tokens[i],
                    rows.data() + i * 2 * static_cast<std::size_t>(headDim)};
      }
      const std::size_t half = count / 2;
      group.add(std::span(reads).first(half), ReadUrgency::Ahead);
      group.add(std::span(reads).subspan(half), ReadUrgency::Now);
      group.wait();
      QVERIFY(group.isIdle());
      for (const RowRead& read : reads) {
        QVERIFY(!read.failed);
        QVERIFY(isRowOf(read.destination, shape, read.layer, read.kvHead, read.token));
      }
    }
  }

  void rowsAreRequestedAtOnce() {
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens, 3);
    appendTokens(*file, 600);
    std::array<std::uint16_t, 64 * 3> rows{};
    // Too far from each other to be read by one call, in groups of their own.
    std::array<RowRead, 3> reads{RowRead{0, 0, 5, &rows[0]}, RowRead{1, 2, 300, &rows[64]},
                                 RowRead{0, 1, 590, &rows[128]}};
    std::array<std::unique_ptr<ReadGroup>, 3> groups;
    HeldFile slow(folder().native(), FileCall::Read);
    for (std::size_t i = 0; i < 3; ++i) {
      groups[i] = std::make_unique<ReadGroup>(file->reader());
      groups[i]->add(std::span(&reads[i], 1), ReadUrgency::Now);  // returns though nothing is read
    }
    slow.waitUntilHeld(3);
    for (const auto& group : groups) {
      QVERIFY(!group->isIdle());
    }
    slow.release();
    for (std::size_t i = 0; i < 3; ++i) {
      groups[i]->wait();
      QVERIFY(
          isRowOf(reads[i].destination, kShape, reads[i].layer, reads[i].kvHead, reads[i].token));
      QVERIFY(groups[i]->takeBusyNs() > 0);
      QCOMPARE(groups[i]->takeBusyNs(), 0);
    }
  }

  void urgentRowsComeFirst_data() {
    QTest::addColumn<bool>("isPromoted");
    QTest::newRow("urgent from the start") << false;
    QTest::newRow("made urgent by its second part") << true;
  }
  void urgentRowsComeFirst() {
    QFETCH(bool, isPromoted);
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens, 1);
    appendTokens(*file, 600);
    std::array<std::uint16_t, 64 * 4> rows{};
    std::array<RowRead, 4> reads{RowRead{0, 0, 1, &rows[0]}, RowRead{0, 1, 2, &rows[64]},
                                 RowRead{0, 2, 3, &rows[128]}, RowRead{1, 2, 4, &rows[192]}};
    ReadGroup first(file->reader());
    ReadGroup guess(file->reader());
    ReadGroup urgent(file->reader());
    // The only reader is busy with `first` while the others queue up.
    HeldFile slow(folder().native(), FileCall::Read);
    first.add(std::span(&reads[0], 1), ReadUrgency::Now);
    slow.waitUntilHeld(1);
    guess.add(std::span(&reads[1], 1), ReadUrgency::Ahead);
    if (isPromoted) {
      urgent.add(std::span(&reads[2], 1), ReadUrgency::Ahead);
      urgent.add(std::span(&reads[3], 1), ReadUrgency::Now);
    } else {
      urgent.add(std::span(&reads[2], 1), ReadUrgency::Now);
    }
    const int urgentCalls = isPromoted ? 2 : 1;
    for (int call = 0; call < 1 + urgentCalls; ++call) {
      QVERIFY(!urgent.isIdle());
      slow.releaseOne();
      slow.waitUntilHeld(1);  // the next call
    }
    QVERIFY(first.isIdle());
    QVERIFY(urgent.isIdle());
    QVERIFY(!guess.isIdle());
    slow.release();
    guess.wait();
    for (const RowRead& read : std::span(reads).first(isPromoted ? 4 : 3)) {
      QVERIFY(isRowOf(read.destination, kShape, read.layer, read.kvHead, read.token));
    }
  }

  void aFailedRowIsNamedAndTheRestIsRead() {
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens, 1);
    appendTokens(*file, 600);
    std::vector<std::uint16_t> rows(64 * 40);
    std::vector<RowRead> reads(40);
    for (std::size_t i = 0; i < reads.size(); ++i) {
      // Far apart: each is a call of its own.
      reads[i] = {static_cast<int>(i % 2), static_cast<int>(i % 3),
                  static_cast<std::int64_t>(i * 14), rows.data() + 64 * i};
    }
    FailingFile failing(folder().native(), FileCall::Read, 11, EIO, FaultLength::FromThenOn);
    ReadGroup group(file->reader());
    group.add(reads, ReadUrgency::Now);
    file->reader().waitUntilIdle();
    VERIFY_ERROR(caught([&] { group.wait(); }), ErrorCode::FileIo, "Input/output error");
    for (std::size_t i = 0; i < reads.size(); ++i) {
      QCOMPARE(reads[i].failed, i >= 10);
      QVERIFY(reads[i].failed || isRowOf(reads[i].destination, kShape, reads[i].layer,
                                         reads[i].kvHead, reads[i].token));
    }
    QVERIFY(!group.waitForError());  // said once
  }

  void aFailedCallForManyRowsNamesTheOne() {
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens, 1);
    appendTokens(*file, 600);
    std::vector<std::uint16_t> rows(64 * 5);
    std::vector<RowRead> reads(5);
    for (std::size_t i = 0; i < reads.size(); ++i) {
      reads[i] = {1, 2, static_cast<std::int64_t>(100 + 2 * i), rows.data() + 64 * i};
    }
    // Neighbours are one call; when that fails, each row gets a call of its own.
    for (const FaultLength length : {FaultLength::Once, FaultLength::FromThenOn}) {
      const bool fails = length == FaultLength::FromThenOn;
      std::optional<HeldFile> slow;
      slow.emplace(folder().native(), FileCall::Read);
      ReadGroup group(file->reader());
      group.add(reads, ReadUrgency::Now);
      slow->waitUntilHeld(1);
      FailingFile failing(folder().native(), FileCall::Read, 1, EIO, length);
      slow.reset();
      QCOMPARE(group.waitForError().has_value(), fails);
      QCOMPARE(failing.calls(), 6);
      for (const RowRead& read : reads) {
        QCOMPARE(read.failed, fails);
        QVERIFY(read.failed || isRowOf(read.destination, kShape, 1, 2, read.token));
      }
    }
  }

  void shortAndInterruptedCallsAreContinued_data() {
    QTest::addColumn<int>("call");
    QTest::addColumn<int>("error");
    for (const auto& [name, call] :
         {std::pair{"read", FileCall::Read}, {"write", FileCall::Write}}) {
      QTest::addRow("half of a %s", name) << static_cast<int>(call) << 0;
      QTest::addRow("interrupted %s", name) << static_cast<int>(call) << EINTR;
    }
  }
  void shortAndInterruptedCallsAreContinued() {
    QFETCH(int, call);
    QFETCH(int, error);
    for (const int headDim : {32, 80}) {
      const KvShape shape{2, 3, headDim};
      const auto file = CapacityFile::temporary(folder(), shape, kMostTokens);
      // Every call does half; or the first ones are interrupted.
      std::optional<FailingFile> failing;
      failing.emplace(folder().native(), static_cast<FileCall>(call), 1, error,
                      error == 0 ? FaultLength::FromThenOn : FaultLength::Once);
      appendTokens(*file, 600);
      QVERIFY(isWhole(*file));
      std::vector<std::uint16_t> rows(static_cast<std::size_t>(2 * headDim) * 10);
      std::vector<RowRead> reads(10);
      for (std::size_t i = 0; i < 10; ++i) {
        reads[i] = {1, 1, static_cast<std::int64_t>(i * i),
                    rows.data() + i * 2 * static_cast<std::size_t>(headDim)};
      }
      ReadGroup group(file->reader());
      group.add(reads, ReadUrgency::Now);
      group.wait();
      for (const RowRead& read : reads) {
        QVERIFY(isRowOf(read.destination, shape, 1, 1, read.token));
      }
      QVERIFY(failing->failures() > 0);
    }
  }

  void cancelledRowsAreNotRead() {
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens, 1);
    appendTokens(*file, 600);
    std::vector<std::uint16_t> rows(64 * 200);
    std::vector<RowRead> reads(200);
    for (std::size_t i = 0; i < reads.size(); ++i) {
      reads[i] = {0, 0, static_cast<std::int64_t>(3 * i), rows.data() + 64 * i};
    }
    ReadGroup group(file->reader());
    {
      HeldFile slow(folder().native(), FileCall::Read);
      group.add(reads, ReadUrgency::Now);
      slow.waitUntilHeld(1);
      std::jthread release([&] { slow.release(); });
      group.cancel();
    }
    QVERIFY(group.isIdle());
    std::size_t failed = 0;
    for (const RowRead& read : reads) {
      failed += read.failed ? 1 : 0;
      QVERIFY(read.failed || isRowOf(read.destination, kShape, 0, 0, read.token));
    }
    QVERIFY2(failed >= 1, "the reader takes some rows at a time, never all 200");
    group.add(reads, ReadUrgency::Now);
    group.wait();
    QVERIFY(isRowOf(reads[199].destination, kShape, 0, 0, 597));
  }

  // ---- Bad disks ----------------------------------------------------------------------------

  void aFullDiskChangesNothing_data() {
    QTest::addColumn<int>("error");
    QTest::addColumn<QString>("part");
    QTest::newRow("full") << ENOSPC << "free disk space or choose another folder";
    QTest::newRow("quota") << EDQUOT << "free space in your quota";
    QTest::newRow("read-only") << EROFS << "Read-only file system";
    QTest::newRow("broken") << EIO << "check the disk";
  }
  void aFullDiskChangesNothing() {
    QFETCH(int, error);
    QFETCH(QString, part);
    const auto file = CapacityFile::create(path(), kShape, kMostTokens, fingerprint());
    appendTokens(*file, 500);
    const std::int64_t before = file->fileBytes();
    {
      // The second of two segments.
      FailingFile failing(path().native(), FileCall::Allocate, 2, error);
      const Caught found = caught([&] { file->reserve(1000); });
      VERIFY_ERROR(found, ErrorCode::FileIo, part.toStdString());
      QVERIFY2(found.message.find("500 tokens") != std::string::npos &&
                   found.message.find("1,000 further tokens") != std::string::npos,
               found.message.c_str());
    }
    QCOMPARE(file->tokens(), 500);
    QVERIFY(file->fileBytes() >= before);
    QVERIFY(isWhole(*file));
    appendTokens(*file, 1000);  // there is space again
    QVERIFY(isWhole(*file));
  }

  void aFailedWriteChangesNothing() {
    const auto file = CapacityFile::create(path(), kShape, kMostTokens, fingerprint());
    appendTokens(*file, 100);
    // Rows are 6 writes (2 layers, 3 heads), the record is the seventh.
    for (const int nth : {1, 2, 6, 7}) {
      {
        FailingFile failing(path().native(), FileCall::Write, nth, EIO);
        VERIFY_ERROR(caught([&] { appendTokens(*file, 10, 1); }), ErrorCode::FileIo,
                     "Writing the cache file");
        QCOMPARE(failing.failures(), 1);
      }
      QCOMPARE(file->tokens(), 100);
      QVERIFY(isWhole(*file));
    }
    appendTokens(*file, 10);
    QVERIFY(isWhole(*file));
  }

  void aCutFileIsAnError() {
    const auto file = CapacityFile::create(path(), kShape, kMostTokens, fingerprint());
    appendTokens(*file, 600);
    std::filesystem::resize_file(path(), 100'000);
    KvMemory memory(kShape, 600, 64);
    VERIFY_ERROR(caught([&] { file->readLayer(1, 0, 600, memory.rows()); }), ErrorCode::FileIo,
                 "was cut by another program");
    std::array<std::uint16_t, 64> row{};
    RowRead read{1, 2, 599, row.data()};
    ReadGroup group(file->reader());
    group.add(std::span(&read, 1), ReadUrgency::Now);
    VERIFY_ERROR(caught([&] { group.wait(); }), ErrorCode::FileIo, "was cut by another program");
    QVERIFY(read.failed);
  }

  void aFolderThatVanishes() {
    VERIFY_ERROR(caught([&] { CapacityFile::temporary(folder() / "none", kShape, 10); }),
                 ErrorCode::FileMissing, "There is no folder");
    VERIFY_ERROR(
        caught([&] { CapacityFile::create(folder() / "none" / "kv", kShape, 10, fingerprint()); }),
        ErrorCode::FileMissing, "There is no folder");
    // /proc takes no files, whoever asks.
    QVERIFY(caught([] { CapacityFile::temporary("/proc", kShape, 10); }).happened);

    const std::filesystem::path inside = folder() / "inside";
    std::filesystem::create_directory(inside);
    const auto temporary = CapacityFile::temporary(inside, kShape, kMostTokens);
    const auto kept = CapacityFile::create(inside / "kv", kShape, kMostTokens, fingerprint());
    appendTokens(*temporary, 100);
    appendTokens(*kept, 100);
    std::filesystem::remove_all(inside);
    for (CapacityFile* file : {temporary.get(), kept.get()}) {
      appendTokens(*file, 700);  // what is open goes on
      QVERIFY(isWhole(*file));
    }
    temporary->sync();
    VERIFY_ERROR(caught([&] { kept->sync(); }), ErrorCode::FileIo, "was deleted");
  }

  void temporaryFilesHaveNoName() {
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens);
    appendTokens(*file, 10);
    QVERIFY(std::filesystem::is_empty(folder()));
    QCOMPARE(file->syncedTokens(), 0);
  }

  void numbersOutOfRangeAreRefused() {
    for (const KvShape& shape : {KvShape{0, 1, 32}, KvShape{1, 5000, 32}, KvShape{1, 1, -1}}) {
      VERIFY_ERROR(caught([&] { CapacityFile::temporary(folder(), shape, 10); }),
                   ErrorCode::InvalidRequest, "cannot hold");
    }
    VERIFY_ERROR(caught([&] { CapacityFile::temporary(folder(), kShape, 0); }),
                 ErrorCode::InvalidRequest, "cannot hold 0 tokens");
    VERIFY_ERROR(caught([&] { CapacityFile::temporary(folder(), kShape, 10, 0); }),
                 ErrorCode::InvalidRequest, "between 1 and 64, not 0");
  }

  // ---- Kept files ---------------------------------------------------------------------------

  void aKeptFileIsReopened() {
    {
      const auto file = CapacityFile::create(path(), kShape, kMostTokens, fingerprint());
      appendTokens(*file, 700);
      QCOMPARE(file->syncedTokens(), 700);  // past a segment
      appendTokens(*file, 1);
      QCOMPARE(file->syncedTokens(), 700);
      VERIFY_ERROR(caught([&] { reopen(); }), ErrorCode::FileIo, "in use by another program");
    }
    {
      const auto file = reopen();
      QCOMPARE(file->tokens(), 701);
      QCOMPARE(file->syncedTokens(), 701);  // the destructor synced
      QVERIFY(isWhole(*file));
      appendTokens(*file, 600);
      QVERIFY(isWhole(*file));
      file->truncate(650);
    }
    const auto file = reopen();
    QCOMPARE(file->tokens(), 650);
    QVERIFY(isWhole(*file));
    VERIFY_ERROR(caught([&] { CapacityFile::create(path(), kShape, 10, fingerprint()); }),
                 ErrorCode::FileIo, "already");
  }

  void aForeignFileIsRefused() {
    appendTokens(*CapacityFile::create(path(), kShape, kMostTokens, fingerprint()), 700);
    VERIFY_ERROR(caught([&] {
                   CapacityFile::open(path(), {2, 3, 64}, 1000, fingerprint());
                 }),
                 ErrorCode::InvalidRequest,
                 "holds 2 layers of 3 KV heads of 32 numbers and the model has 2 layers of 3 KV "
                 "heads of 64");
    VERIFY_ERROR(caught([&] { CapacityFile::open(path(), kShape, 1000, fingerprint(9, 2)); }),
                 ErrorCode::InvalidRequest, "by another model");
    VERIFY_ERROR(caught([&] { CapacityFile::open(path(), kShape, 1000, fingerprint(1, 9)); }),
                 ErrorCode::InvalidRequest, "of another text");
    VERIFY_ERROR(caught([&] { CapacityFile::open(path(), kShape, 699, fingerprint()); }),
                 ErrorCode::DoesNotFit, "holds 700 tokens and the context is 699");
    VERIFY_ERROR(caught([&] { CapacityFile::open(folder() / "none", kShape, 9, fingerprint()); }),
                 ErrorCode::FileMissing, "There is no cache file");
    VERIFY_ERROR(caught([&] { CapacityFile::open(folder(), kShape, 9, fingerprint()); }),
                 ErrorCode::FileMissing, "could not be opened");
    const std::filesystem::path fifo = folder() / "fifo";
    QCOMPARE(::mkfifo(fifo.c_str(), 0600), 0);
    VERIFY_ERROR(caught([&] { CapacityFile::open(fifo, kShape, 9, fingerprint()); }),
                 ErrorCode::FileMissing, "is no file");
    QCOMPARE(reopen()->tokens(), 700);  // none of this did it any harm
  }

  void aDamagedHeaderIsNeverBelieved() {
    appendTokens(*CapacityFile::create(path(), kShape, kMostTokens, fingerprint()), 700);
    for (std::size_t byte = 0; byte < kIdentityBytes; ++byte) {
      for (int bit = 0; bit < 8; ++bit) {
        flipBit(path(), byte, bit);
        QVERIFY2(caught([&] { reopen(); }).happened, qPrintable(QString::number(byte)));
        flipBit(path(), byte, bit);
      }
    }
    // One record may be lost: the other one counts as many tokens or fewer.
    for (std::int64_t page = 1; page <= 2; ++page) {
      for (std::size_t byte = 0; byte < kRecordBytes; ++byte) {
        const auto place = static_cast<std::uint64_t>(page * kHeaderPage) + byte;
        flipBit(path(), place, 3);
        const std::int64_t tokens = reopen()->tokens();
        QVERIFY(tokens == 0 || tokens == 700);
        flipBit(path(), place, 3);
      }
    }
    flipBit(path(), kHeaderPage, 0);
    flipBit(path(), 2 * kHeaderPage, 0);
    VERIFY_ERROR(caught([&] { reopen(); }), ErrorCode::FileIo, "neither record");
  }

  void aHostileRecordIsRefused() {
    appendTokens(*CapacityFile::create(path(), kShape, kMostTokens, fingerprint()), 700);
    const auto opened = [&](const CapacityFileRecord& record, std::int64_t maxTokens) {
      const auto bytes = encodeRecord(record);
      overwrite(path(), recordOffset(record.generation), bytes.data(), bytes.size());
      return caught([&] { CapacityFile::open(path(), kShape, maxTokens, fingerprint()); });
    };
    // Of a generation that wins, with a checksum that fits.
    const auto boot = currentBoot();
    VERIFY_ERROR(opened({1000, 5000, 700, boot}, kMostTokens), ErrorCode::FileIo, "was cut");
    VERIFY_ERROR(opened({1000, kMostFileTokens, 0, boot}, kMostFileTokens), ErrorCode::FileIo,
                 "was cut");
    VERIFY_ERROR(opened({1000, 5000, 700, boot}, 4999), ErrorCode::DoesNotFit, "holds 5,000");
    // Impossible ones count as damaged, and the other record holds.
    for (const CapacityFileRecord& record : {CapacityFileRecord{1000, 100, 101, boot},
                                             CapacityFileRecord{1000, kMostFileTokens + 1, 0, boot},
                                             CapacityFileRecord{1000, -1, -1, boot}}) {
      const auto bytes = encodeRecord(record);
      QVERIFY(!decodeRecord(bytes));
    }
  }

  void aShortFileIsRefused() {
    appendTokens(*CapacityFile::create(path(), kShape, kMostTokens, fingerprint()), 700);
    const auto whole = static_cast<std::int64_t>(std::filesystem::file_size(path()));
    for (const std::int64_t bytes : {whole - 1, whole / 2, std::int64_t{12'288},
                                     std::int64_t{12'287}, std::int64_t{99}, std::int64_t{0}}) {
      std::filesystem::resize_file(path(), static_cast<std::uintmax_t>(bytes));
      VERIFY_ERROR(caught([&] { reopen(); }), ErrorCode::FileIo, "read the document again");
    }
  }

  // ---- Kills and power cuts -----------------------------------------------------------------

  void afterAPowerCutOnlySyncedTokensCount() {
    {
      const auto file = CapacityFile::create(path(), kShape, kMostTokens, fingerprint());
      appendTokens(*file, 600);
      appendTokens(*file, 50);
      QCOMPARE(file->syncedTokens(), 600);
      // What a power cut leaves, at its best: all that was written, and a system that started anew.
      std::filesystem::copy_file(path(), folder() / "cut");
    }
    std::array<char, kRecordBytes> bytes;
    std::optional<CapacityFileRecord> newest;
    for (const std::uint64_t generation : {0, 1}) {
      std::ifstream file(folder() / "cut", std::ios::binary);
      file.seekg(recordOffset(generation));
      file.read(bytes.data(), bytes.size());
      const auto record = decodeRecord(std::as_bytes(std::span(bytes)));
      if (record && (!newest || record->generation > newest->generation)) {
        newest = record;
      }
    }
    QVERIFY(newest);
    QCOMPARE(newest->tokens, 650);
    QCOMPARE(newest->syncedTokens, 600);
    newest->boot.fill(7);
    const auto foreign = encodeRecord(*newest);
    overwrite(folder() / "cut", recordOffset(newest->generation), foreign.data(), foreign.size());
    const auto file = CapacityFile::open(folder() / "cut", kShape, kMostTokens, fingerprint());
    QCOMPARE(file->tokens(), 600);
    QVERIFY(isWhole(*file));
  }

  void truncationIsOnTheDiskBeforeRowsAreOverwritten() {
    const auto file = CapacityFile::create(path(), kShape, kMostTokens, fingerprint());
    appendTokens(*file, 600);
    FailingFile counting(path().native(), FileCall::Sync, 1 << 30, EIO);
    file->truncate(500);
    QCOMPARE(counting.calls(), 1);
    QCOMPARE(file->syncedTokens(), 500);
    appendTokens(*file, 20);
    file->truncate(510);  // never synced: nothing to make sure of
    QCOMPARE(counting.calls(), 1);
    QCOMPARE(file->syncedTokens(), 500);
  }

  void aFailedSyncIsNotForgotten() {
    {
      const auto file = CapacityFile::create(path(), kShape, kMostTokens, fingerprint());
      appendTokens(*file, 600);
      appendTokens(*file, 400);
      {
        FailingFile failing(path().native(), FileCall::Sync, 1, EIO);
        VERIFY_ERROR(caught([&] { appendTokens(*file, 200); }), ErrorCode::FileIo,
                     "of its 1,000 tokens 600 are safe");
      }
      QCOMPARE(file->tokens(), 1000);
      // The next fdatasync would say that all is well.
      VERIFY_ERROR(caught([&] { appendTokens(*file, 1); }), ErrorCode::FileIo, "600 are safe");
      VERIFY_ERROR(caught([&] { file->sync(); }), ErrorCode::FileIo, "600 are safe");
      std::filesystem::copy_file(path(), folder() / "copy");
      file->truncate(600);
      appendTokens(*file, 300);
      QVERIFY(isWhole(*file));
    }
    QCOMPARE(reopen()->tokens(), 900);
    QCOMPARE(CapacityFile::open(folder() / "copy", kShape, kMostTokens, fingerprint())->tokens(),
             600);
  }

  void aKillBetweenRowsAndHeader() {
    QCOMPARE(killAfter(path(), 0), 100u);
    const auto file = reopen();
    QCOMPARE(file->tokens(), 100);
    QVERIFY(isWhole(*file));
    appendTokens(*file, 50);
    QVERIFY(isWhole(*file));
  }

  void aKillAtAnyMoment() {
    SeededRandom random(4);
    for (int round = 0; round < 12; ++round) {
      const std::uint32_t enough = 1 + random.below(600);  // before and after the first sync
      const std::uint32_t said = killAfter(path(), enough);
      QVERIFY(said >= enough);
      {
        const auto file = reopen();
        QVERIFY2(file->tokens() >= said, "a token that was complete is gone");
        QVERIFY2(isWhole(*file), "a token counts that is not complete");
      }
      std::filesystem::remove(path());
    }
  }

 private:
  std::filesystem::path folder() const {
    return std::filesystem::canonical(m_folder->path().toStdString());
  }
  std::filesystem::path path() const { return folder() / "kv"; }
  std::unique_ptr<CapacityFile> reopen() const {
    return CapacityFile::open(path(), kShape, kMostTokens, fingerprint());
  }

  std::unique_ptr<QTemporaryDir> m_folder;
};

int main(int argc, char** argv) {
  if (argc == 3 && std::strncmp(argv[1], "--append", 8) == 0) {
    return appendUntilKilled(argv[2], std::strcmp(argv[1], "--append-and-die") == 0);
  }
  CapacityFileTest test;
  return QTest::qExec(&test, argc, argv);
}

#include "capacity_file_test.moc"
