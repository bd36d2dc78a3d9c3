// Graphs as the simulated driver has them: nodes, bodies of conditional nodes, instantiation and
// launch, with the rules that a driver of the profile keeps.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/hal/sim/driver_functions.h"

namespace hydra::hal::sim {

using cuda::CUgraph_st;
using cuda::CUgraphNode_st;
using cuda::Graph;
using cuda::GraphNode;
using cuda::Result;

namespace {

bool HasConditional(const CUgraph_st& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const auto& node) {
    return node->type == cuda::kConditionalNode ||
           (node->child != nullptr && HasConditional(*node->child));
  });
}

bool MayStandInBody(int type) {
  constexpr int kAllowed[] = {cuda::kKernelNode, cuda::kEmptyNode,  cuda::kChildNode,
                              cuda::kMemsetNode, cuda::kMemcpyNode, cuda::kConditionalNode};
  return std::count(std::begin(kAllowed), std::end(kAllowed), type) > 0;
}

// A copy with its own nodes; of a graph without conditional nodes.
std::shared_ptr<CUgraph_st> CopyOf(const CUgraph_st& graph) {
  auto copy = std::make_shared<CUgraph_st>();
  std::map<const CUgraphNode_st*, GraphNode> twins;
  for (const auto& node : graph.nodes) {
    auto twin = std::make_shared<CUgraphNode_st>();
    twin->graph = copy.get();
    twin->type = node->type;
    twin->run = node->run;
    twin->child = node->child;
    for (GraphNode before : node->after) twin->after.push_back(twins.at(before));
    twins[node.get()] = twin.get();
    copy->nodes.push_back(std::move(twin));
  }
  return copy;
}

// One of its owners goes: its creator, or an executable graph made of it.
void Release(Machine& machine, Graph graph) {
  if (--graph->references > 0) return;
  std::erase_if(machine.conditionals, [&](const auto& one) { return one.second.graph == graph; });
  delete graph;
}

// The conditional handles of a graph that no node uses.
bool HasUnusedHandle(const Machine& machine, const CUgraph_st& graph) {
  return std::any_of(graph.handles.begin(), graph.handles.end(), [&](cuda::ConditionalHandle one) {
    return machine.conditionals.at(one).node == nullptr;
  });
}

}  // namespace

cuda::Task LaunchTask(Machine& machine, cuda::Function function, void** parameters,
                      const LaunchGeometry& geometry) {
  const uint64_t blocks = uint64_t{geometry.grid[0]} * geometry.grid[1] * geometry.grid[2];
  const uint64_t threads = uint64_t{geometry.block[0]} * geometry.block[1] * geometry.block[2];
  if (blocks == 0 || threads == 0 || threads > 1024) return nullptr;
  std::vector<uint64_t> values;
  for (size_t i = 0; i < function->parameters; ++i) {
    values.push_back(*static_cast<const uint64_t*>(parameters[i]));
  }
  return [&machine, function, values = std::move(values), geometry] {
    return function->run({machine, values, geometry});
  };
}

Result AddNode(Machine& machine, GraphNode* node, Graph graph, absl::Span<const GraphNode> after,
               int type, cuda::Task run) {
  for (GraphNode before : after) {
    if (before == nullptr || before->graph != graph) {
      return machine.Broken(cuda::kInvalidValue, "a node behind one of another graph");
    }
  }
  if (graph->owner != nullptr && !MayStandInBody(type)) {
    return machine.Broken(cuda::kNotSupported,
                          absl::StrCat("a node of type ", type, " in a conditional body"));
  }
  auto made = std::make_shared<CUgraphNode_st>();
  made->graph = graph;
  made->type = type;
  made->after.assign(after.begin(), after.end());
  made->run = std::move(run);
  *node = made.get();
  graph->nodes.push_back(std::move(made));
  return cuda::kSuccess;
}

