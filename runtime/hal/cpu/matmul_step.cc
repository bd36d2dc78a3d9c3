#include "runtime/hal/cpu/matmul_step.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/status.h"

namespace hydra::hal::cpu {
namespace {

// Copies `rows` x `columns` and clears up to `padded_rows` x `padded_columns`; the copy is packed.
void StagePadded(const float* source, uint64_t stride, uint64_t rows, uint64_t columns,
                 uint64_t padded_rows, uint64_t padded_columns, float* target) {
  for (uint64_t r = 0; r < padded_rows; ++r) {
    float* row = target + r * padded_columns;
    const uint64_t kept = r < rows ? columns : 0;
    if (kept > 0) std::memcpy(row, source + r * stride, kept * sizeof(float));
    std::memset(row + kept, 0, (padded_columns - kept) * sizeof(float));
  }
}

}  // namespace

absl::StatusOr<MatmulStep> MatmulStep::Create(const MatmulCommand& command, const uint8_t* a,
                                              const uint8_t* b, uint8_t* c, const uint8_t* rows,
                                              const Primitives& primitives) {
  if (command.type != ElementType::kF32) {
    return InputError(absl::StrCat("the cpu driver multiplies f32, found ",
                                   ElementTypeName(command.type),
                                   "; compile with --precision=f32"));
  }
  MatmulStep step;
  step.command_ = command;
  step.a_ = reinterpret_cast<const float*>(a);
  step.b_ = reinterpret_cast<const float*>(b);
  step.c_ = reinterpret_cast<float*>(c);
  step.rows_ = reinterpret_cast<const int32_t*>(rows);
  step.row_tiles_ = (command.m + command.tile_m - 1) / command.tile_m;
  step.column_tiles_ = (command.n + command.tile_n - 1) / command.tile_n;
  const uint64_t edge_m = command.m % command.tile_m, edge_n = command.n % command.tile_n;
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 2; ++j) {
      const uint64_t m = i == 0 ? command.tile_m : edge_m, n = j == 0 ? command.tile_n : edge_n;
      if (m == 0 || n == 0 || m > command.m || n > command.n) continue;
      HYDRA_RETURN_IF_ERROR(step.CreateVariant(step.variants_[i][j], m, n, primitives));
    }
  }
  return step;
}

absl::Status MatmulStep::CreateVariant(Variant& variant, uint64_t m, uint64_t n,
                                       const Primitives& primitives) {
  const auto get = [&](uint64_t k, bool add,
                       bool staged) -> absl::StatusOr<const MatmulPrimitive*> {
    MatmulShape shape{m,
                      n,
                      k,
                      command_.lda,
                      command_.ldb,
                      command_.ldc,
                      command_.transpose_a,
                      command_.transpose_b,
                      add};
    if (staged) {
      shape.lda = shape.transpose_a ? m : k;
      shape.ldb = shape.transpose_b ? k : n;
    }
    absl::StatusOr<const MatmulPrimitive*> primitive = primitives(shape);
    if (primitive.ok()) {
      workspace_bytes_ = std::max(workspace_bytes_, (*primitive)->workspace_bytes());
    }
    return primitive;
  };
  if (!command_.rows_bound_k) {
    HYDRA_ASSIGN_OR_RETURN(variant.whole, get(command_.k, command_.accumulate, false));
    return absl::OkStatus();
  }
  const uint64_t lengths[2] = {kContractionSlice, command_.k % kContractionSlice};
  for (int i = 0; i < 2; ++i) {
    const uint64_t length = lengths[i];
    if (length == 0 || length > command_.k) continue;
    HYDRA_ASSIGN_OR_RETURN(variant.slice[i], get(length, command_.accumulate, false));
    HYDRA_ASSIGN_OR_RETURN(variant.slice_add[i], get(length, true, false));
    HYDRA_ASSIGN_OR_RETURN(variant.staged[i], get(length, command_.accumulate, true));
    HYDRA_ASSIGN_OR_RETURN(variant.staged_add[i], get(length, true, true));
    staging_bytes_ = std::max(staging_bytes_, length * (m + n + 16) * sizeof(float));
  }
  return absl::OkStatus();
}

