// Hints for misspelt names.
#include "runtime/base/did_you_mean.h"

#include <vector>

#include "gtest/gtest.h"

namespace hydra {
namespace {

TEST(DidYouMeanTest, EditDistance) {
  EXPECT_EQ(EditDistance("", ""), 0u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("abc", ""), 3u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(EditDistance("flaw", "lawn"), 2u);
  EXPECT_EQ(EditDistance("same", "same"), 0u);
  EXPECT_EQ(EditDistance("trian", "train"), 1u);
  EXPECT_EQ(EditDistance("ab", "ba"), 1u);
  EXPECT_EQ(EditDistance("ca", "abc"), 3u);
}

TEST(DidYouMeanTest, SuggestsTheNearest) {
  EXPECT_EQ(DidYouMean("learning_rat", {"batch", "learning_rate", "learning_rates"}),
            "; did you mean 'learning_rate'?");
  EXPECT_EQ(DidYouMean("sed", {"seq", "seed"}), "; did you mean 'seq'?");
  EXPECT_EQ(DidYouMean("sede", {"set", "seed"}), "; did you mean 'seed'?");
}

TEST(DidYouMeanTest, StaysSilentWhenNothingIsNear) {
  EXPECT_EQ(DidYouMean("banana", {"seq", "batch"}), "");
  EXPECT_EQ(DidYouMean("x", {"y"}), "");
  EXPECT_EQ(DidYouMean("anything", {}), "");
  EXPECT_EQ(DidYouMean(std::string(100000, 'a'), {"a"}), "");
}

TEST(DidYouMeanTest, AcceptsAnyRangeOfStrings) {
  const std::vector<std::string> names = {"vocab_size", "dim"};
  EXPECT_EQ(DidYouMeanAmong("vocab_sise", names), "; did you mean 'vocab_size'?");
}

}  // namespace
}  // namespace hydra
