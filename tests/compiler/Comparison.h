// Comparing what two executions of one program computed.
#ifndef HYDRA_TESTS_COMPILER_COMPARISON_H
#define HYDRA_TESTS_COMPILER_COMPARISON_H

#include <string>

#include "compiler/interpreter/TensorValue.h"

namespace mlir::hydra::testing {

struct Deviation {
  // Of the defined elements: the largest difference, and the largest magnitude expected. A
  // difference between a number and no number, or between infinities, is infinite.
  double difference = 0, magnitude = 0;
  int64_t index = -1;

  double relative() const { return difference == 0 ? 0 : difference / magnitude; }
};

// The first `rows` rows of two tensors of equal shape; -1: all.
Deviation compareTensors(const TensorValue& expected, const TensorValue& actual, int64_t rows = -1);

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_COMPILER_COMPARISON_H
