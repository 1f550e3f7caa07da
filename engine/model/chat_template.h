// SPDX-License-Identifier: Apache-2.0
// Roles and document text to one sequence of prompt pieces, in the format the model was trained on.
#pragma once

#include "engine/model/prompt.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bookwheel {

class Gguf;
class Tokenizer;

enum class ChatFormat { ChatMl, Llama2, Llama3, Mistral, Gemma, Phi3, Zephyr, Plain };

enum class Role { System, User, Assistant };

struct ChatMessage {
  Role role;
  std::string text;  // UTF-8
};

/// One of the known formats, recognized from the template text of the model file (never executed:
/// it is a program from a stranger). Immutable; any thread.
class ChatTemplate {
 public:
  /// The format of a model file, with the special tokens of its own vocabulary. A file with no
  /// template, or one that is not known, gets the format whose turn markers its vocabulary has as
  /// control tokens, and plain text ("Question: ... Answer:") if there are none; notice() says so.
  static ChatTemplate recognize(const Gguf& file, const Tokenizer& tokenizer);
  /// The same from the template text alone (the file's tokenizer.chat_template, "" if it has none):
  /// BOS and EOS are
  /// "<s>" and "</s>", and the fallback is plain text.
  static ChatTemplate recognize(std::string_view templateText);

  ChatFormat format() const { return m_format; }
  /// "ChatML", "Llama 3", ... or "plain text".
  std::string name() const;
  /// One sentence if the file's template is unknown or missing and a fallback is used; else "".
  const std::string& notice() const { return m_notice; }

  /// The whole conversation, ending where the model's answer begins, byte for byte what the model's
  /// own template renders (without the BOS token, which the tokenizer adds).
  ///
  /// A `document` (may be empty) comes first, behind a short instruction how to read it: at the end
  /// of the system message, or, in formats without a system role, in a first exchange of its own in
  /// which the model says that it has read it. Either way the document ends at a control token,
  /// which no text can contain, and is a prefix of the prompt that does not depend on the messages.
  /// A message with Role::System then follows as a message of its own, or at the head of the next
  /// question. Without a document and without such a message, the system message is the one the
  /// model's template puts there, if any.
  ///
  /// Messages, and the end of the document, are trimmed only as the model's own template does.
  std::vector<PromptPiece> prompt(std::string_view document,
                                  std::span<const ChatMessage> messages) const;
  /// The pieces of prompt() that do not depend on the messages: what reading a document prefills.
  /// Their tokens are the first tokens of prompt(document, messages) for any messages and any
  /// vocabulary: the prefix ends after a control token, and the piece that follows it `startsAnew`.
  /// Empty if `document` is.
  std::vector<PromptPiece> documentPrefix(std::string_view document) const;

 private:
  /// What stands around the text of a turn: `open` TEXT `close` and, before the next turn, `after`.
  struct Turn {
    std::string open;
    std::string close;
    std::string after;
  };
  class Writer;

  explicit ChatTemplate(ChatFormat format) : m_format(format) {}
  static std::optional<ChatFormat> formatOf(std::string_view templateText);
  void setTurns(std::string_view templateText, const std::string& bos, const std::string& eos);
  void setInstructTurns(std::string_view templateText, const std::string& bos,
                        const std::string& eos);

  ChatFormat m_format;
  std::string m_notice;
  Turn m_system;  // `open` empty: no such role, the text goes before the next user message
  Turn m_user;
  Turn m_assistant;
  std::string m_laterUserOpen;     // m_user.open for all but the first turn
  std::string m_answerOpen;        // what the model's answer continues
  std::string m_mergedSystemOpen;  // around a system text inside a user message
  std::string m_mergedSystemClose = "\n\n";
  std::optional<std::string> m_defaultSystem;  // what the template says if nobody does
  bool m_trimsAsked = false;                   // system and user messages
  bool m_trimsAnswers = false;                 // assistant messages
};

}  // namespace bookwheel
