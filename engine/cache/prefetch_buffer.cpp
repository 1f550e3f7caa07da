// SPDX-License-Identifier: Apache-2.0
#include "engine/cache/prefetch_buffer.h"

#include "engine/error.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

namespace bookwheel {
namespace {

constexpr double kNsPerUs = 1000;
constexpr auto kRowAlignment = std::align_val_t{CapacityFileLayout::kRowAlignment};

std::int64_t rowElements(const CapacityFileLayout& layout) {
  return layout.rowBytes() / static_cast<std::int64_t>(sizeof(std::uint16_t));
}

std::int64_t heads(const KvShape& shape) { return std::int64_t{shape.layers} * shape.kvHeads; }

class Stopwatch {
 public:
  std::int64_t ns() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() -
                                                                m_begin)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point m_begin = std::chrono::steady_clock::now();
};

}  // namespace

FetchStats& FetchStats::operator+=(const FetchStats& other) {
  wantedPairs += other.wantedPairs;
  hits += other.hits;
  fetchedPairs += other.fetchedPairs;
  aheadPairs += other.aheadPairs;
  fetchedBytes += other.fetchedBytes;
  hiddenUs += other.hiddenUs;
  exposedUs += other.exposedUs;
  return *this;
}

void PrefetchBuffer::Free::operator()(std::uint16_t* memory) const {
  ::operator delete(memory, kRowAlignment);
}

PrefetchBuffer::PrefetchBuffer(CapacityFile& file, int slotCount)
    : m_file(file), m_slots(slotCount) {
  BOOKWHEEL_ASSERT(slotCount >= 1 && slotCount <= SlotTable::kMostSlots);
  const auto count = static_cast<std::size_t>(heads(file.shape()) * slotCount);
  const std::size_t elements = count * static_cast<std::size_t>(rowElements(file.layout()));
  m_rows.reset(
      static_cast<std::uint16_t*>(::operator new(elements * sizeof(std::uint16_t), kRowAlignment)));
  // Resident from now on, and padding is never read uninitialized.
  std::fill_n(m_rows.get(), elements, std::uint16_t{0});
  m_requests.resize(count);
  m_tables.reserve(static_cast<std::size_t>(heads(file.shape())));
  for (std::int64_t head = 0; head < heads(file.shape()); ++head) {
    m_tables.emplace_back(slotCount);
  }
  m_victims.resize(static_cast<std::size_t>(slotCount));
  m_layers.reserve(static_cast<std::size_t>(file.shape().layers));
  for (int layer = 0; layer < file.shape().layers; ++layer) {
    m_layers.push_back(std::make_unique<Layer>(file.reader()));
  }
}

PrefetchBuffer::~PrefetchBuffer() = default;

std::int64_t PrefetchBuffer::bytesFor(const KvShape& shape, int slotCount) {
  const std::int64_t rowAndRequest =
      CapacityFileLayout{shape}.rowBytes() + static_cast<std::int64_t>(sizeof(RowRead));
  const std::int64_t head = slotCount * rowAndRequest + SlotTable::bytesFor(slotCount) +
                            static_cast<std::int64_t>(sizeof(SlotTable));
  return heads(shape) * head +
         shape.layers * static_cast<std::int64_t>(sizeof(Layer) + sizeof(std::unique_ptr<Layer>)) +
         slotCount * static_cast<std::int64_t>(sizeof(std::uint16_t));
}

PrefetchBuffer::Layer& PrefetchBuffer::layerAt(int layer) {
  BOOKWHEEL_ASSERT(layer >= 0 && layer < m_file.shape().layers);
  return *m_layers[static_cast<std::size_t>(layer)];
}

SlotTable& PrefetchBuffer::tableAt(int layer, int kvHead) {
  BOOKWHEEL_ASSERT(kvHead >= 0 && kvHead < m_file.shape().kvHeads);
  return m_tables[static_cast<std::size_t>(layer * m_file.shape().kvHeads + kvHead)];
}

RowRead& PrefetchBuffer::requestAt(int layer, int kvHead, int slot) {
  const std::int64_t head = std::int64_t{layer} * m_file.shape().kvHeads + kvHead;
  return m_requests[static_cast<std::size_t>(head * m_slots + slot)];
}

