// Typed host views of named buffers.
#ifndef HYDRA_RUNTIME_EXEC_TYPED_VIEW_H_
#define HYDRA_RUNTIME_EXEC_TYPED_VIEW_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/artifact/artifact.h"
#include "runtime/hal/device.h"

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

// The buffer of that name, or NotFound that says what there is instead. `what` names the list in the
// message, e.g. "input".
absl::StatusOr<const artifact::NamedBuffer*> FindBuffer(
    const std::vector<artifact::NamedBuffer>& buffers, absl::string_view name,
    absl::string_view what);

// The bytes of `buffer` under `bindings`, if its type is `type`; otherwise InvalidArgument. Unimplemented
// on a device whose memory the host cannot see.
absl::StatusOr<uint8_t*> ResolveBuffer(const artifact::NamedBuffer& buffer, hal::ElementType type,
                                       const hal::RegionBindings& bindings);

// The elements of `buffer`, row-major, valid as long as the device memory.
template <typename T>
absl::StatusOr<absl::Span<T>> View(const artifact::NamedBuffer& buffer,
                                   const hal::RegionBindings& bindings) {
  absl::StatusOr<uint8_t*> data = ResolveBuffer(buffer, ElementTypeOf<T>::value, bindings);
  if (!data.ok()) return data.status();
  return absl::MakeSpan(reinterpret_cast<T*>(*data), buffer.elements());
}

}  // namespace hydra

#endif  // HYDRA_RUNTIME_EXEC_TYPED_VIEW_H_
