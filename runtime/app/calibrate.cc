#include "runtime/app/calibrate.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/strip.h"
#include "runtime/app/artifact_facts.h"
#include "runtime/data/batches.h"
#include "runtime/data/dataset.h"
#include "runtime/toolchain/compile.h"
#include "runtime/train/executor_engine.h"
#include "runtime/train/phase_for_use.h"

namespace hydra::app {
namespace {

constexpr absl::string_view kProbe = "probe.route.mod.";

// What the calls of depth routing showed, by "BLOCK.CALL".
struct Observations {
  std::map<std::string, std::vector<float>> scores;
  std::map<std::string, int64_t> selected;
};

// "probe.route.mod.BLOCK.WHAT.CALL" as BLOCK.CALL; "" for other outputs.
std::string CallOf(absl::string_view output, absl::string_view what) {
  if (!absl::ConsumePrefix(&output, kProbe)) return "";
  const size_t block = output.find('.');
  const absl::string_view rest = output.substr(block + 1);
  const size_t end = rest.find('.');
  if (end == absl::string_view::npos || rest.substr(0, end) != what) return "";
  return absl::StrCat(output.substr(0, block), ".", rest.substr(end + 1));
}

absl::Status Observe(Launch& launch, Observations& seen) {
  for (const artifact::NamedBuffer& output : launch.entry().outputs) {
    if (const std::string call = CallOf(output.name, "score"); !call.empty()) {
      HYDRA_ASSIGN_OR_RETURN(const std::vector<float> scores,
                             launch.ReadOutput<float>(output.name));
      seen.scores[call].insert(seen.scores[call].end(), scores.begin(), scores.end());
    } else if (const std::string call = CallOf(output.name, "index"); !call.empty()) {
      seen.selected[call] += static_cast<int64_t>(output.elements());
    } else if (const std::string call = CallOf(output.name, "chosen"); !call.empty()) {
      HYDRA_ASSIGN_OR_RETURN(const std::vector<int32_t> chosen,
                             launch.ReadOutput<int32_t>(output.name));
      seen.selected[call] += std::count(chosen.begin(), chosen.end(), 1);
    }
  }
  return absl::OkStatus();
}

// The score that `count` of them exceed; with equal scores, at most so many.
double Threshold(std::vector<float>& scores, int64_t count) {
  if (count >= static_cast<int64_t>(scores.size())) {
    return std::numeric_limits<float>::lowest();
  }
  std::nth_element(scores.begin(), scores.begin() + count, scores.end(), std::greater<>());
  return scores[static_cast<size_t>(count)];
}

// The checkpoint's model compiled once more, so that it shows its scores.
absl::StatusOr<Model> LoadObserved(const train::Checkpoint& checkpoint,
                                   const CalibrateRequest& request) {
  const train::RunRecord& run = checkpoint.run();
  if (checkpoint.spec_path().empty() || run.batch == 0) {
    return InputError(
        absl::StrCat(checkpoint.path(), ": expected a trained checkpoint with its model spec"));
  }
  std::map<std::string, std::string> settings;
  if (!checkpoint.artifact_path().empty()) {
    HYDRA_ASSIGN_OR_RETURN(const auto artifact,
                           artifact::Artifact::Open(checkpoint.artifact_path()));
    if (!artifact->info().phases.depth_selection) {
      return InputError(absl::StrCat(checkpoint.path(),
                                     ": nothing to calibrate: ", artifact->info().model,
                                     " selects no tokens by depth as it was compiled"));
    }
    settings = MeaningOf(*artifact);
  }
  settings.erase("mod_rule");
  settings["probe"] = "route.mod.*";
  HYDRA_ASSIGN_OR_RETURN(
      const toolchain::Compiled compiled,
      toolchain::CompileModel({.spec = checkpoint.spec_path(),
                               .entries = {absl::StrCat("eval@", run.batch, "x", run.seq)},
                               .settings = std::move(settings)}));
  ModelRequest observed;
  observed.command = "calibrate";
  observed.model = compiled.artifact;
  observed.threads = request.threads;
  observed.notices = request.notices;
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(observed));
  HYDRA_RETURN_IF_ERROR(LoadWeights(model, checkpoint.weights_path(), 0));
  return model;
}

absl::Status Run(Model& model, const data::Dataset& dataset, const train::PhaseForUse& phase,
                 const CalibrateRequest& request, Observations& seen, int64_t& tokens_seen) {
  const artifact::EntryInfo* entry = nullptr;
  for (const artifact::EntryInfo& candidate : model.artifact->info().entries) {
    if (candidate.name == "eval" && candidate.variant == phase.variant) entry = &candidate;
  }
  if (entry == nullptr) {
    return InputError(absl::StrCat(request.checkpoint, ": has no variant ", phase.variant));
  }
  HYDRA_ASSIGN_OR_RETURN(
      const data::EvaluationBatches batches,
      data::EvaluationBatches::Create(dataset.train(), entry->batch, entry->seq));
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<Launch> launch, model.executor().Prepare(*entry));
  HYDRA_ASSIGN_OR_RETURN(ControlBlock control, ControlBlock::Create(model.artifact->info()));
  for (const auto& [name, value] : phase.controls) control.Set(name, value);
  HYDRA_RETURN_IF_ERROR(model.executor().WriteControl(control));
  std::vector<int32_t> tokens(static_cast<size_t>(entry->batch * entry->seq)), targets(tokens);
  for (int64_t i = 0; i < batches.count() && (request.batches == 0 || i < request.batches); ++i) {
    HYDRA_ASSIGN_OR_RETURN(const int64_t counted,
                           batches.Fill(i, absl::MakeSpan(tokens), absl::MakeSpan(targets)));
    // Whole batches only: padding has scores too.
    if (counted < static_cast<int64_t>(tokens.size())) break;
    HYDRA_RETURN_IF_ERROR(launch->SetInput("tokens", absl::MakeConstSpan(tokens)));
    HYDRA_RETURN_IF_ERROR(launch->SetInput("targets", absl::MakeConstSpan(targets)));
    HYDRA_RETURN_IF_ERROR(launch->Run());
    HYDRA_RETURN_IF_ERROR(Observe(*launch, seen));
    tokens_seen += counted;
  }
  if (!seen.scores.empty()) return absl::OkStatus();
  return InputError(absl::StrCat(request.checkpoint, ": nothing to calibrate: in variant ",
                                 phase.variant, ", with ", tokens_seen,
                                 " tokens of whole batches, depth routing selects none; choose "
                                 "another step with --at-step, or more data"));
}

}  // namespace

