// SPDX-License-Identifier: Apache-2.0
// Reads the text of any supported file and reports it piece by piece.
#pragma once

#include "app/import/channel.h"
#include "app/import/protocol.h"

#include <QFile>

namespace bookwheel {

/// Sends Opened, then PageText with BeginPage before each (PDF) or FlowText, then Heading and
/// Notice messages, then Finished; or Failed. The content decides about the format, `start.hint`
/// about Markdown and doubtful HTML.
void readDocumentFile(QFile& file, const wire::Start& start, Channel& channel);

}  // namespace bookwheel
