// The memory of one artifact on one device: a buffer per region.
//
// Inputs and outputs exist once per micro-batch, so that a step of several micro-batches is one
// launch. Instance 0 has the planned size and serves any entry. Instances 1 .. A-1 serve
// `accumulate` entries and are as large as those need; one more instance of the outputs serves
// `apply`, so that its record does not overwrite the losses of a micro-batch.
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
  // `micro_batches` >= 1. ResourceExhausted names the region that did not fit.
  static absl::StatusOr<std::unique_ptr<MemoryRegions>> Create(const artifact::ArtifactInfo& info,
                                                               hal::Device& device,
                                                               int micro_batches);

  int micro_batches() const { return micro_batches_; }
  hal::Buffer& buffer(hal::Region region) { return *buffers_[static_cast<int>(region)]; }
  // Bytes of every region.
  std::array<uint64_t, hal::kRegionCount> sizes() const;

  // Bindings for instance 0 .. micro_batches - 1, or micro_batches for `apply`.
  hal::RegionBindings Bindings(int instance) const;

  // One line per region with its planned bytes (region sizes of the artifact, times instances or
  // workers), and one per workspace of the driver, which the driver plans when it records.
  std::vector<MemoryLine> Report(const hal::Device& device) const;

 private:
  MemoryRegions() = default;
  hal::RegionBinding Bind(hal::Region region, int instance) const;

  int micro_batches_ = 1;
  std::array<std::unique_ptr<hal::Buffer>, hal::kRegionCount> buffers_;
  std::array<uint64_t, hal::kRegionCount> first_bytes_{};  // of instance 0
  // Of inputs and outputs.
  std::array<uint64_t, hal::kRegionCount> micro_batch_bytes_{}, apply_bytes_{};
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_EXEC_MEMORY_REGIONS_H_
