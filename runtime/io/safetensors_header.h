// The JSON header of a safetensors file, parsed and checked; private to runtime/io.
#ifndef HYDRA_RUNTIME_IO_SAFETENSORS_HEADER_H_
#define HYDRA_RUNTIME_IO_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/dtype.h"
#include "runtime/base/status.h"

namespace hydra {

inline constexpr absl::string_view kSafetensorsMetadataKey = "__metadata__";

struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // in the data
  uint64_t end = 0;
  uint64_t header_byte = 0;  // of the entry in the file, for messages
};

struct SafetensorsHeader {
  uint64_t data_begin = 0;  // in the file
  std::map<std::string, std::string> metadata;
  std::vector<SafetensorsEntry> entries;  // ascending, tiling the data exactly
};

inline constexpr uint64_t kSafetensorsLengthBytes = 8;

// Where the data begins in a file of `file_bytes`, from its first 8 bytes (fewer if it has no
// more).
absl::StatusOr<uint64_t> SafetensorsDataBegin(absl::Span<const uint8_t> first, uint64_t file_bytes,
                                              absl::string_view source);

// `beginning` is what stands before the data in a file of `file_bytes`.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(absl::Span<const uint8_t> beginning,
                                                         uint64_t file_bytes,
                                                         absl::string_view source);

// Bytes of a tensor, or nothing if the shape is negative or the size does not fit in 63 bits.
std::optional<uint64_t> TensorBytes(DType dtype, absl::Span<const int64_t> shape);

// "[2, 3]"
std::string ShapeToString(absl::Span<const int64_t> shape);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_SAFETENSORS_HEADER_H_
