#include "runtime/hal/cuda/step_graph.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal::cuda {

absl::StatusOr<std::unique_ptr<StepGraph>> StepGraph::Build(absl::Span<const Work> work,
                                                            const LineName& name_of,
                                                            std::shared_ptr<CudaContext> context) {
  std::unique_ptr<StepGraph> graph(new StepGraph(std::move(context)));
  CudaContext& gpu = *graph->context_;
  HYDRA_RETURN_IF_ERROR(gpu.Check(gpu.api().cuGraphCreate(&graph->graph_, 0), "cuGraphCreate"));
  std::vector<GraphNode> nodes;
  HYDRA_RETURN_IF_ERROR(graph->AddNodes(work, name_of, nodes));
  InstantiateParameters parameters;
  const Result result =
      gpu.api().cuGraphInstantiateWithParams(&graph->exec_, graph->graph_, &parameters);
  if (result != kSuccess) {
    graph->exec_ = nullptr;
    const auto at = std::find(nodes.begin(), nodes.end(), parameters.error_node);
    return Annotate(gpu.Check(result, "cuGraphInstantiateWithParams"),
                    at == nodes.end() ? absl::StrCat("a graph of ", nodes.size(), " nodes")
                                      : name_of(work[at - nodes.begin()].line));
  }
  graph->nodes_ = nodes.size();
  HYDRA_RETURN_IF_ERROR(
      gpu.Check(gpu.api().cuGraphUpload(graph->exec_, gpu.stream()), "cuGraphUpload"));
  return graph;
}

absl::Status StepGraph::AddNodes(absl::Span<const Work> work, const LineName& name_of,
                                 std::vector<GraphNode>& nodes) {
  CudaContext& gpu = *context_;
  const DriverApi& api = gpu.api();
  for (const Work& one : work) {
    const GraphNode* after = nodes.empty() ? nullptr : &nodes.back();
    const size_t count = nodes.empty() ? 0 : 1;
    GraphNode node = nullptr;
    absl::Status status;
    if (const auto* kernel = std::get_if<KernelWork>(&one.body)) {
      std::vector<void*> pointers;
      for (const uint64_t& value : kernel->parameters) {
        pointers.push_back(const_cast<uint64_t*>(&value));  // only read
      }
      KernelParameters parameters;
      parameters.function = kernel->function;
      std::copy_n(kernel->geometry.grid.begin(), 3, parameters.grid);
      std::copy_n(kernel->geometry.block.begin(), 3, parameters.block);
      parameters.shared_bytes = static_cast<unsigned>(kernel->geometry.shared_bytes);
      parameters.parameters = pointers.data();
      status = AllowSharedMemory(*kernel, gpu);
      if (status.ok()) {
        status = gpu.Check(api.cuGraphAddKernelNode_v2(&node, graph_, after, count, &parameters),
                           "cuGraphAddKernelNode");
      }
    } else if (const auto* copy = std::get_if<Copy3D>(&one.body)) {
      status = gpu.Check(api.cuGraphAddMemcpyNode(&node, graph_, after, count, copy, gpu.context()),
                         "cuGraphAddMemcpyNode");
    } else {
      status =
          gpu.Check(api.cuGraphAddMemsetNode(&node, graph_, after, count,
                                             &std::get<FillParameters>(one.body), gpu.context()),
                    "cuGraphAddMemsetNode");
    }
    if (!status.ok()) return Annotate(status, name_of(one.line));
    nodes.push_back(node);
  }
  return absl::OkStatus();
}

StepGraph::~StepGraph() {
  if (graph_ == nullptr || !context_->Enter().ok()) return;
  context_->Drain().IgnoreError();
  if (exec_ != nullptr) context_->api().cuGraphExecDestroy(exec_);
  context_->api().cuGraphDestroy(graph_);
}

absl::Status StepGraph::Launch() {
  return context_->CheckWork(context_->api().cuGraphLaunch(exec_, context_->stream()),
                             "cuGraphLaunch");
}

}  // namespace hydra::hal::cuda
