// SPDX-License-Identifier: Apache-2.0
// A document for a command: read through the jailed helper, as plain values.
#include "app/cli/read_text.h"

#include "app/cli/command_error.h"
#include "app/cli/progress.h"
#include "app/documents/document.h"
#include "app/documents/import_client.h"

namespace bookwheel {

DocumentText readText(const std::string& path, const std::string& password, bool alwaysProgress) {
  Progress progress(alwaysProgress);
  ImportOptions options;
  options.password = QString::fromStdString(password);
  options.progress = [&](int done, int total) { progress.showPages(done, total); };
  const ImportResult result = readDocument(QString::fromStdString(path), options);
  if (!result.document) {
    std::string sentence = result.sentence.toStdString();
    if (result.failure == ImportFailure::PasswordNeeded ||
        result.failure == ImportFailure::PasswordWrong) {
      sentence += " Give it with --password.";
    }
    throw CommandError(ExitCode::kFailed, sentence);
  }
  const Document& document = *result.document;
  DocumentText text{document.title().toStdString(),
                    formatName(document.format()).toStdString(),
                    document.pageCount(),
                    document.characters(),
                    {},
                    {},
                    std::string(document.text())};
  for (const OutlineEntry& entry : document.outline()) {
    text.outline.push_back({entry.title.toStdString(), entry.page + 1, entry.level});
  }
  for (const QString& warning : document.warnings()) {
    text.warnings.push_back(warning.toStdString());
  }
  return text;
}

}  // namespace bookwheel
