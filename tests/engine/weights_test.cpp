// SPDX-License-Identifier: Apache-2.0
// bindWeights: every tensor in its role, and what is refused; the seeded weights of the tiny model.
#include "engine/model/weights.h"

#include "engine/error.h"
#include "kernels/cpu.h"
#include "tests/support/gguf_writer.h"
#include "tests/support/tiny_model.h"

#include <QTest>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

using namespace bookwheel;
using kernels::WeightType;

namespace {

using Bytes = std::vector<std::byte>;
using Change = std::function<void(GgufDraft&)>;

constexpr std::array kTypes = {
    WeightType::F32,  WeightType::F16,  WeightType::BF16, WeightType::Q4_0, WeightType::Q4_1,
    WeightType::Q5_0, WeightType::Q5_1, WeightType::Q8_0, WeightType::Q2_K, WeightType::Q3_K,
    WeightType::Q4_K, WeightType::Q5_K, WeightType::Q6_K};

void addTypeRows() {
  QTest::addColumn<WeightType>("type");
  for (const WeightType type : kTypes) {
    QTest::newRow(kernels::weightBlock(type).name) << type;
  }
}

}  // namespace

Q_DECLARE_METATYPE(Change)

class WeightsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void bindsEveryType_data() { addTypeRows(); }
  void bindsEveryType() {
    QFETCH(WeightType, type);
    const TinyModelOptions options = tinyModelFor(type);
    const GgufDraft draft = tinyModel(options);
    const Bytes bytes = draft.bytes();
    const Gguf file = Gguf::parse(bytes);
    const ModelShape shape = readShape(file);
    const Weights weights = bindWeights(file, shape);
    const int embedding = options.embedding;
    const int queries = options.heads * options.headDim;
    const int keys = options.kvHeads * options.headDim;
    const auto is = [&](const TensorView& view, const char* name, int rows, int columns,
                        WeightType expected) {
      QCOMPARE(view.name, std::string_view(name));
      QCOMPARE(view.rows, rows);
      QCOMPARE(view.columns, columns);
      QCOMPARE(view.type, expected);
      QCOMPARE(static_cast<std::int64_t>(view.bytes.size()),
               rows * kernels::weightRowBytes(expected, columns));
      const GgufDraft::Tensor& source = const_cast<GgufDraft&>(draft).tensorNamed(name);
      QVERIFY(std::ranges::equal(view.bytes, source.data));
      QCOMPARE(view.bytes.data() - bytes.data(), static_cast<std::ptrdiff_t>(view.fileOffset));
    };
    is(weights.tokenEmbedding, "token_embd.weight", shape.vocabulary, embedding, type);
    is(weights.output, "output.weight", shape.vocabulary, embedding, type);
    is(weights.outputNorm, "output_norm.weight", 1, embedding, WeightType::F32);
    QVERIFY(!weights.tied && !weights.ropeFactors);
    QCOMPARE(weights.layers.size(), 2u);
    const LayerWeights& layer = weights.layers[1];
    is(layer.attentionNorm, "blk.1.attn_norm.weight", 1, embedding, WeightType::F32);
    is(layer.q, "blk.1.attn_q.weight", queries, embedding, type);
    is(layer.k, "blk.1.attn_k.weight", keys, embedding, type);
    is(layer.v, "blk.1.attn_v.weight", keys, embedding, type);
    is(layer.output, "blk.1.attn_output.weight", embedding, queries, type);
    is(layer.ffnNorm, "blk.1.ffn_norm.weight", 1, embedding, WeightType::F32);
    is(layer.gate, "blk.1.ffn_gate.weight", options.feedForward, embedding, type);
    is(layer.up, "blk.1.ffn_up.weight", options.feedForward, embedding, type);
    is(layer.down, "blk.1.ffn_down.weight", embedding, options.feedForward, type);
    QVERIFY(!layer.qBias && !layer.kBias && !layer.vBias);
    std::uint64_t all = 0;
    for (const GgufDraft::Tensor& tensor : draft.tensors) {
      all += tensor.data.size();
    }
    QCOMPARE(weightBytes(weights), all);
  }

  void bindsBiasesTiesAndRopeFactors() {
    TinyModelOptions options;
    options.architecture = Architecture::Qwen2;
    options.tied = true;
    options.ropeScaling = RopeScaling{RopeScalingKind::Llama3, 8.0, 0, 1.0};
    const GgufDraft draft = tinyModel(options);
    const Bytes bytes = draft.bytes();
    const Gguf file = Gguf::parse(bytes);
    const Weights weights = bindWeights(file, readShape(file));
    QVERIFY(weights.tied);
    QCOMPARE(weights.output.bytes.data(), weights.tokenEmbedding.bytes.data());
    QCOMPARE(weights.layers[0].qBias->columns, 128);
    QCOMPARE(weights.layers[0].kBias->columns, 64);
    QCOMPARE(weights.layers[1].vBias->name, std::string_view("blk.1.attn_v.bias"));
    QCOMPARE(weights.ropeFactors->columns, 16);
    std::uint64_t all = 0;
    for (const GgufDraft::Tensor& tensor : draft.tensors) {
      all += tensor.data.size();
    }
    QCOMPARE(weightBytes(weights), all);
  }

  void refuses_data() {
    QTest::addColumn<Change>("change");
    QTest::addColumn<ErrorCode>("code");
    QTest::addColumn<QString>("says");
    const auto row = [](const char* name, ErrorCode code, const char* says, Change change) {
      QTest::newRow(name) << std::move(change) << code << says;
    };
    for (const char* name :
         {"blk.0.attn_norm.weight", "blk.0.attn_q.weight", "blk.1.attn_k.weight",
          "blk.1.attn_v.weight", "blk.0.attn_output.weight", "blk.0.ffn_norm.weight",
          "blk.0.ffn_gate.weight", "blk.1.ffn_up.weight", "blk.0.ffn_down.weight",
          "output_norm.weight"}) {
      QTest::newRow(qPrintable(QString("without %1").arg(name)))
          << Change([=](GgufDraft& d) { d.removeTensor(name); }) << ErrorCode::BadModelFile
          << QString("the tensor %1 is missing").arg(name);
    }
    row("rows and columns swapped", ErrorCode::BadModelFile,
        "blk.0.attn_k.weight has shape 128 x 64 where 64 x 128 is expected", [](GgufDraft& d) {
          d.tensorNamed("blk.0.attn_k.weight").dimensions = {64, 128};
        });
    row("a third dimension", ErrorCode::BadModelFile,
        "blk.0.attn_k.weight has shape 2 x 32 x 128 where 64 x 128 is expected", [](GgufDraft& d) {
          d.tensorNamed("blk.0.attn_k.weight").dimensions = {128, 32, 2};
        });
    row("a short norm", ErrorCode::BadModelFile,
        "output_norm.weight has shape 96 where 128 is expected", [](GgufDraft& d) {
          d.tensorNamed("output_norm.weight").dimensions = {96};
          d.tensorNamed("output_norm.weight").data.resize(96 * 4);
        });
    row("a bias that does not fit", ErrorCode::BadModelFile,
        "blk.0.attn_q.bias has shape 64 where 128 is expected",
        [](GgufDraft& d) { d.tensor("blk.0.attn_q.bias", {64}, 0, Bytes(256)); });
    row("a type that is not read", ErrorCode::UnsupportedModel,
        "The tensor blk.0.ffn_down.weight of the model file tiny.gguf has type IQ4_XS, which "
        "Bookwheel does not read; use a Q4_K_M file of the same model.",
        [](GgufDraft& d) { d.tensorNamed("blk.0.ffn_down.weight").type = 23; });
    row("a type that is not known", ErrorCode::UnsupportedModel, "has type type 77, which",
        [](GgufDraft& d) { d.tensorNamed("blk.0.ffn_down.weight").type = 77; });
    row("a quantized norm", ErrorCode::UnsupportedModel,
        "has type Q8_0 where F32, F16 or BF16 is expected", [](GgufDraft& d) {
          d.tensorNamed("output_norm.weight").type = 8;
          d.tensorNamed("output_norm.weight").data.resize(136);
        });
    for (const char* name :
         {"blk.0.attn_q_norm.weight", "blk.0.attn_output.bias", "blk.0.ffn_gate_inp.weight",
          "blk.2.attn_q.weight", "blk.536870912.attn_q.weight", "blk.00.attn_q.weight",
          "output_norm.bias"}) {
      QTest::newRow(qPrintable(QString("with %1").arg(name)))
          << Change([=](GgufDraft& d) { d.tensor(name, {32}, 0, Bytes(128)); })
          << ErrorCode::UnsupportedModel << QString("has a tensor %1, which is no part").arg(name);
    }
  }
  void refuses() {
    QFETCH(Change, change);
    QFETCH(ErrorCode, code);
    QFETCH(QString, says);
    GgufDraft draft = tinyModel(tinyModelFor(WeightType::Q8_0));
    // IQ4_XS needs rows of 256: the feed-forward width of the tiny model.
    change(draft);
    const Bytes bytes = draft.bytes();
    const Gguf file = Gguf::parse(bytes, "tiny.gguf");
    const ModelShape shape = readShape(file);
    try {
      (void)bindWeights(file, shape);
      QFAIL("it was accepted");
    } catch (const Error& error) {
      QVERIFY2(QString(error.what()).contains(says), error.what());
      QCOMPARE(error.code(), code);
    }
  }

  void ignoresRotationAnglesOfOldFiles() {
    GgufDraft draft = tinyModel();
    draft.tensor("blk.0.attn_rot_embd.weight", {16}, 0, Bytes(64));
    const Bytes bytes = draft.bytes();
    const Gguf file = Gguf::parse(bytes);
    (void)bindWeights(file, readShape(file));
  }

  /// Blocks written by definition decode to weights of the asked mean and deviation. The bounds:
  /// the mean of n even numbers of deviation s is within 5 s / sqrt(n) (blocks share a scale, so n
  /// is taken a hundredth); even codes are biased by half a step in formats without a minimum, at
  /// most sqrt(12) / 16 / 2 = 0.11 s (Q4_0); the deviation follows the scales' own spread, within
  /// 15 %.
  void seededWeightsHaveTheAskedDeviation_data() { addTypeRows(); }
  void seededWeightsHaveTheAskedDeviation() {
    QFETCH(WeightType, type);
    constexpr std::int64_t kElements = 256 * 1024;
    constexpr double kDeviation = 0.05;
    const Bytes blocks = seededWeights(type, kElements, static_cast<float>(kDeviation), 7);
    QCOMPARE(blocks, seededWeights(type, kElements, static_cast<float>(kDeviation), 7));
    QVERIFY(blocks != seededWeights(type, kElements, static_cast<float>(kDeviation), 8));
    std::vector<float> values(kElements);
    kernels::decodeWeights(type, blocks.data(), kElements, values.data());
    double sum = 0;
    double squares = 0;
    for (const float value : values) {
      QVERIFY(std::isfinite(value));
      sum += double{value};
      squares += double{value} * double{value};
    }
    const double mean = sum / kElements;
    const double deviation = std::sqrt(squares / kElements - mean * mean);
    QVERIFY2(std::abs(mean) <= 0.11 * kDeviation + 5 * kDeviation / std::sqrt(kElements / 100.0),
             qPrintable(QString::number(mean)));
    QVERIFY2(std::abs(deviation / kDeviation - 1) <= 0.15, qPrintable(QString::number(deviation)));
  }
};

QTEST_APPLESS_MAIN(WeightsTest)
#include "weights_test.moc"
