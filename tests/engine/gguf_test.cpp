// SPDX-License-Identifier: Apache-2.0
// Gguf: what a valid file gives, and how each known way to break one is refused.
#include "engine/model/gguf.h"

#include "engine/error.h"
#include "tests/support/gguf_writer.h"

#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QTest>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <limits>
#include <new>
#include <string>
#include <vector>

using namespace bookwheel;

namespace {

std::size_t largestAllocation = 0;

constexpr std::uint64_t kMax64 = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint32_t kMax32 = std::numeric_limits<std::uint32_t>::max();

/// Two F32 tensors of 8 x 4 and one Q4_0 row, a few entries of every kind.
GgufDraft baseDraft() {
  GgufDraft draft;
  draft.text("general.architecture", "llama");
  draft.uint32("llama.block_count", 2);
  draft.texts("tokenizer.ggml.tokens", {"a", "", "c"});
  draft.floats("tokenizer.ggml.scores", {1.0f, 2.0f, 3.0f});
  draft.tensor("first", {8, 4}, 0, std::vector<std::byte>(128, std::byte{1}));
  draft.tensor("second", {8, 4}, 0, std::vector<std::byte>(128, std::byte{2}));
  draft.tensor("third", {64}, 2, std::vector<std::byte>(36, std::byte{3}));
  return draft;
}

std::vector<std::byte> bytesOfText(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

template <typename... Parts>
std::vector<std::byte> joined(const Parts&... parts) {
  std::vector<std::byte> all;
  (all.insert(all.end(), parts.begin(), parts.end()), ...);
  return all;
}

std::vector<std::byte> arrayOf(std::uint32_t elementType, std::uint64_t count,
                               const std::vector<std::byte>& elements = {}) {
  return joined(bytesOf(elementType), bytesOf(count), elements);
}

using Bytes = std::vector<std::byte>;

}  // namespace

// Counts how much a refused file makes the parser ask for.
void* operator new(std::size_t bytes) {
  largestAllocation = std::max(largestAllocation, bytes);
  void* memory = std::malloc(bytes);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

Q_DECLARE_METATYPE(Bytes)

class GgufTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void readsAllOfAValidFile_data() {
    QTest::addColumn<int>("version");
    QTest::newRow("version 2") << 2;
    QTest::newRow("version 3") << 3;
  }
  void readsAllOfAValidFile() {
    QFETCH(int, version);
    GgufDraft draft = baseDraft();
    draft.version = static_cast<std::uint32_t>(version);
    const Bytes bytes = draft.bytes();
    Gguf parsed = Gguf::parse(bytes, "base");
    const Gguf file = std::move(parsed);  // views and indexes survive a move
    QCOMPARE(file.version(), version);
    QCOMPARE(file.alignment(), 32u);
    QCOMPARE(file.fileBytes(), bytes.size());
    QCOMPARE(file.entries().size(), 4u);
    QCOMPARE(file.entries()[1].key, std::string_view("llama.block_count"));
    QCOMPARE(file.text("general.architecture"), std::string_view("llama"));
    const StringArray tokens = *file.stringArray("tokenizer.ggml.tokens");
    QCOMPARE(tokens.size(), 3u);
    QCOMPARE(tokens[0], std::string_view("a"));
    QCOMPARE(tokens[1], std::string_view(""));
    QCOMPARE(tokens[2], std::string_view("c"));
    QCOMPARE((*file.floatArray("tokenizer.ggml.scores"))[2], 3.0f);
    QCOMPARE(file.tensors().size(), 3u);
    const GgufTensor& second = *file.findTensor("second");
    QCOMPARE(second.dimensionCount, 2);
    QVERIFY((second.dimensions == std::array<std::int64_t, 4>{8, 4, 1, 1}));
    QCOMPARE(second.bytes, 128u);
    QVERIFY(std::ranges::all_of(file.data(second), [](std::byte b) { return b == std::byte{2}; }));
    QCOMPARE(file.findTensor("third")->bytes, 36u);
    Bytes copy(36);
    file.read(file.findTensor("third")->offset, copy);
    QCOMPARE(copy, draft.tensors[2].data);
    QCOMPARE(file.find("general.name"), nullptr);
    QCOMPARE(file.findTensor("fourth"), nullptr);
    QVERIFY(!file.text("general.name") && !file.integer("x") && !file.stringArray("x"));
  }

  void readsEveryIntegerTypeByItsOwnWidth() {
    GgufDraft draft;
    draft.raw("u8", GgufType::Uint8, bytesOf(std::uint8_t{200}));
    draft.raw("i8", GgufType::Int8, bytesOf(std::int8_t{-100}));
    draft.raw("u16", GgufType::Uint16, bytesOf(std::uint16_t{60000}));
    draft.raw("i16", GgufType::Int16, bytesOf(std::int16_t{-30000}));
    draft.uint32("u32", 4'000'000'000u);
    draft.int32("i32", -2'000'000'000);
    draft.uint64("u64", 9'000'000'000'000'000'000u);
    draft.uint64("beyond", 10'000'000'000'000'000'000u);
    draft.raw("i64", GgufType::Int64, bytesOf(std::int64_t{-9'000'000'000'000'000'000}));
    draft.ints("ints", {1, -2, 3});
    draft.raw("bytes", GgufType::Array, arrayOf(0, 2, {std::byte{255}, std::byte{1}}));
    draft.boolean("yes", true);
    const Bytes bytes = draft.bytes();
    const Gguf file = Gguf::parse(bytes);
    QCOMPARE(file.integer("u8"), 200);
    QCOMPARE(file.integer("i8"), -100);
    QCOMPARE(file.integer("u16"), 60000);
    QCOMPARE(file.integer("i16"), -30000);
    QCOMPARE(file.integer("u32"), 4'000'000'000);
    QCOMPARE(file.integer("i32"), -2'000'000'000);
    QCOMPARE(file.integer("u64"), 9'000'000'000'000'000'000);
    QCOMPARE(file.integer("i64"), -9'000'000'000'000'000'000);
    QCOMPARE(file.number("i8"), -100.0);
    QCOMPARE(file.boolean("yes"), true);
    QCOMPARE((*file.integerArray("ints"))[1], -2);
    QCOMPARE((*file.integerArray("bytes"))[0], 255);
    QVERIFY_THROWS_EXCEPTION(Error, file.integer("beyond"));
    QVERIFY_THROWS_EXCEPTION(Error, file.number("beyond"));
  }

  /// llama.cpp#25596: an array is never read as another type.
  void refusesToReadAsAnotherType() {
    GgufDraft draft = baseDraft();
    draft.raw("int8s", GgufType::Array, arrayOf(1, 4, Bytes(4)));
    draft.float32("nan", std::numeric_limits<float>::quiet_NaN());
    draft.float64("infinity", std::numeric_limits<double>::infinity());
    const Bytes bytes = draft.bytes();
    const Gguf file = Gguf::parse(bytes);
    const auto says = [&](const auto& get, const char* first, const char* second) {
      try {
        get();
        QFAIL("it was read");
      } catch (const Error& error) {
        QCOMPARE(error.code(), ErrorCode::BadModelFile);
        QVERIFY2(QString(error.what()).contains(first), error.what());
        QVERIFY2(QString(error.what()).contains(second), error.what());
      }
    };
    says([&] { (void)file.floatArray("int8s"); }, "int8s", "an array of INT8");
    says([&] { (void)file.stringArray("int8s"); }, "int8s", "an array of STRING");
    says([&] { (void)file.integerArray("tokenizer.ggml.scores"); }, "scores", "FLOAT32");
    says([&] { (void)file.integer("int8s"); }, "int8s", "an integer");
    says([&] { (void)file.text("llama.block_count"); }, "block_count is UINT32", "STRING");
    says([&] { (void)file.boolean("llama.block_count"); }, "block_count", "BOOL");
    says([&] { (void)file.integer("general.architecture"); }, "architecture is STRING", "integer");
    says([&] { (void)file.number("general.architecture"); }, "architecture", "number");
    says([&] { (void)file.floatArray("llama.block_count"); }, "block_count", "an array");
    says([&] { (void)file.number("nan"); }, "nan", "finite");
    says([&] { (void)file.number("infinity"); }, "infinity", "finite");
  }

  void describesTypesItCannotRun() {
    GgufDraft draft = baseDraft();
    draft.tensor("quantized", {256}, 23, Bytes(136));  // IQ4_XS
    draft.tensor("retired", {32}, 4, Bytes(16));       // Q4_2: size not known
    draft.tensor("future", {32}, 200, Bytes(16));
    const Bytes bytes = draft.bytes();
    const Gguf file = Gguf::parse(bytes);
    QCOMPARE(file.findTensor("quantized")->type.name(), std::string("IQ4_XS"));
    QVERIFY(!file.findTensor("quantized")->type.readable());
    QCOMPARE(file.findTensor("quantized")->bytes, 136u);
    QCOMPARE(file.findTensor("retired")->type.name(), std::string("Q4_2"));
    QVERIFY(file.data(*file.findTensor("retired")).empty());
    QCOMPARE(file.findTensor("future")->type.name(), std::string("type 200"));
    QVERIFY(file.findTensor("third")->type.readable() == kernels::WeightType::Q4_0);
  }

  void opensAVocabularyWithoutWeights() {
    GgufDraft draft = baseDraft();
    draft.tensors.clear();
    const Bytes bytes = draft.bytes();
    QVERIFY(Gguf::parse(bytes).tensors().empty());
  }

  void followsItsOwnAlignment() {
    GgufDraft draft = baseDraft();
    draft.uint32("general.alignment", 256);
    draft.alignment = 256;
    const Bytes bytes = draft.bytes();
    const Gguf file = Gguf::parse(bytes);
    QCOMPARE(file.alignment(), 256u);
    QCOMPARE(file.findTensor("second")->offset % 256, 0u);
    QCOMPARE(file.data(*file.findTensor("second"))[5], std::byte{2});
  }

  void refuses_data() {
    QTest::addColumn<Bytes>("bytes");
    QTest::addColumn<ErrorCode>("code");
    QTest::addColumn<QString>("says");
    addDraftRows();
    addRawRows();
  }
  void refuses() {
    QFETCH(Bytes, bytes);
    QFETCH(ErrorCode, code);
    QFETCH(QString, says);
    largestAllocation = 0;
    QElapsedTimer timer;
    timer.start();
    std::size_t allocated = 0;
    try {
      (void)Gguf::parse(bytes, "bad.gguf");
      QFAIL("it was accepted");
    } catch (const Error& error) {
      allocated = largestAllocation;
      QVERIFY2(QString(error.what()).contains(says), error.what());
      QVERIFY2(QString(error.what()).contains("bad.gguf"), error.what());
      QCOMPARE(error.code(), code);
    }
    // research/reliability.md T1 allows 50 ms and 64 MiB; nothing here needs more than a few
    // hundred bytes for each tensor and entry that the file really has room for.
    QVERIFY2(timer.elapsed() <= 50, qPrintable(QString::number(timer.elapsed())));
    QVERIFY2(allocated <= 16'384 + 4 * bytes.size(), qPrintable(QString::number(allocated)));
  }

  void refusesEveryTruncation() {
    const Bytes bytes = baseDraft().bytes();
    for (std::size_t size = 4; size < bytes.size(); ++size) {
      try {
        (void)Gguf::parse(std::span(bytes).first(size), "cut.gguf");
        QFAIL(qPrintable(QString("%1 of %2 bytes were accepted").arg(size).arg(bytes.size())));
      } catch (const Error& error) {
        QCOMPARE(error.code(), ErrorCode::BadModelFile);
        QVERIFY2(QString(error.what()).contains("is cut short: it has "), error.what());
      }
    }
    (void)Gguf::parse(bytes);
  }

  /// Without tensors nothing behind the entries tells that a byte is missing. Each prefix lies in a
  /// block of its own, where the address sanitizer sees one byte too far.
  void refusesEveryTruncationOfAVocabulary() {
    GgufDraft draft = baseDraft();
    draft.tensors.clear();
    draft.uint32("last", 1);
    const Bytes bytes = draft.bytes();
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const Bytes part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      QVERIFY_THROWS_EXCEPTION(Error, Gguf::parse(part));
    }
    (void)Gguf::parse(bytes);
  }

  void saysHowMuchACutFileLacks() {
    const Bytes bytes = baseDraft().bytes();
    try {
      (void)Gguf::parse(std::span(bytes).first(bytes.size() - 1), "cut.gguf");
      QFAIL("accepted");
    } catch (const Error& error) {
      const QString expected =
          QString("has %1 bytes, but its last tensor third needs %2; download it again.")
              .arg(bytes.size() - 1)
              .arg(bytes.size());
      QVERIFY2(QString(error.what()).contains(expected), error.what());
    }
  }

  void opensFromDisk() {
    const QTemporaryDir folder;
    const std::filesystem::path path =
        std::filesystem::path(folder.path().toStdString()) / "model.gguf";
    baseDraft().write(path);
    const Gguf file = Gguf::open(path);
    QCOMPARE(file.name(), std::string("model.gguf"));
    const GgufTensor& tensor = *file.findTensor("second");
    Bytes copy(tensor.bytes);
    file.read(tensor.offset, copy);
    QCOMPARE(copy, Bytes(128, std::byte{2}));
    file.willNeed(tensor.offset, tensor.bytes);
    file.discard(tensor.offset, tensor.bytes);
    QVERIFY_THROWS_EXCEPTION(Error, Gguf::open(path.string() + "x"));
  }

  /// The figure asked for; sanitizers slow the loop over the strings about tenfold.
  void opensALargeVocabularyQuickly() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    constexpr qint64 kLimitMs = 500;
#else
    constexpr qint64 kLimitMs = 50;
#endif
    GgufDraft draft;
    std::vector<std::string> tokens;
    for (int i = 0; i < 152'000; ++i) {
      tokens.push_back("token" + std::to_string(i));
    }
    draft.texts("tokenizer.ggml.tokens", tokens);
    draft.texts("tokenizer.ggml.merges", tokens);
    draft.ints("tokenizer.ggml.token_type", std::vector<std::int32_t>(tokens.size(), 1));
    const Bytes bytes = draft.bytes();
    qint64 best = std::numeric_limits<qint64>::max();
    for (int i = 0; i < 3; ++i) {
      QElapsedTimer timer;
      timer.start();
      const Gguf file = Gguf::parse(bytes);
      best = std::min(best, timer.elapsed());
      QCOMPARE((*file.stringArray("tokenizer.ggml.merges"))[151'999],
               std::string_view("token151999"));
    }
    QVERIFY2(best <= kLimitMs, qPrintable(QString("%1 ms").arg(best)));
  }

 private:
  using Change = std::function<void(GgufDraft&)>;

  static void row(const char* name, const char* says, const Change& change,
                  ErrorCode code = ErrorCode::BadModelFile) {
    GgufDraft draft = baseDraft();
    change(draft);
    QTest::newRow(name) << draft.bytes() << code << says;
  }

  static void addDraftRows() {
    using D = GgufDraft;
    const auto tensorRow = [](const char* name, const char* says,
                              const std::function<void(D::Tensor&)>& change) {
      row(name, says, [&](D& d) { change(d.tensors.back()); });
    };
    const auto valueRow = [](const char* name, const char* says, GgufType type, Bytes value) {
      row(name, says, [&](D& d) { d.raw("hostile.key", type, value); });
    };

    // Counts
    row("CVE-2024-23605 entries 2^60", "number of metadata entries is 1,152,921,504,606,846,976",
        [](D& d) { d.entryCount = std::uint64_t{1} << 60; });
    row("entries 2^64-1", "number of metadata entries", [](D& d) { d.entryCount = kMax64; });
    row("entries one too many", "cut short", [](D& d) {
      d.tensors.clear();
      d.entryCount = 5;
      d.text("padding", std::string(100, 'x'));
      d.entryCount = 6;
    });
    row("entries above the limit", "above the limit of 65,536", [](D& d) {
      d.text("padding", std::string(2'000'000, 'x'));
      d.entryCount = 65'537;
    });
    row("as many entries as allowed in a small file", "the number of metadata entries is 65,536",
        [](D& d) { d.entryCount = GgufLimits::kEntries; });
    row("as many tensors as allowed in a small file", "the number of tensors is 100,000",
        [](D& d) { d.tensorCount = GgufLimits::kTensors; });
    row("CVE-2024-21836 tensors 2^60", "number of tensors is 1,152,921,504,606,846,976",
        [](D& d) { d.tensorCount = std::uint64_t{1} << 60; });
    row("CVE-2026-27940 tensors near 2^64 / 368", "number of tensors",
        [](D& d) { d.tensorCount = kMax64 / 368; });
    row("tensors above the limit", "above the limit of 100,000", [](D& d) {
      d.text("padding", std::string(4'000'000, 'x'));
      d.tensorCount = 100'001;
    });

    // Dimensions and sizes
    for (const std::uint32_t count : {0u, 5u, kMax32}) {
      row(qPrintable(QString("CVE-2024-21802 %1 dimensions").arg(count)),
          "number of dimensions of the tensor third",
          [=](D& d) { d.tensors.back().dimensionCount = count; });
    }
    tensorRow("CVE-2026-33298 bytes wrap", "the size of the tensor third is beyond any file",
              [](D::Tensor& t) {
                t.dimensions = {std::uint64_t{1} << 62, 4};
              });
    tensorRow("CVE-2026-33298 exabytes of Q4_0", "the size of the tensor third",
              [](D::Tensor& t) { t.dimensions = {std::uint64_t{1} << 60}; });
    tensorRow("llama.cpp#24759 padding wraps", "the size of the tensor third", [](D::Tensor& t) {
      t.type = 0;
      t.dimensions = {kMax64 / 4};
    });
    tensorRow("four dimensions that wrap", "the size of the tensor third", [](D::Tensor& t) {
      t.dimensions = {1u << 31, 1u << 31, 1u << 31, 1u << 31};
    });
    tensorRow("CVE-2025-53630 last tensor huge", "cut short",
              [](D::Tensor& t) { t.dimensions = {std::uint64_t{1} << 48}; });
    for (std::size_t place = 0; place < 4; ++place) {
      tensorRow(qPrintable(QString("llama.cpp#24263 dimension %1 is 0").arg(place)),
                "a dimension of the tensor third is 0", [=](D::Tensor& t) {
                  t.dimensions = {64, 1, 1, 1};
                  t.dimensions[place] = 0;
                });
    }
    tensorRow("dimension 2^63", "a dimension of the tensor third",
              [](D::Tensor& t) { t.dimensions = {std::uint64_t{1} << 63}; });
    tensorRow("row no multiple of the block", "not a multiple of the block of 32",
              [](D::Tensor& t) { t.dimensions = {63}; });
    tensorRow("tensor type 256", "the type of the tensor third is 256",
              [](D::Tensor& t) { t.type = 256; });
    tensorRow("tensor type 2^32-1", "the type of the tensor third",
              [](D::Tensor& t) { t.type = kMax32; });

    // Places
    tensorRow("offset not aligned", "the offset of the tensor third is 257",
              [](D::Tensor& t) { t.offset = 257; });
    tensorRow("CVE-2026-7482 offset behind the end", "cut short",
              [](D::Tensor& t) { t.offset = 1u << 20; });
    tensorRow("offset near 2^64", "the offset of the tensor third",
              [](D::Tensor& t) { t.offset = kMax64 - 31; });
    tensorRow("offset 2^63", "the offset of the tensor third",
              [](D::Tensor& t) { t.offset = std::uint64_t{1} << 63; });
    row("tensors in one place", "the tensors first and second overlap",
        [](D& d) { d.tensors[1].offset = 0; });
    row("tensors overlap by a part", "the tensors first and second overlap",
        [](D& d) { d.tensors[1].offset = 96; });
    row("tensors overlap by one byte", "the tensors bytes and second overlap", [](D& d) {
      d.tensors[0] = {"bytes", {33}, 24, Bytes(33), {}, {}, {}};
      d.tensors[1].offset = 32;
    });
    row("last inside the first", "overlap", [](D& d) { d.tensors[2].offset = 32; });
    row("type of unknown size on another", "overlap", [](D& d) {
      d.tensors[2].type = 4;
      d.tensors[2].offset = 128;
    });

    // Names
    row("key length 0", "the length of the key of metadata entry 5 is 0",
        [](D& d) { d.uint32("", 1); });
    row("key length 2^64-1", "the length of the key of metadata entry 1",
        [](D& d) { d.entries[0].keyLength = kMax64; });
    row("key of 65,536 bytes", "65,536, not 1 to 65,535",
        [](D& d) { d.uint32(std::string(65'536, 'k'), 1); });
    row("key not UTF-8", "the key of metadata entry 5 is no UTF-8",
        [](D& d) { d.uint32("a\xFF", 1); });
    row("key there twice", "the metadata key llama.block_count is there twice",
        [](D& d) { d.uint32("llama.block_count", 3); });
    row("key there twice with control characters", "key a?b is there twice", [](D& d) {
      d.uint32("a\nb", 3);
      d.uint32("a\nb", 3);
    });
    tensorRow("tensor name empty", "the length of the name of tensor 3 is 0",
              [](D::Tensor& t) { t.name = ""; });
    tensorRow("tensor name 2^63 bytes", "the length of the name of tensor 3",
              [](D::Tensor& t) { t.nameLength = std::uint64_t{1} << 63; });
    tensorRow("tensor name not UTF-8", "the name of tensor 3 is no UTF-8",
              [](D::Tensor& t) { t.name = "\xC0\x80"; });
    tensorRow("tensor name there twice", "the tensor first is there twice",
              [](D::Tensor& t) { t.name = "first"; });

    // Values
    valueRow("CVE-2024-23496 text of 2^64-1 bytes", "the text of the metadata entry hostile.key",
             GgufType::String, bytesOf(kMax64));
    valueRow("CVE-2024-23496 text of 2^63 bytes", "the text of the metadata entry hostile.key",
             GgufType::String, bytesOf(std::uint64_t{1} << 63));
    valueRow("ggml#1516 text of 1 GiB in a small file", "cut short", GgufType::String,
             bytesOf(std::uint64_t{1} << 30));
    row("text above 16 MiB", "above the limit of 16,777,216",
        [](D& d) { d.text("hostile.key", std::string((16u << 20) + 1, 'x')); });
    valueRow("CVE-2024-21825 2^62 elements", "the number of elements of the metadata entry hostile",
             GgufType::Array, arrayOf(6, std::uint64_t{1} << 62));
    valueRow("elements * 8 wraps to 0", "the number of elements", GgufType::Array,
             arrayOf(10, std::uint64_t{1} << 61));
    valueRow("2^64-1 texts", "the number of elements", GgufType::Array, arrayOf(8, kMax64));
    valueRow("texts of which one is 2^64-1 long", "an element of the metadata entry hostile.key",
             GgufType::Array, arrayOf(8, 2, joined(bytesOf(std::uint64_t{0}), bytesOf(kMax64))));
    row("above 4 M elements", "4,194,305, above the limit of 4,194,304", [](D& d) {
      d.raw("hostile.key", GgufType::Array, arrayOf(0, (4u << 20) + 1, Bytes((4u << 20) + 1)));
    });
    valueRow("array of arrays", "hostile.key is ARRAY", GgufType::Array, arrayOf(9, 1, Bytes(64)));
    Bytes nested;
    for (int i = 0; i < 10'000; ++i) {
      nested = joined(arrayOf(9, 1), nested);
    }
    valueRow("10,000 nested arrays", "hostile.key is ARRAY", GgufType::Array, nested);
    valueRow("element type 13", "the element type of the metadata entry hostile.key is 13",
             GgufType::Array, arrayOf(13, 1, Bytes(64)));
    valueRow("element type 2^32-1", "the element type", GgufType::Array,
             arrayOf(kMax32, 1, Bytes(64)));
    valueRow("value type 13", "the type of the metadata entry hostile.key is 13",
             static_cast<GgufType>(13), Bytes(8));
    valueRow("value type 2^32-1", "the type of the metadata entry hostile.key",
             static_cast<GgufType>(kMax32), Bytes(8));
    valueRow("truth value 2", "a truth value of the metadata entry hostile.key", GgufType::Bool,
             {std::byte{2}});
    valueRow("truth value 255 in an array", "a truth value", GgufType::Array,
             arrayOf(7, 2, {std::byte{1}, std::byte{255}}));

    // general.alignment
    row("llama.cpp#26318 alignment of type INT32", "general.alignment has type INT32",
        [](D& d) { d.int32("general.alignment", 32); });
    row("alignment of type STRING", "general.alignment has type STRING",
        [](D& d) { d.text("general.alignment", "32"); });
    for (const std::uint32_t value : {0u, 1u, 4u, 24u, 131'072u, 1u << 31, kMax32}) {
      row(qPrintable(QString("alignment %1").arg(value)), "not a power of two from 8 to 65,536",
          [=](D& d) { d.uint32("general.alignment", value); });
    }

    // Versions
    row("version 0", "the version is 0", [](D& d) { d.version = 0; });
    row(
        "version 1", "has GGUF version 1", [](D& d) { d.version = 1; },
        ErrorCode::UnsupportedModel);
    row(
        "version 4", "has GGUF version 4", [](D& d) { d.version = 4; },
        ErrorCode::UnsupportedModel);
    row("version 70,000", "the version is 70,000", [](D& d) { d.version = 70'000; });
    row(
        "big-endian", "is big-endian", [](D& d) { d.version = 0x03000000; },
        ErrorCode::UnsupportedModel);
  }

  static void addRawRows() {
    using namespace std::string_literals;
    const auto raw = [](const char* name, const char* says, const std::string& content) {
      QTest::newRow(name) << bytesOfText(content) << ErrorCode::BadModelFile << says;
    };
    raw("empty", "is empty (0 bytes)", "");
    raw("one byte", "is not a GGUF model file", "G");
    raw("three bytes", "is not a GGUF model file", "GGU");
    raw("only the magic", "cut short: it has 4 bytes", "GGUF");
    raw("magic and version", "cut short: it has 8 bytes", "GGUF\x03\0\0\0"s);
    raw("PDF", "it looks like a PDF document", "%PDF-1.7\n%\xE2\xE3");
    raw("ZIP", "it looks like a ZIP archive", "PK\x03\x04\x14\0\0\0word/document.xml"s);
    raw("PyTorch", "it looks like a PyTorch", "PK\x03\x04\0\0\0\0archive/data.pkl"s);
    raw("old PyTorch", "it looks like a PyTorch", "\x80\x02\x8A\nl\xFC\x9C"s);
    raw("safetensors", "it looks like a safetensors file", "\x10\0\0\0\0\0\0\0{\"a\":1}         "s);
    raw("GGML", "of before 2023", "lmgg\0\0\0\0"s);
    raw("GGJT", "of before August 2023", "tjgg\x03\0\0\0"s);
    raw("LoRA of old", "it looks like a GGLA adapter", "algg\x01\0\0\0"s);
    raw("Git LFS", "it looks like a Git LFS pointer",
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
    raw("web page", "it looks like a web page", "\n<!DOCTYPE html>\n<html>");
    raw("JSON", "it looks like a JSON file", "{\"error\": \"not found\"}\n");
    raw("text", "it looks like a text file", "# A model card\nwith text\n");
    raw("zeros", "nothing but zero bytes", std::string(4096, '\0'));
    raw("gzip", "it looks like a gzip archive", "\x1F\x8B\x08\0"s);
    raw("program", "it looks like a program",
        "\x7F"
        "ELF\x02\x01\x01\0"s);
    raw("picture", "it looks like a PNG picture", "\x89PNG\r\n\x1A\n"s);
    raw("noise", "is not a GGUF model file; choose", "\x9A\x01\xFE\xDC\x10\x99"s);
  }
};

QTEST_APPLESS_MAIN(GgufTest)
#include "gguf_test.moc"
