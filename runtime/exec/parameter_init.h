// Initial values of parameters (model.md 12).
#ifndef HYDRA_RUNTIME_EXEC_PARAMETER_INIT_H_
#define HYDRA_RUNTIME_EXEC_PARAMETER_INIT_H_

#include <cstdint>

#include "absl/types/span.h"
#include "runtime/artifact/artifact.h"

namespace hydra {

// Values of `parameter` from element `first` on:
//   constant   init_value * residual_scale
//   normal     init_value * residual_scale * n,  n standard normal
// n is counter-based (runtime/base/philox.h), keyed by the seed, stream "init:NAME" and the element, so it
// depends neither on threads nor on the order or number of other parameters.
void InitialValues(const artifact::ParameterInfo& parameter, uint64_t seed, uint64_t first,
                   absl::Span<float> values);

// One parameter and where its values go.
struct ParameterTarget {
  const artifact::ParameterInfo* parameter = nullptr;
  absl::Span<float> values;
};

// Fills all targets with up to `threads` threads.
void InitializeAll(absl::Span<const ParameterTarget> targets, uint64_t seed, int threads);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_EXEC_PARAMETER_INIT_H_
