// Element types of tensors in files and buffers. Names and sizes are those of safetensors.
#ifndef HYDRA_RUNTIME_BASE_DTYPE_H_
#define HYDRA_RUNTIME_BASE_DTYPE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace hydra {

enum class DType : uint8_t {
  kBool,
  kU8,
  kI8,
  kU16,
  kI16,
  kF16,
  kBF16,
  kU32,
  kI32,
  kF32,
  kU64,
  kI64,
  kF64,
};

// Bytes of one element.
size_t DTypeSize(DType dtype);

// The safetensors name, e.g. "F32"; lives for the whole program.
absl::string_view DTypeName(DType dtype);

// The type with this safetensors name, or nothing.
std::optional<DType> ParseDType(absl::string_view name);

// All names, comma separated, for error messages.
absl::string_view AllDTypeNames();

// DTypeOf<float>::value is DType::kF32 and so on, for the C++ types that have an exact match.
template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::kU8;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType value = DType::kI8;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::kI32;
};
template <>
struct DTypeOf<uint32_t> {
  static constexpr DType value = DType::kU32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::kI64;
};
template <>
struct DTypeOf<uint64_t> {
  static constexpr DType value = DType::kU64;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::kF32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::kF64;
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_BASE_DTYPE_H_