std::uint16_t* PrefetchBuffer::slotRow(int layer, int kvHead, int slot) const {
  const std::int64_t head = std::int64_t{layer} * m_file.shape().kvHeads + kvHead;
  return m_rows.get() + (head * m_slots + slot) * rowElements(m_file.layout());
}

kernels::KvRows PrefetchBuffer::rows(int layer) const {
  const std::int64_t row = rowElements(m_file.layout());
  return {slotRow(layer, 0, 0), m_slots * row, row, m_file.shape().kvHeads, m_file.shape().headDim};
}

FetchStats PrefetchBuffer::stats() const {
  FetchStats sum;
  for (const std::unique_ptr<Layer>& layer : m_layers) {
    sum += layer->stats;
  }
  return sum;
}

void PrefetchBuffer::beginStep() {
  ++m_step;
  for (int layer = 0; layer < m_file.shape().layers; ++layer) {
    Layer& state = layerAt(layer);
    state.stats = {};
    if (state.problem) {  // a step that was given up before wait()
      dropFailed(layer, Failed::All);
      state.problem.reset();
    }
  }
}

void PrefetchBuffer::want(int layer, int kvHead, std::span<const std::uint32_t> tokens,
                          std::uint32_t* slotsOut) {
  BOOKWHEEL_ASSERT(tokens.empty() || tokens.back() < m_file.tokens());
  Layer& state = layerAt(layer);
  SlotTable& table = tableAt(layer, kvHead);
  settleIfIdle(layer);

  std::size_t missing = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    BOOKWHEEL_ASSERT(i == 0 || tokens[i - 1] < tokens[i]);
    const int slot = table.find(tokens[i]);
    if (slot == SlotTable::kNoSlot) {
      ++missing;
    } else {
      table.markWanted(slot, m_step);
    }
    slotsOut[i] = static_cast<std::uint32_t>(slot);
  }
  state.stats.wantedPairs += static_cast<std::int64_t>(tokens.size());
  state.stats.hits += static_cast<std::int64_t>(tokens.size() - missing);
  if (missing == 0) {
    return;
  }

  std::span<std::uint16_t> victims = takeVictims(layer, table, missing, SlotTable::Reach::Unwanted);
  if (victims.size() < missing) {
    // The rest are being filled with guesses.
    const Stopwatch watch;
    drain(layer);
    state.exposedNs += watch.ns();
    victims = takeVictims(layer, table, missing, SlotTable::Reach::Unwanted);
  }
  BOOKWHEEL_ASSERT(victims.size() == missing);  // a step wants no more pairs than there are slots
  std::size_t used = 0;
  Requests requests;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (slotsOut[i] == static_cast<std::uint32_t>(SlotTable::kNoSlot)) {
      const int slot = victims[used++];
      slotsOut[i] = static_cast<std::uint32_t>(slot);
      table.assign(slot, tokens[i], state.epoch);
      table.markWanted(slot, m_step);
      append(requests, layer, kvHead, slot, tokens[i]);
    }
  }
  hand(layer, requests, ReadUrgency::Now);
}

void PrefetchBuffer::prefetch(int layer, int kvHead, std::span<const std::uint32_t> tokens) {
  Layer& state = layerAt(layer);
  SlotTable& table = tableAt(layer, kvHead);
  settleIfIdle(layer);

  std::size_t missing = 0;
  for (const std::uint32_t token : tokens) {
    BOOKWHEEL_ASSERT(token < m_file.tokens());
    const int slot = table.find(token);
    if (slot == SlotTable::kNoSlot) {
      ++missing;
    } else {
      table.markExpected(slot, m_step);
    }
  }
  if (missing == 0) {
    return;
  }
  missing = std::min(missing, m_victims.size());
  const std::span victims = takeVictims(layer, table, missing, SlotTable::Reach::Stale);
  std::size_t used = 0;
  Requests requests;
  for (std::size_t i = 0; i < tokens.size() && used < victims.size(); ++i) {
    if (table.find(tokens[i]) == SlotTable::kNoSlot) {
      const int slot = victims[used++];
      table.assign(slot, tokens[i], state.epoch);
      table.markExpected(slot, m_step);
      append(requests, layer, kvHead, slot, tokens[i]);
    }
  }
  state.stats.aheadPairs += requests.count;
  hand(layer, requests, ReadUrgency::Ahead);
}

