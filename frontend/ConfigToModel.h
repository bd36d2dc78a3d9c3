// Writes a config as structural ops. Private to this folder.
#ifndef HYDRA_FRONTEND_CONFIGTOMODEL_H
#define HYDRA_FRONTEND_CONFIGTOMODEL_H

#include "dialects/hydra/HydraDialect.h"
#include "frontend/ModelConfig.h"
#include "frontend/SourceMap.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::hydra {

// Appends `hydra.model @model` for a checked config to `module`; every op gets the location.
void appendModel(ModuleOp module, const ModelConfig &config, Location location);

// hydra.ccgqa over `x` with parameters under `name`.
Value createAttention(OpBuilder &builder, Location location, Value x, StringRef name,
                      const AttentionConfig &config);

// Appends one function per element of the array `cases` (golden 03) to `module`.
absl::Status appendAttentionCases(ModuleOp module, ::hydra::JsonView cases,
                                  const SourceMap &source);

} // namespace mlir::hydra

#endif // HYDRA_FRONTEND_CONFIGTOMODEL_H
