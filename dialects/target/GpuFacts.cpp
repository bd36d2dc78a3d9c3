#include "dialects/target/GpuFacts.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir::hydra;

static constexpr int64_t kKiB = 1024, kMiB = 1024 * kKiB, kGBs = 1000; // bytes per microsecond

static const GpuFacts kFacts[] = {
    {"sm_80", "A100", 80, 65536, 2048, 164 * kKiB, 163 * kKiB, 255, 108, 40 * kMiB, 1555 * kGBs, 70,
     110, false},
    {"sm_86", "RTX A6000", 86, 65536, 1536, 100 * kKiB, 99 * kKiB, 255, 84, 6 * kMiB, 768 * kGBs,
     71, 111, false},
    {"sm_89", "L40", 89, 65536, 1536, 100 * kKiB, 99 * kKiB, 255, 142, 96 * kMiB, 864 * kGBs, 78,
     118, false},
    {"sm_90", "H100", 90, 65536, 2048, 228 * kKiB, 227 * kKiB, 255, 132, 50 * kMiB, 3350 * kGBs, 78,
     118, true},
    {"sm_100", "B200", 100, 65536, 2048, 228 * kKiB, 227 * kKiB, 255, 148, 126 * kMiB, 8000 * kGBs,
     86, 127, true},
    {"sm_120", "RTX 5090", 120, 65536, 1536, 100 * kKiB, 99 * kKiB, 255, 170, 96 * kMiB,
     1792 * kGBs, 87, 128, true},
};

llvm::ArrayRef<GpuFacts> mlir::hydra::allGpuFacts() { return kFacts; }

const GpuFacts *mlir::hydra::findGpuFacts(llvm::StringRef name) {
  const auto *found =
      llvm::find_if(kFacts, [&](const GpuFacts &facts) { return facts.name == name; });
  return found == std::end(kFacts) ? nullptr : found;
}

std::string mlir::hydra::gpuNames() {
  return llvm::join(llvm::map_range(kFacts, [](const GpuFacts &facts) { return facts.name; }),
                    ", ");
}
