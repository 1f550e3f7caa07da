// SPDX-License-Identifier: Apache-2.0
// The helper's end of the two pipes: blocking frames on standard input and output.
#pragma once

#include "app/import/protocol.h"

#include <optional>

namespace bookwheel {

class Channel {
 public:
  /// Waits for the next frame; nothing at the end of input or when the stream is broken.
  std::optional<wire::Frame> receive();
  /// Waits until all is written; ends the process when nobody reads any more.
  template <typename Message>
  void send(const Message& message) {
    write(message.toFrame());
  }

 private:
  void write(const QByteArray& bytes);
  wire::FrameReader m_reader;
};

}  // namespace bookwheel
