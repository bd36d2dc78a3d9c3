// hydra-run eval: loss of a model on a data directory.
#include <cmath>
#include <cstdio>
#include <memory>

#include "runtime/data/dataset.h"
#include "runtime/train/evaluate.h"
#include "runtime/train/executor_engine.h"
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

absl::StatusOr<int> Eval(const EvalFlags& flags, bool json) {
  HYDRA_ASSIGN_OR_RETURN(ModelRequest request, flags.model.ToRequest());
  const int64_t batch = request.settings.Integer("batch"), seq = request.settings.Integer("seq");
  request.entries = {absl::StrCat("eval@", batch == 0 ? 8 : batch, "x", seq == 0 ? 256 : seq)};
  HYDRA_ASSIGN_OR_RETURN(const data::Dataset dataset, data::Dataset::Open(flags.data));
  const data::TokenFile* tokens = flags.split == "train" ? &dataset.train() : dataset.validation();
  if (tokens == nullptr) {
    return InputError(
        absl::StrCat(flags.data,
                     ": nothing was held out; use --split train, or make the data with "
                     "a larger --validation-fraction"));
  }
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(request));
  if (tokens->vocab_size() > model.artifact->info().vocab_size) {
    return InputError(absl::StrCat(tokens->path(), ": has a vocabulary of ", tokens->vocab_size(),
                                   ", the model has ", model.artifact->info().vocab_size));
  }
  HYDRA_RETURN_IF_ERROR(LoadWeights(model, flags.weights, request.settings.Integer("seed")));
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<train::ExecutorEngine> engine,
                         train::ExecutorEngine::Create(*model.executor, {.training = false}));
  HYDRA_ASSIGN_OR_RETURN(const train::Evaluation result,
                         train::EvaluateTokens(*engine, *tokens, flags.batches));
  if (json) {
    PrintJson({{"split", flags.split},
               {"loss", JsonNumber(result.loss)},
               {"bits_per_token", JsonNumber(result.loss / std::log(2.0))},
               {"perplexity", JsonNumber(std::exp(result.loss))},
               {"tokens", result.tokens}});
  } else {
    std::printf("%s loss %.4f nats per token (%.4f bits, perplexity %.3f) over %s tokens\n",
                flags.split.c_str(), result.loss, result.loss / std::log(2.0),
                std::exp(result.loss), WithCommas(result.tokens).c_str());
  }
  return 0;
}

}  // namespace

void AddEval(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("eval", "Loss on held-out data");
  auto flags = std::make_shared<EvalFlags>();
  flags->model.Declare(*command, "checkpoint, run directory, artifact or model spec");
  command->add_option("--data", flags->data, "data directory")->required();
  command->add_option("--split", flags->split, "validation or train")
      ->check(CLI::IsMember({"validation", "train"}))
      ->capture_default_str();
  command->add_option("--batches", flags->batches, "batches to evaluate; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--weights", flags->weights, "safetensors file to use instead");
  for (const char* key : {"batch", "seq", "seed"}) {
    flags->model.DeclareSetting(*command, std::string("--") + key, key);
  }
  command->add_flag("--json", session.json, "print the result as JSON");
  command->callback([&session, flags] {
    session.action = [&session, flags] { return Eval(*flags, session.json); };
  });
}

}  // namespace hydra::tools
