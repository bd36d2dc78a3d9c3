#include "tools/hydra-run/model.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "runtime/hal/registry.h"
#include "runtime/io/posix_file.h"
#include "runtime/io/safetensors.h"
#include "runtime/toolchain/compile.h"
#include "runtime/train/executor_engine.h"
#include "runtime/train/weights.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<std::string> Compile(const std::string& spec, const ModelRequest& request,
                                    std::map<std::string, std::string> settings) {
  const bool decodes =
      std::any_of(request.entries.begin(), request.entries.end(),
                  [](const std::string& entry) { return absl::StartsWith(entry, "extend@"); });
  if (decodes) settings.emplace("cache", "1024");
  HYDRA_ASSIGN_OR_RETURN(
      const toolchain::Compiled compiled,
      toolchain::CompileModel(
          {.spec = spec, .entries = request.entries, .settings = std::move(settings)}));
  PrintNote(absl::StrCat(compiled.cached ? "using compiled " : "compiled ", spec, " -> ",
                         compiled.artifact));
  return compiled.artifact;
}

// Whether the artifact has every kind of entry that is asked for; shapes are checked where they are
// used.
bool HasEntries(const artifact::ArtifactInfo& info, const std::vector<std::string>& entries) {
  return std::all_of(entries.begin(), entries.end(), [&](const std::string& wanted) {
    std::string name = wanted.substr(0, wanted.find('@'));
    if (name == "train") name = "accumulate";
    return std::any_of(info.entries.begin(), info.entries.end(),
                       [&](const artifact::EntryInfo& entry) { return entry.name == name; });
  });
}

absl::StatusOr<std::shared_ptr<const artifact::Artifact>> OpenArtifact(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<artifact::Artifact> opened,
                         artifact::Artifact::Open(path));
  return std::shared_ptr<const artifact::Artifact>(std::move(opened));
}

absl::Status OpenCheckpoint(const ModelRequest& request, Model& model) {
  HYDRA_RETURN_IF_ERROR(train::RefuseCompileSettings(request.settings, request.model));
  HYDRA_ASSIGN_OR_RETURN(model.checkpoint, train::Checkpoint::Open(request.model));
  model.spec_path = model.checkpoint->spec_path();
  model.artifact_path = model.checkpoint->artifact_path();
  if (!model.artifact_path.empty()) {
    HYDRA_ASSIGN_OR_RETURN(model.artifact, OpenArtifact(model.artifact_path));
    if (HasEntries(model.artifact->info(), request.entries) || model.spec_path.empty()) {
      return absl::OkStatus();
    }
  }
  if (model.spec_path.empty()) {
    return InputError(absl::StrCat(model.checkpoint->path(),
                                   ": the checkpoint carries neither an artifact nor a model spec; "
                                   "pass the model and --weights ",
                                   model.checkpoint->weights_path()));
  }
  HYDRA_ASSIGN_OR_RETURN(model.artifact_path, Compile(model.spec_path, request, {}));
  HYDRA_ASSIGN_OR_RETURN(model.artifact, OpenArtifact(model.artifact_path));
  return absl::OkStatus();
}

absl::Status OpenModel(const ModelRequest& request, Model& model) {
  std::error_code ignored;
  if (!fs::exists(request.model, ignored)) {
    return InputError(
        absl::StrCat(request.model,
                     ": expected a model spec (.mlir, .json), an artifact (.hydra) or "
                     "a checkpoint, found nothing"));
  }
  if (fs::is_directory(request.model, ignored)) return OpenCheckpoint(request, model);
  if (toolchain::IsModelSpec(request.model)) {
    model.spec_path = request.model;
    HYDRA_ASSIGN_OR_RETURN(model.artifact_path,
                           Compile(request.model, request, request.settings.CompileSettings()));
  } else {
    HYDRA_RETURN_IF_ERROR(train::RefuseCompileSettings(request.settings, request.model));
    model.artifact_path = request.model;
  }
  HYDRA_ASSIGN_OR_RETURN(model.artifact, OpenArtifact(model.artifact_path));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Model> LoadModel(const ModelRequest& request) {
  Model model;
  HYDRA_RETURN_IF_ERROR(OpenModel(request, model));
  HYDRA_ASSIGN_OR_RETURN(
      model.device, hal::CreateDevice(model.artifact->info().target,
                                      {.threads = request.threads, .validate = request.validate}));
  HYDRA_ASSIGN_OR_RETURN(model.executor,
                         Executor::Create(model.artifact, *model.device,
                                          {.micro_batches = static_cast<int>(request.micro_batches),
                                           .isa_level = ""}));
  return model;
}

absl::Status LoadWeights(Model& model, const std::string& weights_file, uint64_t seed) {
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<train::ExecutorEngine> engine,
                         train::ExecutorEngine::Create(*model.executor, {.training = false}));
  std::string path = weights_file;
  if (path.empty() && model.checkpoint) path = model.checkpoint->weights_path();
  if (path.empty()) {
    PrintWarning(absl::StrCat("no weights: the model starts from initial values of seed ", seed));
    return engine->InitializeParameters(seed);
  }
  HYDRA_ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
  return train::LoadTensors(
      file, engine->state(train::StateKind::kParameters),
      [&](size_t index) { return engine->aliases(index); },
      [&](size_t index, absl::Span<const uint8_t> bytes) {
        return engine->WriteState(train::StateKind::kParameters, index, bytes);
      });
}

absl::StatusOr<train::CheckpointAttachments> AttachmentsOf(const Model& model) {
  train::CheckpointAttachments attachments;
  attachments.artifact = model.artifact_path;
  if (!model.spec_path.empty()) {
    attachments.spec_extension = fs::path(model.spec_path).extension().string();
    HYDRA_ASSIGN_OR_RETURN(attachments.spec_contents,
                           ReadWholeFile(model.spec_path, uint64_t{1} << 28));
    return attachments;
  }
  // hydra-opt puts the spec into the artifact; its section is named after the file's extension.
  for (const artifact::SectionInfo& section : model.artifact->info().sections) {
    if (section.kind != artifact::SectionKind::kSpec) continue;
    const absl::Span<const uint8_t> bytes = model.artifact->Bytes(section);
    attachments.spec_contents.assign(bytes.begin(), bytes.end());
    attachments.spec_extension = absl::EndsWith(section.name, "json") ? ".json" : ".mlir";
  }
  return attachments;
}

std::map<std::string, std::string> EnvironmentOf(const Model& model) {
  return {{"device", model.device->description()},
          {"threads", absl::StrCat(model.device->thread_count())},
          {"isa_level", model.executor->isa_level()},
          {"compiler", model.artifact->info().compiler_build},
          {"artifact", model.artifact_path}};
}

}  // namespace hydra::tools
