// What must be known of a model spec before it is compiled.
#ifndef HYDRA_RUNTIME_TOOLCHAIN_MODEL_FACTS_H_
#define HYDRA_RUNTIME_TOOLCHAIN_MODEL_FACTS_H_

#include <cstdint>
#include <string>

#include "runtime/base/status.h"

namespace hydra::toolchain {

// max_seq_len of the spec's model: hydra-opt reads the spec (--facts), and its messages go to
// standard error as they are. An input error for a spec without a model; a spec that does not
// compile ends with the kind of the compiler's exit status.
absl::StatusOr<int64_t> LongestSequence(const std::string& spec);

}  // namespace hydra::toolchain

#endif  // HYDRA_RUNTIME_TOOLCHAIN_MODEL_FACTS_H_
