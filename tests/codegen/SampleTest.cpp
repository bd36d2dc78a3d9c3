// hydra.sample: kernels search where the interpreter sorts, and must choose the same token on every
// level, for every setting, with ties, infinities and NaNs among the logits.
#include <cmath>
#include <limits>
#include <random>

#include "compiler/interpreter/Interpreter.h"
#include "gtest/gtest.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "runtime/base/cpu_detection.h"
#include "tests/codegen/KernelHarness.h"
#include "tests/codegen/OpCases.h"

namespace mlir::hydra::testing {
namespace {

constexpr int64_t kRows = 9, kPlaces = 11;

std::string sampleOf(int64_t ids) {
  std::string types =
      "tensor<9x" + std::to_string(ids) +
      "xf32>, tensor<9x11x1xi32>, tensor<9xi32>, tensor<9xi32>, tensor<9x2xi32>, "
      "tensor<9xi32>, tensor<f32>, tensor<i32>, tensor<f32>, tensor<f32>, tensor<i32>";
  std::string names, parameters;
  llvm::SmallVector<llvm::StringRef> parts;
  llvm::StringRef(types).split(parts, ", ");
  for (auto [i, type] : llvm::enumerate(parts)) {
    names += (i ? ", %a" : "%a") + std::to_string(i);
    parameters += (i ? ", %a" : "%a") + std::to_string(i) + ": " + type.str();
  }
  return "func.func @f(" + parameters + ") -> tensor<9xi32> {\n  %r = hydra.sample " + names +
         " : (" + types + ") -> tensor<9xi32>\n  return %r : tensor<9xi32>\n}";
}

class SampleTest : public ::testing::TestWithParam<int64_t> {
 protected:
  float oneOf(std::initializer_list<float> values) {
    return *(values.begin() + random_() % values.size());
  }
  int32_t below(int32_t bound) { return static_cast<int32_t>(random_() % bound); }
  float normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random_() / 4294967296.0;
    return static_cast<float>(sum);
  }

  // Smooth, or of few different values, which tie; now and then with what is no number.
  std::vector<float> logits(int64_t ids) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    std::vector<float> values;
    for (int64_t row = 0; row < kRows; ++row) {
      bool ties = below(2) == 0;
      for (int64_t i = 0; i < ids; ++i)
        values.push_back(ties ? static_cast<float>(below(4)) - 1.5f : 4 * normal());
      float* first = values.data() + row * ids;
      int32_t id = below(static_cast<int32_t>(ids));
      switch (below(12)) {
        case 0:
          first[id] = std::nanf("");
          break;
        case 1:
          first[id] = kInfinity;
          break;
        case 2:
          std::fill_n(first, ids, -kInfinity);
          break;
        case 3:
          for (int64_t i = 0; i < ids; i += 2) first[i] = -kInfinity;
          break;
        case 4:
          for (int64_t i = 0; i < ids; ++i) first[i] = i % 2 ? 0.0f : -0.0f;
          break;
      }
    }
    return values;
  }

  std::vector<Words> inputs(int64_t ids) {
    auto numbers = [&](int64_t count, auto draw) {
      std::vector<int32_t> values;
      for (int64_t i = 0; i < count; ++i) values.push_back(draw());
      return Words::integers(values);
    };
    auto anything = [&] { return static_cast<int32_t>(random_()); };
    auto id = [&] { return below(static_cast<int32_t>(ids) + 2) - 1; };
    std::vector<Words> all = {Words::floats(logits(ids)), numbers(kRows * kPlaces, id)};
    all.push_back(numbers(kRows, [&] { return below(14); }));
    all.push_back(numbers(kRows, [&] { return below(4); }));
    all.push_back(numbers(2 * kRows, anything));
    all.push_back(numbers(kRows, anything));
    all.push_back(Words::floats({oneOf({0, 1, 1, 0.3f, 2.5f, 1e-20f, 1e20f})}));
    all.push_back(numbers(1, [&] { return std::array{0, 1, 2, 5, 40, -3}[random_() % 6]; }));
    all.push_back(Words::floats({oneOf({1, 1, 0.9f, 0.5f, 0.1f, 1e-6f, 1.5f})}));
    all.push_back(Words::floats({oneOf({1, 1, 1.3f, 0.7f})}));
    all.push_back(
        numbers(1, [&] { return below(2) ? 1 << 20 : below(static_cast<int32_t>(ids)); }));
    return all;
  }

  NamedTensors bindings(func::FuncOp function, const std::vector<Words>& values) {
    NamedTensors tensors;
    for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
      auto tensor = cast<RankedTensorType>(type);
      tensors.emplace(argumentKey(function, i),
                      tensor.getElementType().isF32()
                          ? TensorValue::fromFloats(tensor.getShape(), values[i].asFloats())
                          : TensorValue::fromInts(tensor.getShape(), values[i].asIntegers()));
    }
    return tensors;
  }

  std::mt19937 random_{7};
};

TEST_P(SampleTest, ChoosesWhatTheInterpreterChooses) {
  KernelHarness harness(sampleOf(GetParam()));
  func::FuncOp function = harness.function();
  ASSERT_TRUE(function) << harness.messages();
  int64_t chosen = 0, none = 0;
  for (const std::string& level : ::hydra::RunnableLevels(::hydra::HostCpu())) {
    ASSERT_TRUE(harness.compile(level)) << harness.messages();
    for (int round = 0; round < 200; ++round) {
      std::vector<Words> values = inputs(GetParam());
      auto expected = interpretFunction(function, bindings(function, values));
      ASSERT_TRUE(succeeded(expected)) << harness.messages();
      std::vector<int32_t> computed =
          harness.run(values, round % 2 ? Split::single : Split::whole)[0].asIntegers();
      const TensorValue& tensor = expected->at(resultKey(function, 0));
      for (int64_t row = 0; row < kRows; ++row) {
        ASSERT_EQ(computed[row], tensor[row])
            << level << " round " << round << " row " << row << ": temperature "
            << values[6].asFloats()[0] << " top_k " << values[7].asIntegers()[0] << " top_p "
            << values[8].asFloats()[0] << " repeat_penalty " << values[9].asFloats()[0]
            << " vocabulary " << values[10].asIntegers()[0];
        ++(computed[row] < 0 ? none : chosen);
      }
    }
  }
  EXPECT_GT(chosen, 100);
  EXPECT_GT(none, 100);
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, SampleTest, ::testing::Values(1, 5, 16, 100, 1003));

}  // namespace

// Inputs that matter are those above; here every id is as likely as the next.
std::vector<OpCase> samplingCases() {
  std::vector<OpCase> cases;
  for (int64_t ids : {1, 16, 33, 1001}) {
    OpCase item;
    item.name = "sample_" + std::to_string(ids);
    item.text = sampleOf(ids);
    item.low = 0.05f;
    item.integers = {{-2, 40}, {0, 9}, {0, 3}, {-9, 9}, {-9, 9}, {0, 20}, {1, 1100}};
    item.tolerance = 0;
    cases.push_back(item);
  }
  return cases;
}

}  // namespace mlir::hydra::testing
