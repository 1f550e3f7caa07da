// SPDX-License-Identifier: Apache-2.0
// Roles and document text to one sequence of prompt pieces, in the format the model was trained on.
#pragma once

#include "engine/model/prompt.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bookwheel {

enum class ChatFormat { ChatMl, Llama2, Llama3, Mistral, Gemma, Phi3, Zephyr, Plain };

enum class Role { System, User, Assistant };

struct ChatMessage {
  Role role;
  std::string text;  // UTF-8
};

/// One of the known formats, recognized from the template text of the model file (never executed: it is a
/// program from a stranger). Immutable; any thread.
class ChatTemplate {
 public:
  /// `templateText` is the file's tokenizer.chat_template ("" if it has none).
  static ChatTemplate recognize(std::string_view templateText);

  ChatFormat format() const;
  /// "ChatML", "Llama 3", ... or "plain text".
  std::string name() const;
  /// One sentence if the file's template is unknown or missing and a fallback is used; else "".
  std::string notice() const;

  /// The whole conversation. `document` (may be empty) is put where it is a prefix of the prompt that does
  /// not depend on the messages: in the system message, or at the start of the first user message for
  /// formats without a system role. The last piece ends where the model's answer begins. The text of each
  /// message and of the document is trimmed only as the model's own template does.
  std::vector<PromptPiece> prompt(std::string_view document,
                                  std::span<const ChatMessage> messages) const;
  /// The pieces of prompt() that do not depend on the messages: what reading a document prefills. It is
  /// a prefix of prompt(document, messages) for any messages, cut at a place where tokens cannot merge
  /// across (after a line break that the next piece does not start with, or before a special token).
  std::vector<PromptPiece> documentPrefix(std::string_view document) const;

 private:
  ChatFormat m_format = ChatFormat::Plain;
  std::string m_notice;
};

}  // namespace bookwheel
