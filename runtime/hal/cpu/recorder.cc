#include "runtime/hal/cpu/recorder.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/status.h"

namespace hydra::hal::cpu {
namespace {

absl::Status CheckBindings(const RegionBindings& regions) {
  for (int i = 0; i < kRegionCount; ++i) {
    const RegionBinding& binding = regions[i];
    const uint64_t size = binding.buffer == nullptr ? 0 : binding.buffer->bytes();
    if (binding.offset > size || binding.bytes > size - binding.offset) {
      return FailureError(absl::StrCat(
          "region ", RegionName(static_cast<Region>(i)), " is bound to bytes [", binding.offset,
          ", ", binding.offset + binding.bytes, ") of a buffer of ", size, " bytes"));
    }
    if (binding.offset % 64 != 0) {
      return FailureError(absl::StrCat("region ", RegionName(static_cast<Region>(i)),
                                       " is bound at offset ", binding.offset,
                                       ", expected a multiple of 64"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<CpuCommandList>> Recorder::Record(
    absl::Span<const Recording> recordings) {
  auto list = std::make_unique<CpuCommandList>();
  list_ = list.get();
  for (size_t i = 0; i < recordings.size(); ++i) {
    const Recording& recording = recordings[i];
    recording_ = static_cast<uint32_t>(i);
    regions_ = &recording.regions;
    const std::string where = absl::StrCat("recording ", i);
    HYDRA_RETURN_IF_ERROR(Annotate(CheckBindings(recording.regions), where));
    CommandLimits limits;
    for (int region = 0; region < kRegionCount; ++region) {
      limits.region_bytes[region] = recording.regions[region].bytes;
    }
    limits.kernels = image_.kernel_count();
    HYDRA_RETURN_IF_ERROR(Annotate(CheckCommands(*recording.commands, limits), where));
    absl::StatusOr<std::vector<Step>> steps = RecordSequence(*recording.commands);
    if (!steps.ok()) return Annotate(steps.status(), where);
    list->recordings_.push_back(*std::move(steps));
  }
  return list;
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
  step.profile = list_->profile_.size();
  list_->profile_.push_back(
      {recording_, command.scope, CommandKindName(command), std::string(), 0, 0.0});
  if (const auto* kernel = std::get_if<KernelCommand>(&command.body)) {
    KernelStep resolved;
    resolved.function = image_.function(kernel->kernel);
    for (const BufferRef& arg : kernel->args) resolved.args.push_back(Resolve(arg));
    resolved.scalars = kernel->scalars;
    resolved.items = kernel->items;
    resolved.grain = kernel->grain;
    const RegionBinding& scratch = (*regions_)[static_cast<int>(Region::kScratch)];
    resolved.scratch_stride = scratch.bytes / workers_ / 64 * 64;
    if (resolved.scratch_stride > 0) {
      resolved.scratch = scratch.buffer->host_data() + scratch.offset;
    }
    list_->profile_.back().kernel = image_.name(kernel->kernel);
    step.body = std::move(resolved);
  } else if (const auto* matmul = std::get_if<MatmulCommand>(&command.body)) {
    HYDRA_ASSIGN_OR_RETURN(
        MatmulStep resolved,
        MatmulStep::Create(*matmul, Resolve(matmul->a), Resolve(matmul->b), Resolve(matmul->c),
                           matmul->rows ? Resolve(*matmul->rows) : nullptr, primitives_));
    workspace_bytes_ = std::max(workspace_bytes_, resolved.workspace_bytes());
    staging_bytes_ = std::max(staging_bytes_, resolved.staging_bytes());
    step.body = std::move(resolved);
  } else if (const auto* copy = std::get_if<CopyCommand>(&command.body)) {
    step.body = CopyStep{Resolve(copy->source), Resolve(copy->target), copy->source.bytes};
  } else if (const auto* fill = std::get_if<FillCommand>(&command.body)) {
    step.body = FillStep{Resolve(fill->target), fill->target.bytes, fill->pattern};
  } else if (const auto* choice = std::get_if<SwitchCommand>(&command.body)) {
    SwitchStep resolved;
    resolved.selector = reinterpret_cast<const int32_t*>(Resolve(choice->selector));
    for (const CommandSequence& commands : choice->cases) {
      HYDRA_ASSIGN_OR_RETURN(std::vector<Step> steps, RecordSequence(commands));
      resolved.cases.push_back(std::move(steps));
    }
    step.body = std::move(resolved);
  } else if (const auto* capture = std::get_if<CaptureCommand>(&command.body)) {
    HYDRA_ASSIGN_OR_RETURN(std::vector<Step> steps, RecordSequence(capture->body));
    step.body = CaptureStep{std::move(steps)};
  } else {
    step.body = CollectiveStep{};
  }
  return step;
}

uint8_t* Recorder::Resolve(const BufferRef& ref) const {
  const RegionBinding& binding = (*regions_)[static_cast<int>(ref.region)];
  if (binding.buffer == nullptr || binding.buffer->host_data() == nullptr) return nullptr;
  return binding.buffer->host_data() + binding.offset + ref.offset;
}

}  // namespace hydra::hal::cpu
