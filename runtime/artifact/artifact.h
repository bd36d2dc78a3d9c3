// Reads an artifact. Opening checks everything that does not need a device: header, structure,
// every index, offset, size, enum value and overlap, and the hash of every byte. What it returns
// can be used unchecked.
//
// An artifact carries machine code and is trusted like a shared library: damage is always refused,
// malice is not. A file is read once, as it is at that moment.
#ifndef HYDRA_RUNTIME_ARTIFACT_ARTIFACT_H_
#define HYDRA_RUNTIME_ARTIFACT_ARTIFACT_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/command.h"
#include "runtime/io/mapped_file.h"
#include "runtime/io/safetensors.h"

namespace hydra::artifact {

// How the host makes one value of the values of all micro-batches.
enum class Reduce : uint8_t { kLast, kSum, kMean, kMax, kMin };

// A buffer that the host can name; see artifact.fbs for each field.
struct NamedBuffer {
  std::string name;
  hal::BufferRef ref;
  hal::ElementType type = hal::ElementType::kF32;
  std::vector<int64_t> shape;
  double initial = 0;
  Reduce reduce = Reduce::kLast;  // region record

  // Product of the shape; ref.bytes is this times the element size.
  uint64_t elements() const;

  bool operator==(const NamedBuffer&) const = default;
};

enum class InitKind : uint8_t { kConstant, kNormal };

struct ParameterInfo {
  std::string name;
  std::vector<std::string> aliases;
  NamedBuffer buffer;
  InitKind init_kind = InitKind::kConstant;
  double init_value = 0;  // the constant, or the standard deviation
  double residual_scale = 1;
  double lr_factor = 1;
  double decay_factor = 1;
  std::optional<NamedBuffer> gradient;
  std::vector<NamedBuffer> states;

  bool operator==(const ParameterInfo&) const = default;
};

struct EntryInfo {
  std::string name;
  int64_t batch = 0, seq = 0;
  std::string variant;
  hal::CommandSequence body;
  std::vector<NamedBuffer> inputs, outputs, record;
  uint64_t arena_bytes = 0;
  uint64_t record_bytes = 0;  // of one piece
  uint64_t flops = 0;
  std::vector<hal::DeadRange> dead;  // in the order of their commands

  // "accumulate@8x512", with ":VARIANT" if there is one.
  std::string Label() const;
  // What a run gives the host: the outputs, then the fields of the step record.
  std::vector<const NamedBuffer*> Results() const;

  bool operator==(const EntryInfo&) const = default;
};

struct KernelInfo {
  std::string name;
  std::string hash;
  std::string location;
  std::vector<uint64_t> offsets;  // per ISA level

  bool operator==(const KernelInfo&) const = default;
};

enum class SectionKind : uint8_t {
  kCode,
  kConstants,
  kLedger,
  kSpec,
  kSettings,
  kWeights,
  kTokenizer,
  kRun,
};

struct SectionInfo {
  SectionKind kind = SectionKind::kCode;
  std::string name;
  uint64_t offset = 0, bytes = 0;
  uint64_t hash_low = 0, hash_high = 0;

  bool operator==(const SectionInfo&) const = default;
};

// What the variant of a training step may change, and the model's own lengths of it (model.md 11).
struct PhaseFacts {
  bool adaptive = false, depth_selection = false, experts = false, experts_start_silent = false;
  int64_t mod_warmup = 0, mor_warmup = 0, expert_warmup = 0;  // steps
  int64_t forced_routing_steps = 0, teacher_until_step = 0;

  bool operator==(const PhaseFacts&) const = default;
};

// Everything the flatbuffer says, as plain data.
struct ArtifactInfo {
  uint32_t version_major = 0, version_minor = 0;
  uint64_t required_features = 0;  // features.h
  std::string model, target, compiler_build, rules, precision;
  std::vector<std::string> isa_levels;
  int64_t vocab_size = 0, dim = 0, max_seq_len = 0, cache_len = 0;
  PhaseFacts phases;
  std::vector<ParameterInfo> parameters;
  std::vector<NamedBuffer> control, control_state, optimizer, cache, derived;
  std::array<uint64_t, hal::kRegionCount> region_bytes{};
  std::vector<EntryInfo> entries;
  std::vector<KernelInfo> kernels;
  std::vector<std::string> scopes;
  std::vector<SectionInfo> sections;

  bool operator==(const ArtifactInfo&) const = default;
};

// An open artifact. Immutable, so threads may share it. All of it is in memory, except the weights
// of a bundle, which stay in the file.
class Artifact {
 public:
  // All errors are of kind input: no such file; another version or unknown features, with both
  // versions or the features and how to compile again; anything that does not hold, with path,
  // offset, what was expected and found, and what to do.
  static absl::StatusOr<std::unique_ptr<Artifact>> Open(const std::string& path);
  // The same for bytes in memory, aligned to 8, which must outlive the artifact; `name` stands for
  // the path.
  static absl::StatusOr<std::unique_ptr<Artifact>> FromMemory(absl::Span<const uint8_t> bytes,
                                                              const std::string& name);
  Artifact(const Artifact&) = delete;
  Artifact& operator=(const Artifact&) = delete;

  const std::string& path() const { return path_; }
  const ArtifactInfo& info() const { return info_; }
  uint64_t file_bytes() const { return file_bytes_; }
  // XXH3 64 of the flatbuffer, which contains the hashes of all sections: names the artifact's
  // content.
  uint64_t content_hash() const { return content_hash_; }

  // The bytes of a section, valid as long as the artifact; empty if there is none.
  // Not of the weights.
  absl::Span<const uint8_t> Section(SectionKind kind, absl::string_view name = "") const;
  absl::Span<const uint8_t> Bytes(const SectionInfo& section) const;

  // Whether it is a bundle: has weights, and the run that they come from.
  bool is_bundle() const { return WeightsSection() != nullptr; }
  // The weights of a bundle, valid as long as the artifact. kInput if they are no safetensors.
  absl::StatusOr<SafetensorsFile> OpenWeights() const;

 private:
  Artifact() = default;
  // Takes the first bytes of the file into memory.
  absl::Status Read(uint64_t size);
  absl::Status LoadFile();
  // Header and description, of bytes_.
  absl::Status LoadDescription();
  absl::Status LoadSections() const;
  absl::Status CheckGpuCode() const;
  absl::Status CheckHash(const SectionInfo& section) const;
  const SectionInfo* WeightsSection() const;

  std::string path_;
  std::optional<MappedFile> file_;       // of Open
  std::unique_ptr<uint8_t[]> contents_;  // of Open; a mapping would follow a file that shrinks
  absl::Span<const uint8_t> bytes_;      // the file, of Open without the weights
  uint64_t file_bytes_ = 0;
  uint64_t description_end_ = 0;
  uint64_t content_hash_ = 0;
  ArtifactInfo info_;
};

// "code", "constants", ... and "last", "sum", ... as in artifact.fbs.
absl::string_view SectionKindName(SectionKind kind);
absl::string_view ReduceName(Reduce reduce);

}  // namespace hydra::artifact

#endif  // HYDRA_RUNTIME_ARTIFACT_ARTIFACT_H_
