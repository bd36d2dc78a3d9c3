// Settings of the choice of tokens; the choice itself is tested where it is made, with the op
// `sample`.
#include "runtime/generate/sampling.h"

#include "gtest/gtest.h"
#include "runtime/base/status.h"

namespace hydra::generate {
namespace {

TEST(Sampling, RefusesOptionsOutOfTheirRange) {
  EXPECT_TRUE(CheckSamplingOptions({}).ok());
  EXPECT_TRUE(CheckSamplingOptions({.temperature = 0, .top_k = 1, .top_p = 0.5}).ok());
  for (const SamplingOptions& bad :
       {SamplingOptions{.temperature = -1}, SamplingOptions{.top_k = -1},
        SamplingOptions{.top_p = 0}, SamplingOptions{.top_p = 1.5},
        SamplingOptions{.repeat_penalty = 0}}) {
    EXPECT_EQ(KindOf(CheckSamplingOptions(bad)), ErrorKind::kUsage);
  }
}

}  // namespace
}  // namespace hydra::generate
