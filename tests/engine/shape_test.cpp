// SPDX-License-Identifier: Apache-2.0
// readShape: every field, its default and its bounds; variants that are named instead of run.
#include "engine/model/shape.h"

#include "engine/error.h"
#include "engine/model/gguf.h"
#include "tests/support/gguf_writer.h"
#include "tests/support/tiny_model.h"

#include <QTest>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

using namespace bookwheel;

namespace {

using Bytes = std::vector<std::byte>;
using Change = std::function<void(GgufDraft&)>;

ModelShape shapeOf(const GgufDraft& draft) {
  const Bytes bytes = draft.bytes();
  return readShape(Gguf::parse(bytes, "tiny.gguf"));
}

template <typename Setter>
void replace(GgufDraft& draft, const std::string& key, Setter set) {
  draft.remove(key);
  set(draft, key);
}

}  // namespace

Q_DECLARE_METATYPE(Change)

class ShapeTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void readsEveryField() {
    TinyModelOptions options;
    options.headDim = 48;  // not embedding / heads: key_length decides
    options.embedding = 160;
    const ModelShape shape = shapeOf(tinyModel(options));
    QCOMPARE(shape.architecture, Architecture::Llama);
    QCOMPARE(shape.name, std::string("Tiny test model"));
    QCOMPARE(shape.license, std::string("apache-2.0"));
    QCOMPARE(shape.layers, 2);
    QCOMPARE(shape.heads, 4);
    QCOMPARE(shape.kvHeads, 2);
    QCOMPARE(shape.headDim, 48);
    QCOMPARE(shape.embedding, 160);
    QCOMPARE(shape.feedForward, 256);
    QVERIFY(shape.vocabulary > 400);
    QCOMPARE(shape.contextTokens, 2048);
    QCOMPARE(shape.slidingWindow, 0);
    QCOMPARE(shape.normEpsilon, 1e-5f);
    QCOMPARE(shape.ropeLayout, kernels::RopeLayout::Interleaved);
    QCOMPARE(shape.ropeDims, 48);
    QCOMPARE(shape.ropeBase, 10000.0);
    QCOMPARE(shape.ropeScaling.kind, RopeScalingKind::None);
    QCOMPARE(shape.kvBytesPerToken(), 2 * 2 * 48 * 4);
  }

  void qwen2TurnsHalves() {
    TinyModelOptions options;
    options.architecture = Architecture::Qwen2;
    const ModelShape shape = shapeOf(tinyModel(options));
    QCOMPARE(shape.architecture, Architecture::Qwen2);
    QCOMPARE(shape.ropeLayout, kernels::RopeLayout::Half);
  }

  void usesDefaults() {
    GgufDraft draft = tinyModel();
    for (const char* key :
         {"llama.attention.head_count_kv", "llama.attention.key_length",
          "llama.attention.value_length", "llama.rope.dimension_count", "llama.rope.freq_base",
          "general.name", "general.license", "general.type"}) {
      draft.remove(key);
    }
    const ModelShape shape = shapeOf(draft);
    QCOMPARE(shape.kvHeads, shape.heads);
    QCOMPARE(shape.headDim, shape.embedding / shape.heads);
    QCOMPARE(shape.ropeDims, shape.headDim);
    QCOMPARE(shape.ropeBase, 10000.0);
    QCOMPARE(shape.name, std::string());
  }

  void readsRopeScaling_data() {
    QTest::addColumn<RopeScaling>("scaling");
    QTest::newRow("none") << RopeScaling{};
    QTest::newRow("linear") << RopeScaling{RopeScalingKind::Linear, 4.0, 0, 1.0};
    QTest::newRow("yarn") << RopeScaling{RopeScalingKind::Yarn, 4.0, 512, 1.25};
    QTest::newRow("llama3") << RopeScaling{RopeScalingKind::Llama3, 1.0, 0, 1.0};
  }
  void readsRopeScaling() {
    QFETCH(RopeScaling, scaling);
    TinyModelOptions options;
    options.ropeScaling = scaling;
    const RopeScaling read = shapeOf(tinyModel(options)).ropeScaling;
    QCOMPARE(read.kind, scaling.kind);
    QCOMPARE(read.factor, scaling.factor);
    QCOMPARE(read.originalTokens, scaling.originalTokens);
    QCOMPARE(read.attentionFactor, scaling.attentionFactor);
  }

  void readsTheOldLinearKey() {
    GgufDraft draft = tinyModel();
    draft.float32("llama.rope.scale_linear", 2.0f);
    const RopeScaling scaling = shapeOf(draft).ropeScaling;
    QCOMPARE(scaling.kind, RopeScalingKind::Linear);
    QCOMPARE(scaling.factor, 2.0);
  }

  void endsTheContextAtTheWindow() {
    GgufDraft draft = tinyModel();
    draft.uint32("llama.attention.sliding_window", 512);
    const ModelShape shape = shapeOf(draft);
    QCOMPARE(shape.slidingWindow, 512);
    QCOMPARE(shape.contextTokens, 512);
    replace(draft, "llama.attention.sliding_window",
            [](GgufDraft& d, const std::string& key) { d.uint32(key, 4096); });
    QCOMPARE(shapeOf(draft).slidingWindow, 0);  // longer than the context: no window at all
    QCOMPARE(shapeOf(draft).contextTokens, 2048);
  }

  void extendsTheContext() {
    const ModelShape trained = shapeOf(tinyModel());
    const ModelShape extended = extendContext(trained, RopeScalingKind::Yarn, 16);
    QCOMPARE(extended.contextTokens, 32768);
    QCOMPARE(extended.ropeScaling.kind, RopeScalingKind::Yarn);
    QCOMPARE(extended.ropeScaling.factor, 16.0);
    QCOMPARE(extended.ropeScaling.originalTokens, 2048);
    QCOMPARE(extendContext(trained, RopeScalingKind::Linear, 1.5).contextTokens, 3072);
  }

  void refusesToExtend() {
    const ModelShape trained = shapeOf(tinyModel());
    QVERIFY_THROWS_EXCEPTION(Error, extendContext(trained, RopeScalingKind::Yarn, 0.5));
    QVERIFY_THROWS_EXCEPTION(Error, extendContext(trained, RopeScalingKind::Yarn, 65));
    QVERIFY_THROWS_EXCEPTION(Error, extendContext(trained, RopeScalingKind::Yarn, std::nan("")));
    QVERIFY_THROWS_EXCEPTION(Error, extendContext(trained, RopeScalingKind::Llama3, 2));
    const ModelShape twice = extendContext(trained, RopeScalingKind::Linear, 2);
    QVERIFY_THROWS_EXCEPTION(Error, extendContext(twice, RopeScalingKind::Linear, 2));
    ModelShape window = trained;
    window.slidingWindow = 512;
    QVERIFY_THROWS_EXCEPTION(Error, extendContext(window, RopeScalingKind::Yarn, 2));
  }

  void takesOneValuePerLayerIfAllAreEqual() {
    GgufDraft draft = tinyModel();
    draft.remove("llama.attention.head_count_kv");
    draft.ints("llama.attention.head_count_kv", {2, 2});
    QCOMPARE(shapeOf(draft).kvHeads, 2);
  }

  void showsForeignNamesSafely() {
    GgufDraft draft = tinyModel();
    draft.remove("general.name");
    draft.text("general.name", "bad\x1B[2J\xFF" + std::string(5000, 'x'));
    const ModelShape shape = shapeOf(draft);
    QVERIFY(shape.name.size() <= 203);
    QVERIFY(shape.name.starts_with("bad?[2J?x"));
  }

  void refuses_data() {
    QTest::addColumn<Change>("change");
    QTest::addColumn<ErrorCode>("code");
    QTest::addColumn<QString>("says");
    const auto row = [](const QString& name, ErrorCode code, const char* says, Change change) {
      QTest::newRow(qPrintable(name)) << std::move(change) << code << says;
    };
    const auto number = [&](const char* field, std::uint32_t value, const char* says,
                            ErrorCode code = ErrorCode::BadModelFile) {
      const std::string key = std::string("llama.") + field;
      row(QString("%1 = %2").arg(field).arg(value), code, says, [=](GgufDraft& d) {
        d.remove(key);
        d.uint32(key, value);
      });
    };
    const auto real = [&](const char* field, float value, const char* says,
                          ErrorCode code = ErrorCode::BadModelFile) {
      const std::string key = std::string("llama.") + field;
      row(QString("%1 = %2").arg(field).arg(double{value}), code, says, [=](GgufDraft& d) {
        d.remove(key);
        d.float32(key, value);
      });
    };
    const auto text = [&](const char* key, const char* value, const char* says) {
      row(QString("%1 = %2").arg(key, value), ErrorCode::UnsupportedModel, says, [=](GgufDraft& d) {
        d.remove(key);
        d.text(key, value);
      });
    };
    const auto without = [&](const char* key) {
      row(QString("without %1").arg(key), ErrorCode::BadModelFile, key,
          [=](GgufDraft& d) { d.remove(key); });
    };

    // llama.cpp#25821: caps, and nothing of zero size
    number("block_count", 0, "llama.block_count is 0, not 1 to 512");
    number("block_count", 513, "llama.block_count is 513, not 1 to 512");
    number("block_count", 4'294'967'295u, "llama.block_count");
    number("attention.head_count", 0, "head_count is 0, not 1 to 512");
    number("attention.head_count", 513, "head_count is 513");
    number("attention.head_count_kv", 0, "head_count_kv is 0");
    number("attention.head_count_kv", 3, "no multiple of llama.attention.head_count_kv, 3");
    number("attention.head_count_kv", 8, "no multiple");
    number("attention.key_length", 0, "key_length is 0");
    number("attention.key_length", 1025, "key_length is 1025, not 1 to 1024");
    number("attention.key_length", 16, "keys of 16 and values of 32", ErrorCode::UnsupportedModel);
    number("embedding_length", 0, "embedding_length is 0");
    number("embedding_length", 65'537, "embedding_length is 65537");
    number("embedding_length", 132, "matrices of 132 columns", ErrorCode::UnsupportedModel);
    number("feed_forward_length", 0, "feed_forward_length is 0");
    number("feed_forward_length", 1'048'577, "feed_forward_length is 1048577");
    number("context_length", 0, "context_length is 0");
    number("context_length", 16'777'217, "context_length is 16777217");
    number("rope.dimension_count", 0, "rope.dimension_count is 0");
    number("rope.dimension_count", 31, "not an even number up to the head size 32");
    number("rope.dimension_count", 64, "not an even number up to the head size 32");
    number("attention.sliding_window", 4'000'000'000u, "sliding_window");
    row("heads that do not divide the embedding", ErrorCode::BadModelFile,
        "no multiple of the 3 heads", [](GgufDraft& d) {
          for (const char* key : {"llama.attention.head_count", "llama.attention.head_count_kv",
                                  "llama.attention.key_length"}) {
            d.remove(key);
          }
          d.uint32("llama.attention.head_count", 3);
        });
    for (const std::uint32_t width : {24u, 272u}) {
      row(QString("heads of %1").arg(width), ErrorCode::UnsupportedModel, "attention heads of",
          [=](GgufDraft& d) {
            for (const char* key : {"llama.attention.key_length", "llama.attention.value_length"}) {
              d.remove(key);
              d.uint32(key, width);
            }
          });
    }
    row("negative layers", ErrorCode::BadModelFile, "block_count is -1", [](GgufDraft& d) {
      d.remove("llama.block_count");
      d.int32("llama.block_count", -1);
    });
    row("layers as text", ErrorCode::BadModelFile, "llama.block_count is STRING", [](GgufDraft& d) {
      d.remove("llama.block_count");
      d.text("llama.block_count", "2");
    });
    row("heads that differ", ErrorCode::UnsupportedModel,
        "another llama.attention.head_count_kv in layer 1", [](GgufDraft& d) {
          d.remove("llama.attention.head_count_kv");
          d.ints("llama.attention.head_count_kv", {2, 4});
        });
    row("heads as an empty array", ErrorCode::BadModelFile, "is an empty array", [](GgufDraft& d) {
      d.remove("llama.attention.head_count");
      d.ints("llama.attention.head_count", {});
    });
    real("attention.layer_norm_rms_epsilon", 0.0f, "layer_norm_rms_epsilon");
    real("attention.layer_norm_rms_epsilon", -1e-5f, "layer_norm_rms_epsilon");
    real("attention.layer_norm_rms_epsilon", std::numeric_limits<float>::quiet_NaN(),
         "no finite number");
    real("rope.freq_base", 0.0f, "rope.freq_base");
    real("rope.freq_base", std::numeric_limits<float>::infinity(), "rope.freq_base");
    for (const char* key :
         {"general.architecture", "llama.block_count", "llama.context_length",
          "llama.embedding_length", "llama.feed_forward_length", "llama.attention.head_count",
          "llama.attention.layer_norm_rms_epsilon"}) {
      without(key);
    }

    // The vocabulary
    row("no weights", ErrorCode::BadModelFile, "a vocabulary but no weights",
        [](GgufDraft& d) { d.tensors.clear(); });
    row("no embedding", ErrorCode::BadModelFile, "token_embd.weight is missing",
        [](GgufDraft& d) { d.removeTensor("token_embd.weight"); });
    row("other number of tokens", ErrorCode::BadModelFile, "the vocabulary has 2 tokens",
        [](GgufDraft& d) {
          d.remove("tokenizer.ggml.tokens");
          d.texts("tokenizer.ggml.tokens", {"a", "b"});
        });
    row("above 1 M tokens", ErrorCode::BadModelFile, "above the limit of 1,048,576",
        [](GgufDraft& d) {
          GgufDraft::Tensor& tensor = d.tensorNamed("token_embd.weight");
          tensor.dimensions = {32, 1'048'577};
          tensor.data.resize(34 * 1'048'577);
        });

    // What is named instead of run
    for (const char* architecture :
         {"gemma3", "phi3", "mamba", "qwen3", "llama4", "deepseek2", ""}) {
      text("general.architecture", architecture, "it runs llama (");
    }
    text("general.type", "adapter", "holds no model but one of type adapter");
    text("llama.rope.scaling.type", "longrope", "by longrope scaling");
    text("llama.hidden_activation", "gelu", "activation function gelu");
    number("expert_count", 8, "a mixture of 8 experts", ErrorCode::UnsupportedModel);
    number("pooling_type", 1, "embedding model", ErrorCode::UnsupportedModel);
    real("attn_logit_softcapping", 50.0f, "attn_logit_softcapping", ErrorCode::UnsupportedModel);
    real("final_logit_softcapping", 30.0f, "final_logit_softcapping", ErrorCode::UnsupportedModel);
    real("logit_scale", 0.5f, "logit_scale", ErrorCode::UnsupportedModel);
    real("attention.clamp_kqv", 8.0f, "clamp_kqv", ErrorCode::UnsupportedModel);
    row("attention in both directions", ErrorCode::UnsupportedModel, "both directions",
        [](GgufDraft& d) { d.boolean("llama.attention.causal", false); });
    row("one of several parts", ErrorCode::UnsupportedModel, "is one of 3 parts",
        [](GgufDraft& d) { d.raw("split.count", GgufType::Uint16, bytesOf(std::uint16_t{3})); });
    row("linear without a factor", ErrorCode::BadModelFile, "llama.rope.scaling.factor is missing",
        [](GgufDraft& d) { d.text("llama.rope.scaling.type", "linear"); });
    row("YaRN with its own constants", ErrorCode::UnsupportedModel, "its own YaRN constants",
        [](GgufDraft& d) {
          d.text("llama.rope.scaling.type", "yarn");
          d.float32("llama.rope.scaling.factor", 4.0f);
          d.float32("llama.rope.scaling.yarn_beta_fast", 16.0f);
        });
    row("stretched twice", ErrorCode::UnsupportedModel, "twice", [](GgufDraft& d) {
      d.text("llama.rope.scaling.type", "linear");
      d.float32("llama.rope.scaling.factor", 4.0f);
      d.tensor("rope_freqs.weight", {16}, 0, Bytes(64));
    });
  }
  void refuses() {
    QFETCH(Change, change);
    QFETCH(ErrorCode, code);
    QFETCH(QString, says);
    GgufDraft draft = tinyModel();
    change(draft);
    try {
      (void)shapeOf(draft);
      QFAIL("it was accepted");
    } catch (const Error& error) {
      QVERIFY2(QString(error.what()).contains(says), error.what());
      QVERIFY2(QString(error.what()).contains("tiny.gguf"), error.what());
      QCOMPARE(error.code(), code);
    }
  }
};

QTEST_APPLESS_MAIN(ShapeTest)
#include "shape_test.moc"
