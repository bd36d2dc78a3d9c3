#include "runtime/hal/cuda/command_list.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/command_walk.h"
#include "runtime/base/status.h"
#include "runtime/hal/cuda/graph_check.h"
#include "runtime/hal/recording_check.h"

namespace hydra::hal::cuda {
namespace {

DevicePointer AddressOf(const Buffer& buffer) {
  return static_cast<const CudaBuffer&>(buffer).address();
}

}  // namespace

absl::StatusOr<std::unique_ptr<CudaCommandList>> CudaCommandList::Create(
    const CudaExecutable& executable, absl::Span<const Recording> recordings,
    absl::Span<const Slot> slots, const RecordOptions& options,
    std::shared_ptr<CudaContext> context) {
  for (const Slot& slot : slots) {
    const auto* buffer = dynamic_cast<const CudaBuffer*>(slot.buffer);
    if (slot.buffer != nullptr && (buffer == nullptr || &buffer->context() != context.get())) {
      return FailureError(absl::StrCat("slot '", slot.name, "' is not in memory of this GPU"));
    }
  }
  HYDRA_ASSIGN_OR_RETURN(SlotRing ring, SlotRing::Create(slots, options));
  std::unique_ptr<CudaCommandList> list(new CudaCommandList(std::move(context), std::move(ring)));
  HYDRA_ASSIGN_OR_RETURN(list->ring_memory_, PinnedMemory::Create(list->ring_.bytes(),
                                                                  "staging rings", list->context_));
  list->ring_.UseMemory(list->ring_memory_->data());
  list->profiling_ = options.profile;
  std::vector<WorkRun> runs;
  for (size_t i = 0; i < recordings.size(); ++i) {
    HYDRA_RETURN_IF_ERROR(
        Annotate(list->AddRecording(executable, recordings[i], static_cast<uint32_t>(i), runs),
                 absl::StrCat("recording ", i)));
  }
  HYDRA_ASSIGN_OR_RETURN(list->plan_,
                         StepPlan::Create(
                             std::move(runs), options,
                             [&](size_t line) { return list->NameOfLine(line); }, list->context_));
  return list;
}

absl::Status CudaCommandList::AddRecording(const CudaExecutable& executable,
                                           const Recording& recording, uint32_t number,
                                           std::vector<WorkRun>& runs) {
  HYDRA_RETURN_IF_ERROR(CheckRecording(recording));
  CommandLimits limits;
  for (int region = 0; region < kRegionCount; ++region) {
    limits.region_bytes[region] = recording.regions[region].bytes;
  }
  limits.kernels = executable.kernel_count();
  HYDRA_RETURN_IF_ERROR(CheckCommands(*recording.commands, limits));
  HYDRA_RETURN_IF_ERROR(CheckForGraph(recording, executable));
  const size_t first = profile_.size();
  ForEachCommand(*recording.commands, [&](const Command& command) {
    const auto* kernel = std::get_if<KernelCommand>(&command.body);
    profile_.push_back({number, command.scope, CommandKindName(command),
                        kernel == nullptr ? "" : executable.kernel(kernel->kernel).name, 0, 0.0,
                        0.0});
  });
  for (uint32_t run = 0; run < recording.repeat; ++run) {
    WorkRun& added = runs.emplace_back();
    added.first_line = first;
    added.line_count = profile_.size() - first;
    AddWork(recording, run, executable, first, added.work);
  }
  return absl::OkStatus();
}

std::string CudaCommandList::NameOfLine(size_t line) const {
  const CommandProfile& named = profile_[line];
  return absl::StrCat("command ", line, " (", named.kind, named.kernel.empty() ? "" : " ",
                      named.kernel, ", scope ", named.scope, ")");
}

absl::StatusOr<absl::Span<uint8_t>> CudaCommandList::Stage(size_t slot, uint32_t piece) {
  HYDRA_RETURN_IF_ERROR(context_->Enter());
  HYDRA_RETURN_IF_ERROR(context_->Await(ring_.blocker()));
  return ring_.Stage(slot, piece);
}

absl::StatusOr<absl::Span<const uint8_t>> CudaCommandList::Fetch(Ticket ticket, size_t slot,
                                                                 uint32_t piece) {
  HYDRA_ASSIGN_OR_RETURN(const size_t entry, ring_.Find(ticket));
  HYDRA_RETURN_IF_ERROR(context_->Enter());
  HYDRA_RETURN_IF_ERROR(context_->Await(ticket.sequence));
  return ring_.Output(entry, slot, piece);
}

absl::StatusOr<Ticket> CudaCommandList::Submit() {
  HYDRA_RETURN_IF_ERROR(context_->Await(ring_.blocker()));
  HYDRA_ASSIGN_OR_RETURN(const uint64_t number, context_->Begin());
  HYDRA_RETURN_IF_ERROR(PutOnStream(ring_.Close(Ticket{number})));
  HYDRA_RETURN_IF_ERROR(context_->End(number));
  if (profiling_) {
    HYDRA_RETURN_IF_ERROR(context_->Await(number));
    HYDRA_RETURN_IF_ERROR(
        plan_->ReadTimes([&](size_t line, double seconds) { profile_[line].Add(seconds); }));
  }
  return Ticket{number};
}

absl::Status CudaCommandList::PutOnStream(size_t entry) {
  CudaContext& gpu = *context_;
  HYDRA_RETURN_IF_ERROR(ring_.TakeStaged(entry, [&](Buffer& buffer, uint64_t offset,
                                                    absl::Span<const uint8_t> bytes) {
    if (bytes.empty()) return absl::OkStatus();
    return gpu.CheckWork(gpu.api().cuMemcpyHtoDAsync_v2(AddressOf(buffer) + offset, bytes.data(),
                                                        bytes.size(), gpu.stream()),
                         "cuMemcpyHtoDAsync");
  }));
  HYDRA_RETURN_IF_ERROR(plan_->Run());
  return ring_.GiveOutputs(entry, [&](const Buffer& buffer, uint64_t offset,
                                      absl::Span<uint8_t> bytes) {
    if (bytes.empty()) return absl::OkStatus();
    return gpu.CheckWork(gpu.api().cuMemcpyDtoHAsync_v2(bytes.data(), AddressOf(buffer) + offset,
                                                        bytes.size(), gpu.stream()),
                         "cuMemcpyDtoHAsync");
  });
}

}  // namespace hydra::hal::cuda