void PrefetchBuffer::wait(int layer) {
  Layer& state = layerAt(layer);
  if (!state.isPending && !state.problem) {
    return;
  }
  const Stopwatch watch;
  drain(layer);
  if (state.problem) {
    // Wanted rows that failed are tried once more: a guess that failed must not fail the step.
    Requests requests;
    forEachFailed(layer, [&](int kvHead, int slot) {
      append(requests, layer, kvHead, slot, tableAt(layer, kvHead).token(slot));
    });
    state.problem.reset();
    hand(layer, requests, ReadUrgency::Now);
    drain(layer);
  }
  const std::int64_t exposedNs = std::exchange(state.exposedNs, 0) + watch.ns();
  const std::int64_t hiddenNs = std::max<std::int64_t>(state.reads.takeBusyNs() - exposedNs, 0);
  state.stats.exposedUs += static_cast<double>(exposedNs) / kNsPerUs;
  state.stats.hiddenUs += static_cast<double>(hiddenNs) / kNsPerUs;
  if (state.problem) {
    dropFailed(layer, Failed::All);
    throw *std::exchange(state.problem, std::nullopt);
  }
}

void PrefetchBuffer::forget(std::int64_t fromToken) {
  for (int layer = 0; layer < m_file.shape().layers; ++layer) {
    Layer& state = layerAt(layer);
    state.reads.cancel();
    state.reads.takeBusyNs();
    state.exposedNs = 0;
    state.isPending = false;
    ++state.epoch;
    dropFailed(layer, Failed::All);
    state.problem.reset();
    for (int head = 0; head < m_file.shape().kvHeads; ++head) {
      tableAt(layer, head).dropFrom(fromToken);
    }
  }
}

std::span<std::uint16_t> PrefetchBuffer::takeVictims(int layer, const SlotTable& table,
                                                     std::size_t most, SlotTable::Reach reach) {
  const Layer& state = layerAt(layer);
  const std::span victims = std::span(m_victims).first(std::min(most, m_victims.size()));
  const int count = table.takeVictims(victims, m_step, reach, state.isPending ? state.epoch : 0);
  return victims.first(static_cast<std::size_t>(count));
}

void PrefetchBuffer::append(Requests& requests, int layer, int kvHead, int slot,
                            std::uint32_t token) {
  RowRead& request = requestAt(layer, kvHead, slot);
  request = {layer, kvHead, token, slotRow(layer, kvHead, slot), false, nullptr};
  (requests.first == nullptr ? requests.first : requests.last->next) = &request;
  requests.last = &request;
  ++requests.count;
}

void PrefetchBuffer::hand(int layer, const Requests& requests, ReadUrgency urgency) {
  if (requests.count == 0) {
    return;
  }
  Layer& state = layerAt(layer);
  state.stats.fetchedPairs += requests.count;
  state.stats.fetchedBytes += requests.count * m_file.layout().pairBytes();
  state.isPending = true;
  state.reads.add(requests.first, requests.last, requests.count, urgency);
}

void PrefetchBuffer::settleIfIdle(int layer) {
  Layer& state = layerAt(layer);
  if (state.isPending && state.reads.isIdle()) {
    drain(layer);
  }
}

void PrefetchBuffer::drain(int layer) {
  Layer& state = layerAt(layer);
  if (!state.isPending) {
    return;
  }
  std::optional<Error> error = state.reads.waitForError();
  state.isPending = false;
  ++state.epoch;
  if (error) {
    dropFailed(layer, Failed::Unwanted);
    bool isWanted = false;
    forEachFailed(layer, [&](int, int) { isWanted = true; });
    if (isWanted && !state.problem) {
      state.problem.emplace(*error);
    }
  }
}

template <typename Visit>
void PrefetchBuffer::forEachFailed(int layer, Visit visit) {
  for (int head = 0; head < m_file.shape().kvHeads; ++head) {
    for (int slot = 0; slot < m_slots; ++slot) {
      if (requestAt(layer, head, slot).failed) {
        visit(head, slot);
      }
    }
  }
}

void PrefetchBuffer::dropFailed(int layer, Failed which) {
  forEachFailed(layer, [&](int kvHead, int slot) {
    SlotTable& table = tableAt(layer, kvHead);
    if (which == Failed::All || !table.isWanted(slot, m_step)) {
      table.drop(slot);
      requestAt(layer, kvHead, slot).failed = false;
    }
  });
}

}  // namespace bookwheel
