// Which instruction-set levels a processor runs: asked in one place, by hydra-opt for
// `--arch=native` and by the cpu driver before it loads code, so that the two cannot differ.
//
// A feature counts if CPUID shows it and the operating system saves its registers (XCR0); tiles
// also need a permission that Linux gives on request. So a virtual machine that masks a feature,
// or a system that does not enable it, is seen as it is.
#ifndef HYDRA_RUNTIME_BASE_CPU_DETECTION_H_
#define HYDRA_RUNTIME_BASE_CPU_DETECTION_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/base/cpu_level.h"

namespace hydra {

// What can be asked of a processor and its operating system. Tests answer with a made-up one.
class CpuSource {
 public:
  virtual ~CpuSource() = default;
  // eax, ebx, ecx, edx; zeros for a leaf that the processor does not have.
  virtual std::array<uint32_t, 4> Cpuid(uint32_t leaf, uint32_t subleaf) const = 0;
  // XCR0; only asked where CPUID shows OSXSAVE.
  virtual uint64_t EnabledState() const = 0;
  // Whether this process may use the tile registers, asking for them if need be.
  virtual bool PermitTiles() const = 0;
};

// This machine.
const CpuSource& HostCpu();

// Why `source` does not run code of `level`, naming the first feature that lacks; empty if it does.
std::string WhyNot(const CpuLevel& level, const CpuSource& source);
// Names of the levels that `source` runs, from the largest to the smallest; none on a processor
// below the smallest.
std::vector<std::string> RunnableLevels(const CpuSource& source);
// The processor's brand string with family, model and stepping, which tell processors apart that a
// virtual machine gives one name.
std::string ProcessorName(const CpuSource& source);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_BASE_CPU_DETECTION_H_
