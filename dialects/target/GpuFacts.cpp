#include "dialects/target/GpuFacts.h"

#include "runtime/base/gpu_architecture.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir::hydra;

static constexpr int64_t kKiB = 1024, kMiB = 1024 * kKiB, kGBs = 1000; // bytes per microsecond

static constexpr auto &kKnown = ::hydra::kGpuArchitectures;

static const GpuFacts kFacts[] = {
    {kKnown[0].name, "A100", kKnown[0].capability, 65536, 2048, 32, 164 * kKiB, 163 * kKiB, 255,
     108, 40 * kMiB, 1555 * kGBs, 70, 110, false},
    {kKnown[1].name, "RTX A6000", kKnown[1].capability, 65536, 1536, 16, 100 * kKiB, 99 * kKiB, 255,
     84, 6 * kMiB, 768 * kGBs, 71, 111, false},
    {kKnown[2].name, "L40", kKnown[2].capability, 65536, 1536, 24, 100 * kKiB, 99 * kKiB, 255, 142,
     96 * kMiB, 864 * kGBs, 78, 118, false},
    {kKnown[3].name, "H100", kKnown[3].capability, 65536, 2048, 32, 228 * kKiB, 227 * kKiB, 255,
     132, 50 * kMiB, 3350 * kGBs, 78, 118, true},
    {kKnown[4].name, "B200", kKnown[4].capability, 65536, 2048, 32, 228 * kKiB, 227 * kKiB, 255,
     148, 126 * kMiB, 8000 * kGBs, 86, 127, true},
    {kKnown[5].name, "RTX 5090", kKnown[5].capability, 65536, 1536, 24, 100 * kKiB, 99 * kKiB, 255,
     170, 96 * kMiB, 1792 * kGBs, 87, 128, true},
};

static_assert(std::size(kFacts) == std::size(kKnown));

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

int64_t mlir::hydra::residentBlocks(const GpuFacts &facts, int64_t threadsPerBlock,
                                    int64_t registersPerThread, int64_t sharedBytesPerBlock) {
  // Registers are given to warps in units, out of the quarter of the file that a warp belongs to.
  constexpr int64_t kUnit = 256, kQuarters = 4;
  // Shared memory that a block takes beside its own, and the unit of both together.
  constexpr int64_t kReserved = kKiB, kSharedUnit = 128;
  auto up = [](int64_t value, int64_t unit) {
    return static_cast<int64_t>(llvm::alignTo(value, unit));
  };
  int64_t warps = up(std::max<int64_t>(threadsPerBlock, 1), kWarp) / kWarp;
  int64_t blocks = std::min(facts.blocks, facts.threads / kWarp / warps);
  int64_t registers = up(std::max<int64_t>(registersPerThread, 1) * kWarp, kUnit);
  blocks = std::min(blocks, facts.registers / kQuarters / registers * kQuarters / warps);
  return std::min(blocks, facts.sharedBytes / up(sharedBytesPerBlock + kReserved, kSharedUnit));
}
