// hydra-run checkpoint: weights out of and into checkpoints.
#include <cstdio>
#include <memory>

#include "runtime/app/weights_exchange.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {
namespace {

absl::StatusOr<int> Export(const app::ExportRequest& request, bool json) {
  HYDRA_ASSIGN_OR_RETURN(const app::ExportedWeights weights, app::ExportWeights(request));
  if (json) {
    PrintJson(
        {{"checkpoint", weights.checkpoint}, {"out", request.output}, {"bytes", weights.bytes}});
  } else {
    std::printf("%s: weights of step %lld, %s\n", request.output.c_str(),
                static_cast<long long>(weights.step), HumanBytes(weights.bytes).c_str());
  }
  return 0;
}

absl::StatusOr<int> Import(const app::ImportRequest& request, bool json) {
  HYDRA_ASSIGN_OR_RETURN(const app::ImportedWeights weights, app::ImportWeights(request));
  if (json) {
    PrintJson({{"checkpoint", request.output}, {"parameters", weights.parameters}});
  } else {
    std::printf("%s: checkpoint of %s with %s parameters\n", request.output.c_str(),
                weights.model.c_str(), WithCommas(weights.parameters).c_str());
  }
  return 0;
}

}  // namespace

void AddCheckpoint(CommandLine& line) {
  Command command = line.Add("checkpoint", "Export and import weights");
  Command out = command.Subcommand("export", "Weights of a checkpoint as safetensors");
  auto exported = std::make_shared<app::ExportRequest>();
  exported->notices = ConsoleNotices();
  out.Positional("checkpoint", exported->checkpoint, "checkpoint or run directory");
  out.RequiredText("-o,--output", exported->output, "safetensors file to write");
  out.Flag("--force", exported->force, "replace a safetensors file");
  out.Run([exported](bool json) { return Export(*exported, json); });
  Command in = command.Subcommand("import", "A checkpoint from safetensors");
  auto imported = std::make_shared<app::ImportRequest>();
  imported->notices = ConsoleNotices();
  in.Positional("file", imported->weights,
                "weights under state-dict names: a safetensors file, the index of several, or a "
                "directory with either");
  in.Text("--model", imported->model,
          "model spec or artifact; default: the directory's config.json");
  in.Text("--tokenizer", imported->tokenizer,
          "byte, or a file that the checkpoint takes along; default: the directory's, if any");
  in.RequiredText("-o,--output", imported->output, "checkpoint directory to write");
  in.Flag("--force", imported->force, "replace a checkpoint; never a directory with other files");
  in.Run([imported](bool json) { return Import(*imported, json); });
}

}  // namespace hydra::tools
