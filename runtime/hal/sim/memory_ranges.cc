#include "runtime/hal/sim/memory_ranges.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace hydra::hal::sim {
namespace {

uint64_t AddressOf(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

bool Holds(const MemoryRange& range, uint64_t address, uint64_t bytes) {
  const uint64_t begin = AddressOf(range.data);
  if (address < begin || address - begin > range.bytes) return false;
  const uint64_t offset = address - begin;
  if (bytes > range.bytes - offset) return false;
  return range.pitch == 0 || offset % range.pitch + bytes <= range.row_bytes;
}

}  // namespace

bool MemoryRanges::Contains(const void* address, uint64_t bytes) const {
  const uint64_t at = AddressOf(address);
  if (last_ < ranges_.size() && Holds(ranges_[last_], at, bytes)) return true;
  for (size_t i = 0; i < ranges_.size(); ++i) {
    if (!Holds(ranges_[i], at, bytes)) continue;
    last_ = i;
    return true;
  }
  return false;
}

std::string MemoryRanges::Describe(const void* address) const {
  const uint64_t at = AddressOf(address);
  const MemoryRange* nearest = nullptr;
  uint64_t distance = ~uint64_t{0};
  for (const MemoryRange& range : ranges_) {
    const uint64_t begin = AddressOf(range.data), end = begin + range.bytes;
    const uint64_t away = at < begin ? begin - at : at < end ? 0 : at - end + 1;
    if (away >= distance) continue;
    distance = away;
    nearest = &range;
  }
  if (nearest == nullptr) return "a launch without memory";
  const uint64_t begin = AddressOf(nearest->data), end = begin + nearest->bytes;
  if (at < begin) return absl::StrCat(begin - at, " bytes before ", nearest->name);
  if (at >= end) return absl::StrCat(at - end, " bytes behind ", nearest->name);
  return absl::StrCat("at byte ", at - begin, " of ", nearest->name);
}

std::vector<uint8_t> MemoryRanges::Save() const {
  uint64_t bytes = 0;
  for (const MemoryRange& range : ranges_) bytes += range.bytes;
  std::vector<uint8_t> content(bytes);
  uint8_t* target = content.data();
  for (const MemoryRange& range : ranges_) {
    if (range.bytes == 0) continue;
    std::memcpy(target, range.data, range.bytes);
    target += range.bytes;
  }
  return content;
}

void MemoryRanges::Restore(const std::vector<uint8_t>& content) const {
  const uint8_t* source = content.data();
  for (const MemoryRange& range : ranges_) {
    if (range.bytes == 0) continue;
    std::memcpy(range.data, source, range.bytes);
    source += range.bytes;
  }
}

std::string MemoryRanges::FirstDifference(const std::vector<uint8_t>& content) const {
  const uint8_t* saved = content.data();
  for (const MemoryRange& range : ranges_) {
    const uint8_t* end = range.data + range.bytes;
    const uint8_t* found = std::mismatch(range.data, range.data + range.bytes, saved).first;
    if (found != end) return absl::StrCat("byte ", found - range.data, " of ", range.name);
    saved += range.bytes;
  }
  return "";
}

}  // namespace hydra::hal::sim
