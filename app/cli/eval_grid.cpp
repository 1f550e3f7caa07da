// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli eval grid: many caches on several models and texts, as lines, tables and a plot.
#include "app/cli/cache_options_cli.h"
#include "app/cli/eval.h"
#include "app/cli/eval_grid_lines.h"
#include "app/cli/eval_tables.h"
#include "app/cli/eval_teacher.h"
#include "app/cli/progress.h"

#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

namespace bookwheel {

namespace {

struct GridOptions : CommonOptions {
  std::vector<std::string> files;
  std::int64_t tokens = 8192;
  std::int64_t positions = 256;
  std::int64_t skip = 0;
  std::vector<std::string> bits{"k4v4", "k2v2", "k1v2", "k2v1", "k1v1"};
  std::vector<int> pairs{0, 64, 256, 1024};
  std::vector<std::string> policies{"corrected", "paper", "paper-variance"};
  StepActivations activations;
  std::string save;
  std::string write;
};

std::vector<std::string> modelsOf(const std::string& list) {
  std::vector<std::string> models;
  std::istringstream stream(list);
  for (std::string model; std::getline(stream, model, ',');) {
    if (!model.empty()) {
      models.push_back(model);
    }
  }
  return models;
}

std::string stem(const std::string& path) { return std::filesystem::path(path).stem().string(); }

/// To a temporary name first, so that a full disk leaves the old file.
void writeWhole(const std::string& path, const std::string& bytes) {
  const std::string temporary = path + ".new";
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file << bytes;
  file.close();
  std::error_code error;
  if (file) {
    std::filesystem::rename(temporary, path, error);
  }
  if (!file || error) {
    throw CommandError(ExitCode::kFailed, "The file " + path +
                                              " could not be written; look at its folder, your "
                                              "rights there and the space on its disk.");
  }
}

/// The lines that are known, and where new ones go.
class Lines {
 public:
  explicit Lines(const std::string& path) : m_path(path) {
    if (!path.empty()) {
      m_lines = loadGridLines(path);
      for (const Json& line : m_lines) {
        m_keys.insert(gridKey(line));
      }
    }
  }
  bool has(const Json& line) const { return m_keys.contains(gridKey(line)); }
  /// Prints the line and, with --save, appends it at once: a stopped grid goes on where it was.
  void add(const Json& line) {
    printJson(line);
    if (!m_path.empty()) {
      std::ofstream file(m_path, std::ios::binary | std::ios::app);
      file << line.dump() << '\n';
      file.close();
      if (!file) {
        throw CommandError(ExitCode::kFailed,
                           "The file " + m_path + " could not be written; is the disk full?");
      }
    }
    m_keys.insert(gridKey(line));
    m_lines.push_back(line);
  }
  std::vector<GridLine> parsed() const {
    std::vector<GridLine> parsed;
    for (const Json& line : m_lines) {
      parsed.push_back(parseGridLine(line, "A line"));
    }
    return parsed;
  }

