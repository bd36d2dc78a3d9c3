// Initial values of parameters and of the state that training keeps (model.md 12).
#ifndef HYDRA_RUNTIME_TRAIN_INITIALIZE_H_
#define HYDRA_RUNTIME_TRAIN_INITIALIZE_H_

#include <cstdint>

#include "runtime/base/status.h"
#include "runtime/train/engine.h"

namespace hydra::train {

// Writes every parameter. The values of a parameter depend on the seed and its name alone.
absl::Status InitializeParameters(TrainEngine& engine, uint64_t seed);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_INITIALIZE_H_
