// How the next token is chosen. The choice itself is made on the device, by the op `sample` at the
// end of every extend entry; its definition is in the op reference.
#ifndef HYDRA_RUNTIME_GENERATE_SAMPLING_H_
#define HYDRA_RUNTIME_GENERATE_SAMPLING_H_

#include <cstdint>

#include "runtime/base/status.h"

namespace hydra::generate {

struct SamplingOptions {
  double temperature = 1.0;     // 0: the most likely token
  int64_t top_k = 0;            // keep the k most likely; 0: all
  double top_p = 1.0;           // keep the smallest set of most likely tokens with this probability
  double repeat_penalty = 1.0;  // above 1: tokens that the sequence has already are less likely
  uint64_t seed = 0;
};

// kInvalidArgument names the option that is out of its range.
absl::Status CheckSamplingOptions(const SamplingOptions& options);

}  // namespace hydra::generate

#endif  // HYDRA_RUNTIME_GENERATE_SAMPLING_H_
