// The loss of a model on a data directory: what `eval` reports.
#ifndef HYDRA_RUNTIME_APP_EVALUATE_MODEL_H_
#define HYDRA_RUNTIME_APP_EVALUATE_MODEL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/app/model.h"
#include "runtime/base/status.h"
#include "runtime/train/evaluate.h"

namespace hydra::app {

struct EvaluateRequest {
  ModelRequest model = {};   // the settings batch, seq and seed act; entries are chosen here
  std::string data = {};     // directory
  bool train_split = false;  // the training tokens rather than those held out
  std::string weights = {};  // safetensors file to use instead
  int64_t batches = 0;       // at most; 0: all
  std::optional<int64_t> at_step = std::nullopt;  // whose phase; see PhaseInUse
};

struct ModelEvaluation {
  train::Evaluation evaluation;
  std::vector<std::string> sources;  // their names, by number
  std::string device;
  std::string variant;         // of the program
  std::string rule;            // by which depth routing selected; "": as in training, or not at all
  int64_t batch = 0, seq = 0;  // as evaluated
  GraphUse graphs = {};        // of the evaluation of a batch
};

// By the definition that training uses, and of each text of the data. A routed model is evaluated
// in the phase that PhaseInUse names, which is noted. Usage errors for settings without effect;
// input errors for data that lack the split or are of another vocabulary.
absl::StatusOr<ModelEvaluation> EvaluateModel(EvaluateRequest request);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_EVALUATE_MODEL_H_