namespace functions {

Result cuGraphCreate(Graph* graph, unsigned) {
  HYDRA_ENTER_MACHINE();
  *graph = new CUgraph_st;
  return kSuccess;
}

Result cuGraphDestroy(Graph graph) {
  HYDRA_FIND_MACHINE();
  if (graph->owner != nullptr) {
    return machine.Broken(kInvalidValue, "the body of a conditional node destroyed");
  }
  Release(machine, graph);
  return kSuccess;
}

Result cuGraphAddKernelNode_v2(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                               const KernelParameters* p) {
  HYDRA_ENTER_MACHINE();
  LaunchGeometry geometry;
  std::copy_n(p->grid, 3, geometry.grid.begin());
  std::copy_n(p->block, 3, geometry.block.begin());
  geometry.shared_bytes = p->shared_bytes;
  Task run = LaunchTask(machine, p->function, p->parameters, geometry);
  if (!run) return machine.Broken(kInvalidValue, "a kernel node of no threads");
  return AddNode(machine, node, graph, {after, count}, kKernelNode, std::move(run));
}

Result cuGraphAddMemcpyNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                            const Copy3D* copy, Context context) {
  HYDRA_ENTER_MACHINE();
  if (context != CurrentContext()) {
    return machine.Broken(kInvalidContext, "a node of another context");
  }
  return AddNode(machine, node, graph, {after, count}, kMemcpyNode,
                 [&machine, copy = *copy] { return machine.Copy(copy); });
}

Result cuGraphAddMemsetNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                            const FillParameters* fill, Context context) {
  HYDRA_ENTER_MACHINE();
  if (context != CurrentContext()) {
    return machine.Broken(kInvalidContext, "a node of another context");
  }
  return AddNode(machine, node, graph, {after, count}, kMemsetNode,
                 [&machine, fill = *fill] { return machine.Fill(fill); });
}

Result cuGraphAddEmptyNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count) {
  HYDRA_ENTER_MACHINE();
  return AddNode(machine, node, graph, {after, count}, kEmptyNode, nullptr);
}

Result cuGraphAddHostNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                          const HostParameters* parameters) {
  HYDRA_ENTER_MACHINE();
  return AddNode(machine, node, graph, {after, count}, kHostNode, [host = *parameters] {
    host.function(host.data);
    return absl::OkStatus();
  });
}

Result cuGraphAddEventRecordNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                                 Event) {
  HYDRA_ENTER_MACHINE();
  return AddNode(machine, node, graph, {after, count}, kEventRecordNode, nullptr);
}

Result cuGraphAddEventWaitNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                               Event) {
  HYDRA_ENTER_MACHINE();
  return AddNode(machine, node, graph, {after, count}, kEventWaitNode, nullptr);
}

Result cuGraphAddChildGraphNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                                Graph child) {
  HYDRA_ENTER_MACHINE();
  if (HasConditional(*child)) {
    return machine.Broken(kNotSupported, "a graph with conditional nodes as a child");
  }
  if (child->nodes.empty()) {
    // Real drivers end the process when such a graph is instantiated.
    return machine.Broken(kInvalidValue, "an empty graph as a child");
  }
  const Result result = AddNode(machine, node, graph, {after, count}, kChildNode, nullptr);
  if (result == kSuccess) (*node)->child = CopyOf(*child);
  return result;
}

Result cuGraphClone(Graph* clone, Graph graph) {
  HYDRA_ENTER_MACHINE();
  if (HasConditional(*graph)) {
    return machine.Broken(kNotSupported, "a copy of a graph with conditional nodes");
  }
  *clone = new CUgraph_st(*CopyOf(*graph));
  for (const auto& node : (*clone)->nodes) node->graph = *clone;
  return kSuccess;
}

Result cuGraphGetNodes(Graph graph, GraphNode* nodes, size_t* count) {
  HYDRA_ENTER_MACHINE();
  const size_t wanted = nodes == nullptr ? 0 : std::min(*count, graph->nodes.size());
  for (size_t i = 0; i < wanted; ++i) nodes[i] = graph->nodes[i].get();
  *count = graph->nodes.size();
  return kSuccess;
}

Result cuGraphNodeGetType(GraphNode node, int* type) {
  *type = node->type;
  return kSuccess;
}

