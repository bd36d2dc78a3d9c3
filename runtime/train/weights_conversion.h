// Weights between F32 and other element types.
#ifndef HYDRA_RUNTIME_TRAIN_WEIGHTS_CONVERSION_H_
#define HYDRA_RUNTIME_TRAIN_WEIGHTS_CONVERSION_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "runtime/base/dtype.h"

namespace hydra::train {

// F16, BF16, F32, F64.
bool IsFloat(DType dtype);

// Converts little-endian elements of a float type, of any alignment. F16 and BF16 are exact; F64 is
// rounded to nearest even. Infinities and NaN stay what they are. Returns the index of the first
// finite value that is too large for F32, if there is one.
std::optional<size_t> ConvertToFloat(DType dtype, absl::Span<const uint8_t> from,
                                     absl::Span<float> to);

// Writes values as little-endian elements of F16, BF16 or F32, rounded to nearest even; infinities
// and NaN stay what they are. Returns the index of the first finite value that is too large for the
// type, if there is one.
std::optional<size_t> ConvertFromFloat(absl::Span<const float> from, DType dtype,
                                       absl::Span<uint8_t> to);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_WEIGHTS_CONVERSION_H_
