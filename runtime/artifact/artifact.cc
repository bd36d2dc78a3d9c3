#include "runtime/artifact/artifact.h"

#include <algorithm>
#include <cstring>
#include <new>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "absl/strings/str_cat.h"
#include "runtime/artifact/flatbuffer_reader.h"
#include "runtime/artifact/format.h"
#include "runtime/artifact/table_check.h"
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

// The sections must follow each other as format.h says.
absl::Status CheckSections(absl::Span<const uint8_t> bytes, uint64_t end,
                           const std::vector<SectionInfo>& sections) {
  for (const SectionInfo& section : sections) {
    const uint64_t expected = AlignSection(end);
    const std::string label =
        absl::StrCat("section ", SectionKindName(section.kind), " '", section.name, "'");
    if (section.offset != expected) {
      return Damage(section.offset, absl::StrCat(label, " starts at byte ", section.offset,
                                                 ", expected byte ", expected));
    }
    if (section.offset > bytes.size() || section.bytes > bytes.size() - section.offset) {
      return Damage(bytes.size(), absl::StrCat(label, " needs bytes up to ", section.offset, " + ",
                                               section.bytes, ", the file ends at ", bytes.size()));
    }
    HYDRA_RETURN_IF_ERROR(CheckZero(bytes, end, section.offset));
    const XXH128_hash_t hash = XXH3_128bits(bytes.data() + section.offset, section.bytes);
    if (hash.low64 != section.hash_low || hash.high64 != section.hash_high) {
      return Damage(
          section.offset,
          absl::StrCat(label, ": expected hash ", absl::Hex(section.hash_high, absl::kZeroPad16),
                       absl::Hex(section.hash_low, absl::kZeroPad16), ", found ",
                       absl::Hex(hash.high64, absl::kZeroPad16),
                       absl::Hex(hash.low64, absl::kZeroPad16)));
    }
    end = section.offset + section.bytes;
  }
  if (end != bytes.size()) {
    return Damage(end, absl::StrCat("expected the end of the file, found ", bytes.size() - end,
                                    " more bytes"));
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
  // First what says whether it is one: no memory is taken for a large file of another kind.
  absl::Status status = artifact->Read(*file, std::min(file->bytes().size(), sizeof(FileHeader)));
  if (status.ok() && HasMark(artifact->bytes_)) {
    status = artifact->Read(*file, file->bytes().size());
  }
  if (status.ok()) status = artifact->Load();
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
  absl::Status status = artifact->Load();
  if (!status.ok()) return Annotate(status, absl::StrCat("artifact ", name));
  return artifact;
}

absl::Status Artifact::Read(const MappedFile& file, size_t size) {
  contents_.reset(new (std::nothrow) uint8_t[size]);
  if (contents_ == nullptr) {
    return OutOfMemoryError(absl::StrCat("cannot get the ", size, " bytes that it has"));
  }
  bytes_ = absl::MakeConstSpan(contents_.get(), size);
  return file.Read(0, absl::MakeSpan(contents_.get(), size));
}

absl::Status Artifact::Load() {
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
  const uint64_t available = bytes_.size() - sizeof(header);
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
  HYDRA_RETURN_IF_ERROR(
      CheckSections(bytes_, sizeof(header) + header.flatbuffer_bytes, info_.sections));
  const absl::Status tables = CheckTables(info_);
  if (!tables.ok()) return Damage(sizeof(header), tables.message());
  return absl::OkStatus();
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
  static constexpr const char* kNames[] = {"code",     "constants", "ledger",   "spec",
                                           "settings", "weights",   "tokenizer"};
  const auto index = static_cast<size_t>(kind);
  return index < 7 ? kNames[index] : "invalid";
}

absl::string_view ReduceName(Reduce reduce) {
  static constexpr const char* kNames[] = {"last", "sum", "mean", "max", "min"};
  const auto index = static_cast<size_t>(reduce);
  return index < 5 ? kNames[index] : "invalid";
}

}  // namespace hydra::artifact