absl::StatusOr<Calibration> Calibrate(const CalibrateRequest& request) {
  Calibration result;
  ModelRequest whole;
  whole.command = "calibrate";
  whole.threads = request.threads;
  whole.notices = request.notices;
  HYDRA_ASSIGN_OR_RETURN(whole.checkpoint,
                         OpenCheckpointWithWarnings(request.checkpoint, request.notices));
  const train::Checkpoint checkpoint = *whole.checkpoint;
  HYDRA_ASSIGN_OR_RETURN(const data::Dataset dataset, data::Dataset::Open(request.data));
  Observations seen;
  {
    HYDRA_ASSIGN_OR_RETURN(Model model, LoadObserved(checkpoint, request));
    HYDRA_ASSIGN_OR_RETURN(
        const train::PhaseForUse phase,
        train::ChoosePhase(train::FactsOf(model.executor()), &checkpoint.run(), request.at_step));
    result.thresholds.variant = phase.variant;
    HYDRA_RETURN_IF_ERROR(Run(model, dataset, phase, request, seen, result.tokens));
  }
  for (auto& [call, scores] : seen.scores) {
    result.thresholds.values[absl::StrCat("mod_threshold.", call)] =
        Threshold(scores, seen.selected[call]);
  }
  // The checkpoint again, with the thresholds.
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(whole));
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<train::ExecutorEngine> engine,
                         train::ExecutorEngine::Create(model.executor(), {.training = false}));
  HYDRA_RETURN_IF_ERROR(checkpoint.RestoreAll(*engine));
  HYDRA_ASSIGN_OR_RETURN(const train::CheckpointAttachments attachments, AttachmentsOf(model));
  train::RunRecord record = checkpoint.run();
  record.thresholds = result.thresholds;
  std::error_code ignored;
  result.checkpoint = std::filesystem::weakly_canonical(checkpoint.path(), ignored).string();
  HYDRA_RETURN_IF_ERROR(
      train::WriteCheckpoint(result.checkpoint, *engine, std::move(record), attachments));
  return result;
}

}  // namespace hydra::app
