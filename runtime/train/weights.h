// Weights by name: between safetensors files and whatever holds parameters.
#ifndef HYDRA_RUNTIME_TRAIN_WEIGHTS_H_
#define HYDRA_RUNTIME_TRAIN_WEIGHTS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/safetensors.h"
#include "runtime/train/engine.h"
#include "runtime/train/weights_source.h"

namespace hydra::train {

// Reads tensor `index`; called once per tensor, in order.
using ReadTensor = std::function<absl::Status(size_t index, absl::Span<uint8_t> bytes)>;
using WriteTensor = std::function<absl::Status(size_t index, absl::Span<const uint8_t> bytes)>;
// Other names of tensor `index`.
using TensorAliases = std::function<std::vector<std::string>(size_t index)>;

// Fills `file` with these tensors under their names and commits it. One tensor at a time is in
// memory; the digest is taken on the way.
absl::StatusOr<FileDigest> SaveTensors(AtomicFile file, absl::string_view format,
                                       absl::Span<const StateTensor> tensors,
                                       const ReadTensor& read);

// Element types a file may have where F32 is wanted.
enum class ElementTypes {
  kExact,        // that one alone: states of a run
  kConvertible,  // F16, BF16 and F64 too, rounded to nearest even: weights of other programs
};

// Hands every tensor of the list to `write`. A tensor is found by its name or one of its aliases;
// under several of them, it must have the same values under each. kInput names all
// tensors that are missing and all that are in the file but not in the list, the first that has
// another type or shape or differs from its alias, and F64 values that F32 cannot hold; then
// nothing, or (for such values) only part, was written.
absl::Status LoadTensors(const WeightsSource& source, absl::Span<const StateTensor> tensors,
                         const TensorAliases& aliases, ElementTypes types,
                         const WriteTensor& write);

// The parameters of `engine` from tensors of any float type; how many were converted.
absl::StatusOr<int64_t> LoadWeights(const WeightsSource& source, TrainEngine& engine);

// The name of a parameter that holds an infinity or NaN, "" if all are finite.
absl::StatusOr<std::string> FindNonFiniteParameter(TrainEngine& engine);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_WEIGHTS_H_
