// SPDX-License-Identifier: Apache-2.0
// A document helper that misbehaves on command: what a captured bookwheel-import could do.
#include "tests/app/hostile_helper.h"

#include "app/import/protocol.h"

#include <QByteArray>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

namespace bookwheel::test {
namespace {

void put(const QByteArray& bytes) {
  qsizetype done = 0;
  while (done < bytes.size()) {
    const ssize_t count =
        ::write(STDOUT_FILENO, bytes.constData() + done, static_cast<size_t>(bytes.size() - done));
    if (count <= 0) {
      std::_Exit(0);
    }
    done += count;
  }
}

[[noreturn]] void waitForKill() {
  for (;;) {
    ::pause();
  }
}

wire::PageText page(std::uint32_t number) {
  return {number, QString::number(number + 1), 612, 792, "text " + QByteArray::number(number)};
}

/// First page the program asks for.
std::uint32_t firstPageAsked() {
  wire::FrameReader reader;
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) == 1) {
    reader.feed(QByteArrayView(&byte, 1));
    if (const auto frame = reader.next()) {
      const auto start = wire::Start::parse(frame->payload);
      return start ? start->firstPage : 0;
    }
  }
  return 0;
}

}  // namespace

int misbehave(int fd) {
  char buffer[64] = {};
  const ssize_t size = ::pread(fd, buffer, sizeof(buffer) - 1, 0);
  const QByteArray how = QByteArray(buffer, size).split('\n').first();
  const std::uint32_t first = firstPageAsked();
  const auto hello = [] { put(wire::Hello{}.toFrame()); };
  const auto openedPdf = [&](std::uint32_t pages) {
    hello();
    put(wire::Opened{DocumentFormat::Pdf, QStringLiteral("T"), pages}.toFrame());
  };
  const auto openedText = [&] {
    hello();
    put(wire::Opened{DocumentFormat::PlainText, QStringLiteral("T"), 0}.toFrame());
  };
  const auto pagesTo = [&](std::uint32_t end) {
    for (std::uint32_t i = first; i < end; ++i) {
      put(wire::BeginPage{i}.toFrame() + page(i).toFrame());
    }
  };
  if (how == "exit") {
    return 0;
  } else if (how == "abort") {
    std::abort();
  } else if (how == "hang") {
    waitForKill();
  } else if (how == "old version") {
    wire::Hello old;
    old.version = 99;
    put(old.toFrame());
    waitForKill();
  } else if (how == "noise") {
    for (;;) {
      put(QByteArray(4096, '\xA5'));
    }
  } else if (how == "huge frame") {
    put(QByteArray("\xFF\xFF\xFF\x7F\x10", 5));
    waitForKill();
  } else if (how == "flood") {
    openedText();
    for (;;) {
      put(wire::FlowText{QByteArray(1024 * 1024, 'x')}.toFrame());
    }
  } else if (how == "flood headings") {
    openedText();
    put(wire::FlowText{"text"}.toFrame());
    for (;;) {
      put(wire::Heading{QStringLiteral("h"), 0, 0, 1}.toFrame());
    }
  } else if (how == "bad utf-8") {
    openedText();
    put(wire::FlowText{"a\xFF"}.toFrame() + wire::Finished{}.toFrame());
  } else if (how == "control") {
    openedText();
    put(wire::FlowText{QByteArray("a\0b", 3)}.toFrame() + wire::Finished{}.toFrame());
  } else if (how == "heading outside") {
    openedText();
    put(wire::FlowText{"text"}.toFrame() + wire::Heading{QStringLiteral("h"), 0, 0, 400}.toFrame() +
        wire::Finished{}.toFrame());
  } else if (how == "heading in a letter") {
    openedText();
    put(wire::FlowText{"\xC3\xA4xx"}.toFrame() +
        wire::Heading{QStringLiteral("h"), 0, 0, 1}.toFrame() + wire::Finished{}.toFrame());
  } else if (how == "too early") {
    openedPdf(5);
    put(wire::Finished{}.toFrame());
    waitForKill();
  } else if (how == "wrong order") {
    openedPdf(5);
    put(page(3).toFrame());
    waitForKill();
  } else if (how == "dies on page 4") {
    openedPdf(6);
    pagesTo(first <= 3 ? 3 : 6);
    if (first <= 3) {
      put(wire::BeginPage{3}.toFrame());
      ::raise(SIGSEGV);
    }
    put(wire::BeginPage{6}.toFrame() + wire::Finished{}.toFrame());
  } else if (how == "hangs on page 2") {
    openedPdf(3);
    pagesTo(first <= 1 ? 1 : 3);
    if (first <= 1) {
      put(wire::BeginPage{1}.toFrame());
      waitForKill();
    }
    put(wire::BeginPage{3}.toFrame() + wire::Finished{}.toFrame());
  } else if (how == "dies on every page") {
    openedPdf(100);
    put(wire::BeginPage{first}.toFrame());
    ::raise(SIGSEGV);
  } else if (how == "dies on every second page") {
    openedPdf(100);
    if (first < 100) {
      put(wire::BeginPage{first}.toFrame() + page(first).toFrame());
    }
    put(wire::BeginPage{first + 1}.toFrame());
    ::raise(SIGSEGV);
  } else if (how == "dies on the outline") {
    openedPdf(2);
    pagesTo(2);
    put(wire::BeginPage{2}.toFrame());
    ::raise(SIGSEGV);
  }
  return 0;
}

}  // namespace bookwheel::test
