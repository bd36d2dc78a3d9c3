// A recorded matmul command: its tiles, and how one tile is done.
#ifndef HYDRA_RUNTIME_HAL_CPU_MATMUL_STEP_H_
#define HYDRA_RUNTIME_HAL_CPU_MATMUL_STEP_H_

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/hal/command.h"
#include "runtime/hal/cpu/matmul_primitive.h"

namespace hydra::hal::cpu {

// Memory that a worker lends to the tile it executes. Contents do not outlive the tile.
struct TileMemory {
  void* workspace = nullptr;
  uint8_t* staging = nullptr;  // aligned to 64 bytes
};

class MatmulStep {
 public:
  using Primitives = std::function<absl::StatusOr<const MatmulPrimitive*>(const MatmulShape&)>;

  // Addresses of a run; `rows` is null without a bound.
  struct Operands {
    const uint8_t* a = nullptr;
    const uint8_t* b = nullptr;
    uint8_t* c = nullptr;
    const int32_t* rows = nullptr;
    const int32_t* offsets = nullptr;  // null without row offsets
  };

  // `command` was checked. `primitives` returns the primitive of a shape, which must outlive the
  // step. An input error for packed matrices, and for row offsets with a sliced contraction that
  // they do not bound.
  static absl::StatusOr<MatmulStep> Create(const MatmulCommand& command,
                                           const Primitives& primitives);

  uint64_t tiles() const {
    // Every group that offsets cut off may end in a tile of its own.
    const bool cut = command_.offsets && !command_.rows_bound_k;
    return (cut ? row_tiles_ + command_.groups : row_tiles_ * command_.groups) * column_tiles_;
  }
  uint64_t workspace_bytes() const { return workspace_bytes_; }
  uint64_t staging_bytes() const { return staging_bytes_; }

  // Does one tile. False if the library reports an error.
  bool RunTile(const Operands& operands, uint64_t tile, int worker, const TileMemory& memory) const;

 private:
  // A slice of the contraction whose operands are in staging memory.
  struct StagedSlice {
    uint64_t length = 0;
    const MatmulPrimitive* first = nullptr;
    const MatmulPrimitive* add = nullptr;  // to C
  };
  // The primitives of one tile shape. Either `whole`, or the slices of the contraction; there index
  // 0 is a full slice and 1 the shorter last one. A slice that a row count cuts is staged, zeros
  // below its rows, in the shortest of a few lengths that has room for them: a full slice, half of
  // it, a quarter, an eighth.
  struct Variant {
    const MatmulPrimitive* whole = nullptr;
    const MatmulPrimitive* slice[2] = {};      // the first slice
    const MatmulPrimitive* slice_add[2] = {};  // later slices, added to C
    StagedSlice staged[4];
    const MatmulPrimitive* packed = nullptr;  // `whole` with A and C in staging memory
  };

  bool RunSlices(const Variant& variant, const uint8_t* a, const uint8_t* b, uint8_t* c, uint64_t m,
                 uint64_t n, uint64_t rows, int worker, const TileMemory& memory) const;
  // A tile of a product whose rows the offsets on the device say.
  bool RunGroupedTile(const Operands& operands, uint64_t tile, int worker,
                      const TileMemory& memory) const;
  // The rows of group `group`, clamped to [0, limit] and to ascending order.
  std::pair<uint64_t, uint64_t> RowsOf(const Operands& operands, uint64_t group,
                                       uint64_t limit) const;
  // `valid` of the tile's m rows, the rest computed on zeros and dropped.
  bool RunPartialRows(const Variant& variant, const uint8_t* a, const uint8_t* b, uint8_t* c,
                      uint64_t m, uint64_t n, uint64_t valid, int worker,
                      const TileMemory& memory) const;
  bool RunStaged(const MatmulPrimitive& primitive, const uint8_t* a, const uint8_t* b, uint8_t* c,
                 uint64_t m, uint64_t n, uint64_t length, uint64_t valid, int worker,
                 const TileMemory& memory) const;
  absl::Status CreateVariant(Variant& variant, uint64_t m, uint64_t n,
                             const Primitives& primitives);

  // An operand's address moved by a number of elements.
  const uint8_t* Input(const uint8_t* base, uint64_t elements) const {
    return base + elements * input_bytes_;
  }
  uint8_t* Result(uint8_t* base, uint64_t elements) const {
    return base + elements * result_bytes_;
  }

  MatmulCommand command_;
  uint64_t input_bytes_ = 0, result_bytes_ = 0;  // of one element
  uint64_t slice_ = 0;                           // of the contraction; k if it is not sliced
  uint64_t row_tiles_ = 0, column_tiles_ = 0;
  uint64_t workspace_bytes_ = 0, staging_bytes_ = 0;
  Variant variants_[2][2];  // [edge in m][edge in n]
};

}  // namespace hydra::hal::cpu

#endif  // HYDRA_RUNTIME_HAL_CPU_MATMUL_STEP_H_
