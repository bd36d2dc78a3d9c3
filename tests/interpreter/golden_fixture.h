// Golden files as inputs and expectations of the interpreter.
#ifndef HYDRA_TESTS_INTERPRETER_GOLDEN_FIXTURE_H
#define HYDRA_TESTS_INTERPRETER_GOLDEN_FIXTURE_H

#include <algorithm>
#include <cmath>

#include "compiler/interpreter/TensorValue.h"
#include "gtest/gtest.h"
#include "runtime/io/safetensors.h"
#include "tests/base/test_paths.h"

namespace mlir::hydra {

// Every F32 and I32 tensor of a file of tests/golden, under its own name.
inline NamedTensors readGolden(const std::string& name) {
  NamedTensors tensors;
  std::string path = ::hydra::testing::SourceDir() + "/tests/golden/" + name + ".safetensors";
  auto file = ::hydra::SafetensorsFile::Open(path);
  if (!file.ok()) {
    ADD_FAILURE() << file.status().ToString();
    return tensors;
  }
  for (const ::hydra::TensorView& tensor : file->tensors()) {
    if (tensor.dtype == ::hydra::DType::kF32)
      tensors[tensor.name] = TensorValue::fromFloats(tensor.shape, *tensor.Copy<float>());
    else if (tensor.dtype == ::hydra::DType::kI32)
      tensors[tensor.name] = TensorValue::fromInts(tensor.shape, *tensor.Copy<int32_t>());
  }
  return tensors;
}

// Renames "param.NAME" to "parameter/NAME" and "in.NAME" to "input/NAME", after removing `prefix`.
inline NamedTensors goldenBindings(const NamedTensors& golden, const std::string& prefix = "") {
  NamedTensors bindings;
  for (const auto& [name, tensor] : golden) {
    if (name.rfind(prefix, 0) != 0) continue;
    std::string rest = name.substr(prefix.size());
    if (rest.rfind("param.", 0) == 0)
      bindings["parameter/" + rest.substr(6)] = tensor;
    else if (rest.rfind("in.", 0) == 0)
      bindings["input/" + rest.substr(3)] = tensor;
  }
  return bindings;
}

// Same shape, and max|a - b| <= tolerance * max(max|b|, floor).
inline void expectClose(const NamedTensors& actual, const std::string& name,
                        const TensorValue& expected, double tolerance, double floor = 0.0) {
  auto found = actual.find(name);
  ASSERT_NE(found, actual.end()) << name << " was not computed";
  ASSERT_EQ(found->second.shape().vec(), expected.shape().vec()) << name;
  double largest = floor, worst = 0.0;
  for (int64_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::fabs(expected[i]));
    double error = std::fabs(found->second[i] - expected[i]);
    worst = std::isfinite(error) ? std::max(worst, error) : INFINITY;
  }
  EXPECT_LE(worst, tolerance * largest) << name;
}

}  // namespace mlir::hydra

#endif  // HYDRA_TESTS_INTERPRETER_GOLDEN_FIXTURE_H
