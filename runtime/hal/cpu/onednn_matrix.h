// What versions 2 and 3 of oneDNN's C interface say differently: descriptions of matrices, and what
// is made of them. Both versions are taken, whichever the build finds.
#ifndef HYDRA_RUNTIME_HAL_CPU_ONEDNN_MATRIX_H_
#define HYDRA_RUNTIME_HAL_CPU_ONEDNN_MATRIX_H_

#include <oneapi/dnnl/dnnl.h>

#include <cstdint>

#include "runtime/base/command.h"

namespace hydra::hal::cpu {

// [rows, columns], row-major with `stride` elements from row to row; transposed: columns are.
class MatrixDescription {
 public:
  MatrixDescription() = default;
  ~MatrixDescription();  // NOLINT(performance-trivially-destructible): not with version 3
  MatrixDescription(const MatrixDescription&) = delete;
  MatrixDescription& operator=(const MatrixDescription&) = delete;

  // Once.
  dnnl_status_t Init(ElementType type, uint64_t rows, uint64_t columns, uint64_t stride,
                     bool transposed);
  // A memory object of it without memory.
  dnnl_status_t CreateMemory(dnnl_engine_t engine, dnnl_memory_t* memory) const;

 private:
  friend dnnl_status_t PlanProduct(const MatrixDescription& a, const MatrixDescription& b,
                                   const MatrixDescription& c, dnnl_primitive_attr_t attributes,
                                   dnnl_engine_t engine, dnnl_primitive_desc_t* plan);
  dnnl_memory_desc_t value_ = {};
};

// c += a b instead of c = a b.
dnnl_status_t Accumulate(dnnl_post_ops_t post_ops);

// c = a b, as the attributes say.
dnnl_status_t PlanProduct(const MatrixDescription& a, const MatrixDescription& b,
                          const MatrixDescription& c, dnnl_primitive_attr_t attributes,
                          dnnl_engine_t engine, dnnl_primitive_desc_t* plan);

// Bytes of the workspace that a plan wants of its caller, and a memory object for it.
uint64_t WorkspaceBytes(dnnl_primitive_desc_t plan);
dnnl_status_t CreateWorkspace(dnnl_primitive_desc_t plan, dnnl_engine_t engine,
                              dnnl_memory_t* memory);

}  // namespace hydra::hal::cpu

#endif  // HYDRA_RUNTIME_HAL_CPU_ONEDNN_MATRIX_H_
