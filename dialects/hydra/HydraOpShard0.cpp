// Generated definitions of the ops of shard 0.
#include "dialects/hydra/HydraOpShards.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace mlir::hydra;

#define GET_OP_DEFS_0
#include "dialects/hydra/HydraOps.cpp.inc"
