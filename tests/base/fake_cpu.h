// A made-up processor for tests of detection: its CPUID words, enabled state and permissions are
// plain members.
#ifndef HYDRA_TESTS_BASE_FAKE_CPU_H_
#define HYDRA_TESTS_BASE_FAKE_CPU_H_

#include <array>
#include <map>
#include <utility>

#include "runtime/base/cpu_detection.h"

namespace hydra::testing {

class FakeCpu final : public CpuSource {
 public:
  static constexpr uint64_t kEverything = kVectorState | kAvx512State | kTileState;

  // A processor with exactly the features of `level`, all of them enabled.
  explicit FakeCpu(const CpuLevel& level) {
    words_[{0, 0}] = {7, 0, 0, 0};
    words_[{0x80000000, 0}] = {0x80000008, 0, 0, 0};
    words_[{7, 0}][0] = 1;  // the largest subleaf
    Set({"osxsave", 1, 0, CpuidRegister::kEcx, 27}, true);
    for (const CpuFeature& feature : RequiredFeatures(level)) Set(feature, true);
  }

  void Set(const CpuFeature& feature, bool present) {
    uint32_t& word = words_[{feature.leaf, feature.subleaf}][static_cast<size_t>(feature.word)];
    const uint32_t bit = uint32_t{1} << feature.bit;
    word = present ? word | bit : word & ~bit;
  }

  std::array<uint32_t, 4> Cpuid(uint32_t leaf, uint32_t subleaf) const override {
    // Old Intel processors answer a leaf above the largest with the words of the largest.
    const uint32_t largest = words_.at({leaf & 0x80000000, 0})[0];
    const auto found = words_.find({leaf > largest ? largest : leaf, subleaf});
    return found == words_.end() ? std::array<uint32_t, 4>{} : found->second;
  }
  uint64_t EnabledState() const override {
    ++asked_state;
    return state;
  }
  bool PermitTiles() const override {
    ++asked_tiles;
    return permit;
  }

  std::map<std::pair<uint32_t, uint32_t>, std::array<uint32_t, 4>> words_;
  uint64_t state = kEverything;
  bool permit = true;
  mutable int asked_state = 0, asked_tiles = 0;
};

}  // namespace hydra::testing

#endif  // HYDRA_TESTS_BASE_FAKE_CPU_H_
