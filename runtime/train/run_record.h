// run.json of a checkpoint: everything about a run that is not a tensor. It holds no times, paths
// or thread counts: equal runs write equal bytes.
#ifndef HYDRA_RUNTIME_TRAIN_RUN_RECORD_H_
#define HYDRA_RUNTIME_TRAIN_RUN_RECORD_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/train/engine.h"
#include "runtime/train/host_state.h"

namespace hydra::train {

// What scores of depth routing are compared with, by control value (model.md 16, rule 3).
struct SelectionThresholds {
  std::string variant;                   // of the program that they were found in
  std::map<std::string, double> values;  // empty: never calibrated
};

struct RunRecord {
  std::string run_id;
  int64_t step = 0;  // updates done
  int64_t total_tokens = 0;
  std::map<std::string, std::string> settings;  // run settings, canonical
  // Of a micro-batch, as resolved: the settings may say "auto". 0 in checkpoints that do not say.
  int64_t batch = 0, seq = 0;
  EngineFacts facts;
  std::string data_fingerprint;    // "" if the weights were imported
  std::string tokenizer;           // "" if unknown
  std::string initial_weights;     // content hash of the file that training began with; "" for none
  std::string branched_from;       // "RUN@STEP" of the run whose state this one began with; or ""
  std::string spec_file;           // inside the checkpoint; "" if none
  bool has_artifact = false;       // model.hydra is inside the checkpoint
  HostState host_state;            // of the trainer's modules
  SelectionThresholds thresholds;  // of these weights; training on drops them
};

// The contents of run.json, and back. `source` names the text in messages; kInput
// names line and what was expected.
std::string RunRecordText(const RunRecord& record);
absl::StatusOr<RunRecord> ParseRunRecord(absl::string_view text, absl::string_view source);

// What differs between the run that wrote `saved` and a program with `now`, one line each; empty if
// a resume is bit-identical.
std::vector<std::string> Differences(const EngineFacts& saved, const EngineFacts& now);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_RUN_RECORD_H_
