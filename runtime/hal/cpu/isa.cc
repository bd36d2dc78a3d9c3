#include "runtime/hal/cpu/isa.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace hydra::hal::cpu {
namespace {

bool HasV3() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  // lzcnt is bit 5 of ecx of leaf 0x80000001; movbe is bit 22 of ecx of leaf 1.
  const bool lzcnt =
      __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) != 0 && ((ecx >> 5) & 1) != 0;
  const bool leaf1 = __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0;
  const bool movbe = leaf1 && ((ecx >> 22) & 1) != 0;
  const bool f16c = leaf1 && ((ecx >> 29) & 1) != 0;
  // __builtin_cpu_supports also asks whether the system saves the wide registers.
  return lzcnt && movbe && f16c && __builtin_cpu_supports("avx2") &&
         __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2");
}

bool HasV4() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}

bool HasSapphireRapids() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return false;
  const bool amx_bf16 = ((edx >> 22) & 1) != 0, fp16 = ((edx >> 23) & 1) != 0;
  const bool amx_tile = ((edx >> 24) & 1) != 0, amx_int8 = ((edx >> 25) & 1) != 0;
  if (!amx_bf16 || !fp16 || !amx_tile || !amx_int8) return false;
  if (!__get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx)) return false;
  if (((eax >> 5) & 1) == 0 || ((eax >> 4) & 1) == 0) return false;  // avx512_bf16, avx_vnni
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

std::vector<std::string> SupportedIsaLevels() {
  std::vector<std::string> levels;
  const bool v3 = HasV3();
  const bool v4 = v3 && HasV4();
  if (v4 && HasSapphireRapids()) levels.push_back("sapphirerapids");
  if (v4) levels.push_back("x86-64-v4");
  if (v3) levels.push_back("x86-64-v3");
  return levels;
}

std::string ProcessorName() {
  unsigned words[12] = {};
  for (unsigned i = 0; i < 3; ++i) {
    if (!__get_cpuid(0x80000002 + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2],
                     &words[4 * i + 3])) {
      return "unknown processor";
    }
  }
  char text[49] = {};
  std::memcpy(text, words, 48);
  std::string name(text);
  const size_t first = name.find_first_not_of(' ');
  const size_t last = name.find_last_not_of(' ');
  return first == std::string::npos ? "unknown processor" : name.substr(first, last - first + 1);
}

}  // namespace hydra::hal::cpu
