// The NVIDIA architectures that target cuda is for: what the hardware has, and what code for it
// needs. Figures of the data-centre or largest product of each architecture, from the CUDA
// programming guide (technical specifications per compute capability) and the PTX ISA's release
// notes.
#ifndef HYDRA_DIALECTS_TARGET_GPUFACTS_H
#define HYDRA_DIALECTS_TARGET_GPUFACTS_H

#include "runtime/base/gpu_launch.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>

namespace mlir::hydra {

// Threads that run in step and exchange values without memory; the same on every architecture.
inline constexpr int64_t kWarp = 32;
// Workers that a kernel with scratch memory has at most: a contract with the drivers.
inline constexpr int64_t kScratchParts = ::hydra::hal::kGpuScratchParts;

struct GpuFacts {
  llvm::StringRef name;      // of --arch
  llvm::StringRef example;   // a product
  int64_t computeCapability; // 10 x major + minor
  // Of one multiprocessor.
  int64_t registers;   // 32 bits each
  int64_t threads;     // resident at once
  int64_t blocks;      // resident at once
  int64_t sharedBytes; // shared memory, all blocks together
  // Of one block or thread.
  int64_t sharedBytesPerBlock; // after opting in
  int64_t registersPerThread;
  // Of the device.
  int64_t multiprocessors;
  int64_t l2Bytes;
  int64_t memoryBandwidth; // bytes per microsecond
  // The first PTX ISA that knows it, 10 x major + minor, and the CUDA Toolkit that brought that.
  int64_t ptxVersion;
  int64_t cudaVersion;
  bool tensorMemoryAccess; // TMA, clusters, transactions of barriers
};

// Blocks of that many threads that are resident on a multiprocessor at once, by what limits them:
// threads, blocks, registers, shared memory. The arithmetic of the CUDA Toolkit's occupancy
// calculator (cuda_occupancy.h).
int64_t residentBlocks(const GpuFacts &facts, int64_t threadsPerBlock, int64_t registersPerThread,
                       int64_t sharedBytesPerBlock);

// From the oldest to the newest. Static storage.
llvm::ArrayRef<GpuFacts> allGpuFacts();
// The facts of that architecture, or null.
const GpuFacts *findGpuFacts(llvm::StringRef name);
// All names, for messages and help texts.
std::string gpuNames();

} // namespace mlir::hydra

#endif // HYDRA_DIALECTS_TARGET_GPUFACTS_H
