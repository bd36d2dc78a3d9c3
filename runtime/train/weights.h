// Weights by name: between safetensors files and whatever holds parameters.
#ifndef HYDRA_RUNTIME_TRAIN_WEIGHTS_H_
#define HYDRA_RUNTIME_TRAIN_WEIGHTS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/io/safetensors.h"
#include "runtime/train/engine.h"

namespace hydra::train {

// Reads tensor `index`; called once per tensor, in order.
using ReadTensor = std::function<absl::Status(size_t index, absl::Span<uint8_t> bytes)>;
using WriteTensor = std::function<absl::Status(size_t index, absl::Span<const uint8_t> bytes)>;
// Other names of tensor `index`.
using TensorAliases = std::function<std::vector<std::string>(size_t index)>;

// Writes one safetensors file with these tensors under their names. One tensor at a time is in
// memory.
absl::Status SaveTensors(const std::string& path, absl::string_view format,
                         absl::Span<const StateTensor> tensors, const ReadTensor& read);

// Hands every tensor of the list to `write`. A tensor is found by its name or one of its aliases.
// kDataLoss (kFailedPrecondition for a file of another model) names the first tensor that is
// missing, has another type or shape, or is in the file but not in the list.
absl::Status LoadTensors(const SafetensorsFile& file, absl::Span<const StateTensor> tensors,
                         const TensorAliases& aliases, const WriteTensor& write);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_WEIGHTS_H_
