#include "runtime/train/weights_conversion.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace hydra::train {
namespace {

template <typename T>
T Load(absl::Span<const uint8_t> bytes, size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

float FromBfloat16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

float FromFloat16(uint16_t bits) {
  const uint32_t sign = uint32_t{bits} >> 15 << 31;
  const uint32_t exponent = bits >> 10 & 0x1f;
  const uint32_t fraction = bits & 0x3ff;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  // Subnormal: fraction * 2^-24, which F32 holds exactly.
  const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
  return sign != 0 ? -magnitude : magnitude;
}

}  // namespace

bool IsFloat(DType dtype) {
  return dtype == DType::kF16 || dtype == DType::kBF16 || dtype == DType::kF32 ||
         dtype == DType::kF64;
}

std::optional<size_t> ConvertToFloat(DType dtype, absl::Span<const uint8_t> from,
                                     absl::Span<float> to) {
  for (size_t i = 0; i < to.size(); ++i) {
    switch (dtype) {
      case DType::kF16:
        to[i] = FromFloat16(Load<uint16_t>(from, i));
        break;
      case DType::kBF16:
        to[i] = FromBfloat16(Load<uint16_t>(from, i));
        break;
      case DType::kF64: {
        const double value = Load<double>(from, i);
        to[i] = static_cast<float>(value);
        if (std::isinf(to[i]) && !std::isinf(value)) return i;
        break;
      }
      default:
        to[i] = Load<float>(from, i);
        break;
    }
  }
  return std::nullopt;
}

}  // namespace hydra::train
