// ptxas of the CUDA Toolkit, run as a child process: from PTX to a cubin, and what it says of every
// kernel.
#ifndef HYDRA_COMPILER_CODEGEN_CUDAASSEMBLER_H
#define HYDRA_COMPILER_CODEGEN_CUDAASSEMBLER_H

#include "mlir/IR/Location.h"
#include "llvm/ADT/StringMap.h"

#include <optional>
#include <string>
#include <vector>

namespace mlir::hydra {

// What a kernel takes of a multiprocessor, as ptxas reports it.
struct KernelResources {
  int64_t registers = 0;                   // per thread
  int64_t stackBytes = 0;                  // per thread, spilled registers included
  int64_t spillStores = 0, spillLoads = 0; // bytes, per thread, of instructions in the code
  int64_t sharedBytes = 0;                 // per block, declared in the kernel

  bool operator==(const KernelResources &) const = default;
};

struct Cubin {
  std::vector<uint8_t> bytes;
  llvm::StringMap<KernelResources> resources; // by kernel
};

class CudaAssembler {
public:
  // The assembler of this machine (runtime/io/cuda_toolkit.h); nullopt if there is none. Fails,
  // with a diagnostic at `location`, for one that cannot be run.
  static FailureOr<std::optional<CudaAssembler>> find(Location location);

  // "ptxas 13.0.88"
  const std::string &version() const { return name; }

  // Same text, architecture and version, same bytes. A kernel that ptxas spills, to have more of
  // its blocks resident, is assembled once more as one that may take all registers
  // (withAllRegisters). Fails with what ptxas said. Threads may call it at the same time.
  FailureOr<Cubin> assemble(StringRef ptx, StringRef architecture, Location location) const;

private:
  FailureOr<Cubin> assembleAsItIs(StringRef ptx, StringRef architecture, Location location) const;

  std::string program, name;
};

// The text with `.minnctapersm 1` behind the `.maxntid` of these kernels: one resident block is
// enough. Without it ptxas keeps registers for several.
std::string withAllRegisters(StringRef ptx, ArrayRef<StringRef> kernels);

// The figures in what `ptxas -v` prints, by kernel.
llvm::StringMap<KernelResources> parseAssemblerReport(StringRef report);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_CUDAASSEMBLER_H
