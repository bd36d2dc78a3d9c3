#include "runtime/app/run_plan.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/command_check.h"
#include "runtime/base/gpu_launch.h"

namespace hydra::app {

absl::StatusOr<RunPlan> PlanRunOnGpu(const artifact::Artifact& artifact, int64_t batch, int64_t seq,
                                     int micro_batches) {
  const artifact::ArtifactInfo& info = artifact.info();
  const artifact::EntryInfo* accumulate = nullptr;
  std::vector<std::string> present;
  for (const artifact::EntryInfo& entry : info.entries) {
    if (entry.name != "accumulate") continue;
    present.push_back(entry.Label());
    if ((batch != 0 && entry.batch != batch) || (seq != 0 && entry.seq != seq)) continue;
    const bool larger =
        accumulate == nullptr || entry.batch * entry.seq > accumulate->batch * accumulate->seq;
    if (larger) accumulate = &entry;
  }
  if (accumulate == nullptr) {
    return UsageError(
        absl::StrCat(artifact.path(),
                     ": expected an entry for training of the shape of --batch and --seq, found ",
                     present.empty() ? "none" : absl::StrJoin(present, ", "),
                     "; compile the model with --entry=train@BxS"));
  }
  RunPlan plan;
  plan.batch = accumulate->batch;
  plan.seq = accumulate->seq;
  plan.flops = accumulate->flops * static_cast<uint64_t>(micro_batches);
  // The update does not depend on the variant: its own if there is one, else any.
  const artifact::EntryInfo* apply = nullptr;
  for (const artifact::EntryInfo& entry : info.entries) {
    if (entry.name != "apply") continue;
    if (apply == nullptr || entry.variant == accumulate->variant) apply = &entry;
  }
  if (apply != nullptr) plan.flops += apply->flops;
  for (const artifact::ParameterInfo& parameter : info.parameters) {
    plan.parameters += static_cast<int64_t>(parameter.buffer.elements());
  }
  const auto sizes = MemoryRegions::PlannedSizes(info, hal::kGpuScratchParts, micro_batches);
  for (int i = 0; i < hal::kRegionCount; ++i) {
    plan.memory.push_back({std::string(hal::RegionName(static_cast<hal::Region>(i))), sizes[i], 0});
  }
  return plan;
}

}  // namespace hydra::app
