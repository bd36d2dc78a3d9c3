// Instruction-set levels of this processor, by the names of hydra-opt's --arch.
#ifndef HYDRA_RUNTIME_HAL_CPU_ISA_H_
#define HYDRA_RUNTIME_HAL_CPU_ISA_H_

#include <string>
#include <vector>

namespace hydra::hal::cpu {

// The levels whose code runs here, best first: of sapphirerapids, x86-64-v4, x86-64-v3. For
// sapphirerapids the system is asked for the AMX tile registers; without them the level is not listed.
std::vector<std::string> SupportedIsaLevels();

// The processor's brand string.
std::string ProcessorName();

}  // namespace hydra::hal::cpu

#endif  // HYDRA_RUNTIME_HAL_CPU_ISA_H_
