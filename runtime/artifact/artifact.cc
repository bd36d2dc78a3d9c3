#include "runtime/artifact/artifact.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <new>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "absl/strings/str_cat.h"
#include "runtime/artifact/flatbuffer_reader.h"
#include "runtime/artifact/format.h"
#include "runtime/artifact/gpu_image.h"
#include "runtime/artifact/table_check.h"
#include "runtime/base/hash.h"
#include "runtime/base/status.h"
#include "runtime/io/posix_file.h"

namespace hydra::artifact {
namespace {

// What a user can do about any damage.
constexpr char kAdvice[] = "the file is damaged or not an artifact; make it again with hydra-opt";

absl::Status Damage(uint64_t offset, absl::string_view what) {
  return InputError(absl::StrCat("byte ", offset, ": ", what, "; ", kAdvice));
}

// Whether it begins as an artifact does; the rest of the header may be missing.
bool HasMark(absl::Span<const uint8_t> bytes) {
  return bytes.size() >= sizeof(kMagic) && std::memcmp(bytes.data(), kMagic, sizeof(kMagic)) == 0;
}

absl::Status CheckZero(absl::Span<const uint8_t> bytes, uint64_t begin, uint64_t end) {
  for (uint64_t i = begin; i < end; ++i) {
    if (bytes[i] != 0) {
      return Damage(
          i, absl::StrCat("expected 0 between sections, found ", static_cast<int>(bytes[i])));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Artifact>> Artifact::Open(const std::string& path) {
  if (!PathExists(path)) {
    return InputError(
        absl::StrCat("artifact ", path, ": no such file or directory; make it with hydra-opt"));
  }
  absl::StatusOr<MappedFile> file = MappedFile::Open(path);
  if (!file.ok()) return Annotate(file.status(), "artifact");
  std::unique_ptr<Artifact> artifact(new Artifact);
  artifact->path_ = path;
  artifact->file_bytes_ = file->bytes().size();
  artifact->file_ = *std::move(file);
  const absl::Status status = artifact->LoadFile();
  if (!status.ok()) return Annotate(status, absl::StrCat("artifact ", path));
  return artifact;
}

absl::StatusOr<std::unique_ptr<Artifact>> Artifact::FromMemory(absl::Span<const uint8_t> bytes,
                                                               const std::string& name) {
  if (reinterpret_cast<uintptr_t>(bytes.data()) % alignof(FileHeader) != 0) {
    return FailureError(
        absl::StrCat("artifact ", name, ": its bytes must be aligned to ", alignof(FileHeader)));
  }
  std::unique_ptr<Artifact> artifact(new Artifact);
  artifact->path_ = name;
  artifact->bytes_ = bytes;
  artifact->file_bytes_ = bytes.size();
  absl::Status status = artifact->LoadDescription();
  if (status.ok()) status = artifact->LoadSections();
  if (!status.ok()) return Annotate(status, absl::StrCat("artifact ", name));
  return artifact;
}

absl::Status Artifact::Read(uint64_t size) {
  contents_.reset(new (std::nothrow) uint8_t[size]);
  if (contents_ == nullptr) {
    return OutOfMemoryError(absl::StrCat("cannot get the ", size, " bytes that it has"));
  }
  bytes_ = absl::MakeConstSpan(contents_.get(), size);
  return file_->Read(0, absl::MakeSpan(contents_.get(), size));
}

// First what says whether it is one, then what says where the weights are: no memory is taken for a
// large file of another kind, nor for them.
absl::Status Artifact::LoadFile() {
  HYDRA_RETURN_IF_ERROR(Read(std::min<uint64_t>(file_bytes_, sizeof(FileHeader))));
  if (HasMark(bytes_) && bytes_.size() == sizeof(FileHeader)) {
    FileHeader header;
    std::memcpy(&header, bytes_.data(), sizeof(header));
    const uint64_t rest = std::min(header.flatbuffer_bytes, file_bytes_ - sizeof(header));
    HYDRA_RETURN_IF_ERROR(Read(sizeof(header) + rest));
  }
  HYDRA_RETURN_IF_ERROR(LoadDescription());
  const SectionInfo* weights = WeightsSection();
  HYDRA_RETURN_IF_ERROR(
      Read(weights == nullptr ? file_bytes_ : std::min(weights->offset, file_bytes_)));
  return LoadSections();
}

absl::Status Artifact::LoadDescription() {
  FileHeader header;
  if (bytes_.size() < sizeof(header)) {
    return Damage(bytes_.size(), absl::StrCat("expected a header of ", sizeof(header),
                                              " bytes, the file has ", bytes_.size()));
  }
  std::memcpy(&header, bytes_.data(), sizeof(header));
  if (!HasMark(bytes_)) {
    return Damage(0, absl::StrCat("expected the mark '", absl::string_view(kMagic, sizeof(kMagic)),
                                  "', found something else"));
  }
  if (header.header_version != kHeaderVersion) {
    return Damage(8, absl::StrCat("expected header version ", kHeaderVersion, ", found ",
                                  header.header_version));
  }
  if (header.header_bytes != sizeof(header)) {
    return Damage(12, absl::StrCat("expected a header of ", sizeof(header), " bytes, found ",
                                   header.header_bytes));
  }
  const uint64_t available = file_bytes_ - sizeof(header);
  if (header.flatbuffer_bytes > available || header.flatbuffer_bytes >= (uint64_t{1} << 31)) {
    return Damage(
        16, absl::StrCat("expected a description of less than 2^31 bytes within the ", available,
                         " bytes that follow, found a length of ", header.flatbuffer_bytes));
  }
  const absl::Span<const uint8_t> description =
      bytes_.subspan(sizeof(header), header.flatbuffer_bytes);
  content_hash_ = XXH3_64bits(description.data(), description.size());
  if (content_hash_ != header.flatbuffer_hash) {
    return Damage(sizeof(header),
                  absl::StrCat("description: expected hash ", absl::Hex(header.flatbuffer_hash),
                               ", found ", absl::Hex(content_hash_)));
  }
  HYDRA_RETURN_IF_ERROR(CheckReadable(description));
  absl::StatusOr<ArtifactInfo> info = ReadFlatbuffer(description);
  if (!info.ok()) return Damage(sizeof(header), info.status().message());
  info_ = *std::move(info);
  description_end_ = sizeof(header) + header.flatbuffer_bytes;
  return absl::OkStatus();
}

absl::Status Artifact::CheckHash(const SectionInfo& section) const {
  Hasher hasher;
  if (file_ && section.kind == SectionKind::kWeights) {
    constexpr uint64_t kPiece = 1 << 20;
    std::vector<uint8_t> piece;
    for (uint64_t done = 0; done < section.bytes; done += piece.size()) {
      piece.resize(std::min(kPiece, section.bytes - done));
      HYDRA_RETURN_IF_ERROR(file_->Read(section.offset + done, absl::MakeSpan(piece)));
      hasher.Update(piece);
    }
  } else {
    hasher.Update(Bytes(section));
  }
  const Hash128 found = hasher.Digest();
  if (found.low == section.hash_low && found.high == section.hash_high) return absl::OkStatus();
  return Damage(section.offset,
                absl::StrCat("section ", SectionKindName(section.kind), " '", section.name,
                             "': expected hash ",
                             Hash128{.high = section.hash_high, .low = section.hash_low}.ToHex(),
                             ", found ", found.ToHex()));
}

// The sections must follow each other as format.h says.
absl::Status Artifact::LoadSections() const {
  uint64_t end = description_end_;
  for (const SectionInfo& section : info_.sections) {
    const uint64_t expected = AlignSection(end);
    const std::string label =
        absl::StrCat("section ", SectionKindName(section.kind), " '", section.name, "'");
    if (section.offset != expected) {
      return Damage(section.offset, absl::StrCat(label, " starts at byte ", section.offset,
                                                 ", expected byte ", expected));
    }
    // Of what stands before weights, that is in memory.
    const uint64_t limit =
        section.kind == SectionKind::kWeights ? file_bytes_ : uint64_t{bytes_.size()};
    if (section.offset > limit || section.bytes > limit - section.offset) {
      return Damage(limit, absl::StrCat(label, " needs bytes up to ", section.offset, " + ",
                                        section.bytes, ", the file ends at ", limit));
    }
    HYDRA_RETURN_IF_ERROR(CheckZero(bytes_, end, section.offset));
    HYDRA_RETURN_IF_ERROR(CheckHash(section));
    end = section.offset + section.bytes;
  }
  if (end != file_bytes_) {
    return Damage(end, absl::StrCat("expected the end of the file, found ", file_bytes_ - end,
                                    " more bytes"));
  }
  const absl::Status tables = CheckTables(info_);
  if (!tables.ok()) return Damage(sizeof(FileHeader), tables.message());
  return info_.target == "cuda" ? CheckGpuCode() : absl::OkStatus();
}

// Every kernel is where the table says, in the code of every architecture.
absl::Status Artifact::CheckGpuCode() const {
  for (size_t level = 0; level < info_.isa_levels.size(); ++level) {
    const std::string& name = info_.isa_levels[level];
    const auto found =
        std::find_if(info_.sections.begin(), info_.sections.end(), [&](const SectionInfo& section) {
          return section.kind == SectionKind::kCode && section.name == name;
        });
    absl::StatusOr<std::vector<GpuKernelPlace>> places = ReadGpuImage(name, Bytes(*found));
    if (!places.ok()) {
      return Damage(found->offset,
                    absl::StrCat("code for ", name, ": ", places.status().message()));
    }
    std::map<absl::string_view, uint64_t> offsets;
    for (const GpuKernelPlace& place : *places) offsets[place.name] = place.offset;
    for (const KernelInfo& kernel : info_.kernels) {
      const auto place = offsets.find(kernel.name);
      if (place == offsets.end() || place->second != kernel.offsets[level]) {
        return Damage(
            found->offset + kernel.offsets[level],
            absl::StrCat("expected kernel ", kernel.name, " here, in the code for ", name,
                         ", found ",
                         place == offsets.end() ? std::string("none of that name")
                                                : absl::StrCat("it at byte ", place->second)));
      }
    }
  }
  return absl::OkStatus();
}

const SectionInfo* Artifact::WeightsSection() const {
  const bool last = !info_.sections.empty() && info_.sections.back().kind == SectionKind::kWeights;
  return last ? &info_.sections.back() : nullptr;
}

absl::StatusOr<SafetensorsFile> Artifact::OpenWeights() const {
  const SectionInfo* weights = WeightsSection();
  if (weights == nullptr) {
    return InputError(
        absl::StrCat(path_, ": expected a bundle, found an artifact without weights"));
  }
  const std::string name = absl::StrCat(path_, ", section weights");
  if (file_) return SafetensorsFile::Inside(*file_, weights->offset, weights->bytes, name);
  return SafetensorsFile::Parse(Bytes(*weights), name);
}

absl::Span<const uint8_t> Artifact::Section(SectionKind kind, absl::string_view name) const {
  for (const SectionInfo& section : info_.sections) {
    if (section.kind == kind && section.name == name) return Bytes(section);
  }
  return {};
}

absl::Span<const uint8_t> Artifact::Bytes(const SectionInfo& section) const {
  return bytes_.subspan(section.offset, section.bytes);
}

uint64_t NamedBuffer::elements() const {
  uint64_t product = 1;
  for (int64_t extent : shape) product *= static_cast<uint64_t>(extent);
  return product;
}

std::string EntryInfo::Label() const {
  return absl::StrCat(name, "@", batch, "x", seq, variant.empty() ? "" : ":", variant);
}

std::vector<const NamedBuffer*> EntryInfo::Results() const {
  std::vector<const NamedBuffer*> results;
  for (const std::vector<NamedBuffer>* list : {&outputs, &record}) {
    for (const NamedBuffer& buffer : *list) results.push_back(&buffer);
  }
  return results;
}

absl::string_view SectionKindName(SectionKind kind) {
  static constexpr const char* kNames[] = {"code",     "constants", "ledger",    "spec",
                                           "settings", "weights",   "tokenizer", "run"};
  const auto index = static_cast<size_t>(kind);
  return index < 8 ? kNames[index] : "invalid";
}

absl::string_view ReduceName(Reduce reduce) {
  static constexpr const char* kNames[] = {"last", "sum", "mean", "max", "min"};
  const auto index = static_cast<size_t>(reduce);
  return index < 5 ? kNames[index] : "invalid";
}

}  // namespace hydra::artifact
