#include "runtime/hal/cpu/matmul_primitive.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/hal/cpu/onednn_matrix.h"

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
  MatrixDescription a, b, c;
  HYDRA_RETURN_IF_ERROR(
      Check(a.Init(shape.operands, shape.m, shape.k, shape.lda, shape.transpose_a), "describe a"));
  HYDRA_RETURN_IF_ERROR(
      Check(b.Init(shape.operands, shape.k, shape.n, shape.ldb, shape.transpose_b), "describe b"));
  HYDRA_RETURN_IF_ERROR(
      Check(c.Init(shape.result, shape.m, shape.n, shape.ldc, false), "describe c"));

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
    HYDRA_RETURN_IF_ERROR(Check(Accumulate(post_ops.value), "accumulate"));
    HYDRA_RETURN_IF_ERROR(
        Check(dnnl_primitive_attr_set_post_ops(attributes.value, post_ops.value), "accumulate"));
  }
  Scoped<dnnl_primitive_desc_t, dnnl_primitive_desc_destroy> plan;
  HYDRA_RETURN_IF_ERROR(
      Check(PlanProduct(a, b, c, attributes.value, context.engine(), &plan.value), "plan it"));
  HYDRA_RETURN_IF_ERROR(Check(dnnl_primitive_create(&primitive_, plan.value), "compile it"));

  workspace_bytes_ = WorkspaceBytes(plan.value);
  workers_.resize(context.workers());
  for (Worker& worker : workers_) {
    const auto make = [&](const MatrixDescription& of, dnnl_memory_t* memory) {
      return Check(of.CreateMemory(context.engine(), memory), "create an operand");
    };
    HYDRA_RETURN_IF_ERROR(make(a, &worker.a));
    HYDRA_RETURN_IF_ERROR(make(b, &worker.b));
    HYDRA_RETURN_IF_ERROR(make(c, &worker.c));
    if (workspace_bytes_ == 0) continue;
    HYDRA_RETURN_IF_ERROR(Check(CreateWorkspace(plan.value, context.engine(), &worker.workspace),
                                "create its workspace"));
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
