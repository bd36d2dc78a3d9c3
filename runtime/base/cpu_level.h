// The instruction-set levels of the cpu target and what each asks of a processor: the one list of
// them. The flags of hydra-opt, code generation, the cost model (through dialects/target), the
// sections of an artifact, the detection of this processor (cpu_detection.h) and the cpu driver
// read it here; a test refuses level names in any other source file.
//
// The levels form a chain: each has the features of those before it, and runs their code.
#ifndef HYDRA_RUNTIME_BASE_CPU_LEVEL_H_
#define HYDRA_RUNTIME_BASE_CPU_LEVEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace hydra {

enum class CpuidRegister : uint8_t { kEax, kEbx, kEcx, kEdx };

// Register state that the operating system saves for a program, as bits of XCR0.
inline constexpr uint64_t kVectorState = 0x6;    // xmm, ymm
inline constexpr uint64_t kAvx512State = 0xe6;   // and masks, zmm
inline constexpr uint64_t kTileState = 0x60000;  // tile configuration and data

// Something a processor may have: one bit of CPUID, and the register state without which it must
// not be used.
struct CpuFeature {
  absl::string_view name;  // as LLVM calls it
  uint32_t leaf = 0;
  uint32_t subleaf = 0;
  CpuidRegister word = CpuidRegister::kEax;
  int bit = 0;
  uint64_t state = 0;
};

struct CpuLevel {
  absl::string_view name;             // of --arch, artifact sections, run.json
  absl::string_view summary;          // for help texts: what it adds to the level before it
  absl::Span<const CpuFeature> adds;  // what it asks beyond the level before it
  absl::string_view onednn_isa;       // what oneDNN is held to: its name without dnnl_cpu_isa_
  bool bf16_matmul = false;           // multiplies bfloat16 in hardware
};

// All levels, from the smallest to the largest. Static storage.
absl::Span<const CpuLevel> CpuLevels();
// The level of that name, or null.
const CpuLevel* FindCpuLevel(absl::string_view name);
// Every feature that code of `level` may use beyond the x86-64 baseline: its own and those of the
// levels before it.
std::vector<CpuFeature> RequiredFeatures(const CpuLevel& level);
// The names, from the smallest to the largest, for messages and help texts: "a, b, c".
std::string CpuLevelNames();

}  // namespace hydra

#endif  // HYDRA_RUNTIME_BASE_CPU_LEVEL_H_
