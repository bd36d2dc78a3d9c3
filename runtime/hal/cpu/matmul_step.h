// A recorded matmul command: its tiles, and how one tile is done.
#ifndef HYDRA_RUNTIME_HAL_CPU_MATMUL_STEP_H_
#define HYDRA_RUNTIME_HAL_CPU_MATMUL_STEP_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/hal/command.h"
#include "runtime/hal/cpu/matmul_primitive.h"

namespace hydra::hal::cpu {

// Memory that a worker lends to the tile it executes. Contents do not outlive the tile.
struct TileMemory {
  void* workspace = nullptr;
  float* staging = nullptr;
};

class MatmulStep {
 public:
  using Primitives = std::function<absl::StatusOr<const MatmulPrimitive*>(const MatmulShape&)>;

  // Addresses of a run; `rows` is null without a bound.
  struct Operands {
    const float* a = nullptr;
    const float* b = nullptr;
    float* c = nullptr;
    const int32_t* rows = nullptr;
  };

  // `command` was checked. `primitives` returns the primitive of a shape, which must outlive the
  // step. An input error for other element types than f32, packed matrices and row offsets.
  static absl::StatusOr<MatmulStep> Create(const MatmulCommand& command,
                                           const Primitives& primitives);

  uint64_t tiles() const { return row_tiles_ * column_tiles_ * command_.groups; }
  uint64_t workspace_bytes() const { return workspace_bytes_; }
  uint64_t staging_bytes() const { return staging_bytes_; }

  // Does one tile. False if the library reports an error.
  bool RunTile(const Operands& operands, uint64_t tile, int worker, const TileMemory& memory) const;

 private:
  // The primitives of one tile shape. Either `whole`, or the slices of the contraction; there index
  // 0 is a full slice and 1 the shorter last one. A slice that a row count cuts is staged with
  // zeros below it, so that its shape, too, is a planned one.
  struct Variant {
    const MatmulPrimitive* whole = nullptr;
    const MatmulPrimitive* slice[2] = {};      // the first slice
    const MatmulPrimitive* slice_add[2] = {};  // later slices, added to C
    const MatmulPrimitive* staged[2] = {};     // the same with operands in staging memory
    const MatmulPrimitive* staged_add[2] = {};
  };

  bool RunSlices(const Variant& variant, const float* a, const float* b, float* c, uint64_t m,
                 uint64_t n, uint64_t rows, int worker, const TileMemory& memory) const;
  bool RunStaged(const MatmulPrimitive& primitive, const float* a, const float* b, float* c,
                 uint64_t m, uint64_t n, uint64_t length, uint64_t valid, int worker,
                 const TileMemory& memory) const;
  absl::Status CreateVariant(Variant& variant, uint64_t m, uint64_t n,
                             const Primitives& primitives);

  MatmulCommand command_;
  uint64_t slice_ = 0;  // of the contraction; k if it is not sliced
  uint64_t row_tiles_ = 0, column_tiles_ = 0;
  uint64_t workspace_bytes_ = 0, staging_bytes_ = 0;
  Variant variants_[2][2];  // [edge in m][edge in n]
};

}  // namespace hydra::hal::cpu

#endif  // HYDRA_RUNTIME_HAL_CPU_MATMUL_STEP_H_
