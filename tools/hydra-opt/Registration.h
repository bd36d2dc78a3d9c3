// Everything hydra-opt knows: dialects, passes, and the external models of the interfaces.
#ifndef HYDRA_TOOLS_HYDRA_OPT_REGISTRATION_H
#define HYDRA_TOOLS_HYDRA_OPT_REGISTRATION_H

#include "mlir/IR/DialectRegistry.h"

// Registers all dialects and interface implementations in `registry`, and all passes globally.
void registerEverything(mlir::DialectRegistry &registry);

#endif // HYDRA_TOOLS_HYDRA_OPT_REGISTRATION_H
