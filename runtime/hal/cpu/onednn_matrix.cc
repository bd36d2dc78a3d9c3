#include "runtime/hal/cpu/onednn_matrix.h"

namespace hydra::hal::cpu {
namespace {

struct Layout {
  dnnl_dims_t dims, strides;
  dnnl_data_type_t type;
};

Layout LayoutOf(ElementType type, uint64_t rows, uint64_t columns, uint64_t stride,
                bool transposed) {
  const auto leading = static_cast<dnnl_dim_t>(stride);
  return {{static_cast<dnnl_dim_t>(rows), static_cast<dnnl_dim_t>(columns)},
          {transposed ? 1 : leading, transposed ? leading : 1},
          type == ElementType::kBf16 ? dnnl_bf16 : dnnl_f32};
}

}  // namespace

#if DNNL_VERSION_MAJOR >= 3  // a description is an object of the library

MatrixDescription::~MatrixDescription() {
  if (value_ != nullptr) dnnl_memory_desc_destroy(value_);
}

dnnl_status_t MatrixDescription::Init(ElementType type, uint64_t rows, uint64_t columns,
                                      uint64_t stride, bool transposed) {
  const Layout layout = LayoutOf(type, rows, columns, stride, transposed);
  return dnnl_memory_desc_create_with_strides(&value_, 2, layout.dims, layout.type, layout.strides);
}

dnnl_status_t MatrixDescription::CreateMemory(dnnl_engine_t engine, dnnl_memory_t* memory) const {
  return dnnl_memory_create(memory, value_, engine, DNNL_MEMORY_NONE);
}

dnnl_status_t Accumulate(dnnl_post_ops_t post_ops) {
  return dnnl_post_ops_append_sum(post_ops, 1.0f, 0, dnnl_data_type_undef);
}

dnnl_status_t PlanProduct(const MatrixDescription& a, const MatrixDescription& b,
                          const MatrixDescription& c, dnnl_primitive_attr_t attributes,
                          dnnl_engine_t engine, dnnl_primitive_desc_t* plan) {
  return dnnl_matmul_primitive_desc_create(plan, engine, a.value_, b.value_, nullptr, c.value_,
                                           attributes);
}

#else  // a description is a value

MatrixDescription::~MatrixDescription() = default;

dnnl_status_t MatrixDescription::Init(ElementType type, uint64_t rows, uint64_t columns,
                                      uint64_t stride, bool transposed) {
  const Layout layout = LayoutOf(type, rows, columns, stride, transposed);
  return dnnl_memory_desc_init_by_strides(&value_, 2, layout.dims, layout.type, layout.strides);
}

dnnl_status_t MatrixDescription::CreateMemory(dnnl_engine_t engine, dnnl_memory_t* memory) const {
  return dnnl_memory_create(memory, &value_, engine, DNNL_MEMORY_NONE);
}

dnnl_status_t Accumulate(dnnl_post_ops_t post_ops) {
  return dnnl_post_ops_append_sum(post_ops, 1.0f);
}

dnnl_status_t PlanProduct(const MatrixDescription& a, const MatrixDescription& b,
                          const MatrixDescription& c, dnnl_primitive_attr_t attributes,
                          dnnl_engine_t engine, dnnl_primitive_desc_t* plan) {
  dnnl_matmul_desc_t product;
  const dnnl_status_t described =
      dnnl_matmul_desc_init(&product, &a.value_, &b.value_, nullptr, &c.value_);
  if (described != dnnl_success) return described;
  return dnnl_primitive_desc_create(plan, &product, attributes, engine, nullptr);
}

#endif

// A version's own type of pointer to a description.
uint64_t WorkspaceBytes(dnnl_primitive_desc_t plan) {
  const auto workspace = dnnl_primitive_desc_query_md(plan, dnnl_query_scratchpad_md, 0);
  return workspace == nullptr ? 0 : dnnl_memory_desc_get_size(workspace);
}

dnnl_status_t CreateWorkspace(dnnl_primitive_desc_t plan, dnnl_engine_t engine,
                              dnnl_memory_t* memory) {
  const auto workspace = dnnl_primitive_desc_query_md(plan, dnnl_query_scratchpad_md, 0);
  return dnnl_memory_create(memory, workspace, engine, DNNL_MEMORY_NONE);
}

}  // namespace hydra::hal::cpu
