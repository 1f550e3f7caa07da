// SPDX-License-Identifier: Apache-2.0
// bookwheel-import: reads one foreign document in a jail and reports over standard output.
//
// usage: bookwheel-import --text FD | --render FD MEMORY_FD | --probe text|render
// FD is the document, opened for reading by the caller; requests come on standard input.
#include "app/import/channel.h"
#include "app/import/import_limits.h"
#include "app/import/jail.h"
#include "app/import/probe.h"
#include "app/import/protocol.h"
#include "app/import/read_document.h"
#include "app/import/show_pages.h"

#include <QCoreApplication>
#include <QFile>
#include <QPdfDocument>
#include <sys/mman.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#ifdef __SANITIZE_ADDRESS__
// The leak checker stops the process with ptrace, which the jail forbids.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
#endif

namespace {

using namespace bookwheel;

std::optional<int> descriptor(std::string_view text) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value > 2 ? std::optional(value) : std::nullopt;
}

int usage() {
  std::fputs("bookwheel-import reads documents for Bookwheel; it is started by bookwheel.\n",
             stderr);
  return 2;
}

void silence(QtMsgType, const QMessageLogContext&, const QString&) {}

/// Loads what the libraries load late: after this the process opens no file any more.
void warmUp() {
  QPdfDocument first;
  first.load(QString());  // starts PDFium
}

int serve(Channel& channel, int documentFd, uchar* memory) {
  const JailReport jail = enterJail(memory != nullptr ? JailKind::Render : JailKind::Text);
  channel.send(wire::Hello{wire::kVersion, jail.landlock, jail.seccomp});
  const auto frame = channel.receive();
  if (!frame || frame->type != wire::Type::Start) {
    return 2;
  }
  const auto start = wire::Start::parse(frame->payload);
  QFile file;
  if (!start || !file.open(documentFd, QIODevice::ReadOnly)) {
    return 2;
  }
  if (memory != nullptr) {
    showPages(file, *start, memory, channel);
  } else {
    readDocumentFile(file, *start, channel);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  const bool render = mode == "--render" || (argc == 3 && std::string_view(argv[2]) == "render");
  // Executable memory is forbidden in the jail.
  qputenv("QT_ENABLE_REGEXP_JIT", "0");
  limitResources(render ? 0 : static_cast<unsigned>(kCpuSeconds));
  qInstallMessageHandler(silence);
  const QCoreApplication application(argc, argv);
  warmUp();
  if (mode == "--probe" && argc == 3) {
    return probeJail(enterJail(render ? JailKind::Render : JailKind::Text)) == 0 ? 0 : 1;
  }
  const auto document = argc > 2 ? descriptor(argv[2]) : std::nullopt;
  if (!document) {
    return usage();
  }
  Channel channel;
  if (mode == "--text" && argc == 3) {
    std::_Exit(serve(channel, *document, nullptr));
  }
  const auto memoryFd = argc > 3 ? descriptor(argv[3]) : std::nullopt;
  if (mode != "--render" || argc != 4 || !memoryFd) {
    return usage();
  }
  void* memory = mmap(nullptr, static_cast<std::size_t>(kBitmapBytes), PROT_READ | PROT_WRITE,
                      MAP_SHARED, *memoryFd, 0);
  if (memory == MAP_FAILED) {
    return 2;
  }
  std::_Exit(serve(channel, *document, static_cast<uchar*>(memory)));
}
