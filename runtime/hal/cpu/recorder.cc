#include "runtime/hal/cpu/recorder.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/command_walk.h"
#include "runtime/base/status.h"
#include "runtime/hal/recording_check.h"

namespace hydra::hal::cpu {
namespace {

// A copy whose places are entered from `first` on.
CopyStep CopyOf(const CopyCommand& copy, size_t first) {
  CopyStep step;
  step.first = first;
  step.rows = std::max(RowCount(copy.source), RowCount(copy.target));
  step.row_bytes = PayloadBytes(copy.source) / step.rows;
  step.source_pitch = copy.source.pitch == 0 ? step.row_bytes : copy.source.pitch;
  step.target_pitch = copy.target.pitch == 0 ? step.row_bytes : copy.target.pitch;
  return step;
}

}  // namespace

absl::Status Recorder::Record(absl::Span<const Recording> recordings, CpuCommandList& list) {
  list_ = &list;
  next_profile_ = list.profile_.size();
  for (size_t i = 0; i < recordings.size(); ++i) {
    recording_ = &recordings[i];
    index_ = static_cast<uint32_t>(i);
    const std::string where = absl::StrCat("recording ", i);
    HYDRA_RETURN_IF_ERROR(Annotate(CheckRecording(*recording_), where));
    CommandLimits limits;
    for (int region = 0; region < kRegionCount; ++region) {
      limits.region_bytes[region] = recording_->regions[region].bytes;
    }
    limits.kernels = image_.kernel_count();
    HYDRA_RETURN_IF_ERROR(Annotate(CheckCommands(*recording_->commands, limits), where));
    part_ = &list.parts_.emplace_back();
    part_->repeat = recording_->repeat;
    absl::StatusOr<std::vector<Step>> steps = RecordSequence(*recording_->commands);
    if (!steps.ok()) return Annotate(steps.status(), where);
    part_->steps = *std::move(steps);
  }
  list.segments_ = {{0, list.profile_.size(), false, "this device runs commands one by one", 0}};
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Step>> Recorder::RecordSequence(const CommandSequence& commands) {
  std::vector<Step> steps;
  steps.reserve(commands.size());
  for (size_t i = 0; i < commands.size(); ++i) {
    absl::StatusOr<Step> step = RecordCommand(commands[i]);
    if (!step.ok()) {
      return Annotate(step.status(), absl::StrCat("command ", i, " (", CommandKindName(commands[i]),
                                                  ", scope ", commands[i].scope, ")"));
    }
    steps.push_back(*std::move(step));
  }
  return steps;
}

absl::StatusOr<Step> Recorder::RecordCommand(const Command& command) {
  Step step;
  step.profile = next_profile_++;
  if (step.profile == list_->profile_.size()) {
    list_->profile_.push_back(
        {index_, command.scope, CommandKindName(command), std::string(), 0, 0.0, 0.0});
  }
  if (const auto* kernel = std::get_if<KernelCommand>(&command.body)) {
    KernelStep resolved;
    resolved.function = image_.function(kernel->kernel);
    resolved.first = part_->addresses.size();
    for (const BufferRef& arg : kernel->args) Resolve(arg);
    resolved.scalars = kernel->scalars;
    resolved.items = kernel->items;
    resolved.grain = kernel->grain;
    const RegionBinding& scratch = recording_->regions[static_cast<int>(Region::kScratch)];
    resolved.scratch_stride = scratch.bytes / workers_ / 64 * 64;
    if (resolved.scratch_stride > 0) {
      resolved.scratch = static_cast<HostBuffer*>(scratch.buffer)->data() + scratch.offset;
    }
    list_->profile_[step.profile].kernel = image_.name(kernel->kernel);
    step.body = std::move(resolved);
  } else if (const auto* matmul = std::get_if<MatmulCommand>(&command.body)) {
    HYDRA_ASSIGN_OR_RETURN(MatmulStep resolved, MatmulStep::Create(*matmul, primitives_));
    workspace_bytes_ = std::max(workspace_bytes_, resolved.workspace_bytes());
    staging_bytes_ = std::max(staging_bytes_, resolved.staging_bytes());
    const size_t first = Resolve(matmul->a);
    Resolve(matmul->b);
    Resolve(matmul->c);
    for (const std::optional<BufferRef>& numbers : {matmul->rows, matmul->offsets}) {
      if (numbers) {
        Resolve(*numbers);
      } else {
        part_->addresses.push_back(nullptr);
      }
    }
    step.body = MatmulCall{std::move(resolved), first};
  } else if (const auto* copy = std::get_if<CopyCommand>(&command.body)) {
    const size_t first = Resolve(copy->source);
    Resolve(copy->target);
    step.body = CopyOf(*copy, first);
  } else if (const auto* fill = std::get_if<FillCommand>(&command.body)) {
    const uint64_t rows = RowCount(fill->target);
    step.body = FillStep{Resolve(fill->target), rows, PayloadBytes(fill->target) / rows,
                         fill->target.pitch, fill->pattern};
  } else if (const auto* choice = std::get_if<SwitchCommand>(&command.body)) {
    SwitchStep resolved;
    resolved.first = Resolve(choice->selector);
    for (const CommandSequence& commands : choice->cases) {
      HYDRA_ASSIGN_OR_RETURN(std::vector<Step> steps, RecordSequence(commands));
      resolved.cases.push_back(std::move(steps));
    }
    step.body = std::move(resolved);
  } else if (const auto* capture = std::get_if<CaptureCommand>(&command.body)) {
    HYDRA_ASSIGN_OR_RETURN(std::vector<Step> steps, RecordSequence(capture->body));
    step.body = ListStep{std::move(steps)};
  } else if (const auto* repeat = std::get_if<RepeatCommand>(&command.body)) {
    ListStep resolved;
    const size_t first = next_profile_;
    for (uint64_t i = 0; i < repeat->count; ++i) {
      next_profile_ = first;  // every iteration profiles into the lines of the first
      HYDRA_ASSIGN_OR_RETURN(std::vector<Step> steps, RecordSequence(AtIteration(repeat->body, i)));
      std::move(steps.begin(), steps.end(), std::back_inserter(resolved.body));
    }
    step.body = std::move(resolved);
  } else if (std::holds_alternative<CollectiveCommand>(command.body)) {
    step.body = CollectiveStep{};
  } else {
    return InputError(
        absl::StrCat("the cpu driver does not know the command ", CommandKindName(command)));
  }
  return step;
}

size_t Recorder::Resolve(const BufferRef& ref) {
  const RegionBinding& binding = recording_->regions[static_cast<int>(ref.region)];
  const auto* buffer = static_cast<const HostBuffer*>(binding.buffer);
  const size_t place = part_->addresses.size();
  part_->addresses.push_back(buffer == nullptr || buffer->data() == nullptr
                                 ? nullptr
                                 : buffer->data() + binding.offset + ref.offset);
  const uint64_t stride = StrideOf(*recording_, ref.region);
  if (recording_->repeat > 1 && stride > 0 && part_->addresses.back() != nullptr) {
    part_->moves.push_back({place, stride});
  }
  return place;
}

}  // namespace hydra::hal::cpu
