#include "runtime/app/training_samples.h"

#include <optional>
#include <utility>

#include "runtime/app/artifact_facts.h"
#include "runtime/train/executor_engine.h"
#include "runtime/train/phase_for_use.h"

namespace hydra::app {
namespace {

class NoObserver final : public generate::TextObserver {
 public:
  void Text(size_t, absl::string_view) override {}
  void End(size_t) override {}
};

}  // namespace

absl::StatusOr<TrainingSamples> TrainingSamples::Create(const Model& model,
                                                        const data::Dataset& dataset,
                                                        SampleRequest request, int64_t seed) {
  if (SelectionRuleOf(*model.artifact, "extend") == "threshold") {
    return InputError(absl::StrCat(
        model.artifact_path,
        ": --sample-prompt needs a rule of depth routing that works without calibration, found "
        "threshold; compile with another --mod-rule"));
  }
  TrainingSamples samples(model, std::move(request));
  samples.options_.max_tokens = samples.request_.tokens;
  samples.options_.sampling.seed = static_cast<uint64_t>(seed);
  HYDRA_ASSIGN_OR_RETURN(
      samples.tokenizer_,
      data::ParseTokenizer(dataset.tokenizer(), dataset.tokenizer_contents(), "the data"));
  HYDRA_ASSIGN_OR_RETURN(generate::ExecutorDecodeEngine * engine, samples.EngineOf(""));
  HYDRA_RETURN_IF_ERROR(
      Annotate(generate::CheckPrompts(*engine, *samples.tokenizer_, samples.request_.prompts),
               "--sample-prompt"));
  return samples;
}

absl::StatusOr<generate::ExecutorDecodeEngine*> TrainingSamples::EngineOf(
    const std::string& variant) {
  std::unique_ptr<generate::ExecutorDecodeEngine>& engine = engines_[variant];
  if (engine == nullptr) {
    const bool recompute = SelectionRuleOf(*model_->artifact, "extend") == "recompute";
    HYDRA_ASSIGN_OR_RETURN(
        engine, generate::ExecutorDecodeEngine::Create(model_->executor(), variant, recompute));
  }
  return engine.get();
}

absl::StatusOr<std::vector<train::TextSample>> TrainingSamples::Write(const train::RunRecord& run) {
  HYDRA_ASSIGN_OR_RETURN(
      const train::PhaseForUse phase,
      train::ChoosePhase(train::FactsOf(model_->executor()), &run, std::nullopt));
  HYDRA_ASSIGN_OR_RETURN(generate::ExecutorDecodeEngine * engine, EngineOf(phase.variant));
  HYDRA_RETURN_IF_ERROR(engine->SetControls(phase.controls));
  NoObserver silent;
  HYDRA_ASSIGN_OR_RETURN(
      const std::vector<generate::Generation> texts,
      generate::Generate(*engine, *tokenizer_, request_.prompts, options_, silent));
  std::vector<train::TextSample> samples;
  for (size_t i = 0; i < texts.size(); ++i) samples.push_back({request_.prompts[i], texts[i].text});
  return samples;
}

}  // namespace hydra::app
