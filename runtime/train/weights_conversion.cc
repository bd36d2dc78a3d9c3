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

// Drops the low `bits` of a magnitude, rounded to nearest even.
uint32_t RoundOff(uint32_t magnitude, int bits) {
  const uint32_t half = uint32_t{1} << (bits - 1);
  return (magnitude + half - 1 + (magnitude >> bits & 1)) >> bits;
}

uint16_t ToBfloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  // The payload of a NaN may lie in what is dropped.
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  const uint32_t magnitude = bits & 0x7fffffffu;
  return static_cast<uint16_t>(bits >> 31 << 15 | RoundOff(magnitude, 16));
}

uint16_t ToFloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 31 << 15, magnitude = bits & 0x7fffffffu;
  if (std::isnan(value)) return static_cast<uint16_t>(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  constexpr uint32_t kSmallestNormal = 113u << 23;  // 2^-14
  constexpr uint32_t kTooLarge = 0x477ff000u;       // 65520, from which on values round to infinity
  if (magnitude >= kTooLarge) return static_cast<uint16_t>(sign | 0x7c00);
  if (magnitude >= kSmallestNormal) {
    return static_cast<uint16_t>(sign | RoundOff(magnitude - (112u << 23), 13));
  }
  // Subnormal: multiples of 2^-24, which adding 0.5 puts into the low bits of the fraction,
  // rounded.
  const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
  return static_cast<uint16_t>(sign |
                               (std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(0.5f)));
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

std::optional<size_t> ConvertFromFloat(absl::Span<const float> from, DType dtype,
                                       absl::Span<uint8_t> to) {
  for (size_t i = 0; i < from.size(); ++i) {
    if (dtype == DType::kF32) {
      std::memcpy(to.data() + i * sizeof(float), &from[i], sizeof(float));
      continue;
    }
    const bool brain = dtype == DType::kBF16;
    const uint16_t bits = brain ? ToBfloat16(from[i]) : ToFloat16(from[i]);
    if (std::isfinite(from[i]) && (bits & 0x7fff) == (brain ? 0x7f80 : 0x7c00)) return i;
    std::memcpy(to.data() + i * sizeof(bits), &bits, sizeof(bits));
  }
  return std::nullopt;
}

}  // namespace hydra::train
