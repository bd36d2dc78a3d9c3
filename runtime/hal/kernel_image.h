// Executables of drivers that run on the host: a code blob made executable, or functions of this
// program.
#ifndef HYDRA_RUNTIME_HAL_KERNEL_IMAGE_H_
#define HYDRA_RUNTIME_HAL_KERNEL_IMAGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/base/cpu_level.h"
#include "runtime/hal/device.h"

namespace hydra::hal {

class KernelImage final : public Executable {
 public:
  // Copies flat position-independent code (text, then read-only data, already relocated) to fresh
  // pages that are then made readable and executable, never writable again. DataLoss if an entry
  // lies outside.
  static absl::StatusOr<std::unique_ptr<KernelImage>> FromCode(
      const CpuLevel& level, absl::Span<const uint8_t> code, absl::Span<const KernelEntry> entries);
  static std::unique_ptr<KernelImage> FromFunctions(
      const CpuLevel& level, absl::Span<const NamedKernelFunction> functions);
  ~KernelImage() override;
  KernelImage(const KernelImage&) = delete;
  KernelImage& operator=(const KernelImage&) = delete;

  // The level that matmuls beside these kernels are held to.
  const CpuLevel& level() const { return level_; }
  uint64_t kernel_count() const override { return functions_.size(); }
  KernelFunction function(uint64_t index) const { return functions_[index]; }
  const std::string& name(uint64_t index) const { return names_[index]; }

  // Adds the kernels to /tmp/perf-PID.map, where perf(1) looks for the names of generated code. A
  // failure if the file cannot be written.
  absl::Status AppendToPerfMap() const;

 private:
  explicit KernelImage(const CpuLevel& level) : level_(level) {}

  const CpuLevel& level_;
  void* pages_ = nullptr;
  uint64_t page_bytes_ = 0;
  std::vector<KernelFunction> functions_;
  std::vector<std::string> names_;
};

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_KERNEL_IMAGE_H_
