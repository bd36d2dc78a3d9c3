#include "runtime/base/cpu_detection.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace hydra {
namespace {

class Host final : public CpuSource {
 public:
  std::array<uint32_t, 4> Cpuid(uint32_t leaf, uint32_t subleaf) const override {
    std::array<uint32_t, 4> words = {};
    // Zero where the leaf is above the largest; above the largest subleaf the processor answers so.
    if (__get_cpuid_count(leaf, subleaf, &words[0], &words[1], &words[2], &words[3]) == 0) {
      return {};
    }
    return words;
  }

  uint64_t EnabledState() const override {
    uint32_t low = 0, high = 0;
    // Not the intrinsic: it wants the compiler's own target to have XSAVE.
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t{high} << 32) | low;
  }

  bool PermitTiles() const override {
    constexpr long kRequestPermission = 0x1023, kTileData = 18;
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  }
};

bool Has(const CpuSource& source, const CpuFeature& feature) {
  // A leaf that is not there must not be asked: old processors answer with another one's words.
  const uint32_t range = feature.leaf & 0x80000000;
  if (source.Cpuid(range, 0)[0] < feature.leaf) return false;
  if (feature.subleaf > 0 && source.Cpuid(feature.leaf, 0)[0] < feature.subleaf) return false;
  const uint32_t word =
      source.Cpuid(feature.leaf, feature.subleaf)[static_cast<size_t>(feature.word)];
  return ((word >> feature.bit) & 1) != 0;
}

uint64_t EnabledState(const CpuSource& source) {
  constexpr CpuFeature kOsXsave = {"osxsave", 1, 0, CpuidRegister::kEcx, 27};
  return Has(source, kOsXsave) ? source.EnabledState() : 0;
}

}  // namespace

const CpuSource& HostCpu() {
  static const Host host;
  return host;
}

std::string WhyNot(const CpuLevel& level, const CpuSource& source) {
  const uint64_t enabled = EnabledState(source);
  bool tiles = false;
  for (const CpuFeature& feature : RequiredFeatures(level)) {
    if (!Has(source, feature)) return absl::StrCat("it has no ", feature.name);
    if ((feature.state & ~enabled) != 0) {
      return absl::StrCat("the operating system does not enable the registers of ", feature.name);
    }
    tiles = tiles || (feature.state & kTileState) != 0;
  }
  if (tiles && !source.PermitTiles()) {
    return "the operating system does not permit the tile registers of AMX";
  }
  return "";
}

std::vector<std::string> RunnableLevels(const CpuSource& source) {
  std::vector<std::string> names;
  for (const CpuLevel& level : CpuLevels()) {
    if (!WhyNot(level, source).empty()) break;  // the levels are a chain
    names.emplace(names.begin(), level.name);
  }
  return names;
}

std::string ProcessorName(const CpuSource& source) {
  std::string name = "unknown processor";
  constexpr uint32_t kLastBrandLeaf = 0x80000004;
  if (source.Cpuid(0x80000000, 0)[0] >= kLastBrandLeaf) {
    char text[49] = {};
    for (uint32_t i = 0; i < 3; ++i) {
      std::memcpy(text + 16 * i, source.Cpuid(0x80000002 + i, 0).data(), 16);
    }
    name = std::string(absl::StripAsciiWhitespace(text));
  }
  const uint32_t signature = source.Cpuid(1, 0)[0];
  uint32_t family = (signature >> 8) & 15, model = (signature >> 4) & 15;
  // The extended fields, by the rule of both vendors' manuals.
  if (family == 6 || family == 15) model += ((signature >> 16) & 15) << 4;
  if (family == 15) family += (signature >> 20) & 255;
  return absl::StrCat(name, " (family ", family, ", model ", model, ", stepping ", signature & 15,
                      ")");
}

}  // namespace hydra