 private:
  std::string m_path;
  std::vector<Json> m_lines;
  std::set<std::string> m_keys;
};

/// One text with one model. False if stopped.
bool measure(const GridOptions& options, const std::vector<CacheOptions>& settings,
             const std::string& model, const std::string& file, std::unique_ptr<Session>& session,
             Lines& lines, const CommandContext& context) {
  const auto head = [&](const CacheOptions& setting) {
    return Json{{"model", gridModelName(model)},
                {"text", stem(file)},
                {"tokens", options.tokens},
                {"positions", options.positions},
                {"skip", options.skip},
                {"seed", options.seed},
                {"activations", options.activations.name()},
                {"cache", describe(setting)}};
  };
  std::vector<CacheOptions> open;
  for (const CacheOptions& setting : settings) {
    if (!lines.has(head(setting))) {
      open.push_back(setting);
    }
  }
  if (open.empty()) {
    return true;
  }
  if (!session) {
    CommonOptions ofModel = options;
    ofModel.model = model;
    SessionOptions sessionOptions;
    sessionOptions.activations = options.activations.choice();
    session = openSession(ofModel, context.stop, sessionOptions);
  }
  Progress progress(options.progress);
  Teacher teacher(*session);
  if (!teacher.begin(
          takeText(*session, readFile(file), file, options.skip, options.tokens, options.positions),
          [&](const PrefillStats& stats) { progress.showReading(stats); }, context.stop)) {
    return false;
  }
  progress.wipe();
  for (const CacheOptions& setting : open) {
    const std::optional<TeacherResult> result = teacher.compare(setting, context.stop);
    if (!result) {
      return false;
    }
    Json line = head(setting);
    line.update(describe(*result, options.seed));
    lines.add(line);
  }
  return true;
}

void writeReport(const std::string& path, const std::vector<GridLine>& lines) {
  const std::filesystem::path document(path);
  const std::string plotName = document.stem().string() + "-kl.svg";
  std::error_code ignored;
  const std::string before =
      std::filesystem::exists(document, ignored) ? readFile(path) : std::string();
  const std::string after = withGridPart(
      before, gridTables(lines) + "\n![Mean KL against bits an element](" + plotName + ")\n");
  writeWhole((document.parent_path() / plotName).string(),
             plotSvg(gridPanels(lines), "bits an element, all bytes of the fast tier counted",
                     "mean KL from the exact cache"));
  writeWhole(path, after);
}

int runGrid(const GridOptions& options, const CommandContext& context) {
  const std::vector<CacheOptions> settings =
      gridSettings(options.bits, options.pairs, options.policies);
  if (options.positions >= options.tokens) {
    throw CommandError(ExitCode::kUsage, "--positions " + grouped(options.positions) +
                                             " leaves nothing to read of --tokens " +
                                             grouped(options.tokens) + ".");
  }
  if (options.files.empty() && (options.save.empty() || options.write.empty())) {
    throw CommandError(ExitCode::kUsage,
                       "Give texts to measure on, or --save and --write to make tables of what was "
                       "measured before.");
  }
  if (!options.files.empty() && options.model.empty()) {
    throw CommandError(ExitCode::kUsage, "--model is needed to measure.");
  }
  Lines lines(options.save);
  for (const std::string& model : modelsOf(options.model)) {
    std::unique_ptr<Session> session;
    for (const std::string& file : options.files) {
      if (!measure(options, settings, model, file, session, lines, context)) {
        return ExitCode::kInterrupted;
      }
    }
  }
  if (!options.write.empty()) {
    writeReport(options.write, lines.parsed());
  }
  return ExitCode::kDone;
}

}  // namespace

void addEvalGridCommand(CommandLine& line) {
  auto options = std::make_shared<GridOptions>();  // owners: the parser and the command
  CLI::App& command = addCommand(
      line, "grid",
      "eval kl for many caches, models and texts: a line of JSON each, tables and a plot",
      "bookwheel-cli eval grid book.txt manual.txt --model smollm2-135m,qwen-1.5b\n"
      "      --bits k2v2,k1v1 --k 0,256,1024 --policy corrected --save lines.jsonl --write "
      "report.md",
      ModelOption::None, *options,
      [options](const CommandContext& context) { return runGrid(*options, context); });
  command.get_option("--model")->description("Model files or names, with commas between them");
  command.add_option("FILE", options->files, "Plain texts in UTF-8");
  command.add_option("--tokens", options->tokens, "Tokens of each text, compared ones included")
      ->check(CLI::Range(std::int64_t{2}, std::int64_t{1} << 31))
      ->capture_default_str();
  command.add_option("--positions", options->positions, "Positions compared, at the end")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  command.add_option("--skip", options->skip, "Tokens of each text before the passage")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--bits", options->bits, "Copies, such as k2v2,k1v1")
      ->delimiter(',')
      ->capture_default_str();
  command.add_option("--k", options->pairs, "Exact pairs; 0 is the copy alone")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--policy", options->policies, "Of corrected, paper, paper-variance")
      ->delimiter(',')
      ->capture_default_str();
  addSessionOptions(command, *options);
  options->activations.addTo(command);
  command.add_option("--save", options->save,
                     "Append the lines to this file; what it has is not measured again");
  command.add_option("--write", options->write,
                     "Put tables of all lines into this Markdown file, between \"<!-- eval grid "
                     "-->\" and \"<!-- end of eval grid -->\", and the plot beside it");
}

}  // namespace bookwheel
