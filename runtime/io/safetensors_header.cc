// Validation of the safetensors header: lengths, JSON, every entry, and the tiling of the data.
#include "runtime/io/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/str_join.h"
#include "runtime/base/did_you_mean.h"
#include "runtime/io/json_file.h"
#include "runtime/io/safetensors.h"

namespace hydra {
namespace {

uint64_t ReadLittleEndian64(absl::Span<const uint8_t> bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | bytes[static_cast<size_t>(i)];
  return value;
}

absl::Status Damaged(absl::string_view source, uint64_t byte, absl::string_view message) {
  return InputError(absl::StrCat(source, ": byte ", byte, ": ", message));
}

// JSON that has the wrong type is damage here, unlike in a file that a person wrote.
absl::Status AsDamage(const absl::Status& status) { return InputError(status.message()); }

absl::Status ParseMetadata(const JsonView& value, std::map<std::string, std::string>& metadata) {
  const auto members = value.Object();
  if (!members.ok()) return AsDamage(members.status());
  for (const auto& [key, text] : *members) {
    const auto string = text.String();
    if (!string.ok()) return AsDamage(string.status());
    metadata.emplace(std::string(key), std::string(*string));
  }
  return absl::OkStatus();
}

// Reads an entry's fields. Errors carry the position and path of the JSON value.
absl::Status ParseEntry(const JsonView& value, SafetensorsEntry& entry) {
  HYDRA_RETURN_IF_ERROR(value.RejectUnknownKeys({"dtype", "shape", "data_offsets"}));

  HYDRA_ASSIGN_OR_RETURN(const JsonView dtype, value.Get("dtype"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view dtype_name, dtype.String());
  const std::optional<DType> known = ParseDType(dtype_name);
  if (!known) return dtype.Expected(absl::StrCat("one of ", AllDTypeNames()));
  entry.dtype = *known;

  HYDRA_ASSIGN_OR_RETURN(const JsonView shape, value.Get("shape"));
  HYDRA_ASSIGN_OR_RETURN(const auto dimensions, shape.Array());
  for (const JsonView& dimension : dimensions) {
    HYDRA_ASSIGN_OR_RETURN(const int64_t size, dimension.Int(0));
    entry.shape.push_back(size);
  }

  HYDRA_ASSIGN_OR_RETURN(const JsonView offsets, value.Get("data_offsets"));
  HYDRA_ASSIGN_OR_RETURN(const auto pair, offsets.Array());
  if (pair.size() != 2) return offsets.Expected("an array of 2 elements, begin and end");
  HYDRA_ASSIGN_OR_RETURN(entry.begin, pair[0].Uint());
  HYDRA_ASSIGN_OR_RETURN(entry.end, pair[1].Uint());
  if (entry.end < entry.begin) {
    return offsets.Error(
        absl::StrCat("expected data_offsets [begin, end] with begin <= end, found [", entry.begin,
                     ", ", entry.end, "]"));
  }

  const std::optional<uint64_t> size = TensorBytes(entry.dtype, entry.shape);
  if (!size) {
    return shape.Error(absl::StrCat("expected a shape whose size fits in 63 bits, found ",
                                    ShapeToString(entry.shape), " of ", dtype_name));
  }
  if (*size != entry.end - entry.begin) {
    return offsets.Error(absl::StrCat("expected data_offsets that span ", *size,
                                      " bytes for shape ", ShapeToString(entry.shape), " of ",
                                      dtype_name, ", found ", entry.end - entry.begin, " bytes [",
                                      entry.begin, ", ", entry.end, "]"));
  }
  return absl::OkStatus();
}

// Every byte of the data belongs to exactly one tensor.
absl::Status CheckTiling(absl::Span<const SafetensorsEntry> entries, uint64_t data_begin,
                         uint64_t data_size, absl::string_view source) {
  uint64_t next = 0;
  for (const SafetensorsEntry& entry : entries) {
    const std::string name = QuoteForMessage(entry.name);
    if (entry.end > data_size) {
      return Damaged(source, entry.header_byte,
                     absl::StrCat("tensor ", name, ": expected its data to end within the ",
                                  data_size, " bytes of data, found end ", entry.end,
                                  "; the file is truncated or its header damaged"));
    }
    if (entry.begin != next) {
      return Damaged(source, entry.header_byte,
                     absl::StrCat("tensor ", name, ": expected its data to begin at ", next,
                                  ", where the one before ends, found ", entry.begin, " (",
                                  entry.begin < next ? "an overlap" : "a gap", ")"));
    }
    next = entry.end;
  }
  if (next != data_size) {
    return Damaged(source, data_begin + next,
                   absl::StrCat("expected the file to end after the last tensor, found ",
                                data_size - next, " more bytes"));
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<int64_t> NumElements(absl::Span<const int64_t> shape) {
  // A zero makes the product zero whatever the others are, but they must still be sound.
  int64_t product = 1;
  bool overflow = false;
  bool zero = false;
  for (int64_t size : shape) {
    if (size < 0) return std::nullopt;
    if (size == 0) {
      zero = true;
    } else if (product > std::numeric_limits<int64_t>::max() / size) {
      overflow = true;
    } else {
      product *= size;
    }
  }
  if (zero) return 0;
  if (overflow) return std::nullopt;
  return product;
}

std::optional<uint64_t> TensorBytes(DType dtype, absl::Span<const int64_t> shape) {
  const std::optional<int64_t> elements = NumElements(shape);
  const int64_t size = static_cast<int64_t>(DTypeSize(dtype));
  if (!elements || *elements > std::numeric_limits<int64_t>::max() / size) return std::nullopt;
  return static_cast<uint64_t>(*elements * size);
}

std::string ShapeToString(absl::Span<const int64_t> shape) {
  constexpr size_t kShown = 16;
  if (shape.size() > kShown) {
    return absl::StrCat("[", absl::StrJoin(shape.first(kShown), ", "), ", ...] of rank ",
                        shape.size());
  }
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

absl::StatusOr<uint64_t> SafetensorsDataBegin(absl::Span<const uint8_t> first, uint64_t file_bytes,
                                              absl::string_view source) {
  if (first.size() < kSafetensorsLengthBytes) {
    return Damaged(source, 0,
                   absl::StrCat("expected the 8 bytes of the header length, found a file of ",
                                first.size(), " bytes"));
  }
  const uint64_t length = ReadLittleEndian64(first);
  if (length > kMaxSafetensorsHeader) {
    return Damaged(source, 0,
                   absl::StrCat("expected a header of at most ", kMaxSafetensorsHeader,
                                " bytes, found length ", length, "; is this a safetensors file?"));
  }
  if (length > file_bytes - kSafetensorsLengthBytes) {
    return Damaged(source, 0,
                   absl::StrCat("expected a header of ", length, " bytes, found ",
                                file_bytes - kSafetensorsLengthBytes,
                                " bytes after its length; the file is truncated"));
  }
  return kSafetensorsLengthBytes + length;
}

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(absl::Span<const uint8_t> beginning,
                                                         uint64_t file_bytes,
                                                         absl::string_view source) {
  const absl::string_view text(
      reinterpret_cast<const char*>(beginning.data()) + kSafetensorsLengthBytes,
      beginning.size() - kSafetensorsLengthBytes);
  if (text.empty() || text[0] != '{') {
    return Damaged(
        source, kSafetensorsLengthBytes,
        absl::StrCat("expected the header to begin with '{', found ",
                     text.empty() ? "an empty header" : QuoteForMessage(text.substr(0, 1))));
  }
  JsonDocument::Options options;
  options.binary_base = kSafetensorsLengthBytes;
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(text, source, options));
  const auto members = document.root().Object();
  if (!members.ok()) return AsDamage(members.status());

  SafetensorsHeader header;
  header.data_begin = beginning.size();
  for (const auto& [name, value] : *members) {
    if (name == kSafetensorsMetadataKey) {
      HYDRA_RETURN_IF_ERROR(ParseMetadata(value, header.metadata));
      continue;
    }
    SafetensorsEntry& entry = header.entries.emplace_back();
    entry.name = std::string(name);
    entry.header_byte = kSafetensorsLengthBytes + value.offset();
    if (absl::Status status = ParseEntry(value, entry); !status.ok()) {
      return InputError(absl::StrCat(status.message(), " (tensor ", QuoteForMessage(name), ")"));
    }
  }
  std::sort(header.entries.begin(), header.entries.end(),
            [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
              return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
            });
  HYDRA_RETURN_IF_ERROR(
      CheckTiling(header.entries, header.data_begin, file_bytes - header.data_begin, source));
  return header;
}

}  // namespace hydra
