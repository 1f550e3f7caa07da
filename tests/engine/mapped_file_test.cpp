// SPDX-License-Identifier: Apache-2.0
// MappedFile: what it opens and refuses, and what it does when the file fails under it.
#include "engine/model/mapped_file.h"

#include "engine/error.h"
#include "tests/support/failing_file.h"
#include "tests/support/gguf_writer.h"

#include <QTemporaryDir>
#include <QTest>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

using namespace bookwheel;

namespace {

/// Pages of [begin, end) that this process has mapped in right now, from /proc/self/smaps' fields.
std::size_t residentBytes(std::span<const std::byte> bytes) {
  FILE* maps = std::fopen("/proc/self/smaps", "r");
  std::array<char, 512> line;
  bool inside = false;
  std::size_t kib = 0;
  while (std::fgets(line.data(), line.size(), maps) != nullptr) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    if (std::sscanf(line.data(), "%lx-%lx ", &begin, &end) == 2) {
      inside = begin == reinterpret_cast<std::uintptr_t>(bytes.data());
    }
    if (inside && std::sscanf(line.data(), "Rss: %zu kB", &kib) == 1) {
      break;
    }
  }
  std::fclose(maps);
  return kib * 1024;
}

}  // namespace

class MappedFileTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    QVERIFY(m_folder.isValid());
    for (std::size_t i = 0; i < m_content.size(); ++i) {
      m_content[i] = static_cast<std::byte>(i * 7 + i / 256);
    }
  }

  void showsTheBytes() {
    const MappedFile file(written("bytes"));
    QCOMPARE(file.size(), m_content.size());
    QVERIFY(std::ranges::equal(file.bytes(), m_content));
    std::vector<std::byte> part(1000);
    file.read(4090, part);
    QVERIFY(std::equal(part.begin(), part.end(), m_content.begin() + 4090));
    file.read(file.size(), {});  // nothing at the very end is allowed
    file.requireWhole();
  }

  void movesWithTheAddress() {
    MappedFile first(written("moved"));
    const std::byte* address = first.bytes().data();
    MappedFile second(std::move(first));
    QCOMPARE(second.bytes().data(), address);
    QCOMPARE(first.size(), std::size_t{0});
    MappedFile third(written("other"));
    third = std::move(second);
    QCOMPARE(third.bytes().data(), address);
    QVERIFY(std::ranges::equal(third.bytes(), m_content));
  }

  void keepsAFileThatIsReplaced() {
    const MappedFile file(written("replaced"));
    writeFile(path("new"), {std::byte{1}});
    std::filesystem::rename(path("new"), path("replaced"));
    QVERIFY(std::ranges::equal(file.bytes(), m_content));
    file.requireWhole();
  }

  void opensAnEmptyFile() {
    writeFile(path("empty"), {});
    const MappedFile file(path("empty"));
    QCOMPARE(file.size(), std::size_t{0});
    file.willNeed({0, 100});
    file.discard({0, 100});
  }

  void refuses_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<ErrorCode>("code");
    QTest::addColumn<QString>("says");
    QTest::newRow("missing") << "none.gguf" << ErrorCode::FileMissing << "There is no file";
    QTest::newRow("file in a path")
        << "plain/x.gguf" << ErrorCode::FileMissing << "There is no file";
    QTest::newRow("folder") << "." << ErrorCode::FileMissing << "is a folder";
    QTest::newRow("pipe without a writer") << "pipe" << ErrorCode::FileMissing << "is a device";
    QTest::newRow("no permission") << "closed" << ErrorCode::FileMissing << "Permission denied";
  }
  void refuses() {
    QFETCH(QString, name);
    QFETCH(ErrorCode, code);
    QFETCH(QString, says);
    written("plain");
    ::mkfifo(path("pipe").c_str(), 0600);
    written("closed");
    std::filesystem::permissions(path("closed"), std::filesystem::perms::none);
    if (name == "closed" && ::geteuid() == 0) {
      QSKIP("root may read every file");
    }
    try {
      const MappedFile file(path(name.toStdString()));
      QFAIL("it was opened");
    } catch (const Error& error) {
      QCOMPARE(error.code(), code);
      QVERIFY2(QString(error.what()).contains(says), error.what());
    }
    std::filesystem::remove(path("closed"));
  }

  void readsThroughShortReadsAndInterruptions() {
    const MappedFile file(written("short"));
    for (const int error : {0, EINTR}) {
      const FailingFile fault("short", FileCall::Read, 1, error);
      std::vector<std::byte> all(file.size());
      file.read(0, all);
      QVERIFY(all == m_content);
      QCOMPARE(fault.failures(), 1);
      QCOMPARE(fault.calls(), 2);
    }
  }

  void saysWhereReadingFailed() {
    const MappedFile file(written("broken"));
    const FailingFile fault("broken", FileCall::Read, 1, EIO);
    std::vector<std::byte> some(10);
    try {
      file.read(12345, some);
      QFAIL("it was read");
    } catch (const Error& error) {
      QCOMPARE(error.code(), ErrorCode::FileIo);
      QVERIFY2(QString(error.what()).contains("12,345"), error.what());
      QVERIFY2(QString(error.what()).contains("Input/output error"), error.what());
    }
  }

  void noticesACutFile() {
    const MappedFile file(written("cut"));
    std::filesystem::resize_file(path("cut"), 5000);
    std::vector<std::byte> part(2000);
    file.read(1000, part);  // the part that is left is still good
    try {
      file.read(4000, part);
      QFAIL("bytes behind the end were read");
    } catch (const Error& error) {
      QCOMPARE(error.code(), ErrorCode::FileIo);
      QVERIFY2(QString(error.what()).contains("5,000"), error.what());
    }
    QVERIFY_THROWS_EXCEPTION(Error, file.requireWhole());
  }

  /// The bound: 73.2 pages of which half of the first and half a page at the end are kept: 3 pages.
  void discardGivesPagesBack() {
    const MappedFile file(written("pages"));
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    for (std::size_t i = 0; i < file.size(); i += page) {
      [[maybe_unused]] const volatile std::byte touched = file.bytes()[i];
    }
    QVERIFY(residentBytes(file.bytes()) >= file.size() / page * page);
    file.discard({page / 2, file.size() - page / 2});
    QVERIFY2(residentBytes(file.bytes()) <= 3 * page,
             qPrintable(QString::number(residentBytes(file.bytes()))));
    file.discard({0, file.size()});
    QCOMPARE(residentBytes(file.bytes()), std::size_t{0});
    file.willNeed({0, file.size()});
    file.willNeed({file.size(), file.size() + 1});
    QVERIFY(std::ranges::equal(file.bytes(), m_content));  // still readable
  }

 private:
  std::filesystem::path path(const std::string& name) const {
    return std::filesystem::path(m_folder.path().toStdString()) / name;
  }
  std::filesystem::path written(const std::string& name) const {
    writeFile(path(name), m_content);
    return path(name);
  }

  QTemporaryDir m_folder;
  std::vector<std::byte> m_content = std::vector<std::byte>(300'001);
};

QTEST_APPLESS_MAIN(MappedFileTest)
#include "mapped_file_test.moc"
