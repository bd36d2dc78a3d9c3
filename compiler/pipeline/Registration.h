// Everything hydra-opt knows: dialects, passes, and the external models of the interfaces.
#ifndef HYDRA_COMPILER_PIPELINE_REGISTRATION_H
#define HYDRA_COMPILER_PIPELINE_REGISTRATION_H

#include "mlir/IR/DialectRegistry.h"

// Registers all dialects and interface implementations in `registry`, and all passes globally.
namespace mlir::hydra {

void registerEverything(DialectRegistry &registry);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_PIPELINE_REGISTRATION_H
