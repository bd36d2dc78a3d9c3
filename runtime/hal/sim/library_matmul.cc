#include "runtime/hal/sim/library_matmul.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/base/buffer_ref.h"
#include "runtime/base/status.h"

namespace hydra::hal::sim {
namespace {

float Load(const uint8_t* base, ElementType type, uint64_t index) {
  if (type == ElementType::kF32) {
    float value = 0;
    std::memcpy(&value, base + 4 * index, sizeof(value));
    return value;
  }
  uint16_t half = 0;
  std::memcpy(&half, base + 2 * index, sizeof(half));
  return std::bit_cast<float>(uint32_t{half} << 16);
}

void Store(uint8_t* base, ElementType type, uint64_t index, float value) {
  if (type == ElementType::kF32) {
    std::memcpy(base + 4 * index, &value, sizeof(value));
    return;
  }
  uint32_t bits = std::bit_cast<uint32_t>(value);
  // To the nearest, ties to even; a NaN stays one.
  bits = value != value ? bits | 0x400000 : bits + 0x7fff + (bits >> 16 & 1);
  const auto half = static_cast<uint16_t>(bits >> 16);
  std::memcpy(base + 2 * index, &half, sizeof(half));
}

struct Range {
  uint64_t begin = 0, end = 0;
};

// One group: rows of C, and the part of the contraction.
void Multiply(const MatmulCommand& m, const MatmulOperands& o, uint64_t group, Range rows,
              Range depth) {
  for (uint64_t i = rows.begin; i < rows.end; ++i) {
    for (uint64_t j = 0; j < m.n; ++j) {
      const uint64_t at = group * m.group_c + i * m.ldc + j;
      float sum = m.accumulate ? Load(o.c, m.c_type, at) : 0.0f;
      for (uint64_t l = depth.begin; l < depth.end; ++l) {
        const uint64_t in_a = m.transpose_a ? l * m.lda + i : i * m.lda + l;
        const uint64_t in_b = m.transpose_b ? j * m.ldb + l : l * m.ldb + j;
        sum += Load(o.a, m.a_type, group * m.group_a + in_a) *
               Load(o.b, m.b_type, group * m.group_b + in_b);
      }
      Store(o.c, m.c_type, at, sum);
    }
  }
}

uint64_t Clamp(int32_t value, uint64_t low, uint64_t high) {
  return std::clamp(static_cast<uint64_t>(std::max(value, 0)), low, high);
}

}  // namespace

absl::Status CheckLibraryMatmul(const MatmulCommand& command) {
  if (command.b_layout != MatrixLayout::kPlain) {
    return InputError("the sim driver multiplies plain matrices, found a packed one");
  }
  for (ElementType type : {command.a_type, command.b_type, command.c_type}) {
    if (type != ElementType::kF32 && type != ElementType::kBf16) {
      return InputError(
          absl::StrCat("the sim driver multiplies f32 and bf16, found ", ElementTypeName(type)));
    }
  }
  return absl::OkStatus();
}

void RunLibraryMatmul(const MatmulCommand& m, const MatmulOperands& o) {
  uint64_t end = 0;
  for (uint64_t group = 0; group < m.groups; ++group) {
    Range rows{0, m.m}, depth{0, m.k};
    Range& bounded = m.rows_bound_k ? depth : rows;
    const uint64_t limit = bounded.end;
    if (o.rows != nullptr) bounded.end = Clamp(*o.rows, 0, limit);
    if (o.offsets != nullptr) {
      const uint64_t begin = std::max(end, Clamp(o.offsets[group], 0, limit));
      end = std::max(begin, Clamp(o.offsets[group + 1], 0, limit));
      bounded = {begin, end};
    }
    Multiply(m, o, group, rows, depth);
  }
}

}  // namespace hydra::hal::sim
