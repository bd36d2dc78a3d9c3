// Shared by the experiments: the GPU of this machine behind the driver API, kernels as PTX, times
// by events. Skipped without a GPU; on the stand-in for NVIDIA's driver figures are printed, not
// judged.
#ifndef HYDRA_TESTS_GPU_FIRST_DAY_GPU_FIXTURE_H_
#define HYDRA_TESTS_GPU_FIRST_DAY_GPU_FIXTURE_H_

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "runtime/hal/cuda/cuda_context.h"
#include "runtime/hal/cuda/graph_api.h"
#include "tests/hal/cuda/fake_driver.h"

namespace hydra::hal::cuda {

#define EXPECT_CUDA(call) EXPECT_EQ(call, kSuccess) << #call
#define ASSERT_CUDA(call) ASSERT_EQ(call, kSuccess) << #call

class GpuExperiment : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<const Driver*> driver = OpenDriver();
    if (!driver.ok()) GTEST_SKIP() << driver.status().message();
    absl::StatusOr<std::shared_ptr<CudaContext>> context = CudaContext::Create(**driver);
    if (!context.ok()) GTEST_SKIP() << context.status().message();
    gpu = *std::move(context);
    FakeCounts counts;
    real = !testing::ReadCounts(counts);
    void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
#define HYDRA_LOOK_UP(name, parameters) \
  graphs.name = reinterpret_cast<Result(*) parameters>(dlsym(library, #name));
    HYDRA_CUDA_GRAPH_FUNCTIONS(HYDRA_LOOK_UP)
#undef HYDRA_LOOK_UP
    std::printf("%s, driver for CUDA %s%s\n", gpu->gpu_name().c_str(),
                gpu->driver().VersionText().c_str(), real ? "" : ": the stand-in, no figures");
  }
  void TearDown() override {
    if (gpu == nullptr) return;
    if (module_ != nullptr) api().cuModuleUnload(module_);
    FakeCounts counts;
    if (testing::ReadCounts(counts)) EXPECT_STREQ(counts.broken, "");
  }
  using FakeCounts = testing::FakeCudaCounts;

  const DriverApi& api() const { return gpu->api(); }
  Stream stream() const { return gpu->stream(); }
  // The driver's conditional nodes of a kind, or a reason to skip.
  std::string WhyNo(int kind) const {
    const int needed = kind == kConditionalSwitch ? 12080 : 12040;
    if (gpu->driver().version >= needed && graphs.cuGraphAddNode != nullptr) return "";
    return "the driver is too old for this kind of conditional node";
  }

  // A kernel of kPtx, whose parameters have eight bytes each.
  Function Kernel(const char* name);

  GraphNode AddKernel(Graph graph, Function function, std::vector<uint64_t> parameters,
                      std::vector<GraphNode> after) {
    std::vector<void*> pointers;
    for (uint64_t& value : parameters) pointers.push_back(&value);
    KernelParameters kernel;
    kernel.function = function;
    kernel.parameters = pointers.data();
    GraphNode node = nullptr;
    EXPECT_CUDA(api().cuGraphAddKernelNode_v2(&node, graph, after.data(), after.size(), &kernel));
    return node;
  }
  GraphNode AddConditional(Graph graph, ConditionalHandle handle, int kind, unsigned size,
                           std::vector<GraphNode> after, std::vector<Graph>& bodies) {
    ConditionalParameters parameters;
    parameters.handle = handle;
    parameters.kind = kind;
    parameters.size = size;
    parameters.context = gpu->context();
    GraphNode node = nullptr;
    EXPECT_CUDA(graphs.cuGraphAddNode(&node, graph, after.data(), after.size(), &parameters));
    bodies.assign(parameters.bodies, parameters.bodies + size);
    return node;
  }
  ConditionalHandle NewHandle(Graph graph) {
    ConditionalHandle handle = 0;
    EXPECT_CUDA(graphs.cuGraphConditionalHandleCreate(&handle, graph, gpu->context(), 0, 0));
    return handle;
  }

  // Instantiates, launches `times` and waits; seconds of the fastest launch, by events.
  double Run(Graph graph, int times) {
    GraphExec exec = nullptr;
    InstantiateParameters parameters;
    EXPECT_CUDA(api().cuGraphInstantiateWithParams(&exec, graph, &parameters));
    if (exec == nullptr) return 0;
    Event begin = nullptr, end = nullptr;
    EXPECT_CUDA(api().cuEventCreate(&begin, kEventDefault));
    EXPECT_CUDA(api().cuEventCreate(&end, kEventDefault));
    double fastest = 1e9;
    for (int i = 0; i < times; ++i) {
      EXPECT_CUDA(api().cuEventRecord(begin, stream()));
      EXPECT_CUDA(api().cuGraphLaunch(exec, stream()));
      EXPECT_CUDA(api().cuEventRecord(end, stream()));
      EXPECT_CUDA(api().cuStreamSynchronize(stream()));
      float milliseconds = 0;
      EXPECT_CUDA(api().cuEventElapsedTime(&milliseconds, begin, end));
      fastest = std::min(fastest, static_cast<double>(milliseconds) / 1e3);
    }
    for (Event event : {begin, end}) EXPECT_CUDA(api().cuEventDestroy_v2(event));
    EXPECT_CUDA(api().cuGraphExecDestroy(exec));
    return fastest;
  }

  std::shared_ptr<CudaContext> gpu;
  GraphApi graphs;
  bool real = false;

 private:
  Module module_ = nullptr;
};

}  // namespace hydra::hal::cuda

#endif  // HYDRA_TESTS_GPU_FIRST_DAY_GPU_FIXTURE_H_
