// SPDX-License-Identifier: Apache-2.0
// Bytes of a text file to characters, whatever their encoding, or what the bytes are instead of
// text.
#pragma once

#include "app/import/protocol.h"

#include <QByteArrayView>
#include <QString>

#include <cstdint>
#include <optional>

namespace bookwheel {

struct DecodedText {
  QString text;
  QString encoding;               ///< "UTF-8", "UTF-16LE", "windows-1252", ...
  bool guessed = false;           ///< nothing in the file says so: by its bytes' statistics
  std::int64_t invalidBytes = 0;  ///< bytes that mean nothing in this encoding; shown as U+FFFD
};

/// What known format other than text the first bytes belong to, or Binary when they are no text.
std::optional<wire::Refusal> recognizeForeign(QByteArrayView bytes);

/// In this order: byte order mark; `declared` (an HTML charset, a name ICU knows); valid UTF-8;
/// UTF-16 and UTF-32 without mark by where their zero bytes stand; a legacy encoding by statistics
/// (uchardet), windows-1252 when those find none. Never fails; nonsense gives a large invalidBytes.
DecodedText decodeText(QByteArrayView bytes, const QByteArray& declared = {});

}  // namespace bookwheel
