// Checkpoints out of weights that another program left, as safetensors under state-dict names.
#ifndef HYDRA_RUNTIME_APP_WEIGHTS_IMPORT_H_
#define HYDRA_RUNTIME_APP_WEIGHTS_IMPORT_H_

#include <cstdint>
#include <string>

#include "runtime/app/model.h"
#include "runtime/base/status.h"

namespace hydra::app {

struct ImportRequest {
  std::string weights;    // safetensors file, index of several, or a directory with either
  std::string model;      // model spec or artifact; "": that of the directory
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

#endif  // HYDRA_RUNTIME_APP_WEIGHTS_IMPORT_H_
