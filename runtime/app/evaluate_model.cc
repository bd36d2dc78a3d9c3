#include "runtime/app/evaluate_model.h"

#include <memory>

#include "runtime/app/artifact_facts.h"
#include "runtime/app/phase_in_use.h"
#include "runtime/data/dataset.h"
#include "runtime/train/executor_engine.h"

namespace hydra::app {

namespace {

// Losses of a model on the ids of another tokenizer mean nothing.
absl::Status CheckTokenizer(const data::Dataset& dataset, const std::string& path,
                            const Model& model) {
  if (model.run() == nullptr || model.run()->tokenizer.empty()) return absl::OkStatus();
  const std::string& name = model.run()->tokenizer;
  HYDRA_ASSIGN_OR_RETURN(const std::string contents, model.TokenizerContents());
  if (dataset.tokenizer() == name && dataset.tokenizer_contents() == contents) {
    return absl::OkStatus();
  }
  return InputError(absl::StrCat(
      path, ": expected ids of the tokenizer that ", model.origin(), " was trained with (", name,
      "), found those of ", dataset.tokenizer() == name ? "another " : "", dataset.tokenizer(),
      "; make the data again with --tokenizer ",
      contents.empty()   ? name
      : model.checkpoint ? absl::StrCat(model.origin(), "/", name)
                         : absl::StrCat("and the file ", name, " of that run")));
}

}  // namespace

absl::StatusOr<ModelEvaluation> EvaluateModel(EvaluateRequest request) {
  const train::Settings& settings = request.model.settings;
  const int64_t batch = settings.Integer("batch"), seq = settings.Integer("seq");
  request.model.entries = {EntryRequest::Of("eval", batch, seq)};
  HYDRA_ASSIGN_OR_RETURN(const data::Dataset dataset, data::Dataset::Open(request.data));
  const data::TokenShards* tokens = request.train_split ? &dataset.train() : dataset.validation();
  if (tokens == nullptr) {
    return InputError(absl::StrCat(request.data,
                                   ": expected held-out tokens, found none; use --split train, or "
                                   "make the data with a larger --validation-fraction"));
  }
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(request.model));
  if (tokens->vocab_size() > model.artifact->info().vocab_size) {
    return InputError(absl::StrCat(tokens->path(), ": expected ids of a vocabulary of at most ",
                                   model.artifact->info().vocab_size, ", the model's, found ",
                                   tokens->vocab_size(), "; use data of the model's tokenizer"));
  }
  HYDRA_RETURN_IF_ERROR(CheckTokenizer(dataset, request.data, model));
  if (settings.given("seed") && (!request.weights.empty() || model.run() != nullptr)) {
    return UsageError(
        "--seed has no effect: it is for initial values, and these weights are trained; drop it");
  }
  HYDRA_RETURN_IF_ERROR(LoadWeights(model, request.weights, settings.Integer("seed")));
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<train::ExecutorEngine> engine,
                         train::ExecutorEngine::Create(
                             model.executor(), {.batch = batch, .seq = seq, .training = false}));
  HYDRA_ASSIGN_OR_RETURN(const train::PhaseForUse phase,
                         PhaseInUse(model, "eval", request.at_step));
  HYDRA_RETURN_IF_ERROR(engine->UseVariant(phase.variant));
  for (const auto& [name, value] : phase.controls) {
    if (const auto control = engine->FindControl(name)) engine->SetControl(*control, value);
  }
  ModelEvaluation result{.evaluation = {},
                         .sources = dataset.sources(),
                         .device = model.device().description(),
                         .variant = phase.variant,
                         .rule = SelectionRuleOf(*model.artifact, "eval"),
                         .batch = engine->eval_batch(),
                         .seq = engine->eval_seq(),
                         .graphs = {}};
  HYDRA_ASSIGN_OR_RETURN(
      result.evaluation,
      train::EvaluateTokens(
          *engine, *tokens, request.batches,
          request.train_split ? &dataset.train_sources() : &dataset.validation_sources()));
  result.graphs = engine->evaluation_graphs();
  return result;
}

}  // namespace hydra::app