Result cuGraphConditionalHandleCreate(ConditionalHandle* handle, Graph graph, Context context,
                                      unsigned initial, unsigned flags) {
  HYDRA_ENTER_MACHINE();
  if (!machine.profile().if_and_while) return kNotSupported;
  if (context != nullptr && context != CurrentContext()) {
    return machine.Broken(kInvalidContext, "a conditional handle of another context");
  }
  *handle = machine.conditionals.empty() ? 1 : machine.conditionals.rbegin()->first + 1;
  machine.conditionals[*handle] = {graph, initial, (flags & kAssignDefault) != 0};
  graph->handles.insert(*handle);
  return kSuccess;
}

Result cuGraphAddNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                      ConditionalParameters* parameters) {
  HYDRA_ENTER_MACHINE();
  const DriverProfile& profile = machine.profile();
  if (parameters->type != kConditionalNode || !profile.if_and_while) return kNotSupported;
  const bool choice = parameters->kind == kConditionalIf,
             loop = parameters->kind == kConditionalWhile;
  if (!profile.switch_and_else &&
      (parameters->kind == kConditionalSwitch || (choice && parameters->size > 1))) {
    return kNotSupported;
  }
  const unsigned most = loop ? 1 : choice ? 2 : ~0U;
  if (parameters->size == 0 || parameters->size > most) {
    return machine.Broken(kInvalidValue, "a conditional node with that many bodies");
  }
  const auto found = machine.conditionals.find(parameters->handle);
  if (found == machine.conditionals.end()) {
    return machine.Broken(kInvalidValue, "a conditional node without a handle");
  }
  if (found->second.node != nullptr) {
    return machine.Broken(kInvalidValue, "a conditional handle of two nodes");
  }
  if (parameters->context != nullptr && parameters->context != CurrentContext()) {
    return machine.Broken(kInvalidContext, "a conditional node of another context");
  }
  const Result result = AddNode(machine, node, graph, {after, count}, kConditionalNode, nullptr);
  if (result != kSuccess) return result;
  CUgraphNode_st& made = **node;
  made.handle = parameters->handle;
  made.kind = parameters->kind;
  for (unsigned i = 0; i < parameters->size; ++i) {
    made.bodies.push_back(std::make_unique<CUgraph_st>());
    made.bodies.back()->owner = &made;
    made.body_handles.push_back(made.bodies.back().get());
  }
  parameters->bodies = made.body_handles.data();
  found->second.node = &made;
  return kSuccess;
}

Result cuGraphInstantiateWithParams(GraphExec* exec, Graph graph,
                                    InstantiateParameters* parameters) {
  HYDRA_ENTER_MACHINE();
  const bool conditional = HasConditional(*graph);
  parameters->error = kInstantiateError;
  if (graph->owner != nullptr) {
    return machine.Broken(kInvalidValue, "the body of a conditional node instantiated by itself");
  }
  if (conditional && graph->instantiations > 0) {
    return machine.Broken(kInvalidValue,
                          "a graph with conditional nodes instantiated a second time");
  }
  if (HasUnusedHandle(machine, *graph)) {
    parameters->error = kConditionalUnused;
    return machine.Broken(kInvalidValue, "a conditional handle that no node uses");
  }
  parameters->error = kInstantiated;
  ++graph->instantiations;
  ++graph->references;
  *exec = new CUgraphExec_st{graph, graph->nodes, conditional};
  return kSuccess;
}

Result cuGraphUpload(GraphExec, Stream) { return kSuccess; }

Result cuGraphLaunch(GraphExec exec, Stream stream) {
  HYDRA_ENTER_MACHINE();
  if (stream != nullptr && stream->capture != nullptr && exec->conditional) {
    stream->capture->invalid = true;
    return machine.Broken(kNotSupported, "a graph with conditional nodes launched while capturing");
  }
  ++machine.counts().graph_launches;
  machine.counts().graph_nodes += exec->nodes.size();
  return PutOrCapture(machine, stream, kChildNode,
                      [&machine, exec] { return machine.RunGraph(*exec); });
}

Result cuGraphExecDestroy(GraphExec exec) {
  HYDRA_FIND_MACHINE();
  if (machine.busy()) {
    return machine.Broken(kInvalidValue, "a graph destroyed while work is queued");
  }
  if (exec->conditional) --exec->source->instantiations;
  Release(machine, exec->source);
  delete exec;
  return kSuccess;
}

}  // namespace functions
}  // namespace hydra::hal::sim
