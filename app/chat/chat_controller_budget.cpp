// SPDX-License-Identifier: Apache-2.0
// ChatController: the memory budget: what it buys for the open book, and changing it live.
#include "app/chat/chat_controller_private.h"
#include "app/library/computer.h"
#include "engine/cache/low_bit_sizes.h"

#include <algorithm>

namespace bookwheel {
namespace {

/// Fewer steps than these say too little of a speed.
constexpr qint64 kLeastSteps = 16;

}  // namespace

void ChatController::Private::connectBudget() {
  budget.setChosen(static_cast<std::int64_t>(settings.number(Setting::MemoryBudget)));
  connect(&host, &EngineHost::figured, this, &Private::takeFigures);
  connect(&host, &EngineHost::cacheProgressed, &budget, &BudgetModel::takeProgress);
  connect(&host, &EngineHost::cacheChanged, &budget, &BudgetModel::takeChanged);
  connect(&host, &EngineHost::cacheStopped, &budget, &BudgetModel::takeStopped);
  connect(&host, &EngineHost::cacheFailed, this,
          [this](const EngineFailure& failure) { budget.takeFailed(failure.message); });
  connect(&budget, &BudgetModel::cacheWanted, this,
          [this](const CacheOptions& cache) { host.setCache(cache); });
  connect(&budget, &BudgetModel::stopWanted, this, [this] { host.stopCacheChange(); });
  connect(&budget, &BudgetModel::chosen, this, [this](std::int64_t bytes, bool inFile) {
    settings.set(Setting::MemoryBudget, static_cast<double>(bytes));
    settings.set(Setting::StoreInFile, inFile);
  });
  connect(&budget, &BudgetModel::announced, &q, &ChatController::announced);
}

/// Where the 16-bit store of the next session lives: where the budget chosen last wants it.
void ChatController::Private::placeStore(SessionOptions& options) const {
  if (settings.number(Setting::MemoryBudget) > 0 && settings.flag(Setting::StoreInFile)) {
    options.capacity = CapacityPlace::File;
    options.capacityFolder = storeFolder.toStdString();
  }
}

void ChatController::Private::takeFigures(const EngineFigures& figures) {
  const bool otherCache = !(figures.cache == engine.cache) || figures.capacity != engine.capacity;
  engine = figures;
  memory = figures.memory;
  stats.setEngine(figures);
  budget.setEngine(figures);
  if (otherCache) {
    planParts();
  }
}

PlanRequest ChatController::Private::planRequest() const {
  PlanRequest request;
  request.tokens = facts.tokens + facts.answerReserveTokens;
  request.weightsBytes = memory.weightsBytes;
  request.contextTokens = model->contextTokens;
  request.threads = threads;
  request.cache = engine.cache;
  request.capacity = engine.capacity;
  return request;
}

/// What each part is planned to take once the whole book is read.
void ChatController::Private::planParts() {
  if (!model || facts.tokens == 0 || facts.tooLong()) {
    stats.setPlan({});
    return;
  }
  stats.setPlan(planMemory(shape, planRequest()));
}

void ChatController::Private::refreshBudget() {
  planParts();
  if (!model || facts.tokens == 0 || facts.tooLong()) {
    budget.setTable({});
    return;
  }
  BudgetRequest request;
  request.shape = shape;
  request.modelName = model->name;
  request.plan = planRequest();
  request.memoryTotalBytes = stats.memoryTotalBytes();
  request.cost = stepCost;
  if (const auto speed = library.modelSpeed(modelKey)) {
    request.earlierTokensPerSecond = speed->decodeTokensPerSecond;
  }
  request.measured = measuredSpeeds;
  budget.setTable(BudgetTable(request));
}

/// The cache for a book that was just counted: by the budget chosen, else the best that fits in
/// what is free.
void ChatController::Private::takeCacheForBook() {
  measuredSpeeds.clear();
  refreshBudget();
  if (budget.table().isEmpty()) {
    return;
  }
  CacheOptions wanted;
  if (const auto chosen = static_cast<std::int64_t>(settings.number(Setting::MemoryBudget));
      chosen > 0) {
    const BudgetStop& stop = budget.table().stops().at(budget.table().stopFor(chosen));
    wanted = stop.choice.cache;
    settings.set(Setting::StoreInFile, stop.choice.capacity == CapacityPlace::File);
  } else {
    PlanRequest request = planRequest();
    request.availableBytes = facts.availableBytes - memory.kvBytes + memory.totalBytes();
    const PlanChoice choice = choosePlan(shape, request);
    wanted = choice.plan.fits && choice.capacity == engine.capacity ? choice.cache
                                                                    : defaultCacheOptions(shape);
  }
  if (!(wanted == engine.cache)) {
    host.setCache(wanted);
  }
}

/// What its steps took says what other budgets will take.
void ChatController::Private::measureSpeed() {
  const StepMeans means = stats.means();
  if (stats.measuredSteps() < kLeastSteps || means.stepUs <= 0) {
    return;
  }
  stepCost = {means.weightsUs, means.cacheUs + means.exposedUs, std::max(means.otherUs(), 0.0),
              stepReadBytes(shape, engine.cache, engine.fast.tokens)};
  measuredSpeeds.removeIf([this](const MeasuredSpeed& speed) {
    return speed.cache == engine.cache && speed.capacity == engine.capacity;
  });
  measuredSpeeds.append({engine.cache, engine.capacity, 1e6 / means.stepUs});
  refreshBudget();
}

bool ChatController::Private::isMeasured() const {
  return std::ranges::any_of(measuredSpeeds, [this](const MeasuredSpeed& speed) {
    return speed.cache == engine.cache && speed.capacity == engine.capacity;
  });
}

/// While an answer streams over a cache for the first time: its speed need not wait for the end.
void ChatController::Private::measureNewSpeed() {
  if (stats.measuredSteps() == CacheStatsModel::kNow && !isMeasured()) {
    measureSpeed();
  }
}

}  // namespace bookwheel
