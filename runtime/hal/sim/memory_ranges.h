// The device memory that one launch was given: what its threads may read and write, and the bytes
// that it may have changed.
#ifndef HYDRA_RUNTIME_HAL_SIM_MEMORY_RANGES_H_
#define HYDRA_RUNTIME_HAL_SIM_MEMORY_RANGES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace hydra::hal::sim {

// One argument of a launch: a range, or rows of a matrix as in BufferRef.
struct MemoryRange {
  uint8_t* data = nullptr;
  uint64_t bytes = 0;
  uint64_t row_bytes = 0;
  uint64_t pitch = 0;
  std::string name;  // "argument 2: arena[64, 128)"
};

class MemoryRanges {
 public:
  void Add(MemoryRange range) { ranges_.push_back(std::move(range)); }
  // Whether all bytes lie inside one of the ranges.
  bool Contains(const void* address, uint64_t bytes) const;
  // For messages: the range that the address lies in or is nearest to, and by how much.
  std::string Describe(const void* address) const;

  // The content of all ranges, one after the other; back into them.
  std::vector<uint8_t> Save() const;
  void Restore(const std::vector<uint8_t>& content) const;
  // The name of the first range whose content differs from what was saved, with the first byte that
  // does; empty if none does.
  std::string FirstDifference(const std::vector<uint8_t>& content) const;

 private:
  std::vector<MemoryRange> ranges_;
  mutable size_t last_ = 0;  // where the last access was found
};

}  // namespace hydra::hal::sim

#endif  // HYDRA_RUNTIME_HAL_SIM_MEMORY_RANGES_H_
