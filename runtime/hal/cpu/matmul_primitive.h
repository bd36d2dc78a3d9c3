// One oneDNN matmul of fixed shape and strides, executed single-threaded by any worker.
//
// Allocation: primitives, memory objects and workspaces are made by Create. dnnl_primitive_execute
// itself builds a small argument map on the heap and frees it before it returns, and shapes for
// which oneDNN has no kernel of its own pack their operands in memory that it takes and gives back;
// both are inside the library and outside our control.
#ifndef HYDRA_RUNTIME_HAL_CPU_MATMUL_PRIMITIVE_H_
#define HYDRA_RUNTIME_HAL_CPU_MATMUL_PRIMITIVE_H_

#include <oneapi/dnnl/dnnl.h>

#include <compare>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/base/command.h"

namespace hydra::hal::cpu {

// C[m,n] = op(A) op(B), or += with `accumulate`; row-major, leading dimensions in elements. Types
// as in MatmulCommand: f32 x f32 -> f32, bf16 x bf16 -> f32 or bf16; sums are float32.
struct MatmulShape {
  uint64_t m = 0, n = 0, k = 0;
  uint64_t lda = 0, ldb = 0, ldc = 0;
  bool transpose_a = false, transpose_b = false, accumulate = false;
  ElementType operands = ElementType::kF32, result = ElementType::kF32;

  auto operator<=>(const MatmulShape&) const = default;
};

// The library's engine and one stream per worker. To be made after HoldOneDnn (onednn_level.h),
// which must come before any other use of the library.
class MatmulContext {
 public:
  static absl::StatusOr<std::unique_ptr<MatmulContext>> Create(int workers);
  ~MatmulContext();
  MatmulContext(const MatmulContext&) = delete;
  MatmulContext& operator=(const MatmulContext&) = delete;

  dnnl_engine_t engine() const { return engine_; }
  dnnl_stream_t stream(int worker) const { return streams_[worker]; }
  int workers() const { return static_cast<int>(streams_.size()); }

  // To be called once by every thread that executes primitives: oneDNN asks OpenMP how many threads
  // to use, and must be told one.
  static void PrepareThread();

 private:
  MatmulContext() = default;
  dnnl_engine_t engine_ = nullptr;
  std::vector<dnnl_stream_t> streams_;
};

class MatmulPrimitive {
 public:
  // The context must outlive the primitive.
  static absl::StatusOr<std::unique_ptr<MatmulPrimitive>> Create(const MatmulContext& context,
                                                                 const MatmulShape& shape);
  ~MatmulPrimitive();
  MatmulPrimitive(const MatmulPrimitive&) = delete;
  MatmulPrimitive& operator=(const MatmulPrimitive&) = delete;

  // Bytes of workspace that Execute needs.
  uint64_t workspace_bytes() const { return workspace_bytes_; }

  // Runs on `worker`; different workers may run at once. False if the library reports an error.
  bool Execute(int worker, const void* a, const void* b, void* c, void* workspace) const;

 private:
  struct Worker {
    dnnl_memory_t a = nullptr, b = nullptr, c = nullptr, workspace = nullptr;
  };

  MatmulPrimitive() = default;
  absl::Status Init(const MatmulContext& context, const MatmulShape& shape);

  const MatmulContext* context_ = nullptr;
  dnnl_primitive_t primitive_ = nullptr;
  uint64_t workspace_bytes_ = 0;
  std::vector<Worker> workers_;
};

}  // namespace hydra::hal::cpu

#endif  // HYDRA_RUNTIME_HAL_CPU_MATMUL_PRIMITIVE_H_
