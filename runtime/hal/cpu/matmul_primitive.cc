#include "runtime/hal/cpu/matmul_primitive.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

// From libgomp, the OpenMP runtime of Debian's oneDNN. Declared here because the header belongs to
// one compiler and the build may use another.
extern "C" void omp_set_num_threads(int);

namespace hydra::hal::cpu {
namespace {

absl::Status Check(dnnl_status_t status, absl::string_view what) {
  if (status == dnnl_success) return absl::OkStatus();
  if (status == dnnl_out_of_memory) {
    return OutOfMemoryError(absl::StrCat("oneDNN has no memory to ", what));
  }
  return FailureError(
      absl::StrCat("oneDNN cannot ", what, " (status ", static_cast<int>(status), ")"));
}

// Frees library objects at the end of a scope.
template <typename T, auto Destroy>
struct Scoped {
  T value = nullptr;
  ~Scoped() {
    if (value != nullptr) Destroy(value);
  }
};

absl::Status Describe(dnnl_memory_desc_t* desc, ElementType type, uint64_t rows, uint64_t columns,
                      uint64_t stride, bool transposed) {
  const dnnl_dims_t dims = {static_cast<dnnl_dim_t>(rows), static_cast<dnnl_dim_t>(columns)};
  const auto leading = static_cast<dnnl_dim_t>(stride);
  const dnnl_dims_t strides = {transposed ? 1 : leading, transposed ? leading : 1};
  const dnnl_data_type_t data_type = type == ElementType::kBf16 ? dnnl_bf16 : dnnl_f32;
  return Check(dnnl_memory_desc_init_by_strides(desc, 2, dims, data_type, strides),
               "describe a matrix");
}

}  // namespace

absl::StatusOr<std::unique_ptr<MatmulContext>> MatmulContext::Create(int workers) {
  std::unique_ptr<MatmulContext> context(new MatmulContext);
  HYDRA_RETURN_IF_ERROR(
      Check(dnnl_engine_create(&context->engine_, dnnl_cpu, 0), "create an engine"));
  for (int i = 0; i < workers; ++i) {
    dnnl_stream_t stream = nullptr;
    HYDRA_RETURN_IF_ERROR(Check(dnnl_stream_create(&stream, context->engine_, dnnl_stream_in_order),
                                "create a stream"));
    context->streams_.push_back(stream);
  }
  return context;
}

MatmulContext::~MatmulContext() {
  for (dnnl_stream_t stream : streams_) dnnl_stream_destroy(stream);
  if (engine_ != nullptr) dnnl_engine_destroy(engine_);
}

void MatmulContext::PrepareThread() { omp_set_num_threads(1); }

absl::StatusOr<std::unique_ptr<MatmulPrimitive>> MatmulPrimitive::Create(
    const MatmulContext& context, const MatmulShape& shape) {
  std::unique_ptr<MatmulPrimitive> primitive(new MatmulPrimitive);
  absl::Status status = primitive->Init(context, shape);
  if (!status.ok()) {
    return Annotate(status, absl::StrCat("matmul ", shape.m, "x", shape.n, "x", shape.k));
  }
  return primitive;
}

absl::Status MatmulPrimitive::Init(const MatmulContext& context, const MatmulShape& shape) {
  context_ = &context;
  dnnl_memory_desc_t a, b, c;
  HYDRA_RETURN_IF_ERROR(
      Describe(&a, shape.operands, shape.m, shape.k, shape.lda, shape.transpose_a));
  HYDRA_RETURN_IF_ERROR(
      Describe(&b, shape.operands, shape.k, shape.n, shape.ldb, shape.transpose_b));
  HYDRA_RETURN_IF_ERROR(Describe(&c, shape.result, shape.m, shape.n, shape.ldc, false));
  dnnl_matmul_desc_t desc;
  HYDRA_RETURN_IF_ERROR(Check(dnnl_matmul_desc_init(&desc, &a, &b, nullptr, &c), "describe it"));

  Scoped<dnnl_primitive_attr_t, dnnl_primitive_attr_destroy> attributes;
  HYDRA_RETURN_IF_ERROR(Check(dnnl_primitive_attr_create(&attributes.value), "set attributes"));
  HYDRA_RETURN_IF_ERROR(
      Check(dnnl_primitive_attr_set_scratchpad_mode(attributes.value, dnnl_scratchpad_mode_user),
            "set attributes"));
  // Said, because the environment may change the default: float32 is multiplied as float32.
  HYDRA_RETURN_IF_ERROR(
      Check(dnnl_primitive_attr_set_fpmath_mode(attributes.value, dnnl_fpmath_mode_strict),
            "set attributes"));
  Scoped<dnnl_post_ops_t, dnnl_post_ops_destroy> post_ops;
  if (shape.accumulate) {
    HYDRA_RETURN_IF_ERROR(Check(dnnl_post_ops_create(&post_ops.value), "set attributes"));
    HYDRA_RETURN_IF_ERROR(Check(dnnl_post_ops_append_sum(post_ops.value, 1.0f), "accumulate"));
    HYDRA_RETURN_IF_ERROR(
        Check(dnnl_primitive_attr_set_post_ops(attributes.value, post_ops.value), "accumulate"));
  }
  Scoped<dnnl_primitive_desc_t, dnnl_primitive_desc_destroy> plan;
  HYDRA_RETURN_IF_ERROR(Check(
      dnnl_primitive_desc_create(&plan.value, &desc, attributes.value, context.engine(), nullptr),
      "plan it"));
  HYDRA_RETURN_IF_ERROR(Check(dnnl_primitive_create(&primitive_, plan.value), "compile it"));

  const dnnl_memory_desc_t* workspace =
      dnnl_primitive_desc_query_md(plan.value, dnnl_query_scratchpad_md, 0);
  workspace_bytes_ = workspace == nullptr ? 0 : dnnl_memory_desc_get_size(workspace);
  workers_.resize(context.workers());
  for (Worker& worker : workers_) {
    const auto make = [&](dnnl_memory_t* memory, const dnnl_memory_desc_t* of) {
      return Check(dnnl_memory_create(memory, of, context.engine(), DNNL_MEMORY_NONE),
                   "create an operand");
    };
    HYDRA_RETURN_IF_ERROR(make(&worker.a, &a));
    HYDRA_RETURN_IF_ERROR(make(&worker.b, &b));
    HYDRA_RETURN_IF_ERROR(make(&worker.c, &c));
    if (workspace_bytes_ > 0) HYDRA_RETURN_IF_ERROR(make(&worker.workspace, workspace));
  }
  return absl::OkStatus();
}

MatmulPrimitive::~MatmulPrimitive() {
  for (const Worker& worker : workers_) {
    for (dnnl_memory_t memory : {worker.a, worker.b, worker.c, worker.workspace}) {
      if (memory != nullptr) dnnl_memory_destroy(memory);
    }
  }
  if (primitive_ != nullptr) dnnl_primitive_destroy(primitive_);
}

bool MatmulPrimitive::Execute(int worker, const void* a, const void* b, void* c,
                              void* workspace) const {
  const Worker& memory = workers_[worker];
  // The library declares its inputs mutable and does not write them.
  bool good = dnnl_memory_set_data_handle(memory.a, const_cast<void*>(a)) == dnnl_success &&
              dnnl_memory_set_data_handle(memory.b, const_cast<void*>(b)) == dnnl_success &&
              dnnl_memory_set_data_handle(memory.c, c) == dnnl_success;
  if (workspace_bytes_ > 0) {
    good = good && dnnl_memory_set_data_handle(memory.workspace, workspace) == dnnl_success;
  }
  const dnnl_exec_arg_t args[4] = {{DNNL_ARG_SRC, memory.a},
                                   {DNNL_ARG_WEIGHTS, memory.b},
                                   {DNNL_ARG_DST, memory.c},
                                   {DNNL_ARG_SCRATCHPAD, memory.workspace}};
  return good && dnnl_primitive_execute(primitive_, context_->stream(worker),
                                        workspace_bytes_ > 0 ? 4 : 3, args) == dnnl_success;
}

}  // namespace hydra::hal::cpu
