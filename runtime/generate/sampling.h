// Choosing the next token from logits.
#ifndef HYDRA_RUNTIME_GENERATE_SAMPLING_H_
#define HYDRA_RUNTIME_GENERATE_SAMPLING_H_

#include <cstdint>

#include "absl/types/span.h"
#include "runtime/base/status.h"

namespace hydra::generate {

struct SamplingOptions {
  double temperature = 1.0;  // 0: the most likely token
  int64_t top_k = 0;         // keep the k most likely; 0: all
  double top_p = 1.0;        // keep the smallest set of most likely tokens with this probability
  uint64_t seed = 0;
};

// kInvalidArgument names the option that is out of its range.
absl::Status CheckSamplingOptions(const SamplingOptions& options);

// The token after position `position` of row `row`, from its logits [V]. A pure function: the
// random number is keyed by seed, row and position. Ties go to the lower id. kOutOfRange if a logit
// is NaN or none is finite.
absl::StatusOr<int32_t> SampleToken(absl::Span<const float> logits, const SamplingOptions& options,
                                    uint64_t row, uint64_t position);

}  // namespace hydra::generate

#endif  // HYDRA_RUNTIME_GENERATE_SAMPLING_H_
