#include "tests/codegen/SimHarness.h"

#include <gtest/gtest.h>

#include <cstring>

#include "compiler/codegen/GpuCode.h"
#include "compiler/codegen/KernelEmitters.h"
#include "compiler/codegen/SimCode.h"
#include "dialects/plan/GpuLaunch.h"
#include "dialects/plan/KernelScalars.h"
#include "runtime/base/cpu_detection.h"
#include "runtime/base/gpu_launch.h"
#include "runtime/base/status.h"
#include "runtime/hal/registry.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;
namespace hal = ::hydra::hal;

namespace {

uint64_t aligned(uint64_t bytes) { return (bytes + 63) / 64 * 64; }

absl::Span<uint8_t> bytesOf(Words& words) {
  return absl::MakeSpan(reinterpret_cast<uint8_t*>(words.words.data()), 4 * words.words.size());
}

bool isHalf(Type type) { return cast<RankedTensorType>(type).getElementType().isBF16(); }

// bf16 as it lies in memory, two to a word, and back.
Words packed(const Words& words) {
  Words result;
  result.words.resize((words.words.size() + 1) / 2);
  for (size_t i = 0; i < words.words.size(); ++i)
    result.words[i / 2] |= words.words[i] >> 16 << (i % 2 * 16);
  return result;
}
Words unpacked(const Words& words, size_t count) {
  Words result;
  for (size_t i = 0; i < count; ++i)
    result.words.push_back(words.words[i / 2] >> (i % 2 * 16) << 16);
  return result;
}

}  // namespace

const CpuFacts* mlir::hydra::testing::simLevel() {
  std::vector<std::string> levels = ::hydra::RunnableLevels(::hydra::HostCpu());
  return levels.empty() ? nullptr : findCpuFacts(levels.front());
}

absl::StatusOr<std::vector<Words>> mlir::hydra::testing::runOnSim(
    const CodeImage& image, const std::vector<std::string>& functions,
    const std::vector<SimLaunch>& launches, std::vector<Words> memory, int64_t scratch) {
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<hal::Device> device, hal::CreateDevice("sim", {}));
  std::vector<hal::KernelEntry> entries;
  for (const std::string& name : functions) entries.push_back({name, image.offsets.lookup(name)});
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<hal::Executable> executable,
                         device->LoadKernels(image.isaLevel, image.bytes, entries));
  std::vector<hal::BufferRef> refs;
  uint64_t bytes = 0;
  for (const Words& words : memory) {
    refs.push_back({hal::Region::kArena, bytes, 4 * words.words.size()});
    bytes += aligned(4 * words.words.size());
  }
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<hal::Buffer> buffer, device->Allocate(bytes, "arena"));
  const uint64_t parts = aligned(scratch) * hal::kGpuScratchParts;
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<hal::Buffer> room, device->Allocate(parts, "scratch"));
  for (size_t i = 0; i < memory.size(); ++i)
    HYDRA_RETURN_IF_ERROR(device->Write(*buffer, refs[i].offset, bytesOf(memory[i])));
  hal::CommandSequence commands;
  for (const SimLaunch& launch : launches) {
    hal::KernelCommand command;
    command.kernel = launch.kernel;
    for (size_t number : launch.buffers) command.args.push_back(refs[number]);
    command.scalars = launch.scalars;
    command.items = 1;
    command.geometry = launch.geometry;
    commands.push_back({command, 0});
  }
  hal::Recording recording;
  recording.commands = &commands;
  recording.regions[static_cast<int>(hal::Region::kArena)] = {buffer.get(), 0, bytes};
  recording.regions[static_cast<int>(hal::Region::kScratch)] = {room.get(), 0, parts};
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<hal::CommandList> list,
                         device->Record(*executable, {recording}, {}, {}));
  HYDRA_ASSIGN_OR_RETURN(const hal::Ticket ticket, device->Submit(*list));
  HYDRA_RETURN_IF_ERROR(device->Await(ticket));
  for (size_t i = 0; i < memory.size(); ++i)
    HYDRA_RETURN_IF_ERROR(device->Read(*buffer, refs[i].offset, bytesOf(memory[i])));
  return memory;
}

absl::StatusOr<std::vector<Words>> mlir::hydra::testing::runOnSim(
    KernelHarness& harness, const std::vector<Words>& arguments, std::vector<int> inPlace,
    const SimEdit& edit) {
  FailureOr<OwningOpRef<ModuleOp>> device = generateNvvm(harness.planModule());
  if (failed(device)) return ::hydra::FailureError(harness.messages());
  if (edit) edit(**device);
  FailureOr<CodeImage> image = compileForSim(**device, *simLevel());
  if (failed(image)) return ::hydra::FailureError(harness.messages());
  func::FuncOp source = harness.function();
  plan::KernelOp kernel = harness.kernel();
  std::vector<Words> memory = arguments;
  for (auto [number, type] : llvm::enumerate(source.getArgumentTypes()))
    if (isHalf(type)) memory[number] = packed(arguments[number]);
  const std::vector<Words> before = memory;
  std::vector<size_t> buffers, results;
  for (size_t i = 0; i < arguments.size(); ++i) buffers.push_back(i);
  inPlace.resize(source.getNumResults(), -1);
  for (auto [type, shared] : llvm::zip(source.getResultTypes(), inPlace)) {
    results.push_back(shared >= 0 ? static_cast<size_t>(shared) : memory.size());
    buffers.push_back(results.back());
    auto count = static_cast<size_t>(cast<RankedTensorType>(type).getNumElements());
    if (isHalf(type)) count = (count + 1) / 2;
    if (shared < 0) memory.push_back({std::vector<uint32_t>(count, 0xffffffff)});
  }
  if (kernel.getItems().size() > 1) {
    buffers.push_back(memory.size());
    auto words = static_cast<size_t>(llvm::divideCeil(kernel.getPartialBytes(), 4));
    memory.push_back({std::vector<uint32_t>(words, 0xffffffff)});
  }
  std::vector<std::string> functions;
  std::vector<SimLaunch> launches;
  size_t count = plan::collectKernelScalars(kernel.getBody().front()).size();
  std::vector<int64_t> scalars(harness.launchScalars(), harness.launchScalars() + count);
  for (int stage = 0; stage < static_cast<int>(kernel.getItems().size()); ++stage) {
    functions.push_back(kernelFunctionName(kernel, stage));
    plan::GpuLaunch shape = plan::gpuLaunch(kernel, stage);
    hal::LaunchGeometry geometry;
    geometry.grid[0] = static_cast<uint32_t>(shape.blocks);
    geometry.block[0] = static_cast<uint32_t>(shape.threads);
    launches.push_back({static_cast<uint32_t>(stage), buffers, scalars, geometry});
  }
  auto after = runOnSim(*image, functions, launches, memory, kernel.getScratchBytes());
  if (!after.ok()) return after.status();
  for (size_t i = 0; i < arguments.size(); ++i)
    if (!llvm::is_contained(inPlace, static_cast<int>(i)))
      EXPECT_EQ((*after)[i].words, before[i].words) << "argument " << i << " changed";
  std::vector<Words> computed;
  for (auto [type, result] : llvm::zip(source.getResultTypes(), results)) {
    auto count = static_cast<size_t>(cast<RankedTensorType>(type).getNumElements());
    computed.push_back(isHalf(type) ? unpacked((*after)[result], count) : (*after)[result]);
  }
  return computed;
}
