#include "runtime/hal/sim/command_list.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/command_walk.h"
#include "runtime/base/gpu_launch.h"
#include "runtime/base/status.h"
#include "runtime/hal/recording_check.h"
#include "runtime/hal/sim/library_matmul.h"

namespace hydra::hal::sim {
namespace {

constexpr uint8_t kRingPoison = 0xcd;
// Launches by items, which only kernels of this program have.
constexpr uint64_t kItemThreads = 32;

std::string Where(size_t index, const Command& command) {
  return absl::StrCat("command ", index, " (", CommandKindName(command), ", scope ", command.scope,
                      ")");
}

absl::Status CheckSupported(const CommandSequence& commands) {
  for (size_t i = 0; i < commands.size(); ++i) {
    absl::Status status;
    if (const auto* matmul = std::get_if<MatmulCommand>(&commands[i].body)) {
      status = CheckLibraryMatmul(*matmul);
    }
    ForEachList(commands[i], [&](const CommandSequence& inner) {
      if (status.ok()) status = CheckSupported(inner);
    });
    HYDRA_RETURN_IF_ERROR(Annotate(std::move(status), Where(i, commands[i])));
  }
  return absl::OkStatus();
}

// Commands of a list and of the lists inside it: the lines that its profile has.
size_t CountLines(const CommandSequence& commands) {
  size_t lines = 0;
  ForEachCommand(commands, [&](const Command&) { ++lines; });
  return lines;
}

void CopyRows(const CopyCommand& copy, const uint8_t* source, uint8_t* target) {
  const uint64_t rows = std::max(RowCount(copy.source), RowCount(copy.target));
  const uint64_t bytes = PayloadBytes(copy.source) / rows;
  const uint64_t from = copy.source.pitch == 0 ? bytes : copy.source.pitch;
  const uint64_t to = copy.target.pitch == 0 ? bytes : copy.target.pitch;
  if (source == target || bytes == 0) return;
  for (uint64_t row = 0; row < rows; ++row) {
    std::memcpy(target + row * to, source + row * from, bytes);
  }
}

void FillRows(const FillCommand& fill, uint8_t* target) {
  const uint64_t rows = RowCount(fill.target), words = PayloadBytes(fill.target) / rows / 4;
  for (uint64_t row = 0; row < rows; ++row) {
    auto* first = reinterpret_cast<uint32_t*>(target + row * fill.target.pitch);
    std::fill_n(first, words, fill.pattern);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<SimCommandList>> SimCommandList::Create(
    const KernelImage& image, absl::Span<const Recording> recordings, HostRing ring,
    const RecordOptions& options) {
  std::unique_ptr<SimCommandList> list(new SimCommandList(image, std::move(ring), options));
  for (size_t i = 0; i < recordings.size(); ++i) {
    const std::string where = absl::StrCat("recording ", i);
    const Recording& recording = recordings[i];
    HYDRA_RETURN_IF_ERROR(Annotate(CheckRecording(recording), where));
    CommandLimits limits;
    for (int region = 0; region < kRegionCount; ++region) {
      limits.region_bytes[region] = recording.regions[region].bytes;
    }
    limits.kernels = image.kernel_count();
    HYDRA_RETURN_IF_ERROR(Annotate(CheckCommands(*recording.commands, limits), where));
    HYDRA_RETURN_IF_ERROR(Annotate(CheckSupported(*recording.commands), where));
    auto part = std::make_unique<Part>();
    part->commands = *recording.commands;
    part->recording = recording;
    part->recording.commands = &part->commands;
    part->recording.dead = {};
    part->first_profile = list->AddProfile(static_cast<uint32_t>(i), part->commands);
    list->parts_.push_back(std::move(part));
  }
  list->segments_ = {{0, list->profile_.size(), false, "this device runs commands one by one", 0}};
  return list;
}

size_t SimCommandList::AddProfile(uint32_t recording, const CommandSequence& commands) {
  const size_t first = profile_.size();
  ForEachCommand(commands, [&](const Command& command) {
    const auto* kernel = std::get_if<KernelCommand>(&command.body);
    profile_.push_back({recording, command.scope, CommandKindName(command),
                        kernel == nullptr ? "" : image_.name(kernel->kernel), 0, 0.0, 0.0});
  });
  return first;
}

absl::Status SimCommandList::Run(size_t entry, Simulator& simulator) {
  HYDRA_RETURN_IF_ERROR(TakeInputs(entry));
  // The device has its copy: what the host still holds of this entry is from before.
  const absl::Span<uint8_t> stale = EntryMemory(entry);
  std::fill(stale.begin(), stale.end(), kRingPoison);
  simulator_ = &simulator;
  for (const std::unique_ptr<Part>& part : parts_) {
    recording_ = &part->recording;
    for (run_ = 0; run_ < part->recording.repeat; ++run_) {
      size_t line = part->first_profile;
      HYDRA_RETURN_IF_ERROR(RunSequence(part->commands, line));
    }
  }
  return GiveOutputs(entry);
}

absl::Status SimCommandList::RunSequence(const CommandSequence& commands, size_t& line) {
  for (size_t i = 0; i < commands.size(); ++i) {
    const size_t own = line;
    const auto start = std::chrono::steady_clock::now();
    HYDRA_RETURN_IF_ERROR(Annotate(RunCommand(commands[i], line), Where(i, commands[i])));
    if (!profiling_) continue;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    AddRun(own, elapsed.count());
  }
  return absl::OkStatus();
}

absl::Status SimCommandList::RunCommand(const Command& command, size_t& line) {
  ++line;
  if (const auto* kernel = std::get_if<KernelCommand>(&command.body)) return RunKernel(*kernel);
  if (const auto* matmul = std::get_if<MatmulCommand>(&command.body)) {
    const auto numbers = [&](const std::optional<BufferRef>& ref) -> const int32_t* {
      return ref ? reinterpret_cast<const int32_t*>(Address(*ref)) : nullptr;
    };
    RunLibraryMatmul(*matmul, {Address(matmul->a), Address(matmul->b), Address(matmul->c),
                               numbers(matmul->rows), numbers(matmul->offsets)});
  } else if (const auto* copy = std::get_if<CopyCommand>(&command.body)) {
    CopyRows(*copy, Address(copy->source), Address(copy->target));
  } else if (const auto* fill = std::get_if<FillCommand>(&command.body)) {
    FillRows(*fill, Address(fill->target));
  } else if (const auto* choice = std::get_if<SwitchCommand>(&command.body)) {
    const auto last = static_cast<int64_t>(choice->cases.size()) - 1;
    const int32_t selector = *reinterpret_cast<const int32_t*>(Address(choice->selector));
    const auto taken = static_cast<size_t>(std::clamp<int64_t>(selector, 0, last));
    for (size_t i = 0; i < choice->cases.size(); ++i) {
      if (i == taken) {
        HYDRA_RETURN_IF_ERROR(RunSequence(choice->cases[i], line));
      } else {
        line += CountLines(choice->cases[i]);
      }
    }
  } else if (const auto* capture = std::get_if<CaptureCommand>(&command.body)) {
    return RunSequence(capture->body, line);
  } else if (const auto* repeat = std::get_if<RepeatCommand>(&command.body)) {
    const size_t first = line;
    for (uint64_t i = 0; i < repeat->count; ++i) {
      line = first;  // every iteration profiles into the lines of the first
      HYDRA_RETURN_IF_ERROR(RunSequence(AtIteration(repeat->body, i), line));
    }
    line = first + CountLines(repeat->body);
  }
  return absl::OkStatus();  // a collective in a world of one has nothing to add
}

// Under every order from the same memory; a correct kernel leaves the same bytes.
absl::Status SimCommandList::RunKernel(const KernelCommand& kernel) {
  std::vector<void*> parameters;
  MemoryRanges ranges;
  for (size_t i = 0; i < kernel.args.size(); ++i) {
    const BufferRef& ref = kernel.args[i];
    parameters.push_back(Address(ref));
    ranges.Add({Address(ref), ref.bytes, ref.row_bytes, ref.pitch,
                absl::StrCat("argument ", i, ", ", Describe(ref))});
  }
  const MemoryRanges arguments = ranges;
  Launch launch;
  launch.name = image_.name(kernel.kernel);
  launch.function = image_.function(kernel.kernel);
  launch.context.scalars = kernel.scalars.data();
  const RegionBinding& scratch = recording_->regions[static_cast<int>(Region::kScratch)];
  if (scratch.bytes / kGpuScratchParts / 64 > 0) {
    launch.context.scratch = DataOf(*scratch.buffer) + scratch.offset;
    ranges.Add({static_cast<uint8_t*>(launch.context.scratch), scratch.bytes, 0, 0, "scratch"});
  }
  if (kernel.geometry) {
    launch.geometry = *kernel.geometry;
    parameters.push_back(launch.context.scratch);
    for (int64_t scalar : kernel.scalars) parameters.push_back(reinterpret_cast<void*>(scalar));
  } else {
    if (kernel.items == 0) return absl::OkStatus();
    launch.threads = kernel.items;
    launch.geometry.block[0] = kItemThreads;
    launch.geometry.grid[0] =
        static_cast<uint32_t>((kernel.items + kItemThreads - 1) / kItemThreads);
  }
  launch.args = parameters.data();
  launch.ranges = &ranges;
  const std::vector<uint8_t> before = arguments.Save();
  HYDRA_RETURN_IF_ERROR(simulator_->Run(launch, Order::kGreedy));
  const std::vector<uint8_t> greedy = arguments.Save();
  arguments.Restore(before);
  HYDRA_RETURN_IF_ERROR(simulator_->Run(launch, Order::kTogether));
  const std::string difference = arguments.FirstDifference(greedy);
  if (difference.empty()) return absl::OkStatus();
  return FailureError(absl::StrCat(
      "kernel ", launch.name, ": ", difference,
      " depends on the order in which warps run: threads of different warps or blocks touch the "
      "same memory without a barrier"));
}

uint8_t* SimCommandList::Address(const BufferRef& ref) const {
  const RegionBinding& binding = recording_->regions[static_cast<int>(ref.region)];
  if (binding.buffer == nullptr || DataOf(*binding.buffer) == nullptr) return nullptr;
  return DataOf(*binding.buffer) + binding.offset + ref.offset +
         uint64_t{run_} * StrideOf(*recording_, ref.region);
}

}  // namespace hydra::hal::sim
