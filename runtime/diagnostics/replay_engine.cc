#include "runtime/diagnostics/replay_engine.h"

#include <algorithm>
#include <memory>

#include "absl/strings/match.h"

namespace hydra {

using artifact::EntryInfo;
using artifact::NamedBuffer;

absl::StatusOr<train::TrainEngine::BatchMemory> ReplayEngine::StageBatch(int64_t micro_batch) {
  const size_t number = static_cast<size_t>(micro_batch);
  if (batches_.size() <= number) batches_.resize(number + 1);
  Batch& batch = batches_[number];
  batch = {};
  BatchMemory memory;
  for (const NamedBuffer& input : engine_.accumulate_entry().inputs) {
    const bool integer = input.type == hal::ElementType::kI32;
    // Experts that the batch's source asks for: none unless they are written.
    std::vector<int32_t>& integers =
        batch.integers.emplace_back(integer ? input.elements() : 0, -1);
    batch.floats.emplace_back(integer ? 0 : input.elements());
    if (input.name == "tokens") memory.tokens = absl::MakeSpan(integers);
    if (input.name == "targets") memory.targets = absl::MakeSpan(integers);
    if (input.name == "forced_expert") memory.forced_expert = absl::MakeSpan(integers);
    if (input.name == "teacher_expert" && teacher_counts_)
      memory.teacher_expert = absl::MakeSpan(integers);
    if (absl::StartsWith(input.name, "moe_noise.")) {
      batch.noise.push_back(absl::MakeSpan(batch.floats.back()));
    }
  }
  memory.noise = batch.noise;
  return memory;
}

std::vector<int32_t> ReplayEngine::Integers(int64_t micro_batch, absl::string_view name) const {
  const std::vector<NamedBuffer>& inputs = engine_.accumulate_entry().inputs;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].name == name) return batches_[static_cast<size_t>(micro_batch)].integers[i];
  }
  return {};
}

// A launch of the entry's inputs and none of its commands: what is staged stays in memory.
absl::Status ReplayEngine::LoadInputs(const EntryInfo& entry, const Batch& batch) {
  EntryInfo loading;
  loading.name = entry.name;
  loading.batch = entry.batch;
  loading.seq = entry.seq;
  loading.variant = entry.variant;
  loading.inputs = entry.inputs;
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<Launch> launch, executor_.Prepare(loading));
  for (size_t i = 0; i < loading.inputs.size(); ++i) {
    const NamedBuffer& input = loading.inputs[i];
    HYDRA_RETURN_IF_ERROR(
        launch->SetInputBytes(input, input.type == hal::ElementType::kI32
                                         ? AsBytes(absl::MakeConstSpan(batch.integers[i]))
                                         : AsBytes(absl::MakeConstSpan(batch.floats[i]))));
  }
  HYDRA_RETURN_IF_ERROR(launch->StageControl(engine_.control()));
  return launch->Run();
}

absl::Status ReplayEngine::Watch(const EntryInfo& entry, int64_t micro_batch) {
  HYDRA_ASSIGN_OR_RETURN(WatchReport report, watch_.Run(entry));
  report_.ops += report.ops;
  if (report.outlying && !report_.outlying) {
    report_.outlying = std::move(report.outlying);
    report_.outlying_micro_batch = micro_batch;
  }
  if (report.not_finite) {
    report_.not_finite = std::move(report.not_finite);
    report_.micro_batch = micro_batch;
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ReplayEngine::SubmitStep() {
  report_ = {};
  for (int64_t micro = 0; micro < micro_batches() && !report_.not_finite; ++micro) {
    HYDRA_RETURN_IF_ERROR(
        LoadInputs(engine_.accumulate_entry(), batches_[static_cast<size_t>(micro)]));
    HYDRA_RETURN_IF_ERROR(Watch(engine_.accumulate_entry(), micro));
  }
  if (!report_.not_finite) HYDRA_RETURN_IF_ERROR(Watch(engine_.apply_entry(), -1));
  return 0;
}

absl::Status ReplayEngine::ReadStep(int64_t, train::StepResults&) {
  return FailureError("the record of a watched step cannot be read");
}

}  // namespace hydra
