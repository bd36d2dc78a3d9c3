// Element types of named buffers as C++ types.
#ifndef HYDRA_RUNTIME_EXEC_TYPED_VIEW_H_
#define HYDRA_RUNTIME_EXEC_TYPED_VIEW_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/artifact/artifact.h"

namespace hydra {

// The element type that a C++ type stands for; uint16_t holds the bits of a bf16.
template <typename T>
struct ElementTypeOf;
template <>
struct ElementTypeOf<float> {
  static constexpr hal::ElementType value = hal::ElementType::kF32;
};
template <>
struct ElementTypeOf<int32_t> {
  static constexpr hal::ElementType value = hal::ElementType::kI32;
};
template <>
struct ElementTypeOf<uint16_t> {
  static constexpr hal::ElementType value = hal::ElementType::kBf16;
};
template <>
struct ElementTypeOf<double> {
  static constexpr hal::ElementType value = hal::ElementType::kF64;
};
template <>
struct ElementTypeOf<uint8_t> {
  static constexpr hal::ElementType value = hal::ElementType::kU8;
};

// The buffer of that name, or an input error that says what there is instead. `what` names the list
// in the message, e.g. "input".
absl::StatusOr<const artifact::NamedBuffer*> FindBuffer(
    const std::vector<artifact::NamedBuffer>& buffers, absl::string_view name,
    absl::string_view what);

// The same among what a run of the entry gives: outputs and fields of the step record.
absl::StatusOr<const artifact::NamedBuffer*> FindResult(const artifact::EntryInfo& entry,
                                                        absl::string_view name);

// OK if the buffer holds `type`; otherwise an error.
absl::Status CheckType(const artifact::NamedBuffer& buffer, hal::ElementType type);
// OK if it has `elements` elements; otherwise an error.
absl::Status CheckSize(const artifact::NamedBuffer& buffer, uint64_t elements);

// The same values as bytes, and back. Host memory of the runtime is aligned for every element type.
template <typename T>
absl::Span<const uint8_t> AsBytes(absl::Span<const T> values) {
  return absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(values.data()),
                             values.size() * sizeof(T));
}
template <typename T>
absl::Span<uint8_t> AsWritableBytes(absl::Span<T> values) {
  return absl::MakeSpan(reinterpret_cast<uint8_t*>(values.data()), values.size() * sizeof(T));
}
template <typename T>
absl::Span<T> FromBytes(absl::Span<uint8_t> bytes) {
  return absl::MakeSpan(reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T));
}
template <typename T>
absl::Span<const T> FromBytes(absl::Span<const uint8_t> bytes) {
  return absl::MakeConstSpan(reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T));
}

}  // namespace hydra

#endif  // HYDRA_RUNTIME_EXEC_TYPED_VIEW_H_
