// The memory of one artifact on one device: a buffer per region.
//
// Inputs, outputs and the step record exist once per micro-batch, at a fixed stride, so that a step
// of several micro-batches is one launch; one more piece of outputs and record behind them is that
// of `apply`. Entries that run alone use the start.
#ifndef HYDRA_RUNTIME_EXEC_MEMORY_REGIONS_H_
#define HYDRA_RUNTIME_EXEC_MEMORY_REGIONS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/artifact/artifact.h"
#include "runtime/hal/device.h"

namespace hydra {

// Planned and obtained bytes of one purpose.
struct MemoryLine {
  std::string purpose;
  uint64_t planned = 0;
  uint64_t obtained = 0;
};

class MemoryRegions {
 public:
  // `micro_batches` >= 1. Out of memory names the region that did not fit.
  static absl::StatusOr<std::unique_ptr<MemoryRegions>> Create(const artifact::ArtifactInfo& info,
                                                               hal::Device& device,
                                                               int micro_batches);

  // Bytes of every region on a device with that many scratch parts, without one.
  static std::array<uint64_t, hal::kRegionCount> PlannedSizes(const artifact::ArtifactInfo& info,
                                                              int scratch_parts, int micro_batches);

  int micro_batches() const { return micro_batches_; }
  hal::Buffer& buffer(hal::Region region) { return *buffers_[static_cast<int>(region)]; }
  // Bytes of every region.
  std::array<uint64_t, hal::kRegionCount> sizes() const;

  // What is to run in the memory.
  enum class Use {
    kAlone,         // any entry
    kMicroBatches,  // `accumulate`, once per micro-batch: the bindings are those of the first
    kApply,
  };
  hal::RegionBindings Bindings(Use use) const;
  // Bytes from one micro-batch to the next.
  uint64_t input_stride() const { return inputs_.stride; }
  uint64_t output_stride() const { return outputs_.stride; }
  uint64_t record_stride() const { return record_.stride; }

  // One line per region with its planned bytes (region sizes of the artifact, times instances or
  // workers), and one per workspace of the driver, which the driver plans when it records.
  std::vector<MemoryLine> Report(const hal::Device& device) const;

 private:
  // How a region that exists once per micro-batch is divided.
  struct Division {
    uint64_t alone = 0;   // bytes at the start for an entry that runs alone
    uint64_t stride = 0;  // of micro-batches, from the start
    uint64_t apply = 0;   // bytes for `apply`, behind the micro-batches
  };

  MemoryRegions() = default;
  void Divide(const artifact::ArtifactInfo& info);
  // The division of a region that has one, else null.
  const Division* division(hal::Region region) const;
  uint64_t SizeOf(const artifact::ArtifactInfo& info, hal::Region region, int scratch_parts) const;

  int micro_batches_ = 1;
  Division inputs_, outputs_, record_;
  std::array<std::unique_ptr<hal::Buffer>, hal::kRegionCount> buffers_;
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_EXEC_MEMORY_REGIONS_H_
