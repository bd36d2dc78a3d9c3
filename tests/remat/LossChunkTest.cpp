// How many rows of logits exist at once.
#include <gtest/gtest.h>

#include <algorithm>

#include "passes/remat/LossChunk.h"

namespace mlir::hydra {
namespace {

TEST(LossChunk, ChunksAreEvenAndNoLargerThanWanted) {
  for (int64_t wanted : {16, 48, 256})
    for (int64_t rows = 1; rows < 1500; ++rows) {
      int64_t chunk = evenLossChunk(rows, wanted);
      ASSERT_GE(chunk, 1) << rows;
      ASSERT_LE(chunk, std::min(rows, wanted)) << rows;
      if (chunk == rows) continue;
      EXPECT_EQ(chunk % 16, 0) << rows;
      // As few as there can be, and none that a smaller size would have evened out.
      int64_t chunks = (rows + chunk - 1) / chunk, fewest = (rows + wanted - 1) / wanted;
      EXPECT_LE(chunks, fewest) << rows;
      EXPECT_GT(rows, (chunks - 1) * chunk) << rows;
      EXPECT_LT(chunk - (rows + chunks - 1) / chunks, 16) << rows;
    }
  EXPECT_EQ(evenLossChunk(515, 256), 176);
  EXPECT_EQ(evenLossChunk(1, 256), 1);
}

TEST(LossChunk, SmallLogitsStayWhole) {
  EXPECT_EQ(chooseLossChunk(2048, 260), 2048);
  EXPECT_EQ(chooseLossChunk(1, 50257), 1);
}

TEST(LossChunk, AFewChunksOfManyRows) {
  EXPECT_EQ(chooseLossChunk(512, 50257), 128);
  EXPECT_EQ(chooseLossChunk(4096, 50257), 512);
  EXPECT_EQ(chooseLossChunk(1032, 50257), 144);
}

}  // namespace
}  // namespace mlir::hydra
