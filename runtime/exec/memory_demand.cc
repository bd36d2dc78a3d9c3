#include "runtime/exec/memory_demand.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/command_check.h"

namespace hydra {
namespace {

using hal::Region;

// What makes a region smaller.
absl::string_view Remedy(Region region) {
  switch (region) {
    case Region::kArena:
    case Region::kInputs:
    case Region::kOutputs:
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

void MemoryDemand::Touch(const hal::BufferRef& ref) {
  const auto region = static_cast<size_t>(ref.region);
  const bool whole = ref.region == Region::kInputs || ref.region == Region::kOutputs;
  touched_[region] = std::max(touched_[region], whole ? obtained_[region] : ref.offset + ref.bytes);
}

void MemoryDemand::Add(const hal::CommandSequence& commands) {
  for (const hal::Command& command : commands) {
    if (const auto* kernel = std::get_if<hal::KernelCommand>(&command.body)) {
      for (const hal::BufferRef& ref : kernel->args) Touch(ref);
      const auto scratch = static_cast<size_t>(Region::kScratch);
      touched_[scratch] = obtained_[scratch];
    } else if (const auto* matmul = std::get_if<hal::MatmulCommand>(&command.body)) {
      for (const hal::BufferRef& ref : {matmul->a, matmul->b, matmul->c}) Touch(ref);
    } else if (const auto* copy = std::get_if<hal::CopyCommand>(&command.body)) {
      for (const hal::BufferRef& ref : {copy->source, copy->target}) Touch(ref);
    } else if (const auto* fill = std::get_if<hal::FillCommand>(&command.body)) {
      Touch(fill->target);
    } else if (const auto* collective = std::get_if<hal::CollectiveCommand>(&command.body)) {
      Touch(collective->buffer);
    } else if (const auto* branch = std::get_if<hal::SwitchCommand>(&command.body)) {
      for (const hal::CommandSequence& body : branch->cases) Add(body);
    } else if (const auto* capture = std::get_if<hal::CaptureCommand>(&command.body)) {
      Add(capture->body);
    }
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
