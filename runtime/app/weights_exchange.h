// Weights out of checkpoints and into them, as safetensors under their state-dict names.
#ifndef HYDRA_RUNTIME_APP_WEIGHTS_EXCHANGE_H_
#define HYDRA_RUNTIME_APP_WEIGHTS_EXCHANGE_H_

#include <cstdint>
#include <string>

#include "runtime/app/model.h"
#include "runtime/base/status.h"

namespace hydra::app {

struct ExportRequest {
  std::string checkpoint;  // or a run directory: its newest checkpoint
  std::string output;
  bool force = false;  // replace a safetensors file
  Notices notices = {};
};
struct ExportedWeights {
  std::string checkpoint;  // that was taken
  int64_t step = 0;
  uint64_t bytes = 0;
};
// Nothing is left at `output` unless all of it could be written.
absl::StatusOr<ExportedWeights> ExportWeights(const ExportRequest& request);

struct ImportRequest {
  std::string weights;    // safetensors file, index of several, or a directory with either
  std::string model;      // model spec or artifact; "": config.json of the directory
  std::string tokenizer;  // "byte" or a file; "": the directory's, if it has one
  std::string output;     // the checkpoint's directory
  bool force = false;     // replace a checkpoint
  Notices notices = {};
};
struct ImportedWeights {
  std::string model;
  int64_t parameters = 0;  // elements
};
absl::StatusOr<ImportedWeights> ImportWeights(const ImportRequest& request);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_WEIGHTS_EXCHANGE_H_
