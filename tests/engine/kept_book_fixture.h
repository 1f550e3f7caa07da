// SPDX-License-Identifier: Apache-2.0
// What the tests of kept books share: a tiny model, a document and a question, answers to compare.
#pragma once

#include "engine/cache/kept_book.h"
#include "engine/error.h"
#include "tests/engine/engine_fixtures.h"

#include <QDir>
#include <QFileInfo>
#include <QTemporaryDir>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bookwheel {

inline constexpr int kDocumentTokens = 1400;  // two whole segments of 512 tokens and 376 more
inline constexpr int kVocabulary = 400;       // below that of the tiny model
inline constexpr int kAnswerTokens = 24;

inline std::vector<TokenId> theDocument() { return someTokens(kDocumentTokens, kVocabulary, 11); }

/// The document and a question behind it.
inline std::vector<TokenId> thePrompt() {
  std::vector<TokenId> ids = theDocument();
  const std::vector<TokenId> question = someTokens(40, kVocabulary, 12);
  ids.insert(ids.end(), question.begin(), question.end());
  return ids;
}

inline CacheOptions lowBit(int keyBits, int valueBits) {
  CacheOptions options;
  options.policy = CachePolicy::Corrected;
  options.keyBits = keyBits;
  options.valueBits = valueBits;
  options.pairs = 32;
  return options;
}

/// In memory if the system has such a place: these tests sync some thousand times, which takes a
/// busy disk minutes and shows nothing, since what a process has written is there for the next one.
inline QString temporaryFolders() {
  const QString memory = QStringLiteral("/dev/shm");
  return (QFileInfo(memory).isWritable() ? memory : QDir::tempPath()) +
         QStringLiteral("/kept-book-XXXXXX");
}

/// A model, a folder for its book, and the answer of a session that keeps nothing.
class KeptBookFixture {
 public:
  explicit KeptBookFixture(CapacityPlace place = CapacityPlace::Memory,
                           const CacheOptions& cache = {}, int threads = 1) {
    m_options.threads = threads;
    m_options.chunkTokens = 128;
    m_options.cache = cache;
    m_options.capacity = place;
    m_options.capacityFolder = m_folder.path().toStdString();
    const std::unique_ptr<Session> session = open();
    session->read(theDocument(), {}, {});
    expected = answer(*session);
  }

  SessionOptions& options() { return m_options; }
  const SessionOptions& options() const { return m_options; }
  const TinyModelFile& model() const { return m_model; }
  std::filesystem::path folder() const {
    return std::filesystem::path(m_folder.path().toStdString()) / "books" / "one";
  }
  std::filesystem::path file(const char* name) const { return folder() / name; }

  std::unique_ptr<Session> open() const { return m_model.open(m_options); }
  BookRestore openBook(Session& session, KeptBookUse use = KeptBookUse::Continue) const {
    return session.openBook(folder(), theDocument(), use, {}, {});
  }
  /// Reads the document's first `tokens` tokens, all by default, and keeps them.
  void keep(int tokens = kDocumentTokens) const {
    const std::unique_ptr<Session> session = open();
    openBook(*session);
    const std::vector<TokenId> document = theDocument();
    session->read(std::span(document).first(static_cast<std::size_t>(tokens)), {}, {});
  }
  static std::vector<TokenId> answer(Session& session) {
    return session.answer(thePrompt(), greedy(kAnswerTokens), {}, {}, {}).tokens;
  }

  std::vector<TokenId> expected;

 private:
  const TinyModelFile m_model;
  const QTemporaryDir m_folder{temporaryFolders()};
  SessionOptions m_options;
};

struct CaughtError {
  bool happened = false;
  ErrorCode code{};
  std::string message;
};

inline CaughtError caughtError(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return {true, error.code(), error.what()};
  }
  return {};
}

}  // namespace bookwheel
