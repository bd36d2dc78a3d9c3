#include "runtime/hal/cpu/matmul_step.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/status.h"

namespace hydra::hal::cpu {
namespace {

// Staged matrices follow each other at multiples of this many bytes.
constexpr uint64_t kStagingAlignment = 64;
uint64_t StagedBytes(uint64_t bytes) {
  return (bytes + kStagingAlignment - 1) / kStagingAlignment * kStagingAlignment;
}

// Copies `rows` x `columns` elements of `size` bytes and clears up to `padded_rows` x
// `padded_columns`; the copy is packed.
void StagePadded(const uint8_t* source, uint64_t stride, uint64_t rows, uint64_t columns,
                 uint64_t padded_rows, uint64_t padded_columns, uint64_t size, uint8_t* target) {
  for (uint64_t r = 0; r < padded_rows; ++r) {
    uint8_t* row = target + r * padded_columns * size;
    const uint64_t kept = r < rows ? columns * size : 0;
    if (kept > 0) std::memcpy(row, source + r * stride * size, kept);
    std::memset(row + kept, 0, padded_columns * size - kept);
  }
}

}  // namespace

absl::StatusOr<MatmulStep> MatmulStep::Create(const MatmulCommand& command,
                                              const Primitives& primitives) {
  if (command.b_layout != MatrixLayout::kPlain) {
    return InputError("the cpu driver multiplies plain matrices, found a packed one");
  }
  const bool cut = command.offsets && !command.rows_bound_k;
  if (cut && command.k_slice != 0 && command.k_slice < command.k) {
    return InputError("the cpu driver does not slice the contraction of products by row offsets");
  }
  MatmulStep step;
  step.command_ = command;
  step.input_bytes_ = ElementBytes(command.a_type);
  step.result_bytes_ = ElementBytes(command.c_type);
  step.slice_ = command.k_slice == 0 ? command.k : std::min(command.k_slice, command.k);
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
                      add,
                      command_.a_type,
                      command_.c_type};
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
  if (!command_.rows_bound_k && slice_ == command_.k) {
    HYDRA_ASSIGN_OR_RETURN(variant.whole, get(command_.k, command_.accumulate, false));
    if (!command_.offsets) return absl::OkStatus();
    const uint64_t k = command_.k;
    const MatmulShape packed{m,
                             n,
                             k,
                             command_.transpose_a ? m : k,
                             command_.ldb,
                             n,
                             command_.transpose_a,
                             command_.transpose_b,
                             command_.accumulate,
                             command_.a_type,
                             command_.c_type};
    HYDRA_ASSIGN_OR_RETURN(variant.packed, primitives(packed));
    workspace_bytes_ = std::max(workspace_bytes_, variant.packed->workspace_bytes());
    staging_bytes_ = std::max(
        staging_bytes_, StagedBytes(m * k * input_bytes_) + StagedBytes(m * n * result_bytes_));
    return absl::OkStatus();
  }
  const uint64_t lengths[2] = {slice_, command_.k % slice_};
  for (int i = 0; i < 2; ++i) {
    const uint64_t length = lengths[i];
    if (length == 0) continue;
    HYDRA_ASSIGN_OR_RETURN(variant.slice[i], get(length, command_.accumulate, false));
    HYDRA_ASSIGN_OR_RETURN(variant.slice_add[i], get(length, true, false));
  }
  if (!command_.rows_bound_k) return absl::OkStatus();
  uint64_t length = slice_;
  for (StagedSlice& staged : variant.staged) {
    staged.length = length;
    HYDRA_ASSIGN_OR_RETURN(staged.first, get(length, command_.accumulate, true));
    HYDRA_ASSIGN_OR_RETURN(staged.add, get(length, true, true));
    length = (length + 1) / 2;
  }
  staging_bytes_ = std::max(staging_bytes_, StagedBytes(slice_ * m * input_bytes_) +
                                                StagedBytes(slice_ * n * input_bytes_));
  return absl::OkStatus();
}

