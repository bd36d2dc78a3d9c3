#include "runtime/exec/memory_regions.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/status.h"

namespace hydra {
namespace {

using artifact::NamedBuffer;
using hal::Region;

constexpr uint64_t kAlignment = 64;

uint64_t Align(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

uint64_t Extent(const std::vector<NamedBuffer>& buffers) {
  uint64_t end = 0;
  for (const NamedBuffer& buffer : buffers)
    end = std::max(end, buffer.ref.offset + buffer.ref.bytes);
  return Align(end);
}

}  // namespace

absl::StatusOr<std::unique_ptr<MemoryRegions>> MemoryRegions::Create(
    const artifact::ArtifactInfo& info, hal::Device& device, int micro_batches) {
  if (micro_batches < 1) {
    return UsageError(absl::StrCat("a step needs at least one micro-batch, found ", micro_batches));
  }
  std::unique_ptr<MemoryRegions> regions(new MemoryRegions);
  regions->micro_batches_ = micro_batches;
  constexpr int kInputs = static_cast<int>(Region::kInputs);
  constexpr int kOutputs = static_cast<int>(Region::kOutputs);
  for (const artifact::EntryInfo& entry : info.entries) {
    if (entry.name == "accumulate") {
      uint64_t& inputs = regions->micro_batch_bytes_[kInputs];
      uint64_t& outputs = regions->micro_batch_bytes_[kOutputs];
      inputs = std::max(inputs, Extent(entry.inputs));
      outputs = std::max(outputs, Extent(entry.outputs));
    } else if (entry.name == "apply") {
      uint64_t& outputs = regions->apply_bytes_[kOutputs];
      outputs = std::max(outputs, Extent(entry.outputs));
    }
  }
  for (int i = 0; i < hal::kRegionCount; ++i) {
    const auto region = static_cast<Region>(i);
    regions->first_bytes_[i] = Align(info.region_bytes[i]);
    uint64_t bytes = regions->first_bytes_[i];
    if (region == Region::kScratch) bytes *= static_cast<uint64_t>(device.thread_count());
    bytes += static_cast<uint64_t>(micro_batches - 1) * regions->micro_batch_bytes_[i] +
             regions->apply_bytes_[i];
    absl::StatusOr<std::unique_ptr<hal::Buffer>> buffer =
        device.Allocate(bytes, hal::RegionName(region));
    if (!buffer.ok()) return Annotate(buffer.status(), "memory of the model");
    regions->buffers_[i] = *std::move(buffer);
  }
  return regions;
}

hal::RegionBinding MemoryRegions::Bind(Region region, int instance) const {
  const int i = static_cast<int>(region);
  hal::Buffer* buffer = buffers_[i].get();
  const bool repeated = region == Region::kInputs || region == Region::kOutputs;
  if (!repeated) return {buffer, 0, buffer->bytes()};
  if (instance == 0) return {buffer, 0, first_bytes_[i]};
  const bool apply = instance == micro_batches_;
  // `apply` has no inputs of its own; it may read those of the first micro-batch.
  if (apply && region == Region::kInputs) return {buffer, 0, first_bytes_[i]};
  const uint64_t offset =
      first_bytes_[i] + static_cast<uint64_t>(instance - 1) * micro_batch_bytes_[i];
  return {buffer, offset, apply ? apply_bytes_[i] : micro_batch_bytes_[i]};
}

hal::RegionBindings MemoryRegions::Bindings(int instance) const {
  hal::RegionBindings bindings;
  for (int i = 0; i < hal::kRegionCount; ++i) {
    bindings[i] = Bind(static_cast<Region>(i), instance);
  }
  return bindings;
}

std::vector<MemoryLine> MemoryRegions::Report(const hal::Device& device) const {
  std::vector<MemoryLine> lines;
  for (int i = 0; i < hal::kRegionCount; ++i) {
    lines.push_back(
        {std::string(hal::RegionName(static_cast<Region>(i))), buffers_[i]->bytes(), 0});
  }
  for (const hal::MemoryUse& use : device.memory_use()) {
    auto line = std::find_if(lines.begin(), lines.end(),
                             [&](const MemoryLine& l) { return l.purpose == use.purpose; });
    if (line == lines.end()) {
      lines.push_back({use.purpose, use.bytes, use.bytes});
    } else {
      line->obtained = use.bytes;
    }
  }
  return lines;
}

}  // namespace hydra
