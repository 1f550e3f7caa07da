// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli bench: how fast a model reads and answers at several depths.
#include "app/cli/cache_options_cli.h"
#include "app/cli/cache_report.h"
#include "app/cli/command.h"
#include "app/cli/progress.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>

namespace bookwheel {

namespace {

struct BenchOptions : CommonOptions {
  int prefill = 512;
  int decode = 32;
  std::vector<std::int64_t> depths{0};
  int repeat = 3;
  int chunk = 0;
  CacheSwitches cache;
};

double median(std::vector<double> values) {
  if (values.empty()) {
    return 0;
  }
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::int64_t peakResidentBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

/// In memory now; 0 if the system does not say.
std::int64_t residentBytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t pages = 0;
  std::int64_t resident = 0;
  file >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

/// Different tokens, so that the embedding is not one cached row.
std::vector<TokenId> withNewTokens(std::span<const TokenId> cached, int count, int vocabulary) {
  std::vector<TokenId> sequence(cached.begin(), cached.end());
  for (int i = 0; i < count; ++i) {
    sequence.push_back(static_cast<TokenId>(1 + (i * 7919LL) % (vocabulary - 1)));
  }
  return sequence;
}

/// Tokens per second of one reading and one answer behind `depth` tokens.
class Bench {
 public:
  Bench(Session& session, const BenchOptions& options, const std::stop_token& stop)
      : m_session(session), m_options(options), m_stop(stop) {}

  void goTo(std::int64_t depth) {
    m_session.fillSynthetic(depth, m_options.seed);
    const std::span<const TokenId> cached = m_session.cachedTokens();
    m_prefix.assign(cached.begin(), cached.end());
  }

  double prefill(int tokens) {
    m_session.read(m_prefix, {}, m_stop);  // drops what the run before added
    const auto sequence = withNewTokens(m_prefix, tokens, m_session.shape().vocabulary);
    return tokens / m_session.read(sequence, {}, m_stop).seconds;
  }

  /// With the sums of its steps in pairs().
  double decode(int tokens) {
    m_pairs = {};
    m_session.read(m_prefix, {}, m_stop);
    const auto sequence = withNewTokens(m_prefix, 1, m_session.shape().vocabulary);
    AnswerOptions options;
    options.maxTokens = tokens + 1;  // the first one comes from the prompt
    options.endTokens = AnswerOptions::EndTokens::Ignore;
    const auto onToken = [&](TokenId, std::string_view, const StepStats& step) {
      m_pairs.add(step);
    };
    return m_session.answer(sequence, options, {}, onToken, m_stop).tokensPerSecond;
  }

  /// Seconds to make the low-bit copy of what is cached anew; 0 with the exact cache.
  double copySeconds() {
    const CacheOptions options = m_session.cacheOptions();
    if (!options.usesCopy()) {
      return 0;
    }
    m_session.setCache({});
    const auto start = std::chrono::steady_clock::now();
    m_session.setCache(options);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  const PairTotals& pairs() const { return m_pairs; }

 private:
  Session& m_session;
  const BenchOptions& m_options;
  std::stop_token m_stop;
  std::vector<TokenId> m_prefix;
  PairTotals m_pairs;
};

void requireRoom(const BenchOptions& options, const Session& session) {
  for (const std::int64_t depth : options.depths) {
    const std::int64_t needed = depth + std::max(options.prefill, options.decode + 1);
    if (needed > session.contextTokens()) {
      throw CommandError(ExitCode::kDoesNotFit, "Depth " + grouped(depth) +
                                                    " with the tokens measured behind it needs " +
                                                    grouped(needed) + " tokens; this model reads " +
                                                    grouped(session.contextTokens()) + ".");
    }
  }
}

int runBench(const BenchOptions& options, const CommandContext& context) {
  SessionOptions sessionOptions;
  sessionOptions.chunkTokens = options.chunk;
  sessionOptions.cache = options.cache.resolve();
  const std::unique_ptr<Session> session = openSession(options, context.stop, sessionOptions);
  requireRoom(options, *session);
  const BackendInfo backend = session->backendInfo();
  if (!options.json) {
    std::cout << backend.device << ", " << backend.threads << " threads, " << backend.instructionSet
              << "; deeper caches hold synthetic numbers\n";
  }
  Bench bench(*session, options, context.stop);
  for (const std::int64_t depth : options.depths) {
    bench.goTo(depth);
    // The first of each only warms up.
    std::vector<double> prefill;
    std::vector<double> decode;
    for (int run = 0; run <= options.repeat && !context.stop.stop_requested(); ++run) {
      const double read = options.prefill > 0 ? bench.prefill(options.prefill) : 0;
      const double answered = options.decode > 0 ? bench.decode(options.decode) : 0;
      if (run > 0) {
        prefill.push_back(read);
        decode.push_back(answered);
      }
    }
    if (context.stop.stop_requested()) {
      return ExitCode::kInterrupted;
    }
    const std::int64_t kvBytes = session->kvBytes(depth);
    const CacheOptions& cache = session->cacheOptions();
    const FastTierUse fast = session->fastTier();  // with the tokens of the last answer
    const MemoryUse memory = session->memory();
    const std::int64_t resident = residentBytes();
    const double copySeconds = bench.copySeconds();
    const Json line{{"depth", depth},
                    {"synthetic", depth > 0},
                    {"prefillTokensPerSecond", median(prefill)},
                    {"decodeTokensPerSecond", median(decode)},
                    {"runs", options.repeat},
                    {"bits", describeBits(cache)},
                    {"k", describePairs(cache)},
                    {"capacityBytes", kvBytes},
                    {"fastBytes", cache.usesCopy() ? fast.bytes() : kvBytes},
                    {"compressionRatio", cache.usesCopy() ? fast.compressionRatio : 1},
                    {"hitRate", bench.pairs().hitRate()},
                    {"fetchedBytesPerToken", bench.pairs().fetchedBytesPerToken()},
                    {"exposedFetchShare", bench.pairs().exposedFetchShare()},
                    {"copySeconds", copySeconds},
                    {"sessionBytes", memory.weightsBytes + memory.kvBytes + memory.copyBytes +
                                         memory.workspaceBytes},
                    {"residentBytes", resident},
                    {"peakResidentBytes", peakResidentBytes()},
                    {"threads", backend.threads},
                    {"cpu", backend.device},
                    {"isa", backend.instructionSet}};
    if (options.json) {
      printJson(line);
    } else {
      std::printf("depth %8s: prefill %8.1f tokens/s, decode %8.1f tokens/s\n",
                  grouped(depth).c_str(), median(prefill), median(decode));
    }
  }
  return ExitCode::kDone;
}

}  // namespace

void addBenchCommand(CommandLine& line) {
  auto options = std::make_shared<BenchOptions>();  // owners: the parser and the command
  CLI::App& command = addCommand(
      line, "bench", "Measures reading and answering at several depths",
      "bookwheel-cli bench --model qwen-1.5b --prefill 512 --decode 32 --depth 0,4096 --json",
      ModelOption::Required, *options,
      [options](const CommandContext& context) { return runBench(*options, context); });
  command.add_option("--prefill", options->prefill, "Tokens of a reading (0: none)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--decode", options->decode, "Tokens of an answer (0: none)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--depth", options->depths, "Tokens in the cache before, such as 0,4096")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber);
  command.add_option("--repeat", options->repeat, "Measured runs; the median is reported")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--chunk", options->chunk, "Rows of a prefill chunk (0: the engine's choice)")
      ->check(CLI::Range(0, 4096));
  addSessionOptions(command, *options);
  options->cache.addTo(command);
}

}  // namespace bookwheel
