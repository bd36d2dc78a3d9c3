// hydra-run checkpoint: weights out of and into checkpoints.
#include "runtime/train/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "runtime/app/model.h"
#include "runtime/data/tokenizer.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/mapped_file.h"
#include "runtime/io/output_guard.h"
#include "runtime/io/posix_file.h"
#include "runtime/io/safetensors.h"
#include "runtime/train/executor_engine.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {
namespace {

constexpr uint64_t kPiece = 1 << 20;

struct CheckpointFlags {
  std::string model;
  std::string weights;
  std::string output;
  std::string tokenizer;
  bool force = false;
};

const DirectoryKind kCheckpointKind{"a checkpoint", train::IsCheckpointFile};
const FileKind kSafetensorsKind{
    "a safetensors file", [](const std::string& path) { return SafetensorsFile::Open(path).ok(); }};

// The file inside the checkpoint already has the state-dict names; it was checked by Open.
absl::StatusOr<int> Export(const CheckpointFlags& flags, bool json) {
  HYDRA_RETURN_IF_ERROR(CheckOutput(flags.output, kSafetensorsKind, flags.force));
  HYDRA_ASSIGN_OR_RETURN(const train::Checkpoint checkpoint,
                         app::OpenCheckpointWithWarnings(flags.model, ConsoleNotices()));
  HYDRA_ASSIGN_OR_RETURN(const MappedFile weights, MappedFile::Open(checkpoint.weights_path()));
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(flags.output));
  std::vector<uint8_t> piece;
  for (uint64_t done = 0; done < weights.bytes().size(); done += piece.size()) {
    piece.resize(std::min<uint64_t>(kPiece, weights.bytes().size() - done));
    HYDRA_RETURN_IF_ERROR(weights.Read(done, absl::MakeSpan(piece)));
    HYDRA_RETURN_IF_ERROR(file.Append(absl::MakeConstSpan(piece)));
  }
  HYDRA_RETURN_IF_ERROR(file.Commit());
  if (json) {
    PrintJson({{"checkpoint", checkpoint.path()},
               {"out", flags.output},
               {"bytes", weights.bytes().size()}});
  } else {
    std::printf("%s: weights of step %lld, %s\n", flags.output.c_str(),
                static_cast<long long>(checkpoint.run().step),
                HumanBytes(weights.bytes().size()).c_str());
  }
  return 0;
}

// What lies in a directory of weights besides them; "" if it is no directory or has no such file.
std::string Beside(const std::string& weights, const std::string& name) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(weights, ignored)) return "";
  std::string path = (std::filesystem::path(weights) / name).string();
  return PathExists(path) ? path : "";
}

// Model and tokenizer of a directory as other programs leave it, where none is named.
absl::StatusOr<CheckpointFlags> Complete(CheckpointFlags flags) {
  if (flags.model.empty()) flags.model = Beside(flags.weights, "config.json");
  if (flags.model.empty()) {
    return UsageError(
        absl::StrCat("expected --model MODEL, or a directory with a config.json as "
                     "weights, found neither: ",
                     flags.weights));
  }
  for (const char* name : {data::kTokenizerJson, data::kTokenizerModel}) {
    if (flags.tokenizer.empty()) flags.tokenizer = Beside(flags.weights, name);
  }
  return flags;
}

absl::StatusOr<int> Import(const CheckpointFlags& given, bool json) {
  HYDRA_RETURN_IF_ERROR(CheckOutput(given.output, kCheckpointKind, given.force));
  HYDRA_ASSIGN_OR_RETURN(const CheckpointFlags flags, Complete(given));
  app::ModelRequest request;
  request.command = "checkpoint import";
  request.notices = ConsoleNotices();
  request.model = flags.model;
  request.entries = app::DefaultEntries();
  HYDRA_ASSIGN_OR_RETURN(app::Model model, app::LoadModel(request));
  HYDRA_RETURN_IF_ERROR(app::LoadWeights(model, flags.weights, 0));
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<train::ExecutorEngine> engine,
                         train::ExecutorEngine::Create(model.executor(), {.training = false}));
  train::RunRecord record;
  record.run_id = absl::StrCat("imported-", engine->facts().model);
  record.facts = engine->facts();
  record.settings = request.settings.RunValues();
  HYDRA_ASSIGN_OR_RETURN(train::CheckpointAttachments attachments, app::AttachmentsOf(model));
  if (!flags.tokenizer.empty()) {
    HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<data::Tokenizer> tokenizer,
                           data::MakeTokenizer(flags.tokenizer));
    record.tokenizer = std::string(tokenizer->name());
    attachments.tokenizer = std::string(tokenizer->contents());
  }
  HYDRA_RETURN_IF_ERROR(MakeDirectories(ParentDirectory(flags.output)));
  HYDRA_RETURN_IF_ERROR(
      train::WriteCheckpoint(flags.output, *engine, std::move(record), attachments));
  if (json) {
    PrintJson({{"checkpoint", flags.output}, {"parameters", engine->facts().parameter_count}});
  } else {
    std::printf("%s: checkpoint of %s with %s parameters\n", flags.output.c_str(),
                engine->facts().model.c_str(), WithCommas(engine->facts().parameter_count).c_str());
  }
  return 0;
}

}  // namespace

void AddCheckpoint(CommandLine& line) {
  Command command = line.Add("checkpoint", "Export and import weights");
  Command out = command.Subcommand("export", "Weights of a checkpoint as safetensors");
  auto exported = std::make_shared<CheckpointFlags>();
  out.Positional("checkpoint", exported->model, "checkpoint or run directory");
  out.RequiredText("-o,--output", exported->output, "safetensors file to write");
  out.Flag("--force", exported->force, "replace a safetensors file");
  out.Run([exported](bool json) { return Export(*exported, json); });
  Command in = command.Subcommand("import", "A checkpoint from safetensors");
  auto imported = std::make_shared<CheckpointFlags>();
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
