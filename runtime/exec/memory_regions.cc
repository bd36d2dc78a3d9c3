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
  regions->Divide(info);
  for (int i = 0; i < hal::kRegionCount; ++i) {
    const auto region = static_cast<Region>(i);
    const uint64_t bytes = regions->SizeOf(info, region, device.capabilities().scratch_parts);
    absl::StatusOr<std::unique_ptr<hal::Buffer>> buffer =
        device.Allocate(bytes, hal::RegionName(region));
    if (!buffer.ok()) return Annotate(buffer.status(), "memory of the model");
    regions->buffers_[i] = *std::move(buffer);
  }
  return regions;
}

std::array<uint64_t, hal::kRegionCount> MemoryRegions::PlannedSizes(
    const artifact::ArtifactInfo& info, int scratch_parts, int micro_batches) {
  MemoryRegions regions;
  regions.micro_batches_ = micro_batches;
  regions.Divide(info);
  std::array<uint64_t, hal::kRegionCount> sizes;
  for (int i = 0; i < hal::kRegionCount; ++i) {
    sizes[i] = regions.SizeOf(info, static_cast<Region>(i), scratch_parts);
  }
  return sizes;
}

uint64_t MemoryRegions::SizeOf(const artifact::ArtifactInfo& info, Region region,
                               int scratch_parts) const {
  if (const Division* parts = division(region)) {
    return std::max(parts->alone, micro_batches_ * parts->stride + parts->apply);
  }
  const uint64_t bytes = Align(info.region_bytes[static_cast<int>(region)]);
  return region == Region::kScratch ? bytes * static_cast<uint64_t>(scratch_parts) : bytes;
}

void MemoryRegions::Divide(const artifact::ArtifactInfo& info) {
  inputs_.alone = Align(info.region_bytes[static_cast<int>(Region::kInputs)]);
  outputs_.alone = Align(info.region_bytes[static_cast<int>(Region::kOutputs)]);
  record_.alone = Align(info.region_bytes[static_cast<int>(Region::kRecord)]);
  for (const artifact::EntryInfo& entry : info.entries) {
    if (entry.name == "accumulate") {
      inputs_.stride = std::max(inputs_.stride, Extent(entry.inputs));
      outputs_.stride = std::max(outputs_.stride, Extent(entry.outputs));
      record_.stride = std::max(record_.stride, Align(entry.record_bytes));
    } else if (entry.name == "apply") {
      outputs_.apply = std::max(outputs_.apply, Extent(entry.outputs));
      record_.apply = std::max(record_.apply, Align(entry.record_bytes));
    }
  }
}

const MemoryRegions::Division* MemoryRegions::division(Region region) const {
  if (region == Region::kInputs) return &inputs_;
  if (region == Region::kOutputs) return &outputs_;
  if (region == Region::kRecord) return &record_;
  return nullptr;
}

hal::RegionBindings MemoryRegions::Bindings(Use use) const {
  hal::RegionBindings bindings;
  for (int i = 0; i < hal::kRegionCount; ++i) {
    hal::Buffer* buffer = buffers_[i].get();
    bindings[i] = {buffer, 0, buffer->bytes()};
    const Division* parts = division(static_cast<Region>(i));
    if (parts == nullptr) continue;
    if (use == Use::kAlone) bindings[i].bytes = parts->alone;
    if (use == Use::kMicroBatches) bindings[i].bytes = parts->stride;
    if (use == Use::kApply) {
      bindings[i].offset = static_cast<uint64_t>(micro_batches_) * parts->stride;
      bindings[i].bytes = parts->apply;
    }
  }
  return bindings;
}

std::array<uint64_t, hal::kRegionCount> MemoryRegions::sizes() const {
  std::array<uint64_t, hal::kRegionCount> sizes;
  for (int i = 0; i < hal::kRegionCount; ++i) sizes[i] = buffers_[i]->bytes();
  return sizes;
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
