// Code of target cuda for an artifact: a cubin per architecture, where this machine has an
// assembler, and PTX of the oldest, which drivers compile for every newer one.
#ifndef HYDRA_COMPILER_CODEGEN_CUDACODE_H
#define HYDRA_COMPILER_CODEGEN_CUDACODE_H

#include "compiler/codegen/CpuCode.h"
#include "compiler/codegen/CudaAssembler.h"
#include "dialects/target/GpuFacts.h"

namespace mlir::hydra {

// A kernel function as assembled for one architecture.
struct AssembledKernel {
  std::string name;
  int64_t threads = 0; // per block of its launches
  KernelResources resources;
  int64_t residentBlocks = 0;   // on a multiprocessor at once
  int64_t occupancyPercent = 0; // of the threads that a multiprocessor holds
};

struct CudaImage {
  CodeImage code; // level sm_NN, or compute_NN of PTX; offsets as in runtime/artifact/gpu_image.h
  std::vector<AssembledKernel> kernels; // empty for PTX
};

struct CudaCode {
  std::string assembler; // "ptxas 13.0.88"; empty: none was there
  std::vector<CudaImage> images;
};

// All plan.kernel ops of the module, which stays unchanged, for `architectures`, which are not
// empty and in the order of their age. Without an assembler there is PTX alone, and a warning says
// so. Same module, architectures and assembler, same bytes. Not for use inside a running pass
// pipeline.
FailureOr<CudaCode> generateCudaCode(ModuleOp planModule, ArrayRef<const GpuFacts *> architectures);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_CUDACODE_H
