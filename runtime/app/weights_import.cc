#include "runtime/app/weights_import.h"

#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "runtime/app/weights_export.h"
#include "runtime/data/tokenizer.h"
#include "runtime/io/output_guard.h"
#include "runtime/io/posix_file.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/executor_engine.h"

namespace hydra::app {
namespace {

// What lies in a directory of weights besides them; "" if it is no directory or has no such file.
std::string Beside(const std::string& weights, const std::string& name) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(weights, ignored)) return "";
  std::string path = (std::filesystem::path(weights) / name).string();
  return PathExists(path) ? path : "";
}

// Model and tokenizer of a directory as other programs leave it, where none is named.
absl::StatusOr<ImportRequest> Complete(ImportRequest request) {
  for (const char* name : {kModelConfigFile, kModelSpecFile}) {
    if (request.model.empty()) request.model = Beside(request.weights, name);
  }
  if (request.model.empty()) {
    return UsageError(absl::StrCat("expected --model MODEL, or a directory with a ",
                                   kModelConfigFile, " or ", kModelSpecFile,
                                   " as weights, found neither: ", request.weights));
  }
  for (const char* name : {data::kTokenizerJson, data::kTokenizerModel}) {
    if (request.tokenizer.empty()) request.tokenizer = Beside(request.weights, name);
  }
  return request;
}

}  // namespace

absl::StatusOr<ImportedWeights> ImportWeights(const ImportRequest& given) {
  HYDRA_RETURN_IF_ERROR(CheckOutput(
      given.output, DirectoryKind{"a checkpoint", train::IsCheckpointFile}, given.force));
  HYDRA_ASSIGN_OR_RETURN(const ImportRequest request, Complete(given));
  ModelRequest model_request;
  model_request.command = "checkpoint import";
  model_request.notices = request.notices;
  model_request.model = request.model;
  model_request.entries = DefaultEntries(model_request.settings);
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(model_request));
  HYDRA_RETURN_IF_ERROR(LoadWeights(model, request.weights, 0));
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<train::ExecutorEngine> engine,
                         train::ExecutorEngine::Create(model.executor(), {.training = false}));
  train::RunRecord record;
  record.run_id = absl::StrCat("imported-", engine->facts().model);
  record.facts = engine->facts();
  record.settings = model_request.settings.RunValues();
  HYDRA_ASSIGN_OR_RETURN(train::CheckpointAttachments attachments, AttachmentsOf(model));
  if (!request.tokenizer.empty()) {
    HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<data::Tokenizer> tokenizer,
                           data::MakeTokenizer(request.tokenizer));
    record.tokenizer = std::string(tokenizer->name());
    attachments.tokenizer = std::string(tokenizer->contents());
  }
  HYDRA_RETURN_IF_ERROR(MakeDirectories(ParentDirectory(request.output)));
  HYDRA_RETURN_IF_ERROR(
      train::WriteCheckpoint(request.output, *engine, std::move(record), attachments));
  return ImportedWeights{.model = engine->facts().model,
                         .parameters = engine->facts().parameter_count};
}

}  // namespace hydra::app
