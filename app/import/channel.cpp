// SPDX-License-Identifier: Apache-2.0
// The helper's end of the two pipes: blocking frames on standard input and output.
#include "app/import/channel.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

namespace bookwheel {

std::optional<wire::Frame> Channel::receive() {
  std::array<char, 4096> buffer{};
  for (;;) {
    if (auto frame = m_reader.next()) {
      return frame;
    }
    if (m_reader.isBroken()) {
      return std::nullopt;
    }
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count > 0) {
      m_reader.feed(QByteArrayView(buffer.data(), count));
    } else if (count == 0 || errno != EINTR) {
      return std::nullopt;
    }
  }
}

void Channel::write(const QByteArray& bytes) {
  qsizetype done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::write(STDOUT_FILENO, bytes.constData() + done,
                                  static_cast<std::size_t>(bytes.size() - done));
    if (count > 0) {
      done += count;
    } else if (errno != EINTR) {
      std::_Exit(EXIT_FAILURE);
    }
  }
}

}  // namespace bookwheel
