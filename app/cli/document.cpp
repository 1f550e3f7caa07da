// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli document: what was read from a document.
#include "app/cli/command.h"
#include "app/cli/progress.h"
#include "app/cli/read_text.h"

#include <iostream>

namespace bookwheel {

namespace {

struct DocumentOptions : CommonOptions {
  std::string file;
  std::string password;
  bool text = false;
};

int runDocument(const DocumentOptions& options) {
  const DocumentText document = readText(options.file, options.password, options.progress);
  if (options.json) {
    Json outline = Json::array();
    for (const TextOutlineEntry& entry : document.outline) {
      outline.push_back({{"title", entry.title}, {"page", entry.page}, {"level", entry.level}});
    }
    Json json{{"title", document.title}, {"format", document.format},
              {"pages", document.pages}, {"characters", document.characters},
              {"outline", outline},      {"warnings", document.warnings}};
    if (options.text) {
      json["text"] = document.text;
    }
    printJson(json);
    return ExitCode::kDone;
  }
  if (options.text) {
    std::cout << document.text;
    return ExitCode::kDone;
  }
  std::cout << document.title << '\n'
            << document.format << ", " << grouped(document.pages)
            << (document.pages == 1 ? " page, " : " pages, ") << grouped(document.characters)
            << " characters\n";
  for (const TextOutlineEntry& entry : document.outline) {
    std::cout << std::string(static_cast<std::size_t>(entry.level) * 2, ' ') << entry.title
              << " (page " << entry.page << ")\n";
  }
  for (const std::string& warning : document.warnings) {
    std::cerr << warning << '\n';
  }
  return ExitCode::kDone;
}

}  // namespace

void addDocumentCommand(CommandLine& line) {
  auto options = std::make_shared<DocumentOptions>();  // owners: the parser and the command
  CLI::App& command =
      addCommand(line, "document", "Says what was read from a document",
                 "bookwheel-cli document report.pdf --json", ModelOption::None, *options,
                 [options](const CommandContext&) { return runDocument(*options); });
  command.add_flag("--text", options->text, "Print the text");
  command.add_option("--password", options->password, "Opens a protected document");
  command.add_option("FILE", options->file, "Text, Markdown, HTML or PDF")->required();
}

}  // namespace bookwheel
