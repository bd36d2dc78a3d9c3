// Shared by the hal tests: devices by driver, memory of regions, running one command sequence.
#ifndef HYDRA_TESTS_HAL_HAL_FIXTURE_H_
#define HYDRA_TESTS_HAL_HAL_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/command_walk.h"
#include "runtime/base/gpu_launch.h"
#include "runtime/base/status.h"
#include "runtime/hal/registry.h"
#include "tests/hal/late_device.h"
#include "tests/hal/test_kernels.h"

namespace hydra::hal {

// A device as the suites name it.
struct DriverCase {
  const char* label;
  const char* device;
  DeviceOptions options;
  bool late = false;  // inside LateDevice
};

inline const DriverCase kDriverCases[] = {
    {"Cpu1", "cpu", {1, false}},          {"Cpu2", "cpu", {2, false}},
    {"Cpu4", "cpu", {4, false}},          {"CpuValidated", "cpu", {2, true}},
    {"CpuLate", "cpu", {2, false}, true}, {"CpuLateValidated", "cpu", {2, true}, true},
    {"Sim", "sim", {0, false}},           {"SimLate", "sim", {0, false}, true},
    {"Cuda", "cuda", {0, false}},         {"CudaLate", "cuda", {0, false}, true},
};

// Memory for regions, and a device. Ranges are reserved one after the other in any region.
class World {
 public:
  static constexpr uint64_t kRegionBytes = 1 << 20;

  // Null, with the reason, where the driver is not available.
  static std::unique_ptr<World> Create(const DriverCase& driver, std::string* reason) {
    absl::StatusOr<std::unique_ptr<Device>> device = CreateDevice(driver.device, driver.options);
    if (!device.ok()) {
      EXPECT_EQ(KindOf(device.status()), ErrorKind::kInput) << device.status();
      *reason = std::string(device.status().message());
      return nullptr;
    }
    std::unique_ptr<World> world(new World);
    world->device = *std::move(device);
    if (driver.late) world->device = MakeLateDevice(std::move(world->device));
    auto kernels = LoadTestKernels(*world->device);
    EXPECT_TRUE(kernels.ok()) << kernels.status();
    if (kernels.ok()) world->executable = *std::move(kernels);
    for (int i = 0; i < kRegionCount; ++i) {
      const bool scratch = static_cast<Region>(i) == Region::kScratch;
      const uint64_t bytes =
          scratch ? kTestScratchBytes * world->device->capabilities().scratch_parts : kRegionBytes;
      auto buffer = world->device->Allocate(bytes, scratch ? "scratch" : "region");
      EXPECT_TRUE(buffer.ok()) << buffer.status();
      world->bindings[i] = {buffer->get(), 0, bytes};
      world->buffers.push_back(*std::move(buffer));
    }
    return world;
  }

  BufferRef Reserve(Region region, uint64_t bytes) {
    uint64_t& next = used_[region];
    const BufferRef ref{region, next, bytes};
    next += (bytes + 63) / 64 * 64;
    EXPECT_LE(next, kRegionBytes);
    return ref;
  }
  template <typename T>
  BufferRef Put(const std::vector<T>& values, Region region = Region::kParameters) {
    const BufferRef ref = Reserve(region, values.size() * sizeof(T));
    Set(ref, values);
    return ref;
  }
  template <typename T>
  void Set(const BufferRef& ref, const std::vector<T>& values) {
    Buffer& buffer = *buffers[static_cast<int>(ref.region)];
    const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
    EXPECT_TRUE(
        device->Write(buffer, ref.offset, absl::MakeConstSpan(bytes, values.size() * sizeof(T)))
            .ok());
  }
  template <typename T>
  std::vector<T> Get(const BufferRef& ref) {
    std::vector<T> values(ref.bytes / sizeof(T));
    Buffer& buffer = *buffers[static_cast<int>(ref.region)];
    auto* bytes = reinterpret_cast<uint8_t*>(values.data());
    EXPECT_TRUE(device->Read(buffer, ref.offset, absl::MakeSpan(bytes, ref.bytes)).ok());
    return values;
  }

  // The commands as the device takes them. On a GPU the suite's kernels are launched with a block
  // per item, at most one per part of scratch memory, and get the number of items behind their
  // scalars (test_kernels.ptx).
  CommandSequence Form(CommandSequence commands) const {
    if (device->name() != "cuda") return commands;
    ForEachCommand(commands, [](Command& command) {
      auto* kernel = std::get_if<KernelCommand>(&command.body);
      if (kernel == nullptr || kernel->geometry) return;
      kernel->geometry.emplace().grid[0] =
          static_cast<uint32_t>(std::clamp<uint64_t>(kernel->items, 1, kGpuScratchParts));
      kernel->scalars.push_back(static_cast<int64_t>(kernel->items));
    });
    return commands;
  }

  absl::StatusOr<std::unique_ptr<CommandList>> Record(const CommandSequence& commands,
                                                      const std::vector<Slot>& slots = {},
                                                      const RecordOptions& options = {}) {
    const CommandSequence formed = Form(commands);
    Recording recording;
    recording.commands = &formed;
    recording.regions = bindings;
    return device->Record(*executable, {recording}, slots, options);
  }
  absl::Status Submit(CommandList& list) {
    absl::StatusOr<Ticket> ticket = device->Submit(list);
    if (!ticket.ok()) return ticket.status();
    return device->Await(*ticket);
  }
  absl::Status Run(const CommandSequence& commands) {
    absl::StatusOr<std::unique_ptr<CommandList>> list = Record(commands);
    if (!list.ok()) return list.status();
    return Submit(**list);
  }
  Slot SlotOf(const BufferRef& ref, SlotDirection direction) {
    Buffer* buffer = buffers[static_cast<int>(ref.region)].get();
    return {"slot", direction, buffer, ref.offset, ref.bytes};
  }

  std::unique_ptr<Device> device;
  std::vector<std::unique_ptr<Buffer>> buffers;
  RegionBindings bindings;
  std::unique_ptr<Executable> executable;

 private:
  World() = default;
  std::map<Region, uint64_t> used_;
};

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HYDRA_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(HYDRA_THREAD_SANITIZER)
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif

// One driver per instance; skipped with the driver's own reason where it is not available.
class DriverTest : public ::testing::TestWithParam<DriverCase> {
 protected:
  void SetUp() override {
    // It keeps a stack per thread; sim has one per fibre.
    if (kThreadSanitizer && absl::string_view(GetParam().device) == "sim") {
      GTEST_SKIP() << "the thread sanitizer does not follow the fibres of sim";
    }
    std::string reason;
    world_ = World::Create(GetParam(), &reason);
    if (world_ == nullptr) GTEST_SKIP() << reason;
  }
  std::unique_ptr<World> world_;
};

inline std::string DriverLabel(const ::testing::TestParamInfo<DriverCase>& info) {
  return info.param.label;
}

}  // namespace hydra::hal

#endif  // HYDRA_TESTS_HAL_HAL_FIXTURE_H_
