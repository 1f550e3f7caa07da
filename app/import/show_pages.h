// SPDX-License-Identifier: Apache-2.0
// Serves pictures of PDF pages and places on them until nobody asks any more.
#pragma once

#include "app/import/channel.h"
#include "app/import/protocol.h"

#include <QFile>

namespace bookwheel {

/// Sends Opened or Failed, then answers each request with one message. `memory` is kBitmapBytes of
/// shared memory; a Bitmap message says that the picture lies at its start. Ends at the end of
/// input.
void showPages(QFile& file, const wire::Start& start, uchar* memory, Channel& channel);

}  // namespace bookwheel
