#include "runtime/hal/cuda/work.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "runtime/base/buffer_ref.h"
#include "runtime/base/command_walk.h"
#include "runtime/base/gpu_launch.h"
#include "runtime/base/status.h"
#include "runtime/hal/cuda/cuda_memory.h"
#include "runtime/hal/recording_check.h"

namespace hydra::hal::cuda {
namespace {

class Resolver {
 public:
  Resolver(const Recording& recording, uint32_t run, const CudaExecutable& executable)
      : recording_(recording), run_(run), executable_(executable) {}

  // `line` moves behind the last command.
  void Add(const CommandSequence& commands, size_t& line, std::vector<Work>& work) {
    for (const Command& command : commands) AddCommand(command, line, work);
  }

 private:
  void AddCommand(const Command& command, size_t& line, std::vector<Work>& work) {
    const size_t own = line++;
    if (const auto* kernel = std::get_if<KernelCommand>(&command.body)) {
      if (kernel->items > 0) work.push_back({Launch(*kernel), own});
    } else if (const auto* product = std::get_if<MatmulCommand>(&command.body)) {
      work.push_back({Product(*product), own});
    } else if (const auto* copy = std::get_if<CopyCommand>(&command.body)) {
      const Copy3D resolved = Copy(*copy);
      const bool moves = resolved.width > 0 && resolved.source != resolved.target;
      if (moves) work.push_back({resolved, own});
    } else if (const auto* fill = std::get_if<FillCommand>(&command.body)) {
      const FillParameters resolved = Fill(*fill);
      if (resolved.width > 0) work.push_back({resolved, own});
    } else if (const auto* choice = std::get_if<SwitchCommand>(&command.body)) {
      ChoiceWork resolved{Address(choice->selector), {}};
      for (const CommandSequence& commands : choice->cases) {
        Add(commands, line, resolved.cases.emplace_back());
      }
      work.push_back({std::move(resolved), own});
    } else if (const auto* capture = std::get_if<CaptureCommand>(&command.body)) {
      Add(capture->body, line, work);
    } else if (const auto* repeat = std::get_if<RepeatCommand>(&command.body)) {
      const size_t first = line;
      for (uint64_t i = 0; i < repeat->count; ++i) {
        line = first;  // every iteration profiles into the lines of the first
        Add(AtIteration(repeat->body, i), line, work);
      }
      line = first + CountLines(repeat->body);
    }
  }

  KernelWork Launch(const KernelCommand& kernel) const {
    KernelWork launch;
    launch.function = executable_.FunctionOf(recording_, kernel);
    launch.geometry = *executable_.GeometryOf(kernel);
    for (const BufferRef& ref : kernel.args) launch.parameters.push_back(Address(ref));
    const RegionBinding& scratch = recording_.regions[static_cast<int>(Region::kScratch)];
    const bool any = scratch.bytes / kGpuScratchParts / 64 > 0;
    launch.parameters.push_back(any ? Address({Region::kScratch}) : 0);
    for (int64_t scalar : kernel.scalars) {
      launch.parameters.push_back(static_cast<uint64_t>(scalar));
    }
    return launch;
  }

  // Of a library.
  KernelWork Product(const MatmulCommand& product) const {
    KernelWork launch;
    launch.function = *executable_.FunctionOf(product);
    launch.parameters = {Address(product.a), Address(product.b), Address(product.c),
                         product.rows ? Address(*product.rows) : 0,
                         product.offsets ? Address(*product.offsets) : 0};
    return launch;
  }

  Copy3D Copy(const CopyCommand& copy) const {
    Copy3D resolved;
    resolved.source = Address(copy.source);
    resolved.target = Address(copy.target);
    resolved.height = std::max(RowCount(copy.source), RowCount(copy.target));
    resolved.width = PayloadBytes(copy.source) / resolved.height;
    resolved.source_pitch = copy.source.pitch == 0 ? resolved.width : copy.source.pitch;
    resolved.target_pitch = copy.target.pitch == 0 ? resolved.width : copy.target.pitch;
    return resolved;
  }

  FillParameters Fill(const FillCommand& fill) const {
    FillParameters resolved;
    resolved.target = Address(fill.target);
    resolved.value = fill.pattern;
    resolved.height = RowCount(fill.target);
    resolved.width = PayloadBytes(fill.target) / resolved.height / resolved.element_bytes;
    resolved.pitch =
        fill.target.pitch == 0 ? resolved.width * resolved.element_bytes : fill.target.pitch;
    return resolved;
  }

  DevicePointer Address(const BufferRef& ref) const {
    const RegionBinding& binding = recording_.regions[static_cast<int>(ref.region)];
    if (binding.buffer == nullptr) return 0;
    return static_cast<const CudaBuffer*>(binding.buffer)->address() + binding.offset + ref.offset +
           uint64_t{run_} * StrideOf(recording_, ref.region);
  }

  const Recording& recording_;
  uint32_t run_;
  const CudaExecutable& executable_;
};

}  // namespace

absl::Status AllowSharedMemory(const KernelWork& kernel, CudaContext& context) {
  constexpr uint64_t kFree = 48 << 10;
  if (kernel.geometry.shared_bytes <= kFree) return absl::OkStatus();
  return context.Check(
      context.api().cuFuncSetAttribute(kernel.function, kMaxDynamicSharedBytes,
                                       static_cast<int>(kernel.geometry.shared_bytes)),
      absl::StrCat("cuFuncSetAttribute of ", kernel.geometry.shared_bytes,
                   " bytes of shared memory"));
}

absl::Status PutOnStream(const Work& work, CudaContext& context) {
  const DriverApi& api = context.api();
  if (const auto* kernel = std::get_if<KernelWork>(&work.body)) {
    // As many as any kernel has, so that nothing is allocated.
    constexpr size_t kMost = 256;
    std::array<void*, kMost> pointers;
    if (kernel->parameters.size() > kMost) {
      return FailureError(absl::StrCat("a kernel of ", kernel->parameters.size(),
                                       " parameters, expected at most ", kMost));
    }
    std::transform(kernel->parameters.begin(), kernel->parameters.end(), pointers.begin(),
                   [](const uint64_t& value) { return const_cast<uint64_t*>(&value); });
    const LaunchGeometry& g = kernel->geometry;
    return context.CheckWork(
        api.cuLaunchKernel(kernel->function, g.grid[0], g.grid[1], g.grid[2], g.block[0],
                           g.block[1], g.block[2], static_cast<unsigned>(g.shared_bytes),
                           context.stream(), pointers.data(), nullptr),
        "cuLaunchKernel");
  }
  if (const auto* copy = std::get_if<Copy3D>(&work.body)) {
    return context.CheckWork(api.cuMemcpy3DAsync_v2(copy, context.stream()), "cuMemcpy3DAsync");
  }
  const FillParameters& fill = std::get<FillParameters>(work.body);
  return context.CheckWork(api.cuMemsetD2D32Async(fill.target, fill.pitch, fill.value, fill.width,
                                                  fill.height, context.stream()),
                           "cuMemsetD2D32Async");
}

size_t CountLines(const CommandSequence& commands) {
  size_t lines = 0;
  ForEachCommand(commands, [&](const Command&) { ++lines; });
  return lines;
}

void AddWork(const Recording& recording, uint32_t run, const CudaExecutable& executable,
             size_t line, std::vector<Work>& work) {
  Resolver(recording, run, executable).Add(*recording.commands, line, work);
}

}  // namespace hydra::hal::cuda
