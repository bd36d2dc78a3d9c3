#include "runtime/train/engine.h"

namespace hydra::train {

absl::Status InvalidScores(absl::string_view router, int64_t count) {
  return NumericalError(absl::StrCat(router, ": ", count,
                                     " scores of this router are not numbers; the weights are "
                                     "damaged or training diverged"));
}

const StepField* FindField(absl::Span<const StepField> fields, absl::string_view name) {
  for (const StepField& field : fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

uint64_t StateBytes(const StateTensor& tensor) {
  uint64_t elements = 1;
  for (const int64_t dimension : tensor.shape) elements *= static_cast<uint64_t>(dimension);
  return elements * DTypeSize(tensor.dtype);
}

}  // namespace hydra::train
