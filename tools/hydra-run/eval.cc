// hydra-run eval: loss of a model on a data directory.
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "runtime/app/evaluate_model.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"
#include "tools/hydra-run/graph_report.h"
#include "tools/hydra-run/model_flags.h"

namespace hydra::tools {
namespace {

struct EvalFlags {
  ModelFlags model;
  std::string data;
  std::string split = "validation";
  std::string weights;
  int64_t batches = 0;
  std::optional<int64_t> at_step;
};

Json LossesBySource(const app::ModelEvaluation& result) {
  Json list = Json::array();
  for (const train::SourceLoss& source : result.evaluation.sources) {
    list.push_back({{"source", result.sources[source.source]},
                    {"loss", source.loss},
                    {"tokens", source.tokens}});
  }
  return list;
}

absl::StatusOr<int> Eval(const EvalFlags& flags, bool json) {
  app::EvaluateRequest request{.data = flags.data,
                               .train_split = flags.split == "train",
                               .weights = flags.weights,
                               .batches = flags.batches,
                               .at_step = flags.at_step};
  HYDRA_ASSIGN_OR_RETURN(request.model, flags.model.ToRequest());
  HYDRA_ASSIGN_OR_RETURN(const app::ModelEvaluation result, app::EvaluateModel(std::move(request)));
  WarnOfFallbacks("evaluation", result.graphs);
  const double loss = result.evaluation.loss;
  if (json) {
    PrintJson({{"split", flags.split},
               {"device", result.device},
               {"variant", result.variant},
               {"mod_rule", result.rule},
               {"loss", loss},
               {"bits_per_token", loss / std::log(2.0)},
               {"perplexity", std::exp(loss)},
               {"tokens", result.evaluation.tokens},
               {"sources", LossesBySource(result)},
               {"graph", GraphJson(result.graphs)},
               {"batch", result.batch},
               {"seq", result.seq}});
  } else {
    std::printf("%s loss %.4f nats per token (%.4f bits, perplexity %.3f) over %s tokens\n",
                flags.split.c_str(), loss, loss / std::log(2.0), std::exp(loss),
                WithCommas(result.evaluation.tokens).c_str());
    // That of the only one is what stands above.
    if (result.evaluation.sources.size() > 1) {
      Table table({"source", "loss", "tokens"}, "lrr");
      for (const train::SourceLoss& source : result.evaluation.sources) {
        table.Add({result.sources[source.source], absl::StrFormat("%.4f", source.loss),
                   WithCommas(source.tokens)});
      }
      std::printf("\n%s", table.Text().c_str());
    }
  }
  return 0;
}

}  // namespace

void AddEval(CommandLine& line) {
  Command command = line.Add("eval", "Loss on held-out data, and of each text in it");
  auto flags = std::make_shared<EvalFlags>();
  flags->model.Declare(command, "eval", "checkpoint, run directory, bundle, artifact or model spec",
                       {"batch", "seq", "seed"});
  command.RequiredText("-d,--data", flags->data, "data directory");
  command.Text("--split", flags->split, "which tokens", {"validation", "train"});
  command.Integer("--batches", flags->batches, {.least = 0}, "batches to evaluate; 0: all");
  DeclareAtStep(command, flags->at_step);
  command.Text("--weights", flags->weights, "safetensors file to use instead");
  flags->model.DeclareGraph(command);
  for (const char* key : {"batch", "seq", "seed"}) flags->model.DeclareSetting(command, key);
  command.Run([flags](bool json) { return Eval(*flags, json); });
}

}  // namespace hydra::tools
