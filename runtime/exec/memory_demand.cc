#include "runtime/exec/memory_demand.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/command_check.h"
#include "runtime/base/command_walk.h"

namespace hydra {
namespace {

using hal::Region;

// What makes a region smaller.
absl::string_view Remedy(Region region) {
  switch (region) {
    case Region::kArena:
    case Region::kInputs:
    case Region::kOutputs:
    case Region::kRecord:
      return "use a smaller --batch or --seq (a larger --accum keeps the tokens per step)";
    case Region::kScratch:
      return "use fewer --threads";
    case Region::kCache:
      return "compile with a smaller --cache";
    default:
      return "use a smaller model";
  }
}

}  // namespace

void MemoryDemand::Touch(const hal::BufferRef& ref, uint64_t iterations) {
  const auto region = static_cast<size_t>(ref.region);
  uint64_t end = ref.offset + ref.bytes;
  if (ref.repeat_step > 0) end += static_cast<uint64_t>(ref.repeat_step) * (iterations - 1);
  if (ref.region == Region::kInputs || ref.region == Region::kOutputs ||
      ref.region == Region::kRecord) {
    end = obtained_[region];
  }
  touched_[region] = std::max(touched_[region], end);
}

void MemoryDemand::Add(const hal::CommandSequence& commands, uint64_t iterations) {
  for (const hal::Command& command : commands) {
    hal::ForEachRef(command, [&](const hal::BufferRef& ref) { Touch(ref, iterations); });
    if (std::holds_alternative<hal::KernelCommand>(command.body)) {
      const auto scratch = static_cast<size_t>(Region::kScratch);
      touched_[scratch] = obtained_[scratch];
    }
    // References move with the innermost repeat around them.
    const auto* repeat = std::get_if<hal::RepeatCommand>(&command.body);
    if (repeat != nullptr && repeat->count == 0) continue;
    hal::ForEachList(command, [&](const hal::CommandSequence& inner) {
      Add(inner, repeat != nullptr ? repeat->count : iterations);
    });
  }
}

uint64_t MemoryDemand::bytes() const {
  return std::accumulate(touched_.begin(), touched_.end(), uint64_t{0});
}

absl::Status MemoryDemand::Check(absl::string_view label) const {
  if (bytes() <= available_.bytes) return absl::OkStatus();
  std::vector<Region> regions;
  for (int i = 0; i < hal::kRegionCount; ++i) {
    if (touched_[i] > 0) regions.push_back(static_cast<Region>(i));
  }
  const auto touched = [this](Region region) { return touched_[static_cast<size_t>(region)]; };
  std::sort(regions.begin(), regions.end(), [&](Region a, Region b) {
    return touched(a) != touched(b) ? touched(a) > touched(b) : a < b;
  });
  std::vector<std::string> parts;
  for (const Region region : regions) {
    parts.push_back(absl::StrCat(hal::RegionName(region), " ", touched(region)));
  }
  return OutOfMemoryError(absl::StrCat(
      label, " needs ", bytes(), " bytes (", absl::StrJoin(parts, ", "), "), ", available_.bytes,
      " are available (", available_.bound, "); ", Remedy(regions.front())));
}

}  // namespace hydra
