#include "runtime/hal/sim/sim_executable.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/buffer_ref.h"
#include "runtime/base/gpu_launch.h"
#include "runtime/base/status.h"
#include "runtime/hal/sim/library_matmul.h"

namespace hydra::hal::sim {
namespace {

// Launches by items, which only kernels of this program have.
constexpr uint64_t kItemThreads = 32;

// What a kernel command says of its launches beside addresses and scalars.
struct BoundKernel {
  std::string name;
  KernelFunction function = nullptr;
  std::vector<BufferRef> args;
  uint64_t scratch_bytes = 0;
  uint64_t threads = 0;  // those at and beyond do not run
};

// Under every order from the same memory; a correct kernel leaves the same bytes.
absl::Status Run(const BoundKernel& kernel, const cuda::LaunchCall& call, Simulator& simulator) {
  std::vector<void*> parameters;
  for (uint64_t value : call.parameters) parameters.push_back(At(value));
  MemoryRanges ranges;
  for (size_t i = 0; i < kernel.args.size(); ++i) {
    const BufferRef& ref = kernel.args[i];
    ranges.Add({static_cast<uint8_t*>(parameters[i]), ref.bytes, ref.row_bytes, ref.pitch,
                absl::StrCat("argument ", i, ", ", Describe(ref))});
  }
  const MemoryRanges arguments = ranges;
  Launch launch;
  launch.name = kernel.name;
  launch.function = kernel.function;
  launch.geometry = call.geometry;
  launch.threads = kernel.threads;
  launch.args = parameters.data();
  launch.context.scratch = parameters[kernel.args.size()];
  launch.context.scalars =
      reinterpret_cast<const int64_t*>(call.parameters.data() + kernel.args.size() + 1);
  if (launch.context.scratch != nullptr) {
    ranges.Add(
        {static_cast<uint8_t*>(launch.context.scratch), kernel.scratch_bytes, 0, 0, "scratch"});
  }
  launch.ranges = &ranges;
  const std::vector<uint8_t> before = arguments.Save();
  HYDRA_RETURN_IF_ERROR(simulator.Run(launch, Order::kGreedy));
  const std::vector<uint8_t> greedy = arguments.Save();
  arguments.Restore(before);
  HYDRA_RETURN_IF_ERROR(simulator.Run(launch, Order::kTogether));
  const std::string difference = arguments.FirstDifference(greedy);
  if (difference.empty()) return absl::OkStatus();
  return FailureError(absl::StrCat(
      "kernel ", launch.name, ": ", difference,
      " depends on the order in which warps run: threads of different warps or blocks touch the "
      "same memory without a barrier"));
}

std::string DescribeRef(const BufferRef& ref) {
  return absl::StrCat(Describe(ref), "/", ref.bytes, "/", ref.row_bytes, "/", ref.pitch);
}

}  // namespace

SimExecutable::SimExecutable(std::unique_ptr<KernelImage> image,
                             absl::Span<const KernelEntry> entries,
                             std::shared_ptr<cuda::CudaContext> context,
                             std::shared_ptr<Simulator> simulator)
    : CudaExecutable(std::move(context)),
      image_(std::move(image)),
      simulator_(std::move(simulator)) {
  for (uint64_t i = 0; i < image_->kernel_count(); ++i) {
    kernels_.push_back({nullptr, image_->name(i), i < entries.size() ? entries[i].location : ""});
  }
}

SimExecutable::~SimExecutable() {
  if (context_->Enter().ok()) context_->Drain().IgnoreError();
}

cuda::Function SimExecutable::FunctionOf(const Recording& recording,
                                         const KernelCommand& command) const {
  BoundKernel kernel;
  kernel.name = image_->name(command.kernel);
  kernel.function = image_->function(command.kernel);
  kernel.args = command.args;
  kernel.scratch_bytes = recording.regions[static_cast<int>(Region::kScratch)].bytes;
  kernel.threads = command.geometry ? ~uint64_t{0} : command.items;
  const std::string description = absl::StrCat(
      command.kernel, " ", command.scalars.size(), " ", kernel.scratch_bytes, " ", kernel.threads,
      " ", absl::StrJoin(command.args, " ", [](std::string* out, const BufferRef& ref) {
        out->append(DescribeRef(ref));
      }));
  std::unique_ptr<cuda::CUfunc_st>& found = functions_[description];
  if (found == nullptr) {
    found = std::make_unique<cuda::CUfunc_st>();
    found->name = kernel.name;
    found->parameters = command.args.size() + 1 + command.scalars.size();
    found->run = [kernel = std::move(kernel), simulator = simulator_.get()](
                     const cuda::LaunchCall& call) { return Run(kernel, call, *simulator); };
  }
  return found.get();
}

std::optional<LaunchGeometry> SimExecutable::GeometryOf(const KernelCommand& command) const {
  if (command.geometry) return command.geometry;
  LaunchGeometry geometry;
  geometry.block[0] = kItemThreads;
  geometry.grid[0] = static_cast<uint32_t>((command.items + kItemThreads - 1) / kItemThreads);
  return geometry;
}

absl::StatusOr<cuda::Function> SimExecutable::FunctionOf(const MatmulCommand& command) const {
  HYDRA_RETURN_IF_ERROR(CheckLibraryMatmul(command));
  constexpr size_t kOperands = 5;
  auto function = std::make_unique<cuda::CUfunc_st>();
  function->name = "library product";
  function->parameters = kOperands;
  function->run = [command](const cuda::LaunchCall& call) {
    const auto bytes = [&](size_t i) { return At(call.parameters[i]); };
    const auto numbers = [&](size_t i) { return At<const int32_t>(call.parameters[i]); };
    RunLibraryMatmul(command, {bytes(0), bytes(1), bytes(2), numbers(3), numbers(4)});
    return absl::OkStatus();
  };
  cuda::Function made = function.get();
  products_.push_back(std::move(function));
  return made;
}

}  // namespace hydra::hal::sim
