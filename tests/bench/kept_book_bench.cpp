// SPDX-License-Identifier: Apache-2.0
// What keeping a book costs while it is read, and what reopening it takes; not part of ctest.
//
//   build/release/tests/kept_book_bench MODEL.gguf TEXT.txt TOKENS memory|file FOLDER
//       [read|unkept|synthetic] [THREADS]
//
// Reads the text's first TOKENS tokens, answers, and answers again after the session was closed and
// opened anew; with "unkept" it reads them without keeping first; with "synthetic" the rows are
// made up in no time, which shows what reopening takes. FOLDER is left as it is: another call
// reopens what the first one kept. Seconds of processor time are of all threads, waiting ones too.
#include "engine/cache/capacity_file.h"
#include "engine/cache/kept_rows.h"
#include "engine/error.h"
#include "engine/model/gguf.h"
#include "engine/run/book_keeper.h"
#include "engine/run/session.h"
#include "engine/run/synthetic_kv.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

using namespace bookwheel;

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double processorSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Book {
  std::vector<TokenId> document;
  std::vector<TokenId> prompt;  // with a question behind it
};

Book bookOf(const Session& session, const std::string& text, std::size_t tokens) {
  Book book;
  book.document = session.tokenizer().encode(text).ids;
  book.document.resize(std::min(book.document.size(), tokens));
  book.prompt = book.document;
  const auto question =
      session.tokenizer().encode("\n\nQuestion: What happened in these chapters?\nAnswer:").ids;
  book.prompt.insert(book.prompt.end(), question.begin(), question.end());
  return book;
}

std::vector<TokenId> answer(Session& session, const Book& book, const char* when) {
  AnswerOptions options;
  options.maxTokens = 32;
  options.endTokens = AnswerOptions::EndTokens::Ignore;
  const Answer answer = session.answer(book.prompt, options, {}, {}, {});
  std::printf("%s: first token after %.3f s (%lld of %lld tokens at hand), then %.1f tokens/s\n",
              when, answer.firstTokenSeconds, static_cast<long long>(answer.promptTokensFromCache),
              static_cast<long long>(answer.promptTokens), answer.tokensPerSecond);
  return answer.tokens;
}

std::unique_ptr<Session> opened(const SessionOptions& options) {
  const auto start = Clock::now();
  std::unique_ptr<Session> session = Session::open(options);
  std::printf("model opened in %.3f s\n", secondsSince(start));
  return session;
}

/// A kept book with made-up rows.
void makeUp(const SessionOptions& options, const Session& session, const Book& book,
            const std::filesystem::path& folder) {
  const BookIdentity identity =
      bookIdentity(digestOf(Gguf::open(options.model)), session.shape(), ActivationRounding::Int8);
  const auto kept = KeptBook::open(folder, identity, book.document, KeptBook::IfDiffers::Replace);
  const auto file = CapacityFile::named(kept->rowsPath(), identity.shape, session.contextTokens());
  CapacityTier tier(identity.shape, CapacityFile::kSegmentTokens);
  fillWithSyntheticKv(tier, identity.shape.layers, CapacityFile::kSegmentTokens, 1);
  const std::int64_t tokens = std::ssize(book.document);
  for (std::int64_t first = 0; first < tokens; first += CapacityFile::kSegmentTokens) {
    const std::int64_t count = std::min<std::int64_t>(CapacityFile::kSegmentTokens, tokens - first);
    file->reserve(count);
    for (int layer = 0; layer < identity.shape.layers; ++layer) {
      file->write(layer, first, tier.rows(layer), count);
    }
    file->commit(count);
    kept->record(first + count, checksumOfRows(*file, first, count));
  }
}

void run(SessionOptions options, const std::string& text, std::size_t tokens,
         const std::filesystem::path& folder, const std::string& how) {
  std::unique_ptr<Session> session = opened(options);
  const double hashing = processorSeconds();
  static_cast<void>(digestOf(Gguf::open(options.model)));
  std::printf("hashing the model file takes %.3f s of it\n", processorSeconds() - hashing);
  const Book book = bookOf(*session, text, tokens);
  if (how == "unkept") {
    const double before = processorSeconds();
    const ReadResult read = session->read(book.document, {}, {});
    std::printf("read %zu tokens in %.2f s (%.2f s of processor time), not kept\n",
                book.document.size(), read.seconds, processorSeconds() - before);
    session->clear();
  } else if (how == "synthetic") {
    makeUp(options, *session, book, folder);
  }
  std::vector<TokenId> first;
  for (int round = 0; round < 2; ++round) {
    const auto start = Clock::now();
    double before = processorSeconds();
    const BookRestore restore =
        session->openBook(folder, book.document, KeptBookUse::Continue, {}, {});
    std::printf("opened the book in %.3f s (%.3f s of processor time): %lld of %lld tokens. %s\n",
                secondsSince(start), processorSeconds() - before,
                static_cast<long long>(restore.tokensRestored),
                static_cast<long long>(restore.documentTokens), restore.notice.c_str());
    before = processorSeconds();
    const ReadResult read = session->read(book.document, {}, {});
    std::printf("read %lld tokens in %.2f s (%.2f s of processor time), %lld kept. %s\n",
                static_cast<long long>(restore.documentTokens - read.tokensFromCache), read.seconds,
                processorSeconds() - before, static_cast<long long>(session->keptTokens()),
                session->keptProblem().c_str());
    const std::vector<TokenId> found = answer(*session, book, round == 0 ? "answer" : "reopened");
    if (round == 0) {
      first = found;
      const auto closing = Clock::now();
      session->closeBook();
      std::printf("closed in %.3f s\n", secondsSince(closing));
      session.reset();
      session = opened(options);
    } else {
      std::printf("the two answers are %s\n", found == first ? "the same" : "DIFFERENT");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr,
                 "usage: kept_book_bench MODEL TEXT TOKENS memory|file FOLDER "
                 "[read|unkept|synthetic] [THREADS]\n");
    return 2;
  }
  try {
    SessionOptions options;
    options.model = argv[1];
    options.cache.policy = CachePolicy::Corrected;
    options.capacity =
        std::strcmp(argv[4], "file") == 0 ? CapacityPlace::File : CapacityPlace::Memory;
    std::ifstream file(argv[2], std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    options.threads = argc > 7 ? std::atoi(argv[7]) : 0;
    run(options, text, static_cast<std::size_t>(std::atoll(argv[3])), argv[5],
        argc > 6 ? argv[6] : "read");
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
