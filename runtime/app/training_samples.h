// Texts that a model continues while it is trained, so that one can read how it comes along.
#ifndef HYDRA_RUNTIME_APP_TRAINING_SAMPLES_H_
#define HYDRA_RUNTIME_APP_TRAINING_SAMPLES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/app/model.h"
#include "runtime/base/status.h"
#include "runtime/data/dataset.h"
#include "runtime/data/tokenizer.h"
#include "runtime/generate/executor_decode_engine.h"
#include "runtime/generate/generator.h"
#include "runtime/train/observer.h"
#include "runtime/train/run_record.h"

namespace hydra::app {

struct SampleRequest {
  int64_t every = 0;                 // steps; positive where there are prompts
  std::vector<std::string> prompts;  // each is continued
  int64_t tokens = 64;
};

// Decodes on the executor that trains, between its steps, by the `extend` entries of the same
// program and in the phase of the step. Not thread-safe.
class TrainingSamples {
 public:
  // `model` must outlive the result. Input errors for an artifact without `extend` entries or one
  // that lacks what its rule of depth routing needs; usage errors for prompts that do not fit.
  static absl::StatusOr<TrainingSamples> Create(const Model& model, const data::Dataset& dataset,
                                                SampleRequest request, int64_t seed);

  // A text for every prompt; the same for the same parameters, step and seed.
  absl::StatusOr<std::vector<train::TextSample>> Write(const train::RunRecord& run);

 private:
  TrainingSamples(const Model& model, SampleRequest request)
      : model_(&model), request_(std::move(request)) {}
  absl::StatusOr<generate::ExecutorDecodeEngine*> EngineOf(const std::string& variant);

  const Model* model_;
  SampleRequest request_;
  generate::GenerateOptions options_;
  std::unique_ptr<data::Tokenizer> tokenizer_;
  std::map<std::string, std::unique_ptr<generate::ExecutorDecodeEngine>> engines_;  // by variant
};

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_TRAINING_SAMPLES_H_
