// hydra-run eval: loss of a model on a data directory.
#include <cmath>
#include <cstdio>
#include <memory>

#include "runtime/data/dataset.h"
#include "runtime/train/evaluate.h"
#include "runtime/train/executor_engine.h"
#include "runtime/train/routing_curriculum.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"
#include "tools/hydra-run/model_flags.h"

namespace hydra::tools {
namespace {

struct EvalFlags {
  ModelFlags model;
  std::string data;
  std::string split = "validation";
  std::string weights;
  int64_t batches = 0;
};

// Losses of a model on the ids of another tokenizer mean nothing.
absl::Status CheckTokenizer(const data::Dataset& dataset, const std::string& path,
                            const train::Checkpoint& checkpoint) {
  const std::string& name = checkpoint.run().tokenizer;
  if (name.empty()) return absl::OkStatus();
  HYDRA_ASSIGN_OR_RETURN(const std::string contents, checkpoint.TokenizerContents());
  if (dataset.tokenizer() == name && dataset.tokenizer_contents() == contents) {
    return absl::OkStatus();
  }
  return InputError(absl::StrCat(
      path, ": expected ids of the tokenizer that ", checkpoint.path(), " was trained with (", name,
      "), found those of ", dataset.tokenizer() == name ? "another " : "", dataset.tokenizer(),
      "; make the data again with --tokenizer ",
      contents.empty() ? name : absl::StrCat(checkpoint.path(), "/", name)));
}

absl::StatusOr<int> Eval(const EvalFlags& flags, bool json) {
  HYDRA_ASSIGN_OR_RETURN(ModelRequest request, flags.model.ToRequest());
  const int64_t batch = request.settings.Integer("batch"), seq = request.settings.Integer("seq");
  request.entries = {EntryRequest::Of("eval", batch, seq)};
  HYDRA_ASSIGN_OR_RETURN(const data::Dataset dataset, data::Dataset::Open(flags.data));
  const data::TokenShards* tokens =
      flags.split == "train" ? &dataset.train() : dataset.validation();
  if (tokens == nullptr) {
    return InputError(absl::StrCat(flags.data,
                                   ": expected held-out tokens, found none; use --split train, or "
                                   "make the data with a larger --validation-fraction"));
  }
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(request));
  if (tokens->vocab_size() > model.artifact->info().vocab_size) {
    return InputError(absl::StrCat(tokens->path(), ": expected ids of a vocabulary of at most ",
                                   model.artifact->info().vocab_size, ", the model's, found ",
                                   tokens->vocab_size(), "; use data of the model's tokenizer"));
  }
  if (model.checkpoint) {
    HYDRA_RETURN_IF_ERROR(CheckTokenizer(dataset, flags.data, *model.checkpoint));
  }
  if (request.settings.given("seed") && (!flags.weights.empty() || model.checkpoint)) {
    return UsageError(
        "--seed has no effect: it is for initial values, and these weights are trained; drop it");
  }
  HYDRA_RETURN_IF_ERROR(LoadWeights(model, flags.weights, request.settings.Integer("seed")));
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<train::ExecutorEngine> engine,
                         train::ExecutorEngine::Create(
                             model.executor(), {.batch = batch, .seq = seq, .training = false}));
  if (model.checkpoint && model.checkpoint->run().step > 0 && engine->facts().phases.routes()) {
    const train::RunRecord& run = model.checkpoint->run();
    HYDRA_ASSIGN_OR_RETURN(const train::Phase phase, train::UsePhaseOfRun(run, *engine));
    PrintNote(absl::StrCat("routing as in step ", run.step, ": ", phase.variant));
  }
  HYDRA_ASSIGN_OR_RETURN(const train::Evaluation result,
                         train::EvaluateTokens(*engine, *tokens, flags.batches));
  if (json) {
    PrintJson({{"split", flags.split},
               {"device", model.device().description()},
               {"loss", result.loss},
               {"bits_per_token", result.loss / std::log(2.0)},
               {"perplexity", std::exp(result.loss)},
               {"tokens", result.tokens},
               {"batch", engine->eval_batch()},
               {"seq", engine->eval_seq()}});
  } else {
    std::printf("%s loss %.4f nats per token (%.4f bits, perplexity %.3f) over %s tokens\n",
                flags.split.c_str(), result.loss, result.loss / std::log(2.0),
                std::exp(result.loss), WithCommas(result.tokens).c_str());
  }
  return 0;
}

}  // namespace

void AddEval(CommandLine& line) {
  Command command = line.Add("eval", "Loss on held-out data");
  auto flags = std::make_shared<EvalFlags>();
  flags->model.Declare(command, "eval", "checkpoint, run directory, artifact or model spec",
                       {"batch", "seq", "seed"});
  command.RequiredText("--data", flags->data, "data directory");
  command.Text("--split", flags->split, "which tokens", {"validation", "train"});
  command.Integer("--batches", flags->batches, {.least = 0}, "batches to evaluate; 0: all");
  command.Text("--weights", flags->weights, "safetensors file to use instead");
  for (const char* key : {"batch", "seq", "seed"}) flags->model.DeclareSetting(command, key);
  command.Run([flags](bool json) { return Eval(*flags, json); });
}

}  // namespace hydra::tools
