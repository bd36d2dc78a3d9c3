// Weights of checkpoints for other programs: safetensors under their state-dict names.
#ifndef HYDRA_RUNTIME_APP_WEIGHTS_EXPORT_H_
#define HYDRA_RUNTIME_APP_WEIGHTS_EXPORT_H_

#include <cstdint>
#include <string>

#include "runtime/app/notices.h"
#include "runtime/base/dtype.h"
#include "runtime/base/status.h"

namespace hydra::app {

// What stands beside the weights in a directory that was exported: the model, as a config where it
// was written as one, else as a spec.
inline constexpr char kModelConfigFile[] = "config.json";
inline constexpr char kModelSpecFile[] = "model.mlir";

struct ExportRequest {
  std::string checkpoint;  // or a run directory: its newest checkpoint
  // NAME.safetensors: one file of weights. Anything else: a directory as other programs take it,
  // with model.safetensors, or shards and their index, and model and tokenizer beside them. A name
  // with another extension of letters is a usage error, unless a / ends it.
  std::string output;
  DType type = DType::kF32;  // F32, BF16 or F16, rounded to nearest even
  // Of a directory: bytes of tensors in one file, unless a tensor alone has more.
  uint64_t shard_bytes = uint64_t{5} << 30;
  bool shard_bytes_chosen = false;
  bool force = false;  // replace a safetensors file, or such a directory
  Notices notices = {};
};
struct ExportedWeights {
  std::string checkpoint;  // that was taken
  int64_t step = 0;
  uint64_t bytes = 0;  // of the tensors
  int64_t files = 1;   // of weights
};
// Nothing is left at `output` unless all of it could be written. kUsage for a shard size that would
// have no effect; kNumerical names a value that the type cannot hold.
absl::StatusOr<ExportedWeights> ExportWeights(ExportRequest request);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_WEIGHTS_EXPORT_H_
