// SPDX-License-Identifier: Apache-2.0
// Time of a decode step and of a prefill chunk on the starter models, at several depths; not part
// of ctest.
//
//   build/release/tests/decode_bench            all models that are there
//   build/release/tests/decode_bench step -tickcounter
#include "engine/run/session.h"

#include <QTest>

#include <cstdlib>
#include <filesystem>

using namespace bookwheel;

namespace {

std::filesystem::path modelFolder() {
  if (const char* models = std::getenv("BOOKWHEEL_MODELS")) {
    return models;
  }
  if (const char* data = std::getenv("XDG_DATA_HOME")) {
    return std::filesystem::path(data) / "bookwheel/models";
  }
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home != nullptr ? home : "/") / ".local/share/bookwheel/models";
}

constexpr int kSteps = 16;
constexpr int kChunk = 256;

}  // namespace

class DecodeBench : public QObject {
  Q_OBJECT

 private:
  std::unique_ptr<Session> m_session;
  QByteArray m_loaded;

  static void rows() {
    QTest::addColumn<QByteArray>("model");
    QTest::addColumn<qint64>("depth");
    for (const char* model : {"smollm2-135m", "qwen-0.5b", "qwen-1.5b"}) {
      for (const qint64 depth : {0, 4096}) {
        QTest::addRow("%s, depth %lld", model, depth) << QByteArray(model) << depth;
      }
    }
  }

  bool load(const QByteArray& model) {
    if (model != m_loaded) {
      SessionOptions options;
      options.model = modelFolder() / (model.toStdString() + ".gguf");
      if (!std::filesystem::exists(options.model)) {
        return false;
      }
      m_session.reset();
      m_session = Session::open(options);
      m_loaded = model;
      const BackendInfo info = m_session->backendInfo();
      qInfo("%s, %d threads, %s", info.device.c_str(), info.threads, info.instructionSet.c_str());
    }
    return true;
  }

  std::vector<TokenId> behind(std::int64_t depth, int tokens) {
    m_session->fillSynthetic(depth, 1);
    std::vector<TokenId> ids(m_session->cachedTokens().begin(), m_session->cachedTokens().end());
    for (int i = 0; i < tokens; ++i) {
      ids.push_back(1 + i * 13);
    }
    return ids;
  }

 private Q_SLOTS:
  void steps_data() { rows(); }
  void steps() {
    QFETCH(QByteArray, model);
    QFETCH(qint64, depth);
    if (!load(model)) {
      QSKIP("This model is not there; scripts/get-model brings it.");
    }
    const std::vector<TokenId> prompt = behind(depth, 1);
    AnswerOptions options;
    options.maxTokens = kSteps;
    options.endTokens = AnswerOptions::EndTokens::Ignore;
    QBENCHMARK { m_session->answer(prompt, options, {}, {}, {}); }
  }

  void chunk_data() { rows(); }
  void chunk() {
    QFETCH(QByteArray, model);
    QFETCH(qint64, depth);
    if (!load(model)) {
      QSKIP("This model is not there; scripts/get-model brings it.");
    }
    const std::vector<TokenId> all = behind(depth, kChunk);
    const auto prefix = std::span(all).first(static_cast<std::size_t>(depth));
    QBENCHMARK {
      m_session->read(prefix, {}, {});
      m_session->read(all, {}, {});
    }
  }
};

QTEST_APPLESS_MAIN(DecodeBench)
#include "decode_bench.moc"
