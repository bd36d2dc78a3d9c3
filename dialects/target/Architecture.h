// What --arch may name: instruction-set levels of target cpu, `native` for the best of them that a
// processor runs, and architectures of target cuda.
#ifndef HYDRA_DIALECTS_TARGET_ARCHITECTURE_H
#define HYDRA_DIALECTS_TARGET_ARCHITECTURE_H

#include "dialects/target/CpuFacts.h"
#include "dialects/target/GpuFacts.h"
#include "runtime/base/cpu_detection.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

#include <string>

namespace mlir::hydra {

// The levels that `names` stand for, in their order, each once: `native` is the largest that
// `source` runs, by the detection that the runtime uses; no name at all stands for native. The
// error names the word, what is known, and for an architecture of another target what this build
// lacks. A processor below the smallest level fails only where it is asked for.
llvm::Expected<llvm::SmallVector<const CpuFacts *>>
resolveCpuLevels(llvm::ArrayRef<std::string> names, const ::hydra::CpuSource &source);

// The architectures that `names` stand for, from the oldest to the newest, each once. No name at
// all stands for the oldest: its code runs on its generation, and its PTX on every newer one. The
// error names the word and what is known.
llvm::Expected<llvm::SmallVector<const GpuFacts *>>
resolveGpuArchitectures(llvm::ArrayRef<std::string> names);

// Whether `name` may be given for target cpu; the error is that of resolveCpuLevels. `native` may,
// on every machine.
llvm::Error checkCpuLevel(llvm::StringRef name);
// The same for target cuda.
llvm::Error checkGpuArchitecture(llvm::StringRef name);

// For help texts: "native, ...".
std::string cpuArchitectureNames();

} // namespace mlir::hydra

#endif // HYDRA_DIALECTS_TARGET_ARCHITECTURE_H
