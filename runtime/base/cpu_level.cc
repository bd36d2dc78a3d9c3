#include "runtime/base/cpu_level.h"

#include "absl/strings/str_join.h"

namespace hydra {
namespace {

constexpr auto kEax = CpuidRegister::kEax;
constexpr auto kEbx = CpuidRegister::kEbx;
constexpr auto kEcx = CpuidRegister::kEcx;
constexpr auto kEdx = CpuidRegister::kEdx;
constexpr uint32_t kExtended = 0x80000001;

// The x86-64 psABI's second and third level. Its OSXSAVE is the question for XCR0 itself.
constexpr CpuFeature kV3[] = {
    {"sse3", 1, 0, kEcx, 0},
    {"ssse3", 1, 0, kEcx, 9},
    {"cx16", 1, 0, kEcx, 13},
    {"sse4.1", 1, 0, kEcx, 19},
    {"sse4.2", 1, 0, kEcx, 20},
    {"popcnt", 1, 0, kEcx, 23},
    {"sahf", kExtended, 0, kEcx, 0},
    {"movbe", 1, 0, kEcx, 22},
    {"lzcnt", kExtended, 0, kEcx, 5},
    {"bmi", 7, 0, kEbx, 3},
    {"bmi2", 7, 0, kEbx, 8},
    {"avx", 1, 0, kEcx, 28, kVectorState},
    {"f16c", 1, 0, kEcx, 29, kVectorState},
    {"fma", 1, 0, kEcx, 12, kVectorState},
    {"avx2", 7, 0, kEbx, 5, kVectorState},
};
// Its fourth level.
constexpr CpuFeature kV4[] = {
    {"avx512f", 7, 0, kEbx, 16, kAvx512State},  {"avx512dq", 7, 0, kEbx, 17, kAvx512State},
    {"avx512cd", 7, 0, kEbx, 28, kAvx512State}, {"avx512bw", 7, 0, kEbx, 30, kAvx512State},
    {"avx512vl", 7, 0, kEbx, 31, kAvx512State},
};
// Ours, for processors with AVX512-BF16 and without AMX (Cooper Lake, Zen 4 and 5). oneDNN's level
// of that name asks for VNNI too; every such processor has it.
constexpr CpuFeature kV4Bf16[] = {
    {"avx512vnni", 7, 0, kEcx, 11, kAvx512State},
    {"avx512bf16", 7, 1, kEax, 5, kAvx512State},
};
// Only what our code and oneDNN's use of that processor, so that a virtual machine which masks the
// rest of it still counts.
constexpr CpuFeature kSapphireRapids[] = {
    {"avx512fp16", 7, 0, kEdx, 23, kAvx512State},
    {"amx-bf16", 7, 0, kEdx, 22, kTileState},
    {"amx-tile", 7, 0, kEdx, 24, kTileState},
    {"amx-int8", 7, 0, kEdx, 25, kTileState},
};

constexpr CpuLevel kLevels[] = {
    {"x86-64-v3", "AVX2 and FMA", kV3, "avx2", false},
    {"x86-64-v4", "AVX-512", kV4, "avx512_core", false},
    {"x86-64-v4-bf16", "AVX512-BF16, without AMX", kV4Bf16, "avx512_core_bf16", true},
    {"sapphirerapids", "AMX", kSapphireRapids, "avx512_core_amx", true},
};

}  // namespace

absl::Span<const CpuLevel> CpuLevels() { return kLevels; }

const CpuLevel* FindCpuLevel(absl::string_view name) {
  for (const CpuLevel& level : kLevels) {
    if (level.name == name) return &level;
  }
  return nullptr;
}

std::vector<CpuFeature> RequiredFeatures(const CpuLevel& level) {
  std::vector<CpuFeature> features;
  for (const CpuLevel& each : kLevels) {
    features.insert(features.end(), each.adds.begin(), each.adds.end());
    if (each.name == level.name) break;
  }
  return features;
}

std::string CpuLevelNames() {
  return absl::StrJoin(kLevels, ", ", [](std::string* out, const CpuLevel& level) {
    out->append(level.name.data(), level.name.size());
  });
}

}  // namespace hydra
