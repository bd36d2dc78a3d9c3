// The instruction-set levels as the compiler sees them: registers, caches and costs of each. Names,
// required features and oneDNN's level stand in runtime/base/cpu_level.h, which the runtime reads
// too; what is here only the compiler needs.
//
// Structural facts (lanes, registers, caches) decide: fusion takes those of the weakest level asked
// for, because all levels of an artifact share commands and buffers. They are round figures of the
// smallest processor that has the level, never measurements of one machine.
#ifndef HYDRA_DIALECTS_TARGET_CPUFACTS_H
#define HYDRA_DIALECTS_TARGET_CPUFACTS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>

namespace mlir::hydra {

// Float32 lanes of the vectors in generated code, on every level: AVX2 holds one in two registers.
// So the order of every sum, and with it the bits of every result, is the same on all of them.
inline constexpr int64_t kLanes = 16;

// One stage of a kernel on any level: workers take up items and wait for each other.
inline constexpr int64_t kCpuLaunchPicoseconds = 1000000;

// What one vector of kLanes costs in generated code, in tenths of a cycle.
struct VectorCosts {
  int64_t cheap;    // add, multiply, fma, compare, select, convert; a load from L1
  int64_t keep;     // store to scratch in L1 and load again
  int64_t exponent; // exp; log and tanh cost as much
  int64_t division; // divide, square root
};

struct CpuFacts {
  llvm::StringRef name;    // of --arch
  llvm::StringRef tuneFor; // the processor LLVM schedules for
  int64_t registerLanes;   // float32 lanes of one register
  int64_t vectorRegisters;
  // Values of kLanes that a loop may keep live; the rest is for addresses, masks and constants.
  int64_t liveVectors;
  int64_t l1Bytes; // data caches, of one core
  int64_t l2Bytes;
  int64_t sharedCacheBytes; // last level, one core's share
  // Bytes per microsecond that one core reads, from each level beyond L1.
  int64_t l2Bandwidth;
  int64_t sharedCacheBandwidth;
  int64_t memoryBandwidth;
  int64_t picosecondsPerCycle;
  VectorCosts costs;

  // What code of the level may use beyond LLVM's cpu "x86-64": exactly the features that detection
  // asks for.
  std::string llvmFeatures() const;
};

// From the smallest level to the largest. Static storage.
llvm::ArrayRef<CpuFacts> allCpuFacts();
// The facts of that level, or null.
const CpuFacts *findCpuFacts(llvm::StringRef name);

// What the planner must know of the matmul library of the cpu target (oneDNN).
struct MatmulLibrary {
  llvm::StringRef name;
  // Packing one element of a panel takes as long as this many multiply-adds (measured on f32).
  int64_t packingCost;
  // One call takes as long as this many multiply-adds, about a microsecond.
  int64_t callCost;
  // Sides of C's tiles that are tried, besides the whole extent: ascending.
  llvm::ArrayRef<int64_t> tileSides;
  // Workers between which a plan balances, besides a single one. Results do not depend on it being
  // met: threads only pick tiles.
  int64_t workers;
  // Rows of a contraction that are multiplied at once where a row count bounds it. Slices are added
  // in ascending order, and the one that the count cuts is padded with zeros to a part of a slice,
  // so that its shape, too, is one of a few. The plan carries the number to the driver: it is part
  // of the bits.
  int64_t contractionSlice;
};
const MatmulLibrary &cpuMatmulLibrary();

} // namespace mlir::hydra

#endif // HYDRA_DIALECTS_TARGET_CPUFACTS_H