bool MatmulStep::RunTile(const Operands& operands, uint64_t tile, int worker,
                         const TileMemory& memory) const {
  if (operands.offsets != nullptr) return RunGroupedTile(operands, tile, worker, memory);
  const MatmulCommand& command = command_;
  const uint64_t column_tile = tile % column_tiles_;
  const uint64_t row_tile = tile / column_tiles_ % row_tiles_;
  const uint64_t group = tile / column_tiles_ / row_tiles_;
  const uint64_t row = row_tile * command.tile_m, column = column_tile * command.tile_n;
  uint64_t bound = command.rows_bound_k ? command.k : command.m;
  if (operands.rows != nullptr) {
    bound = std::min(bound, static_cast<uint64_t>(std::max(*operands.rows, int32_t{0})));
  }
  if (!command.rows_bound_k && row >= bound) return true;

  const uint64_t m = std::min(command.tile_m, command.m - row);
  const uint64_t n = std::min(command.tile_n, command.n - column);
  const Variant& variant = variants_[m < command.tile_m][n < command.tile_n];
  const uint8_t* a =
      Input(operands.a, group * command.group_a + (command.transpose_a ? row : row * command.lda));
  const uint8_t* b = Input(
      operands.b, group * command.group_b + (command.transpose_b ? column * command.ldb : column));
  uint8_t* c = Result(operands.c, group * command.group_c + row * command.ldc + column);
  if (variant.whole != nullptr) return variant.whole->Execute(worker, a, b, c, memory.workspace);
  return RunSlices(variant, a, b, c, m, n, command.rows_bound_k ? bound : command.k, worker,
                   memory);
}

std::pair<uint64_t, uint64_t> MatmulStep::RowsOf(const Operands& operands, uint64_t group,
                                                 uint64_t limit) const {
  uint64_t begin = 0, end = 0;
  for (uint64_t g = 0; g <= group + 1; ++g) {
    const auto offset = static_cast<uint64_t>(std::max(operands.offsets[g], int32_t{0}));
    begin = end;
    end = std::max(end, std::min(offset, limit));
  }
  return {begin, end};
}

bool MatmulStep::RunGroupedTile(const Operands& operands, uint64_t tile, int worker,
                                const TileMemory& memory) const {
  const MatmulCommand& command = command_;
  const uint64_t column = tile % column_tiles_ * command.tile_n;
  const uint64_t n = std::min(command.tile_n, command.n - column);
  const int narrow = n < command.tile_n;
  uint64_t row_tile = tile / column_tiles_;
  if (command.rows_bound_k) {
    const uint64_t group = row_tile / row_tiles_;
    const uint64_t row = row_tile % row_tiles_ * command.tile_m;
    const uint64_t m = std::min(command.tile_m, command.m - row);
    const auto [begin, end] = RowsOf(operands, group, command.k);
    const uint8_t* a = Input(
        operands.a, command.transpose_a ? begin * command.lda + row : row * command.lda + begin);
    const uint8_t* b = Input(operands.b, command.transpose_b ? column * command.ldb + begin
                                                             : begin * command.ldb + column);
    uint8_t* c = Result(operands.c, group * command.group_c + row * command.ldc + column);
    return RunSlices(variants_[m < command.tile_m][narrow], a, b, c, m, n, end - begin, worker,
                     memory);
  }
  // The tiles of all groups in order, as many as their rows need.
  const uint64_t m = std::min(command.tile_m, command.m);
  const Variant& variant = variants_[m < command.tile_m][narrow];
  for (uint64_t group = 0; group < command.groups; ++group) {
    const auto [begin, end] = RowsOf(operands, group, command.m);
    const uint64_t tiles = (end - begin + m - 1) / m;
    if (row_tile >= tiles) {
      row_tile -= tiles;
      continue;
    }
    const uint64_t row = begin + row_tile * m, valid = std::min(m, end - row);
    const uint8_t* a = Input(operands.a, command.transpose_a ? row : row * command.lda);
    const uint8_t* b = Input(operands.b, group * command.group_b +
                                             (command.transpose_b ? column * command.ldb : column));
    uint8_t* c = Result(operands.c, row * command.ldc + column);
    if (valid == m) return variant.whole->Execute(worker, a, b, c, memory.workspace);
    return RunPartialRows(variant, a, b, c, m, n, valid, worker, memory);
  }
  return true;
}

