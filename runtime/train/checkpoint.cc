#include "runtime/train/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "runtime/io/atomic_file.h"
#include "runtime/io/posix_file.h"
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

constexpr absl::string_view kSpecFiles[] = {"model.mlir", "model.json"};
constexpr absl::string_view kTokenizerFiles[] = {data::kTokenizerJson, data::kTokenizerModel};
constexpr uint64_t kLargestTokenizer = uint64_t{1} << 28;

bool HasTokenizerFile(const RunRecord& run) {
  return std::find(std::begin(kTokenizerFiles), std::end(kTokenizerFiles), run.tokenizer) !=
         std::end(kTokenizerFiles);
}

// A file of the checkpoint under construction, and its line of the manifest.
absl::Status WriteFile(const AtomicDirectory& directory, const std::string& name,
                       absl::string_view contents, std::vector<ManifestEntry>& entries) {
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, directory.CreateFile(name));
  HYDRA_RETURN_IF_ERROR(file.Append(contents));
  HYDRA_RETURN_IF_ERROR(file.Commit());
  HYDRA_ASSIGN_OR_RETURN(const FileDigest digest, file.Digest());
  entries.push_back({name, digest});
  return absl::OkStatus();
}

absl::Status Restore(const std::string& directory, const StateFile& what, TrainEngine& engine) {
  HYDRA_ASSIGN_OR_RETURN(const SafetensorsFile file,
                         SafetensorsFile::Open(Join(directory, what.file)));
  return LoadTensors(
      WeightsSource::Exactly(file), engine.state(what.kind),
      [&](size_t index) {
        return what.kind == StateKind::kParameters ? engine.aliases(index)
                                                   : std::vector<std::string>();
      },
      ElementTypes::kExact,
      [&](size_t index, absl::Span<const uint8_t> bytes) {
        return engine.WriteState(what.kind, index, bytes);
      });
}

// The files that a checkpoint cannot be without, and those that its record promises.
absl::Status CheckPromised(const std::string& path, const RunRecord& run,
                           const std::vector<std::string>& files) {
  std::vector<std::string> promised;
  if (run.has_artifact) promised.push_back(kArtifactFile);
  if (!run.spec_file.empty()) promised.push_back(run.spec_file);
  if (HasTokenizerFile(run)) promised.push_back(run.tokenizer);
  for (const std::string& file : promised) {
    if (std::find(files.begin(), files.end(), file) != files.end()) continue;
    return InputError(
        absl::StrCat(path, ": ", kRunFile, " promises ", file, ", the manifest does not list it"));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsCheckpointFile(absl::string_view name) {
  if (name == kRunFile || name == kArtifactFile || name == kManifestFile) return true;
  for (const absl::string_view spec : kSpecFiles) {
    if (name == spec) return true;
  }
  for (const absl::string_view tokenizer : kTokenizerFiles) {
    if (name == tokenizer) return true;
  }
  for (const StateFile& what : kStateFiles) {
    if (name == what.file) return true;
  }
  return false;
}

absl::Status WriteCheckpoint(const std::string& path, TrainEngine& engine, RunRecord record,
                             const CheckpointAttachments& attachments) {
  HYDRA_ASSIGN_OR_RETURN(AtomicDirectory directory, AtomicDirectory::Create(path));
  std::vector<ManifestEntry> entries;
  for (const StateFile& what : kStateFiles) {
    HYDRA_ASSIGN_OR_RETURN(AtomicFile file, directory.CreateFile(what.file));
    HYDRA_ASSIGN_OR_RETURN(const FileDigest digest,
                           SaveTensors(std::move(file), what.format, engine.state(what.kind),
                                       [&](size_t index, absl::Span<uint8_t> bytes) {
                                         return engine.ReadState(what.kind, index, bytes);
                                       }));
    entries.push_back({what.file, digest});
  }
  record.has_artifact = !attachments.artifact.empty();
  if (record.has_artifact) {
    HYDRA_RETURN_IF_ERROR(WriteFile(directory, kArtifactFile, attachments.artifact, entries));
  }
  record.spec_file.clear();
  if (!attachments.spec_extension.empty()) {
    record.spec_file = absl::StrCat("model", attachments.spec_extension);
    HYDRA_RETURN_IF_ERROR(
        WriteFile(directory, record.spec_file, attachments.spec_contents, entries));
  }
  if (HasTokenizerFile(record)) {
    HYDRA_RETURN_IF_ERROR(WriteFile(directory, record.tokenizer, attachments.tokenizer, entries));
  }
  HYDRA_RETURN_IF_ERROR(WriteFile(directory, kRunFile, RunRecordText(record), entries));
  HYDRA_RETURN_IF_ERROR(WriteManifest(directory, std::move(entries)));
  return directory.Publish();
}

absl::StatusOr<Checkpoint> Checkpoint::Open(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(Join(path, kManifestFile), ignored)) {
    if (fs::exists(Join(path, kRunFile), ignored)) {
      return InputError(
          absl::StrCat(path, ": the checkpoint is torn: ", kManifestFile, " is missing"));
    }
    return InputError(absl::StrCat(
        path, ": expected a checkpoint, or a run that has one, found no ", kManifestFile,
        "; 'hydra-run train' and 'hydra-run checkpoint import' make "
        "checkpoints"));
  }
  Checkpoint checkpoint;
  checkpoint.path_ = path;
  const absl::string_view required[] = {kWeightsFile, kOptimizerFile, kControlStateFile, kRunFile};
  HYDRA_ASSIGN_OR_RETURN(const std::vector<ManifestEntry> entries, VerifyManifest(path, required));
  for (const ManifestEntry& entry : entries) {
    checkpoint.files_.push_back(entry.file);
    if (entry.file != kRunFile) continue;
    HYDRA_ASSIGN_OR_RETURN(const std::string text, ReadListedFile(path, entry));
    HYDRA_ASSIGN_OR_RETURN(checkpoint.run_, ParseRunRecord(text, Join(path, kRunFile)));
  }
  HYDRA_RETURN_IF_ERROR(CheckPromised(path, checkpoint.run_, checkpoint.files_));
  return checkpoint;
}

std::string Checkpoint::weights_path() const { return Join(path_, kWeightsFile); }

std::string Checkpoint::artifact_path() const {
  return run_.has_artifact ? Join(path_, kArtifactFile) : std::string();
}

std::string Checkpoint::spec_path() const {
  return run_.spec_file.empty() ? std::string() : Join(path_, run_.spec_file);
}

absl::StatusOr<std::string> Checkpoint::TokenizerContents() const {
  if (!HasTokenizerFile(run_)) return std::string();
  return ReadWholeFile(Join(path_, run_.tokenizer), kLargestTokenizer);
}

absl::StatusOr<std::unique_ptr<data::Tokenizer>> Checkpoint::OpenTokenizer() const {
  if (run_.tokenizer.empty()) return nullptr;
  HYDRA_ASSIGN_OR_RETURN(std::string contents, TokenizerContents());
  return data::ParseTokenizer(run_.tokenizer, std::move(contents), Join(path_, run_.tokenizer));
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
