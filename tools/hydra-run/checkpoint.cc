// hydra-run checkpoint: weights out of and into checkpoints, and one file for serving.
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "runtime/app/bundle.h"
#include "runtime/app/weights_export.h"
#include "runtime/app/weights_import.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {
namespace {

struct ExportFlags {
  app::ExportRequest request;
  std::string type = "f32";
  std::optional<int64_t> shard_bytes;
};

absl::StatusOr<int> Export(const ExportFlags& flags, bool json) {
  app::ExportRequest request = flags.request;
  request.type = flags.type == "bf16"  ? DType::kBF16
                 : flags.type == "f16" ? DType::kF16
                                       : DType::kF32;
  if (flags.shard_bytes) {
    request.shard_bytes = static_cast<uint64_t>(*flags.shard_bytes);
    request.shard_bytes_chosen = true;
  }
  HYDRA_ASSIGN_OR_RETURN(const app::ExportedWeights weights,
                         app::ExportWeights(std::move(request)));
  if (json) {
    PrintJson({{"checkpoint", weights.checkpoint},
               {"out", flags.request.output},
               {"bytes", weights.bytes},
               {"files", weights.files}});
  } else {
    std::printf("%s: weights of step %lld, %s in %lld file%s\n", flags.request.output.c_str(),
                static_cast<long long>(weights.step), HumanBytes(weights.bytes).c_str(),
                static_cast<long long>(weights.files), weights.files == 1 ? "" : "s");
  }
  return 0;
}

absl::StatusOr<int> Bundle(const app::BundleRequest& request, bool json) {
  HYDRA_ASSIGN_OR_RETURN(const app::WrittenBundle bundle, app::WriteBundle(request));
  if (json) {
    PrintJson(
        {{"checkpoint", bundle.checkpoint}, {"out", request.output}, {"bytes", bundle.bytes}});
  } else {
    std::printf("%s: program, weights of step %lld and tokenizer, %s\n", request.output.c_str(),
                static_cast<long long>(bundle.step), HumanBytes(bundle.bytes).c_str());
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
  Command command = line.Add("checkpoint", "Export, import and bundle weights");
  Command out = command.Subcommand("export", "Weights of a checkpoint as safetensors");
  auto exported = std::make_shared<ExportFlags>();
  exported->request.notices = ConsoleNotices();
  out.Positional("checkpoint", exported->request.checkpoint, "checkpoint or run directory");
  out.RequiredText("-o,--output", exported->request.output,
                   "FILE.safetensors: the weights alone; any other name: a directory of weights, "
                   "model and tokenizer, as other programs take it");
  out.Text("--type", exported->type, "element type", {"f32", "bf16", "f16"});
  out.Integer("--shard-bytes", exported->shard_bytes, {.least = 1},
              "of a directory: most bytes of a file, of which there is an index then; default: 5 "
              "GiB");
  out.Flag("--force", exported->request.force,
           "replace a safetensors file or a directory of exported weights");
  out.Run([exported](bool json) { return Export(*exported, json); });
  Command in = command.Subcommand("import", "A checkpoint from safetensors");
  auto imported = std::make_shared<app::ImportRequest>();
  imported->notices = ConsoleNotices();
  in.Positional("file", imported->weights,
                "weights under state-dict names: a safetensors file, the index of several, or a "
                "directory with either");
  in.Text("--model", imported->model,
          "model spec or artifact; default: the directory's config.json or model.mlir");
  in.Text("--tokenizer", imported->tokenizer,
          "byte, or a file that the checkpoint takes along; default: the directory's, if any");
  in.RequiredText("-o,--output", imported->output, "checkpoint directory to write");
  in.Flag("--force", imported->force, "replace a checkpoint; never a directory with other files");
  in.Run([imported](bool json) { return Import(*imported, json); });
  Command one = command.Subcommand("bundle", "One file for serving: program, weights, tokenizer");
  auto bundled = std::make_shared<app::BundleRequest>();
  bundled->notices = ConsoleNotices();
  one.Positional("checkpoint", bundled->checkpoint, "checkpoint or run directory");
  one.RequiredText("-o,--output", bundled->output, "artifact to write, FILE.hydra");
  one.Text("--artifact", bundled->artifact,
           "program to serve the weights with, e.g. of other entries; default: the checkpoint's");
  one.Flag("--force", bundled->force, "replace an artifact");
  one.Run([bundled](bool json) { return Bundle(*bundled, json); });
}

}  // namespace hydra::tools
