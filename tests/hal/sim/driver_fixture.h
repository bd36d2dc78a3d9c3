// Shared by the tests of the simulated driver's rules: a machine of a profile, the calling thread's
// context on it, streams, and kernels that note that they ran.
#ifndef HYDRA_TESTS_HAL_SIM_DRIVER_FIXTURE_H_
#define HYDRA_TESTS_HAL_SIM_DRIVER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/hal/sim/driver_functions.h"

namespace hydra::hal::sim {

class DriverRules : public ::testing::Test {
 protected:
  // A machine with the driver of this profile; that of the newest before a test asks for another.
  void Use(const DriverProfile& profile) {
    if (machine_ != nullptr) RemoveMachine(number_);
    MachineOptions options;
    options.driver = profile.version;
    number_ = AddMachine(options);
    machine_ = &MachineOf(number_);
    api.cuCtxSetCurrent(&machine_->context);
    ASSERT_EQ(api.cuStreamCreate(&stream, cuda::kStreamNonBlocking), cuda::kSuccess);
    log.clear();
  }
  void SetUp() override { Use(kDriverProfiles.back()); }
  void TearDown() override {
    api.cuCtxSetCurrent(nullptr);
    RemoveMachine(number_);
  }

  Machine& machine() { return *machine_; }
  // The first rule that was broken, forgotten.
  std::string TakeBroken() {
    std::string broken = machine_->counts().broken;
    machine_->counts().broken[0] = 0;
    return broken;
  }

  // A kernel without parameters that adds its name to `log`, and does `work` if there is some.
  cuda::Function Kernel(const std::string& name, std::function<absl::Status()> work = nullptr) {
    auto function = std::make_unique<cuda::CUfunc_st>();
    function->name = name;
    function->run = [this, name, work = std::move(work)](const cuda::LaunchCall&) {
      log.push_back(name);
      return work ? work() : absl::OkStatus();
    };
    functions_.push_back(std::move(function));
    return functions_.back().get();
  }
  // One that sets a conditional handle.
  cuda::Function Setter(cuda::ConditionalHandle handle, unsigned value) {
    return Kernel(absl::StrCat("set ", value),
                  [=, this] { return machine().SetConditional(handle, value); });
  }

  cuda::GraphNode AddKernel(cuda::Graph graph, cuda::Function function,
                            std::vector<cuda::GraphNode> after = {}) {
    cuda::GraphNode node = nullptr;
    cuda::KernelParameters parameters;
    parameters.function = function;
    EXPECT_EQ(api.cuGraphAddKernelNode_v2(&node, graph, after.data(), after.size(), &parameters),
              cuda::kSuccess);
    return node;
  }
  cuda::Result AddConditional(cuda::Graph graph, cuda::ConditionalHandle handle, int kind,
                              unsigned size, std::vector<cuda::GraphNode> after,
                              std::vector<cuda::Graph>& bodies, cuda::GraphNode* node = nullptr) {
    cuda::GraphNode made = nullptr;
    cuda::ConditionalParameters parameters;
    parameters.handle = handle;
    parameters.kind = kind;
    parameters.size = size;
    parameters.context = &machine_->context;
    const cuda::Result result =
        graphs.cuGraphAddNode(&made, graph, after.data(), after.size(), &parameters);
    if (node != nullptr) *node = made;
    bodies.clear();
    if (result == cuda::kSuccess) bodies.assign(parameters.bodies, parameters.bodies + size);
    return result;
  }
  cuda::ConditionalHandle Handle(cuda::Graph graph, unsigned initial = 0, unsigned flags = 0) {
    cuda::ConditionalHandle handle = 0;
    EXPECT_EQ(graphs.cuGraphConditionalHandleCreate(&handle, graph, nullptr, initial, flags),
              cuda::kSuccess);
    return handle;
  }
  cuda::Result Launch(cuda::Function function, cuda::Stream on) {
    return api.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, on, nullptr, nullptr);
  }
  cuda::Graph NewGraph() {
    cuda::Graph graph = nullptr;
    EXPECT_EQ(api.cuGraphCreate(&graph, 0), cuda::kSuccess);
    return graph;
  }
  // Instantiates, launches `times` and waits; the first error.
  cuda::Result Run(cuda::Graph graph, int times = 1) {
    cuda::GraphExec exec = nullptr;
    cuda::InstantiateParameters parameters;
    cuda::Result result = api.cuGraphInstantiateWithParams(&exec, graph, &parameters);
    instantiated = parameters.error;
    if (result != cuda::kSuccess) return result;
    for (int i = 0; i < times && result == cuda::kSuccess; ++i) {
      result = api.cuGraphLaunch(exec, stream);
      if (result == cuda::kSuccess) result = api.cuStreamSynchronize(stream);
    }
    api.cuGraphExecDestroy(exec);
    return result;
  }

  const cuda::DriverApi& api = SimulatedDriver();
  const cuda::GraphApi& graphs = SimulatedGraphs();
  cuda::Stream stream = nullptr;
  std::vector<std::string> log;
  int instantiated = 0;  // what Run's instantiation said

 private:
  Machine* machine_ = nullptr;
  cuda::DeviceNumber number_ = 0;
  std::vector<std::unique_ptr<cuda::CUfunc_st>> functions_;
};

}  // namespace hydra::hal::sim

#endif  // HYDRA_TESTS_HAL_SIM_DRIVER_FIXTURE_H_
