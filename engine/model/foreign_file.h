// SPDX-License-Identifier: Apache-2.0
// What a file is that was taken for a model but is none: a hint for the message.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace bookwheel {

/// "; it looks like a PDF document", or "" if nothing is recognized. Looks at the first bytes only.
std::string foreignFileHint(std::span<const std::byte> bytes);

}  // namespace bookwheel
