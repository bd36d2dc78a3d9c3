#include "runtime/app/bundle.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/app/model.h"
#include "runtime/artifact/assemble.h"
#include "runtime/artifact/features.h"
#include "runtime/base/hash.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/file_digest.h"
#include "runtime/io/mapped_file.h"
#include "runtime/io/output_guard.h"
#include "runtime/io/safetensors.h"
#include "runtime/train/weights.h"

namespace hydra::app {
namespace {

using artifact::ArtifactInfo;
using artifact::SectionInfo;
using artifact::SectionKind;

const SectionInfo* Find(const ArtifactInfo& info, SectionKind kind) {
  const auto found = std::find_if(info.sections.begin(), info.sections.end(),
                                  [&](const SectionInfo& section) { return section.kind == kind; });
  return found == info.sections.end() ? nullptr : &*found;
}

absl::Span<const uint8_t> BytesOf(absl::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string TextOf(absl::Span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

bool IsArtifactFile(const std::string& path) { return artifact::Artifact::Open(path).ok(); }

std::string Shape(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// The artifact must be of the model that the weights are of.
absl::Status CheckWeights(const artifact::Artifact& artifact, const SafetensorsFile& weights) {
  for (const artifact::ParameterInfo& parameter : artifact.info().parameters) {
    const TensorView* tensor = weights.Find(parameter.name);
    if (tensor != nullptr && tensor->shape == parameter.buffer.shape) continue;
    return InputError(absl::StrCat(weights.source(), ": expected tensor ", parameter.name, " ",
                                   Shape(parameter.buffer.shape), " for ", artifact.path(),
                                   ", found ", tensor == nullptr ? "none" : Shape(tensor->shape),
                                   "; bundle an artifact of the model that was trained"));
  }
  if (weights.tensors().size() == artifact.info().parameters.size()) return absl::OkStatus();
  return InputError(absl::StrCat(weights.source(), ": expected the ",
                                 artifact.info().parameters.size(), " tensors of ", artifact.path(),
                                 ", found ", weights.tensors().size(),
                                 "; bundle an artifact of the model that was trained"));
}

SectionInfo Describe(SectionKind kind, std::string name, absl::Span<const uint8_t> bytes) {
  const Hash128 hash = HashBytes(bytes);
  return {kind, std::move(name), 0, bytes.size(), hash.low, hash.high};
}

// Appends zeros up to `offset`.
absl::Status Pad(AtomicFile& file, uint64_t& position, uint64_t offset) {
  const std::vector<uint8_t> zeros(offset - position);
  position = offset;
  return file.Append(zeros);
}

// Appends the weights, which must still be those that were hashed.
absl::Status CopyWeights(const MappedFile& from, const SectionInfo& section, AtomicFile& file) {
  constexpr uint64_t kPiece = 1 << 20;
  Hasher hasher;
  std::vector<uint8_t> piece;
  for (uint64_t done = 0; done < section.bytes; done += piece.size()) {
    piece.resize(std::min(kPiece, section.bytes - done));
    HYDRA_RETURN_IF_ERROR(from.Read(done, absl::MakeSpan(piece)));
    hasher.Update(piece);
    HYDRA_RETURN_IF_ERROR(file.Append(piece));
  }
  if (hasher.Digest() == Hash128{.high = section.hash_high, .low = section.hash_low}) {
    return absl::OkStatus();
  }
  return InputError(absl::StrCat(from.path(), ": was changed while it was read; start again"));
}

absl::StatusOr<std::unique_ptr<artifact::Artifact>> OpenArtifactFor(
    const BundleRequest& request, const train::Checkpoint& checkpoint) {
  const std::string path = request.artifact.empty() ? checkpoint.artifact_path() : request.artifact;
  if (path.empty()) {
    return InputError(absl::StrCat(
        checkpoint.path(),
        ": expected a checkpoint with its artifact, found one without; compile its model with "
        "hydra-opt --entry=eval@8x256 --entry=extend@1x64 --entry=extend@1x1 and pass --artifact "
        "FILE"));
  }
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<artifact::Artifact> opened,
                         artifact::Artifact::Open(path));
  if (opened->is_bundle()) {
    return InputError(
        absl::StrCat(path,
                     ": expected an artifact without weights, found a bundle; take the "
                     "artifact that it was made of"));
  }
  return opened;
}

}  // namespace

absl::StatusOr<Bundle> Bundle::Of(const artifact::Artifact& artifact) {
  Bundle bundle(artifact);
  const SectionInfo* run = Find(artifact.info(), SectionKind::kRun);
  HYDRA_ASSIGN_OR_RETURN(bundle.run_,
                         train::ParseRunRecord(TextOf(artifact.Bytes(*run)),
                                               absl::StrCat(artifact.path(), ", section run")));
  if (const SectionInfo* tokenizer = Find(artifact.info(), SectionKind::kTokenizer)) {
    bundle.tokenizer_contents_ = TextOf(artifact.Bytes(*tokenizer));
    if (tokenizer->name == bundle.run_.tokenizer) return bundle;
    return InputError(absl::StrCat(artifact.path(), ": expected the tokenizer of the run, ",
                                   bundle.run_.tokenizer, ", found ", tokenizer->name,
                                   "; make the bundle again"));
  }
  if (bundle.run_.tokenizer.empty() || bundle.run_.tokenizer == data::kByteTokenizer) return bundle;
  return InputError(absl::StrCat(artifact.path(), ": expected a section tokenizer with the run's ",
                                 bundle.run_.tokenizer, ", found none; make the bundle again"));
}

absl::StatusOr<std::unique_ptr<data::Tokenizer>> Bundle::OpenTokenizer() const {
  if (run_.tokenizer.empty()) return nullptr;
  return data::ParseTokenizer(run_.tokenizer, tokenizer_contents_,
                              absl::StrCat(artifact_->path(), ", section tokenizer"));
}

absl::Status Bundle::RestoreParameters(train::TrainEngine& engine) const {
  HYDRA_ASSIGN_OR_RETURN(const SafetensorsFile weights, artifact_->OpenWeights());
  return train::LoadWeights(train::WeightsSource::Exactly(weights), engine).status();
}

absl::StatusOr<WrittenBundle> WriteBundle(const BundleRequest& request) {
  HYDRA_RETURN_IF_ERROR(
      CheckOutput(request.output, hydra::FileKind{"an artifact", IsArtifactFile}, request.force));
  HYDRA_ASSIGN_OR_RETURN(const train::Checkpoint checkpoint,
                         OpenCheckpointWithWarnings(request.checkpoint, request.notices));
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<artifact::Artifact> artifact,
                         OpenArtifactFor(request, checkpoint));
  HYDRA_ASSIGN_OR_RETURN(const SafetensorsFile tensors,
                         SafetensorsFile::Open(checkpoint.weights_path()));
  HYDRA_RETURN_IF_ERROR(CheckWeights(*artifact, tensors));
  HYDRA_ASSIGN_OR_RETURN(const std::string tokenizer, checkpoint.TokenizerContents());
  const std::string run = train::RunRecordText(checkpoint.run());
  HYDRA_ASSIGN_OR_RETURN(const MappedFile weights, MappedFile::Open(checkpoint.weights_path()));
  HYDRA_ASSIGN_OR_RETURN(const FileDigest digest, DigestOfFile(checkpoint.weights_path()));

  ArtifactInfo info = artifact->info();
  info.sections.push_back(Describe(SectionKind::kRun, "", BytesOf(run)));
  if (!tokenizer.empty()) {
    info.sections.push_back(
        Describe(SectionKind::kTokenizer, checkpoint.run().tokenizer, BytesOf(tokenizer)));
  }
  info.sections.push_back(
      {SectionKind::kWeights, "", 0, digest.bytes, digest.hash.low, digest.hash.high});
  info.required_features = artifact::FeaturesOf(info);
  HYDRA_ASSIGN_OR_RETURN(const std::vector<uint8_t> head, artifact::AssembleHead(info));

  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(request.output));
  HYDRA_RETURN_IF_ERROR(file.Append(head));
  uint64_t position = head.size();
  for (size_t i = 0; i < info.sections.size(); ++i) {
    const SectionInfo& section = info.sections[i];
    HYDRA_RETURN_IF_ERROR(Pad(file, position, section.offset));
    if (section.kind == SectionKind::kWeights) {
      HYDRA_RETURN_IF_ERROR(CopyWeights(weights, section, file));
    } else {
      HYDRA_RETURN_IF_ERROR(file.Append(section.kind == SectionKind::kRun ? BytesOf(run)
                                        : section.kind == SectionKind::kTokenizer
                                            ? BytesOf(tokenizer)
                                            : artifact->Bytes(artifact->info().sections[i])));
    }
    position += section.bytes;
  }
  HYDRA_RETURN_IF_ERROR(file.Commit());
  return WrittenBundle{
      .checkpoint = checkpoint.path(), .step = checkpoint.run().step, .bytes = position};
}

}  // namespace hydra::app
