// SPDX-License-Identifier: Apache-2.0
// CapacityFile: rows that come back, and files that fail.
#include "engine/cache/capacity_file.h"

#include "engine/error.h"
#include "tests/engine/kv_rows_fixture.h"
#include "tests/support/failing_file.h"
#include "tests/support/seeded_random.h"

#include <QTemporaryDir>
#include <QTest>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

using namespace bookwheel;

namespace {

constexpr std::int64_t kMostTokens = 100'000;
constexpr KvShape kShape{2, 3, 32};

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
    // By hand: 512 tokens of 2 layers of 3 heads of 128 bytes: 393,216 a segment.
    QCOMPARE(CapacityFile::fileBytesFor(kShape, 0), 0);
    QCOMPARE(CapacityFile::fileBytesFor(kShape, 1), 393'216);
    QCOMPARE(CapacityFile::fileBytesFor(kShape, 513), 2 * 393'216);
    const auto file = named();
    QCOMPARE(file->fileBytes(), 0);
    appendTokens(*file, 513);
    QCOMPARE(file->fileBytes(), 2 * 393'216);
    struct stat status {};
    QCOMPARE(::stat(path().c_str(), &status), 0);
    QCOMPARE(status.st_size, file->fileBytes());
    QVERIFY(status.st_blocks * 512 >= file->fileBytes());  // taken, not a hole
    QCOMPARE(status.st_mode & 0777, 0600u);
    // Space behind the segment that is in use and the next goes back.
    appendTokens(*file, 2000);
    file->truncate(100);
    QCOMPARE(file->fileBytes(), 2 * 393'216);
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
    const auto file = named();
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
    const auto file = named();
    appendTokens(*file, 100);
    // Rows are 6 writes: 2 layers of 3 heads.
    for (const int nth : {1, 2, 6}) {
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
    const auto file = named();
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
    VERIFY_ERROR(caught([&] { CapacityFile::named(folder() / "none" / "kv", kShape, 10); }),
                 ErrorCode::FileMissing, "There is no folder");
    // /proc takes no files, whoever asks.
    QVERIFY(caught([] { CapacityFile::temporary("/proc", kShape, 10); }).happened);

    const std::filesystem::path inside = folder() / "inside";
    std::filesystem::create_directory(inside);
    const auto temporary = CapacityFile::temporary(inside, kShape, kMostTokens);
    const auto named = CapacityFile::named(inside / "kv", kShape, kMostTokens);
    appendTokens(*temporary, 100);
    appendTokens(*named, 100);
    std::filesystem::remove_all(inside);
    for (CapacityFile* file : {temporary.get(), named.get()}) {
      appendTokens(*file, 700);  // what is open goes on
      QVERIFY(isWhole(*file));
    }
  }

  void temporaryFilesHaveNoName() {
    const auto file = CapacityFile::temporary(folder(), kShape, kMostTokens);
    appendTokens(*file, 10);
    QVERIFY(std::filesystem::is_empty(folder()));
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

  // ---- Files with a name --------------------------------------------------------------------

  void aNamedFileIsAdopted() {
    appendTokens(*named(), 1300);
    const auto file = named();
    QCOMPARE(file->tokens(), 0);
    QCOMPARE(file->adopt(700), 700);
    QVERIFY(isWhole(*file));
    QCOMPARE(std::filesystem::file_size(path()), 2u * 393'216);  // the third segment went back
    appendTokens(*file, 600);
    QVERIFY(isWhole(*file));
    // As many as are in whole segments, if the file was cut.
    std::filesystem::resize_file(path(), 2 * 393'216 - 1);
    QCOMPARE(file->adopt(1300), 512);
    QVERIFY(isWhole(*file));
    QCOMPARE(file->adopt(0), 0);
    QCOMPARE(std::filesystem::file_size(path()), 0u);
  }

  void whatIsNoFileIsRefused() {
    const std::filesystem::path fifo = folder() / "fifo";
    QCOMPARE(::mkfifo(fifo.c_str(), 0600), 0);
    VERIFY_ERROR(caught([&] { CapacityFile::named(fifo, kShape, 9); }), ErrorCode::FileIo,
                 "is no file");
    QVERIFY(caught([&] { CapacityFile::named(folder(), kShape, 9); }).happened);
    appendTokens(*named(), 10);
    std::filesystem::create_symlink(path(), folder() / "link");
    QVERIFY(caught([&] { CapacityFile::named(folder() / "link", kShape, 9); }).happened);
  }

  void protectedRowsStayOnTheDisk() {
    {
      const auto file = named();
      appendTokens(*file, 2000);
      file->protect(1600);
      file->truncate(100);
      QCOMPARE(std::filesystem::file_size(path()), 4u * 393'216);
      appendTokens(*file, 400);  // over rows that were the same
    }
    const auto file = named();
    QCOMPARE(file->adopt(1600), 1600);
    QVERIFY(isWhole(*file));
  }

  void filesAreExchanged() {
    const auto one = named();
    const auto other = CapacityFile::temporary(folder(), kShape, kMostTokens, 2);
    appendTokens(*one, 700, 1);
    appendTokens(*other, 1200, 2);
    one->swapFile(*other);
    QCOMPARE(one->tokens(), 1200);
    QCOMPARE(other->tokens(), 700);
    QVERIFY(isWhole(*one, 2));
    QVERIFY(isWhole(*other, 1));
    // The threads read from the other file too.
    std::array<std::uint16_t, 64> row{};
    RowRead read{1, 2, 1100, row.data()};
    ReadGroup group(one->reader());
    group.add(std::span(&read, 1), ReadUrgency::Now);
    group.wait();
    QVERIFY(isRowOf(row.data(), kShape, 1, 2, 1100, 2));
    appendTokens(*other, 400, 1);
    QCOMPARE(std::filesystem::file_size(path()), 3u * 393'216);
    QCOMPARE(other->sync(), 0);
    FailingFile failing(path().native(), FileCall::Sync, 1, EIO);
    QCOMPARE(other->sync(), EIO);
  }

 private:
  std::filesystem::path folder() const {
    return std::filesystem::canonical(m_folder->path().toStdString());
  }
  std::filesystem::path path() const { return folder() / "kv"; }
  std::unique_ptr<CapacityFile> named() const {
    return CapacityFile::named(path(), kShape, kMostTokens);
  }

  std::unique_ptr<QTemporaryDir> m_folder;
};

QTEST_APPLESS_MAIN(CapacityFileTest)
#include "capacity_file_test.moc"
