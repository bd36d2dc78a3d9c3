#include "runtime/train/checkpoint.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "runtime/io/atomic_file.h"
#include "runtime/io/safetensors.h"
#include "runtime/train/manifest.h"
#include "runtime/train/weights.h"

namespace hydra::train {
namespace {

namespace fs = std::filesystem;

struct StateFile {
  StateKind kind;
  const char* file;
  const char* format;
};
constexpr StateFile kStateFiles[] = {
    {StateKind::kParameters, kWeightsFile, "hydra-weights-1"},
    {StateKind::kOptimizer, kOptimizerFile, "hydra-optimizer-1"},
    {StateKind::kControlState, kControlStateFile, "hydra-control-state-1"},
};

std::string Join(const std::string& directory, const std::string& file) {
  return (fs::path(directory) / file).string();
}

// A copy, not a link: a compiler that rewrites its output in place must not change checkpoints.
absl::Status Copy(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::copy_file(from, to, error);
  if (!error) return absl::OkStatus();
  return FailureError(absl::StrCat(to, ": cannot copy ", from, ": ", error.message()));
}

absl::Status Restore(const std::string& directory, const StateFile& what, TrainEngine& engine) {
  HYDRA_ASSIGN_OR_RETURN(const SafetensorsFile file,
                         SafetensorsFile::Open(Join(directory, what.file)));
  return LoadTensors(
      file, engine.state(what.kind),
      [&](size_t index) {
        return what.kind == StateKind::kParameters ? engine.aliases(index)
                                                   : std::vector<std::string>();
      },
      [&](size_t index, absl::Span<const uint8_t> bytes) {
        return engine.WriteState(what.kind, index, bytes);
      });
}

// A run directory or its checkpoints stand for the latest checkpoint.
std::string Resolve(const std::string& path) {
  std::error_code ignored;
  for (const std::string& candidate :
       {path, Join(path, "latest"), Join(path, "checkpoints/latest")}) {
    if (fs::exists(Join(candidate, kManifestFile), ignored)) return candidate;
  }
  return "";
}

}  // namespace

absl::Status WriteCheckpoint(const std::string& path, TrainEngine& engine, RunRecord record,
                             const CheckpointAttachments& attachments) {
  HYDRA_ASSIGN_OR_RETURN(AtomicDirectory directory, AtomicDirectory::Create(path));
  const std::string& inside = directory.temporary_path();
  std::vector<std::string> files;
  for (const StateFile& what : kStateFiles) {
    HYDRA_RETURN_IF_ERROR(SaveTensors(Join(inside, what.file), what.format, engine.state(what.kind),
                                      [&](size_t index, absl::Span<uint8_t> bytes) {
                                        return engine.ReadState(what.kind, index, bytes);
                                      }));
    files.push_back(what.file);
  }
  record.has_artifact = !attachments.artifact.empty();
  if (record.has_artifact) {
    HYDRA_RETURN_IF_ERROR(Copy(attachments.artifact, Join(inside, kArtifactFile)));
    files.push_back(kArtifactFile);
  }
  record.spec_file.clear();
  if (!attachments.spec_extension.empty()) {
    record.spec_file = absl::StrCat("model", attachments.spec_extension);
    HYDRA_RETURN_IF_ERROR(
        WriteFileAtomically(Join(inside, record.spec_file), attachments.spec_contents));
    files.push_back(record.spec_file);
  }
  HYDRA_RETURN_IF_ERROR(WriteRunRecord(Join(inside, kRunFile), record));
  files.push_back(kRunFile);
  HYDRA_RETURN_IF_ERROR(WriteManifest(inside, files));
  HYDRA_RETURN_IF_ERROR(directory.Publish());
  // The replaced checkpoint of the same step has the same contents or is older; nothing refers to
  // it.
  std::error_code ignored;
  fs::remove_all(PreviousPath(path), ignored);
  return absl::OkStatus();
}

bool Checkpoint::IsCheckpoint(const std::string& path) { return !Resolve(path).empty(); }

absl::StatusOr<Checkpoint> Checkpoint::Open(const std::string& path) {
  const std::string resolved = Resolve(path);
  if (resolved.empty()) {
    std::error_code ignored;
    if (fs::exists(Join(path, kRunFile), ignored)) {
      return InputError(
          absl::StrCat(path, ": the checkpoint is torn: ", kManifestFile, " is missing"));
    }
    return InputError(absl::StrCat(path, ": expected a checkpoint directory with ", kManifestFile,
                                   ", found none"));
  }
  Checkpoint checkpoint;
  checkpoint.path_ = resolved;
  HYDRA_ASSIGN_OR_RETURN(checkpoint.files_, VerifyManifest(resolved));
  HYDRA_ASSIGN_OR_RETURN(checkpoint.run_, ReadRunRecord(Join(resolved, kRunFile)));
  return checkpoint;
}

std::string Checkpoint::weights_path() const { return Join(path_, kWeightsFile); }

std::string Checkpoint::artifact_path() const {
  return run_.has_artifact ? Join(path_, kArtifactFile) : std::string();
}

std::string Checkpoint::spec_path() const {
  return run_.spec_file.empty() ? std::string() : Join(path_, run_.spec_file);
}

absl::Status Checkpoint::RestoreAll(TrainEngine& engine) const {
  for (const StateFile& what : kStateFiles) {
    HYDRA_RETURN_IF_ERROR(Restore(path_, what, engine));
  }
  return absl::OkStatus();
}

absl::Status Checkpoint::RestoreParameters(TrainEngine& engine) const {
  return Restore(path_, kStateFiles[0], engine);
}

}  // namespace hydra::train
