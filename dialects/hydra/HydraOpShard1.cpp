// Generated definitions of the ops of shard 1.
#include "dialects/hydra/HydraOpShards.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace mlir::hydra;

#define GET_OP_DEFS_1
#include "dialects/hydra/HydraOps.cpp.inc"
