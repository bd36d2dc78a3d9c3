// References to memory: ranges, views, and both while they move.
#include "runtime/base/buffer_ref.h"

#include <gtest/gtest.h>

#include <vector>

#include "runtime/base/command_walk.h"

namespace hydra::hal {
namespace {

BufferRef Range(uint64_t offset, uint64_t bytes, int64_t step = 0) {
  return {Region::kArena, offset, bytes, 0, 0, step};
}
// `rows` rows of `row` bytes at multiples of `pitch`.
BufferRef Rows(uint64_t offset, uint64_t rows, uint64_t row, uint64_t pitch, int64_t step = 0) {
  return {Region::kArena, offset, (rows - 1) * pitch + row, row, pitch, step};
}

std::vector<bool> Bytes(const BufferRef& ref, uint64_t iteration) {
  std::vector<bool> bytes(4096);
  const uint64_t pitch = ref.pitch == 0 ? ref.bytes : ref.pitch;
  const uint64_t row = ref.pitch == 0 ? ref.bytes : ref.row_bytes;
  const uint64_t first = ref.offset + iteration * static_cast<uint64_t>(ref.repeat_step);
  for (uint64_t r = 0; r < RowCount(ref); ++r) {
    for (uint64_t i = 0; i < row; ++i) bytes.at(first + r * pitch + i) = true;
  }
  return bytes;
}

bool Share(const BufferRef& a, const BufferRef& b, uint64_t iterations) {
  for (uint64_t i = 0; i < iterations; ++i) {
    const std::vector<bool> first = Bytes(a, i), second = Bytes(b, i);
    for (size_t at = 0; at < first.size(); ++at) {
      if (first[at] && second[at]) return true;
    }
  }
  return false;
}

TEST(BufferRefTest, PayloadLeavesGapsOut) {
  EXPECT_EQ(PayloadBytes(Range(8, 40)), 40u);
  EXPECT_EQ(RowCount(Rows(8, 5, 4, 16)), 5u);
  EXPECT_EQ(PayloadBytes(Rows(8, 5, 4, 16)), 20u);
  EXPECT_EQ(Describe(Rows(8, 5, 4, 16)), "arena[8, 76) in rows of 4 every 16");
}

TEST(BufferRefTest, OverlapOfViewsOfOnePitchIsExact) {
  for (uint64_t first = 0; first < 24; first += 2) {
    for (uint64_t second = 0; second < 48; second += 2) {
      const BufferRef a = Rows(first, 6, 4, 24), b = Rows(second, 5, 10, 24);
      EXPECT_EQ(Overlap(a, b), Share(a, b, 1)) << first << " " << second;
      EXPECT_EQ(Overlap(b, a), Overlap(a, b));
    }
  }
  // A row that wraps around the pitch of another matrix.
  EXPECT_TRUE(Overlap(Rows(20, 6, 8, 24), Rows(0, 6, 6, 24)));
  EXPECT_FALSE(Overlap(Rows(20, 6, 8, 24), Rows(4, 6, 6, 24)));
  BufferRef elsewhere = Range(0, 64);
  elsewhere.region = Region::kCache;
  EXPECT_FALSE(Overlap(Range(0, 64), elsewhere));
}

TEST(BufferRefTest, MovingRangesAreFollowedThroughEveryIteration) {
  for (int64_t speed : {-16, -8, -3, 3, 8, 40}) {
    for (uint64_t start = 0; start < 300; start += 5) {
      for (uint64_t iterations : {1, 2, 5, 9}) {
        const BufferRef a = Range(600, 12, 8), b = Range(450 + start, 20, speed + 8);
        EXPECT_EQ(OverlapInRepeat(a, b, iterations), Share(a, b, iterations))
            << speed << " " << start << " " << iterations;
      }
    }
  }
  EXPECT_FALSE(OverlapInRepeat(Rows(0, 4, 4, 16, 16), Rows(4, 4, 4, 16, 32), 5));
}

TEST(BufferRefTest, ChecksRowsRangeAndSteps) {
  RegionSizes sizes{};
  sizes[0] = 100;
  EXPECT_TRUE(CheckRef(Rows(0, 6, 4, 16), sizes).ok());
  EXPECT_FALSE(CheckRef(Rows(20, 6, 4, 16), sizes).ok());
  EXPECT_FALSE(CheckRef({Region::kArena, 0, 30, 4, 16, 0}, sizes).ok());
  EXPECT_FALSE(CheckRef({Region::kArena, 0, 20, 20, 16, 0}, sizes).ok());
  EXPECT_FALSE(CheckRef({Region::kArena, 0, 20, 4, 0, 0}, sizes).ok());
  EXPECT_TRUE(CheckRefInRepeat(Range(0, 20, 20), sizes, 5).ok());
  EXPECT_FALSE(CheckRefInRepeat(Range(0, 20, 20), sizes, 6).ok());
  EXPECT_TRUE(CheckRefInRepeat(Range(80, 20, -20), sizes, 5).ok());
  EXPECT_FALSE(CheckRefInRepeat(Range(80, 20, -20), sizes, 6).ok());
  EXPECT_FALSE(CheckRefInRepeat(Range(0, 20, 20), sizes, 0).ok());
}

TEST(CommandWalkTest, AnIterationMovesItsOwnReferencesOnly) {
  const CommandSequence body = {{FillCommand{Range(0, 4, 8), 1}, 0},
                                {CaptureCommand{{{FillCommand{Range(64, 4, -4), 2}, 0}}}, 0},
                                {RepeatCommand{3, {{FillCommand{Range(128, 4, 16), 3}, 0}}}, 0}};
  const CommandSequence third = AtIteration(body, 2);
  EXPECT_EQ(std::get<FillCommand>(third[0].body).target, Range(16, 4));
  EXPECT_EQ(std::get<FillCommand>(std::get<CaptureCommand>(third[1].body).body[0].body).target,
            Range(56, 4));
  EXPECT_EQ(third[2], body[2]);
  int commands = 0;
  ForEachCommand(body, [&](const Command&) { ++commands; });
  EXPECT_EQ(commands, 5);
}

}  // namespace
}  // namespace hydra::hal