bool MatmulStep::RunTile(uint64_t tile, int worker, const TileMemory& memory) const {
  const MatmulCommand& command = command_;
  const uint64_t column_tile = tile % column_tiles_;
  const uint64_t row_tile = tile / column_tiles_ % row_tiles_;
  const uint64_t group = tile / column_tiles_ / row_tiles_;
  const uint64_t row = row_tile * command.tile_m, column = column_tile * command.tile_n;
  uint64_t bound = command.rows_bound_k ? command.k : command.m;
  if (rows_ != nullptr) {
    bound = std::min(bound, static_cast<uint64_t>(std::max(*rows_, int32_t{0})));
  }
  if (!command.rows_bound_k && row >= bound) return true;

  const uint64_t m = std::min(command.tile_m, command.m - row);
  const uint64_t n = std::min(command.tile_n, command.n - column);
  const Variant& variant = variants_[m < command.tile_m][n < command.tile_n];
  const float* a = a_ + group * command.group_a + (command.transpose_a ? row : row * command.lda);
  const float* b =
      b_ + group * command.group_b + (command.transpose_b ? column * command.ldb : column);
  float* c = c_ + group * command.group_c + row * command.ldc + column;
  if (variant.whole != nullptr) return variant.whole->Execute(worker, a, b, c, memory.workspace);
  return RunBounded(variant, a, b, c, m, n, bound, worker, memory);
}

bool MatmulStep::RunBounded(const Variant& variant, const float* a, const float* b, float* c,
                            uint64_t m, uint64_t n, uint64_t rows, int worker,
                            const TileMemory& memory) const {
  const MatmulCommand& command = command_;
  if (rows == 0) {
    if (command.accumulate) return true;
    for (uint64_t r = 0; r < m; ++r) std::memset(c + r * command.ldc, 0, n * sizeof(float));
    return true;
  }
  for (uint64_t begin = 0; begin < rows; begin += kContractionSlice) {
    const uint64_t length = std::min(kContractionSlice, command.k - begin);
    const uint64_t valid = std::min(length, rows - begin);
    const int tail = length < kContractionSlice;
    const bool first = begin == 0;
    const float* a_slice = a + (command.transpose_a ? begin * command.lda : begin);
    const float* b_slice = b + (command.transpose_b ? begin : begin * command.ldb);
    bool good;
    if (valid == length) {
      const MatmulPrimitive* primitive = first ? variant.slice[tail] : variant.slice_add[tail];
      good = primitive->Execute(worker, a_slice, b_slice, c, memory.workspace);
    } else {
      const MatmulPrimitive* primitive = first ? variant.staged[tail] : variant.staged_add[tail];
      good = RunStaged(*primitive, a_slice, b_slice, c, m, n, length, valid, worker, memory);
    }
    if (!good) return false;
  }
  return true;
}

bool MatmulStep::RunStaged(const MatmulPrimitive& primitive, const float* a, const float* b,
                           float* c, uint64_t m, uint64_t n, uint64_t length, uint64_t valid,
                           int worker, const TileMemory& memory) const {
  const MatmulCommand& command = command_;
  float* a_staged = memory.staging;
  float* b_staged = a_staged + (length * m + 15) / 16 * 16;  // both aligned to 64 bytes
  // Both operands are cleared: zero times NaN would still be NaN.
  if (command.transpose_a) {
    StagePadded(a, command.lda, valid, m, length, m, a_staged);
  } else {
    StagePadded(a, command.lda, m, valid, m, length, a_staged);
  }
  if (command.transpose_b) {
    StagePadded(b, command.ldb, n, valid, n, length, b_staged);
  } else {
    StagePadded(b, command.ldb, valid, n, length, n, b_staged);
  }
  return primitive.Execute(worker, a_staged, b_staged, c, memory.workspace);
}

}  // namespace hydra::hal::cpu
