// Interpreter tensors in safetensors files.
#ifndef HYDRA_COMPILER_PIPELINE_TENSORFILE_H
#define HYDRA_COMPILER_PIPELINE_TENSORFILE_H

#include "compiler/interpreter/TensorValue.h"
#include "runtime/base/status.h"

namespace mlir::hydra {

// All tensors of a file, by name. Types F32, F64, I32, and I64 within the range of i32.
absl::StatusOr<NamedTensors> readTensorFile(const std::string &path);

// Writes i32 tensors as I32 and all others as F32, or as F64 if `wide`.
absl::Status writeTensorFile(const std::string &path, const NamedTensors &tensors, bool wide);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_PIPELINE_TENSORFILE_H
