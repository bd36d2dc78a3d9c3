#include "dialects/target/CpuFacts.h"

#include "runtime/base/cpu_level.h"
#include "llvm/ADT/STLExtras.h"

#include <cassert>
#include <iterator>

using namespace mlir::hydra;

std::string CpuFacts::llvmFeatures() const {
  std::string text;
  for (const ::hydra::CpuFeature &feature :
       ::hydra::RequiredFeatures(*::hydra::FindCpuLevel(name.str()))) {
    if (!text.empty())
      text += ',';
    text += '+';
    text.append(feature.name.data(), feature.name.size());
  }
  return text;
}

// One row for each of ::hydra::CpuLevels(), in its order.
static llvm::ArrayRef<CpuFacts> makeFacts() {
  constexpr int64_t kKiB = 1024, kGBs = 1000; // bytes per microsecond
  constexpr VectorCosts kAvx2 = {10, 30, 160, 320}, kAvx512 = {5, 15, 80, 160};
  auto nameOf = [](size_t index) {
    absl::string_view name = ::hydra::CpuLevels()[index].name;
    return llvm::StringRef(name.data(), name.size());
  };
  static const CpuFacts facts[] = {
      // Haswell and Zen have the smallest caches. A vector of kLanes takes two of 16 registers.
      {nameOf(0), "x86-64-v3", 8, 16, 6, 32 * kKiB, 256 * kKiB, 2048 * kKiB, 60 * kGBs, 25 * kGBs,
       10 * kGBs, 333, kAvx2},
      // Skylake-SP, Zen 4.
      {nameOf(1), "x86-64-v4", 16, 32, 26, 32 * kKiB, 1024 * kKiB, 1408 * kKiB, 100 * kGBs,
       20 * kGBs, 10 * kGBs, 400, kAvx512},
      // Cooper Lake, Zen 4 and 5.
      {nameOf(2), "x86-64-v4", 16, 32, 26, 32 * kKiB, 1024 * kKiB, 1408 * kKiB, 100 * kGBs,
       20 * kGBs, 10 * kGBs, 400, kAvx512},
      {nameOf(3), "sapphirerapids", 16, 32, 26, 48 * kKiB, 2048 * kKiB, 1920 * kKiB, 100 * kGBs,
       20 * kGBs, 12 * kGBs, 400, kAvx512},
  };
  assert(std::size(facts) == ::hydra::CpuLevels().size() && "a level without facts");
  return facts;
}

llvm::ArrayRef<CpuFacts> mlir::hydra::allCpuFacts() {
  static const llvm::ArrayRef<CpuFacts> facts = makeFacts();
  return facts;
}

const CpuFacts *mlir::hydra::findCpuFacts(llvm::StringRef name) {
  const auto *found =
      llvm::find_if(allCpuFacts(), [&](const CpuFacts &facts) { return facts.name == name; });
  return found == allCpuFacts().end() ? nullptr : found;
}

const MatmulLibrary &mlir::hydra::cpuMatmulLibrary() {
  static constexpr int64_t kSides[] = {64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048};
  static const MatmulLibrary library = {"oneDNN", 24, 64 << 10, kSides, 16, 512};
  return library;
}
