// Writing: the header first, then each tensor at its planned place.
#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "runtime/base/did_you_mean.h"
#include "runtime/io/json_file.h"
#include "runtime/io/safetensors.h"
#include "runtime/io/safetensors_header.h"

namespace hydra {
namespace {

// The planned data layout of one tensor.
struct Placed {
  const TensorSpec* spec;
  uint64_t begin;  // in the data
  uint64_t size;
};

absl::Status BadTensor(const std::string& path, const std::string& name,
                       absl::string_view message) {
  return FailureError(absl::StrCat(path, ": tensor ", QuoteForMessage(name), ": ", message));
}

absl::StatusOr<std::vector<Placed>> PlaceTensors(const std::string& path,
                                                 const std::vector<TensorSpec>& specs) {
  std::vector<Placed> placed;
  placed.reserve(specs.size());
  for (const TensorSpec& spec : specs) {
    const std::optional<uint64_t> size = TensorBytes(spec.dtype, spec.shape);
    if (!size) {
      return BadTensor(path, spec.name,
                       absl::StrCat("expected a shape whose size fits in 63 bits, found ",
                                    ShapeToString(spec.shape), " of ", DTypeName(spec.dtype)));
    }
    if (spec.name == kSafetensorsMetadataKey) {
      return BadTensor(path, spec.name, "this name is reserved for the metadata");
    }
    placed.push_back({&spec, 0, *size});
  }
  // Wider types first; the specs are one array, so their addresses keep their order.
  std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    const size_t a_size = DTypeSize(a.spec->dtype);
    const size_t b_size = DTypeSize(b.spec->dtype);
    return a_size != b_size ? a_size > b_size : a.spec < b.spec;
  });
  uint64_t next = 0;
  for (Placed& tensor : placed) {
    tensor.begin = next;
    // Both are below 2^63, so one sum cannot wrap; the limit keeps the next one safe.
    next += tensor.size;
    if (next >= uint64_t{1} << 62) {
      return BadTensor(path, tensor.spec->name, "the file would be larger than 2^62 bytes");
    }
  }
  return placed;
}

absl::StatusOr<std::string> MakeHeader(const std::map<std::string, std::string>& metadata,
                                       absl::Span<const Placed> placed) {
  std::vector<std::string> members;
  if (!metadata.empty()) {
    std::vector<std::string> strings;
    for (const auto& [key, text] : metadata) {
      HYDRA_ASSIGN_OR_RETURN(const std::string quoted_key, JsonQuote(key));
      HYDRA_ASSIGN_OR_RETURN(const std::string quoted_text, JsonQuote(text));
      strings.push_back(absl::StrCat(quoted_key, ":", quoted_text));
    }
    members.push_back(
        absl::StrCat("\"", kSafetensorsMetadataKey, "\":{", absl::StrJoin(strings, ","), "}"));
  }
  for (const Placed& tensor : placed) {
    HYDRA_ASSIGN_OR_RETURN(const std::string name, JsonQuote(tensor.spec->name));
    members.push_back(absl::StrCat(name, ":{\"dtype\":\"", DTypeName(tensor.spec->dtype),
                                   "\",\"shape\":[", absl::StrJoin(tensor.spec->shape, ","),
                                   "],\"data_offsets\":[", tensor.begin, ",",
                                   tensor.begin + tensor.size, "]}"));
  }
  std::string header = absl::StrCat("{", absl::StrJoin(members, ","), "}");
  // The data then begins at a multiple of 8, which aligns every element type.
  header.resize((header.size() + 7) / 8 * 8, ' ');
  if (header.size() > kMaxSafetensorsHeader) {
    return FailureError(absl::StrCat("expected a header of at most ", kMaxSafetensorsHeader,
                                     " bytes, found ", header.size()));
  }
  return header;
}

}  // namespace

absl::StatusOr<SafetensorsWriter> SafetensorsWriter::Create(
    const std::string& path, const std::map<std::string, std::string>& metadata,
    const std::vector<TensorSpec>& specs) {
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  return Create(std::move(file), metadata, specs);
}

absl::StatusOr<SafetensorsWriter> SafetensorsWriter::Create(
    AtomicFile file, const std::map<std::string, std::string>& metadata,
    const std::vector<TensorSpec>& specs) {
  const std::string& path = file.path();
  HYDRA_ASSIGN_OR_RETURN(const std::vector<Placed> placed, PlaceTensors(path, specs));
  absl::StatusOr<std::string> header = MakeHeader(metadata, placed);
  if (!header.ok()) return Annotate(header.status(), path);

  SafetensorsWriter writer(std::move(file));
  const uint64_t data_begin = 8 + header->size();
  for (const Placed& tensor : placed) {
    const Slot slot{.begin = data_begin + tensor.begin, .size = tensor.size};
    if (!writer.slots_.emplace(tensor.spec->name, slot).second) {
      return BadTensor(writer.file_.path(), tensor.spec->name,
                       "appears twice; expected each name once");
    }
    writer.layout_.push_back(static_cast<size_t>(tensor.spec - specs.data()));
  }
  uint8_t length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<uint8_t>(header->size() >> (8 * i));
  HYDRA_RETURN_IF_ERROR(writer.file_.Append(absl::MakeConstSpan(length)));
  HYDRA_RETURN_IF_ERROR(writer.file_.Append(absl::string_view(*header)));
  return writer;
}

absl::Status SafetensorsWriter::Append(absl::string_view name, absl::Span<const uint8_t> bytes) {
  const std::string key(name);
  const auto found = slots_.find(key);
  if (found == slots_.end()) {
    std::vector<absl::string_view> names;
    for (const auto& [declared, slot] : slots_) names.push_back(declared);
    return BadTensor(file_.path(), key, absl::StrCat("was not declared", DidYouMean(name, names)));
  }
  Slot& slot = found->second;
  if (bytes.size() > slot.size - slot.written) {
    return BadTensor(
        file_.path(), key,
        absl::StrCat("expected ", slot.size, " bytes in all, found ", slot.written + bytes.size()));
  }
  HYDRA_RETURN_IF_ERROR(file_.WriteAt(slot.begin + slot.written, bytes));
  slot.written += bytes.size();
  return absl::OkStatus();
}

absl::Status SafetensorsWriter::Finish() {
  for (const auto& [name, slot] : slots_) {
    if (slot.written != slot.size) {
      return BadTensor(
          file_.path(), name,
          absl::StrCat("expected ", slot.size, " bytes, found ", slot.written, " at the end"));
    }
  }
  return file_.Commit();
}

absl::Status WriteSafetensors(const std::string& path,
                              const std::map<std::string, std::string>& metadata,
                              const std::vector<TensorView>& tensors) {
  std::vector<TensorSpec> specs;
  specs.reserve(tensors.size());
  for (const TensorView& tensor : tensors)
    specs.push_back({tensor.name, tensor.dtype, tensor.shape});
  HYDRA_ASSIGN_OR_RETURN(SafetensorsWriter writer,
                         SafetensorsWriter::Create(path, metadata, specs));
  std::vector<uint8_t> copy;
  for (const TensorView& tensor : tensors) {
    absl::Span<const uint8_t> bytes = tensor.bytes;
    if (tensor.file != nullptr) {
      copy.resize(bytes.size());
      HYDRA_RETURN_IF_ERROR(tensor.ReadBytes(absl::MakeSpan(copy)));
      bytes = copy;
    }
    HYDRA_RETURN_IF_ERROR(writer.Append(tensor.name, bytes));
  }
  return writer.Finish();
}

}  // namespace hydra
