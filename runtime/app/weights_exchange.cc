#include "runtime/app/weights_exchange.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/io/atomic_file.h"
#include "runtime/io/mapped_file.h"
#include "runtime/io/output_guard.h"
#include "runtime/io/safetensors.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/executor_engine.h"

namespace hydra::app {
namespace {

constexpr uint64_t kPiece = 1 << 20;

const DirectoryKind kCheckpointKind{"a checkpoint", train::IsCheckpointFile};
const FileKind kSafetensorsKind{
    "a safetensors file", [](const std::string& path) { return SafetensorsFile::Open(path).ok(); }};

}  // namespace

// The file inside the checkpoint already has the state-dict names; it was checked by Open.
absl::StatusOr<ExportedWeights> ExportWeights(const ExportRequest& request) {
  HYDRA_RETURN_IF_ERROR(CheckOutput(request.output, kSafetensorsKind, request.force));
  HYDRA_ASSIGN_OR_RETURN(const train::Checkpoint checkpoint,
                         OpenCheckpointWithWarnings(request.checkpoint, request.notices));
  HYDRA_ASSIGN_OR_RETURN(const MappedFile weights, MappedFile::Open(checkpoint.weights_path()));
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(request.output));
  const uint64_t bytes = weights.bytes().size();
  std::vector<uint8_t> piece;
  for (uint64_t done = 0; done < bytes; done += piece.size()) {
    piece.resize(std::min<uint64_t>(kPiece, bytes - done));
    HYDRA_RETURN_IF_ERROR(weights.Read(done, absl::MakeSpan(piece)));
    HYDRA_RETURN_IF_ERROR(file.Append(absl::MakeConstSpan(piece)));
  }
  HYDRA_RETURN_IF_ERROR(file.Commit());
  return ExportedWeights{
      .checkpoint = checkpoint.path(), .step = checkpoint.run().step, .bytes = bytes};
}

absl::StatusOr<ImportedWeights> ImportWeights(const ImportRequest& request) {
  HYDRA_RETURN_IF_ERROR(CheckOutput(request.output, kCheckpointKind, request.force));
  ModelRequest model_request;
  model_request.command = "checkpoint import";
  model_request.notices = request.notices;
  model_request.model = request.model;
  model_request.entries = DefaultEntries();
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(model_request));
  HYDRA_RETURN_IF_ERROR(LoadWeights(model, request.weights, 0));
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<train::ExecutorEngine> engine,
                         train::ExecutorEngine::Create(model.executor(), {.training = false}));
  train::RunRecord record;
  record.run_id = absl::StrCat("imported-", engine->facts().model);
  record.facts = engine->facts();
  record.settings = model_request.settings.RunValues();
  HYDRA_ASSIGN_OR_RETURN(const train::CheckpointAttachments attachments, AttachmentsOf(model));
  HYDRA_RETURN_IF_ERROR(MakeDirectories(ParentDirectory(request.output)));
  HYDRA_RETURN_IF_ERROR(
      train::WriteCheckpoint(request.output, *engine, std::move(record), attachments));
  return ImportedWeights{.model = engine->facts().model,
                         .parameters = engine->facts().parameter_count};
}

}  // namespace hydra::app
