// SPDX-License-Identifier: Apache-2.0
// The engine's one exception type, and its assertion.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <stdexcept>
#include <string>

namespace bookwheel {

/// Why a request could not go on. `app` maps codes to translated text and exit codes.
enum class ErrorCode {
  FileMissing,       ///< no such file, or no permission to read it
  FileIo,            ///< a read or write failed half-way (disk full, device error, file cut)
  BadModelFile,      ///< the model file is damaged or is not a model file
  UnsupportedModel,  ///< a well-formed file that this engine does not run
  BadText,           ///< input that is no text (binary, impossible token ids)
  DoesNotFit,        ///< more tokens than the model reads, or more memory than there is
  NumericFault,      ///< NaN or infinity where there must be none
  InvalidRequest,    ///< a caller's number is out of its range
  KeptBookDiffers,   ///< what is kept of a book is of another model, text or version
};

/// The request cannot go on. The message is one sentence for a person: what was attempted, on
/// what, with the numbers, and what to do. The object that threw stays usable unless its header
/// says otherwise.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message,
        std::source_location where = std::source_location::current())
      : std::runtime_error(message), m_code(code), m_where(where) {}

  ErrorCode code() const noexcept { return m_code; }
  /// Where it was thrown, for the log; never shown in the sentence.
  const std::source_location& where() const noexcept { return m_where; }

 private:
  ErrorCode m_code;
  std::source_location m_where;
};

}  // namespace bookwheel

/// A mistake of ours, never of the input: says which and stops. On in all builds; not for inner
/// loops.
#define BOOKWHEEL_ASSERT(condition)                                                          \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      std::fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
