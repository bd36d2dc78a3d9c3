// The arena planner on random lifetimes: no overlap, aligned, deterministic, not far from the lower
// bound.
#include <gtest/gtest.h>

#include <random>

#include "passes/plan/ArenaAllocator.h"

namespace mlir::plan {
namespace {

SmallVector<LiveBlock> randomBlocks(std::mt19937& random, size_t count, int64_t steps) {
  SmallVector<LiveBlock> blocks;
  for (size_t i = 0; i < count; ++i) {
    int64_t first = static_cast<int64_t>(random() % steps);
    int64_t length = static_cast<int64_t>(random() % 3 == 0 ? random() % steps : random() % 4);
    int64_t bytes = 4 * (1 + static_cast<int64_t>(random() % (random() % 2 ? 16 : 4096)));
    blocks.push_back({bytes, first, std::min(first + length, steps)});
  }
  return blocks;
}

bool aliveTogether(const LiveBlock& a, const LiveBlock& b) {
  return a.first <= b.last && b.first <= a.last;
}

TEST(ArenaAllocator, RandomLifetimesNeverOverlap) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 200; ++trial) {
    SmallVector<LiveBlock> blocks = randomBlocks(random, 1 + random() % 120, 1 + random() % 60);
    ArenaPlan plan = planArena(blocks);
    ASSERT_EQ(plan.offsets.size(), blocks.size());
    for (size_t i = 0; i < blocks.size(); ++i) {
      EXPECT_EQ(plan.offsets[i] % kAlignment, 0);
      EXPECT_GE(plan.offsets[i], 0);
      EXPECT_LE(plan.offsets[i] + blocks[i].bytes, plan.bytes);
      for (size_t j = 0; j < i; ++j) {
        if (!aliveTogether(blocks[i], blocks[j])) continue;
        bool apart = plan.offsets[i] + blocks[i].bytes <= plan.offsets[j] ||
                     plan.offsets[j] + blocks[j].bytes <= plan.offsets[i];
        ASSERT_TRUE(apart) << "trial " << trial << ": blocks " << i << " and " << j;
      }
    }
  }
}

TEST(ArenaAllocator, StaysNearTheLowerBound) {
  std::mt19937 random(11);
  double worst = 1, sum = 0;
  constexpr int kTrials = 100;
  for (int trial = 0; trial < kTrials; ++trial) {
    SmallVector<LiveBlock> blocks = randomBlocks(random, 80, 40);
    int64_t total = 0;
    for (const LiveBlock& block : blocks) total += alignUp(block.bytes);
    ArenaPlan plan = planArena(blocks);
    EXPECT_GE(plan.bytes, peakLiveBytes(blocks));
    EXPECT_LE(plan.bytes, total);
    double ratio = static_cast<double>(plan.bytes) / static_cast<double>(peakLiveBytes(blocks));
    worst = std::max(worst, ratio);
    sum += ratio;
  }
  RecordProperty("worst_ratio", std::to_string(worst));
  EXPECT_LE(worst, 1.25);
  EXPECT_LE(sum / kTrials, 1.08);
}

TEST(ArenaAllocator, DependsOnTheBlocksOnly) {
  std::mt19937 random(3);
  SmallVector<LiveBlock> blocks = randomBlocks(random, 200, 50);
  ArenaPlan first = planArena(blocks), second = planArena(blocks);
  EXPECT_EQ(first.offsets, second.offsets);
  EXPECT_EQ(first.bytes, second.bytes);
}

TEST(ArenaAllocator, KnownCases) {
  EXPECT_EQ(planArena({}).bytes, 0);
  EXPECT_EQ(peakLiveBytes({}), 0);
  // A chain: two values alive at a time.
  SmallVector<LiveBlock> chain;
  for (int64_t step = 0; step < 10; ++step) chain.push_back({100, step, step + 1});
  EXPECT_EQ(planArena(chain).bytes, 2 * alignUp(100));
  // Lifetimes that meet in one step conflict there.
  LiveBlock meeting[] = {{64, 0, 3}, {64, 3, 5}};
  EXPECT_EQ(planArena(meeting).bytes, 128);
  LiveBlock apart[] = {{64, 0, 2}, {64, 3, 5}};
  EXPECT_EQ(planArena(apart).bytes, 64);
}

}  // namespace
}  // namespace mlir::plan