bool MatmulStep::RunPartialRows(const Variant& variant, const uint8_t* a, const uint8_t* b,
                                uint8_t* c, uint64_t m, uint64_t n, uint64_t valid, int worker,
                                const TileMemory& memory) const {
  const MatmulCommand& command = command_;
  uint8_t* a_staged = memory.staging;
  uint8_t* c_staged = a_staged + StagedBytes(m * command.k * input_bytes_);
  if (command.transpose_a) {
    StagePadded(a, command.lda, command.k, valid, command.k, m, input_bytes_, a_staged);
  } else {
    StagePadded(a, command.lda, valid, command.k, m, command.k, input_bytes_, a_staged);
  }
  if (command.accumulate) StagePadded(c, command.ldc, valid, n, m, n, result_bytes_, c_staged);
  if (!variant.packed->Execute(worker, a_staged, b, c_staged, memory.workspace)) return false;
  for (uint64_t r = 0; r < valid; ++r) {
    std::memcpy(Result(c, r * command.ldc), Result(c_staged, r * n), n * result_bytes_);
  }
  return true;
}

bool MatmulStep::RunSlices(const Variant& variant, const uint8_t* a, const uint8_t* b, uint8_t* c,
                           uint64_t m, uint64_t n, uint64_t rows, int worker,
                           const TileMemory& memory) const {
  const MatmulCommand& command = command_;
  if (rows == 0) {
    if (command.accumulate) return true;
    for (uint64_t r = 0; r < m; ++r) std::memset(Result(c, r * command.ldc), 0, n * result_bytes_);
    return true;
  }
  for (uint64_t begin = 0; begin < rows; begin += slice_) {
    const uint64_t length = std::min(slice_, command.k - begin);
    const uint64_t valid = std::min(length, rows - begin);
    const int tail = length < slice_;
    const bool first = begin == 0;
    const uint8_t* a_slice = Input(a, command.transpose_a ? begin * command.lda : begin);
    const uint8_t* b_slice = Input(b, command.transpose_b ? begin : begin * command.ldb);
    bool good;
    if (valid == length) {
      const MatmulPrimitive* primitive = first ? variant.slice[tail] : variant.slice_add[tail];
      good = primitive->Execute(worker, a_slice, b_slice, c, memory.workspace);
    } else {
      const StagedSlice* staged = std::end(variant.staged) - 1;
      while (staged->length < valid) --staged;
      good = RunStaged(first ? *staged->first : *staged->add, a_slice, b_slice, c, m, n,
                       staged->length, valid, worker, memory);
    }
    if (!good) return false;
  }
  return true;
}

bool MatmulStep::RunStaged(const MatmulPrimitive& primitive, const uint8_t* a, const uint8_t* b,
                           uint8_t* c, uint64_t m, uint64_t n, uint64_t length, uint64_t valid,
                           int worker, const TileMemory& memory) const {
  const MatmulCommand& command = command_;
  uint8_t* a_staged = memory.staging;
  uint8_t* b_staged = a_staged + StagedBytes(length * m * input_bytes_);
  // Both operands are cleared: zero times NaN would still be NaN.
  if (command.transpose_a) {
    StagePadded(a, command.lda, valid, m, length, m, input_bytes_, a_staged);
  } else {
    StagePadded(a, command.lda, m, valid, m, length, input_bytes_, a_staged);
  }
  if (command.transpose_b) {
    StagePadded(b, command.ldb, n, valid, n, length, input_bytes_, b_staged);
  } else {
    StagePadded(b, command.ldb, valid, n, length, n, input_bytes_, b_staged);
  }
  return primitive.Execute(worker, a_staged, b_staged, c, memory.workspace);
}

}  // namespace hydra::hal::cpu
