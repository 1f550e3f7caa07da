// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli chat: questions and answers in a terminal, about a document or not.
#include "app/cli/budget_cli.h"
#include "app/cli/cache_options_cli.h"
#include "app/cli/command.h"
#include "app/cli/progress.h"
#include "app/cli/read_text.h"

#include <unistd.h>

#include <iostream>

namespace bookwheel {

namespace {

struct ChatOptions : CommonOptions {
  std::string document;
  std::string password;
  std::string budget;
  AnswerOptions answer;
  CacheSwitches cache;
};

class Chat {
 public:
  Chat(const ChatOptions& options, Session& session, std::string document)
      : m_options(options), m_session(session), m_document(std::move(document)) {}

  /// Reads the document ahead of the first question. False if stopped.
  bool readDocument(const std::stop_token& stop) {
    const Encoding prefix = m_session.tokenizer().encode(
        m_session.chatTemplate().documentPrefix(m_document), Tokenizer::Bos::AsModel);
    Progress progress(m_options.progress);
    return m_session
        .read(
            prefix.ids, [&](const PrefillStats& stats) { progress.showReading(stats); }, stop)
        .complete;
  }

  /// One turn. A stopped answer stays in the conversation as far as it came.
  void answer(const std::string& question, const std::stop_token& stop) {
    m_messages.push_back({Role::User, question});
    const Encoding prompt = m_session.tokenizer().encode(
        m_session.chatTemplate().prompt(m_document, m_messages), Tokenizer::Bos::AsModel);
    Progress progress(m_options.progress);
    try {
      const Answer answer = m_session.answer(
          prompt.ids, m_options.answer,
          [&](const PrefillStats& stats) { progress.showReading(stats); },
          [&](TokenId, std::string_view text, const StepStats&) {
            progress.wipe();
            std::cout << text << std::flush;
          },
          stop);
      std::cout << std::endl;
      m_messages.push_back({Role::Assistant, answer.text});
      if (answer.stopReason == StopReason::ContextFull) {
        std::cerr << "The answer ends here: all " << grouped(m_session.contextTokens())
                  << " tokens that this model reads are in use. Begin a new chat.\n";
      }
    } catch (...) {
      m_messages.pop_back();
      throw;
    }
  }

 private:
  const ChatOptions& m_options;
  Session& m_session;
  const std::string m_document;
  std::vector<ChatMessage> m_messages;
};

int runChat(ChatOptions options, const CommandContext& context) {
  options.answer.sampling.seed = options.seed;
  SessionOptions sessionOptions;
  sessionOptions.cache = options.cache.resolve();
  std::string document;
  if (!options.document.empty()) {
    document = readText(options.document, options.password, options.progress).text;
  }
  if (!options.budget.empty()) {
    chooseByBudget(options, options.budget, options.cache, {document, {}, options.answer.maxTokens},
                   sessionOptions);
  }
  const std::unique_ptr<Session> session = openSession(options, context.stop, sessionOptions);
  Chat chat(options, *session, std::move(document));
  if (!options.document.empty() && !chat.readDocument(context.stop)) {
    return ExitCode::kInterrupted;
  }
  const bool terminal = isatty(STDIN_FILENO) == 1;
  for (;;) {
    if (terminal) {
      std::cerr << "> " << std::flush;
    }
    std::string question;
    if (!std::getline(std::cin, question)) {
      break;  // the end of the input, or Ctrl-C at the prompt
    }
    if (question.find_first_not_of(" \t\r") == std::string::npos) {
      continue;
    }
    chat.answer(question, context.stop);
    if (context.stop.stop_requested()) {
      break;
    }
  }
  if (terminal) {
    std::cerr << '\n';
  }
  return context.stop.stop_requested() ? ExitCode::kInterrupted : ExitCode::kDone;
}

}  // namespace

void addChatCommand(CommandLine& line) {
  auto options = std::make_shared<ChatOptions>();  // owners: the parser and the command
  CLI::App& command = addCommand(
      line, "chat", "Talks in the terminal, about a document if one is given",
      "bookwheel-cli chat --model qwen-1.5b --document report.pdf", ModelOption::Required, *options,
      [options](const CommandContext& context) { return runChat(*options, context); });
  command.add_option("--document", options->document, "Text, Markdown, HTML or PDF to read first");
  command.add_option("--password", options->password, "Opens a protected document");
  addSamplingOptions(command, options->answer);
  addSessionOptions(command, *options);
  addBudgetOption(command, options->budget);
  options->cache.addTo(command);
}

}  // namespace bookwheel
