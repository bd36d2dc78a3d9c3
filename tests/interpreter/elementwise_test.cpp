// Elementwise ops, reductions, splitting and joining, the rope table: closed forms, row counts,
// edge values.
#include <limits>

#include "gmock/gmock.h"
#include "tests/interpreter/interpreter_fixture.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class ElementwiseTest : public InterpreterTest {};
HYDRA_BOTH_PRECISIONS(ElementwiseTest);

TEST_P(ElementwiseTest, UnaryKinds) {
  struct Case {
    const char* kind;
    std::vector<double> expected;  // of 0.25, 1, 2.25
  };
  const std::vector<Case> cases = {
      {"neg", {-0.25, -1, -2.25}},
      {"exp", {1.2840254166877414, 2.718281828459045, 9.487735836358526}},
      {"log", {-1.3862943611198906, 0, 0.8109302162163288}},
      {"tanh", {0.24491866240370913, 0.7615941559557649, 0.9780261147388136}},
      {"sigmoid", {0.5621765008857981, 0.7310585786300049, 0.9046505351008906}},
      {"sqrt", {0.5, 1, 1.5}},
      {"rsqrt", {2, 1, 2.0 / 3}},
      {"square", {0.0625, 1, 5.0625}},
      {"reciprocal", {4, 1, 1 / 2.25}},
      {"round", {0, 1, 2}},
      {"silu", {0.1405441252214495, 0.7310585786300049, 2.0354637039770039}},
      {"gelu", {0.149675350701685, 0.8411919906082768, 2.222798670102711}}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.kind);
    auto outputs = runOp(std::string("hydra.unary <") + c.kind + "> %0",
                         {floats({3}, {0.25, 1, 2.25})}, {"tensor<3xf32>"});
    expectNear(outputs["result0"], floats({3}, c.expected), tolerance());
  }
}

TEST_P(ElementwiseTest, RoundSendsTiesToEven) {
  auto outputs = runOp("hydra.unary <round> %0", {floats({6}, {0.5, 1.5, 2.5, -0.5, -1.5, 2.4999})},
                       {"tensor<6xf32>"});
  expectNear(outputs["result0"], floats({6}, {0, 2, 2, 0, -2, 2}), 0);
}

TEST_P(ElementwiseTest, SigmoidAndSiluSurviveLargeArguments) {
  TensorValue x = floats({4}, {-1000, 1000, -kInfinity, kInfinity});
  expectNear(runOp("hydra.unary <sigmoid> %0", {x}, {"tensor<4xf32>"})["result0"],
             floats({4}, {0, 1, 0, 1}), 0);
  expectNear(
      runOp("hydra.unary <silu> %0", {floats({2}, {-1000, 1000})}, {"tensor<2xf32>"})["result0"],
      floats({2}, {0, 1000}), 0);
}

TEST_P(ElementwiseTest, BinaryKinds) {
  struct Case {
    const char* kind;
    std::vector<double> expected;  // of (3, 2, -4) and (2, 2, 8)
  };
  const std::vector<Case> cases = {
      {"add", {5, 4, 4}},      {"sub", {1, 0, -12}}, {"mul", {6, 4, -32}},
      {"div", {1.5, 1, -0.5}}, {"max", {3, 2, 8}},   {"min", {2, 2, -4}},
      {"ge", {1, 1, 0}},       {"gt", {1, 0, 0}},    {"eq", {0, 1, 0}}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.kind);
    auto outputs = runOp(std::string("hydra.binary <") + c.kind + "> %0, %1",
                         {floats({3}, {3, 2, -4}), floats({3}, {2, 2, 8})}, {"tensor<3xf32>"});
    expectNear(outputs["result0"], floats({3}, c.expected), 0);
  }
}

TEST_P(ElementwiseTest, MaxAndMinKeepNan) {
  for (const char* kind : {"max", "min"}) {
    auto outputs =
        runOp(std::string("hydra.binary <") + kind + "> %0, %1",
              {floats({3}, {kNan, 1, kNan}), floats({3}, {1, kNan, kNan})}, {"tensor<3xf32>"});
    expectNear(outputs["result0"], floats({3}, {kNan, kNan, kNan}), 0);
  }
}

TEST_P(ElementwiseTest, IntegersWrapAndDivideTowardsZero) {
  TensorValue a = ints({3}, {2147483647, -7, 100000}), b = ints({3}, {1, 2, 100000});
  expectNear(runOp("hydra.binary <add> %0, %1", {a, b}, {"tensor<3xi32>"})["result0"],
             ints({3}, {-2147483648.0, -5, 200000}), 0);
  expectNear(runOp("hydra.binary <mul> %0, %1", {a, b}, {"tensor<3xi32>"})["result0"],
             ints({3}, {2147483647, -14, 1410065408}), 0);
  expectNear(runOp("hydra.binary <div> %0, %1", {a, b}, {"tensor<3xi32>"})["result0"],
             ints({3}, {2147483647, -3, 1}), 0);
}

TEST_P(ElementwiseTest, IntegerDivisionByZeroIsAnError) {
  EXPECT_TRUE(failed(tryRun(R"(
func.func @f(%a: tensor<2xi32>, %b: tensor<2xi32>) -> tensor<2xi32> {
  %0 = hydra.binary <div> %a, %b : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>
  return %0 : tensor<2xi32>
})",
                            {{"arg0", ints({2}, {1, 2})}, {"arg1", ints({2}, {1, 0})}}, {})));
  EXPECT_THAT(diagnostics, ::testing::HasSubstr("divides an integer by zero in row 0, column 1"));
}

TEST_P(ElementwiseTest, BroadcastingAlignsAtTheLastAxis) {
  TensorValue a = floats({2, 1, 3}, {1, 2, 3, 4, 5, 6}), b = floats({2, 1}, {10, 20});
  expectNear(runOp("hydra.binary <add> %0, %1", {a, b}, {"tensor<2x2x3xf32>"})["result0"],
             floats({2, 2, 3}, {11, 12, 13, 21, 22, 23, 14, 15, 16, 24, 25, 26}), 0);
  expectNear(runOp("hydra.binary <mul> %0, %1", {b, TensorValue::scalar(3)},
                   {"tensor<2x1xf32>"})["result0"],
             floats({2, 1}, {30, 60}), 0);
  expectNear(runOp("hydra.broadcast %0 {shape = array<i64: 2, 2, 2>}", {b},
                   {"tensor<2x2x2xf32>"})["result0"],
             floats({2, 2, 2}, {10, 10, 20, 20, 10, 10, 20, 20}), 0);
}

// The row count, at and beyond both ends; rows beyond it are poison.
TEST_P(ElementwiseTest, RowsBoundRowWiseResults) {
  TensorValue x = floats({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  for (int rows : {-3, 0, 1, 3, 4, 9}) {
    SCOPED_TRACE(rows);
    TensorValue expected = x, negated = x;
    for (int64_t i = 0; i < 8; ++i) {
      bool defined = i / 2 < rows;
      expected[i] = defined ? 2 * x[i] : kNan;
      negated[i] = defined ? -x[i] : kNan;
    }
    TensorValue count = TensorValue::scalarInt(rows);
    expectNear(
        runOp("hydra.binary <add> %0, %1, %2", {x, x, count}, {"tensor<2x2x2xf32>"})["result0"],
        expected, 0);
    expectNear(runOp("hydra.unary <neg> %0, %1", {x, count}, {"tensor<2x2x2xf32>"})["result0"],
               negated, 0);
  }
}

TEST_P(ElementwiseTest, SelectIgnoresWhatIsNotChosen) {
  auto outputs = runOp("hydra.select %0, %1, %2",
                       {floats({2, 1}, {1, 0}), floats({2, 2}, {1, 2, kNan, kNan}),
                        floats({2, 2}, {kNan, kNan, 3, 4})},
                       {"tensor<2x2xf32>"});
  expectNear(outputs["result0"], floats({2, 2}, {1, 2, 3, 4}), 0);
}

TEST_P(ElementwiseTest, CastTruncatesAndSaturates) {
  auto outputs = runOp("hydra.cast %0 {element_type = i32}",
                       {floats({6}, {2.9, -2.9, 1e12, -1e12, kNan, kInfinity})}, {"tensor<6xi32>"});
  expectNear(outputs["result0"], ints({6}, {2, -2, 2147483647, -2147483648.0, 0, 2147483647}), 0);
  outputs = runOp("hydra.cast %0 {element_type = f32}", {ints({2}, {7, -8})}, {"tensor<2xf32>"});
  expectNear(outputs["result0"], floats({2}, {7, -8}), 0);
}

TEST_P(ElementwiseTest, StopAndReshapeKeepValues) {
  TensorValue x = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  expectNear(runOp("hydra.stop %0", {x}, {"tensor<2x3xf32>"})["result0"], x, 0);
  expectNear(runOp("hydra.reshape %0 {shape = array<i64: 3, 2, 1>}", {x},
                   {"tensor<3x2x1xf32>"})["result0"],
             floats({3, 2, 1}, {1, 2, 3, 4, 5, 6}), 0);
}

TEST_P(ElementwiseTest, ReductionsAndTheirRows) {
  TensorValue x = floats({3, 2}, {1, 5, 2, -4, 8, 3}), two = TensorValue::scalarInt(2);
  auto reduce = [&](const char* what, const char* type) {
    return runOp(std::string("hydra.reduce ") + what + " %0", {x}, {type})["result0"];
  };
  auto reduceTwo = [&](const char* what, const char* type) {
    return runOp(std::string("hydra.reduce ") + what + " %0, %1", {x, two}, {type})["result0"];
  };
  expectNear(reduce("<sum> <last>", "tensor<3x1xf32>"), floats({3, 1}, {6, -2, 11}), 0);
  expectNear(reduce("<max> <last>", "tensor<3x1xf32>"), floats({3, 1}, {5, 2, 8}), 0);
  expectNear(reduce("<sum> <leading>", "tensor<2xf32>"), floats({2}, {11, 4}), 0);
  expectNear(reduce("<max> <leading>", "tensor<2xf32>"), floats({2}, {8, 5}), 0);
  expectNear(reduce("<sum> <all>", "tensor<f32>"), TensorValue::scalar(15), 0);
  expectNear(reduceTwo("<sum> <last>", "tensor<3x1xf32>"), floats({3, 1}, {6, -2, kNan}), 0);
  expectNear(reduceTwo("<sum> <leading>", "tensor<2xf32>"), floats({2}, {3, 1}), 0);
  expectNear(reduceTwo("<sum> <all>", "tensor<f32>"), TensorValue::scalar(4), 0);
  expectNear(reduceTwo("<max> <all>", "tensor<f32>"), TensorValue::scalar(5), 0);
}

TEST_P(ElementwiseTest, ReductionsOfNoRows) {
  TensorValue x = floats({2, 2}, {1, 2, 3, 4}), none = TensorValue::scalarInt(0);
  expectNear(runOp("hydra.reduce <sum> <leading> %0, %1", {x, none}, {"tensor<2xf32>"})["result0"],
             floats({2}, {0, 0}), 0);
  expectNear(runOp("hydra.reduce <max> <all> %0, %1", {x, none}, {"tensor<f32>"})["result0"],
             TensorValue::scalar(-kInfinity), 0);
}

TEST_P(ElementwiseTest, SumsAccumulateInDouble) {
  TensorValue x = floats({3}, {16777216, 1, -16777216});
  expectNear(runOp("hydra.reduce <sum> <all> %0", {x}, {"tensor<f32>"})["result0"],
             TensorValue::scalar(1), 0);
}

TEST_P(ElementwiseTest, SplitAndConcatAreInverse) {
  TensorValue x = floats({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  auto pieces = runOp("hydra.split %0 {sizes = array<i64: 1, 3>}", {x},
                      {"tensor<2x1xf32>", "tensor<2x3xf32>"});
  expectNear(pieces["result0"], floats({2, 1}, {1, 5}), 0);
  expectNear(pieces["result1"], floats({2, 3}, {2, 3, 4, 6, 7, 8}), 0);
  expectNear(runOp("hydra.concat %0, %1", {pieces["result0"], pieces["result1"]},
                   {"tensor<2x4xf32>"})["result0"],
             x, 0);
  auto outputs =
      runOp("hydra.concat %0, %1 rows %2",
            {pieces["result0"], pieces["result1"], TensorValue::scalarInt(1)}, {"tensor<2x4xf32>"});
  expectNear(outputs["result0"], floats({2, 4}, {1, 2, 3, 4, kNan, kNan, kNan, kNan}), 0);
}

TEST_P(ElementwiseTest, AfterIsTheIdentity) {
  TensorValue x = floats({3}, {1, 2, 3});
  expectNear(runOp("hydra.after %0, %1", {x, ints({2}, {4, 5})}, {"tensor<3xf32>"})["result0"], x,
             0);
}

TEST_P(ElementwiseTest, SliceRowsAndConcatRowsAreInverse) {
  TensorValue x = floats({3, 1, 2}, {1, 2, 3, 4, 5, 6});
  auto head = runOp("hydra.slice_rows %0 {first = 0, count = 1}", {x}, {"tensor<1x1x2xf32>"});
  auto tail = runOp("hydra.slice_rows %0 {first = 1, count = 2}", {x}, {"tensor<2x1x2xf32>"});
  expectNear(head["result0"], floats({1, 1, 2}, {1, 2}), 0);
  expectNear(tail["result0"], floats({2, 1, 2}, {3, 4, 5, 6}), 0);
  expectNear(runOp("hydra.concat_rows %0, %1", {head["result0"], tail["result0"]},
                   {"tensor<3x1x2xf32>"})["result0"],
             x, 0);
}

TEST_P(ElementwiseTest, ConstantsOfEveryKind) {
  auto outputs = run(R"(
func.func @f() -> (tensor<2xf32>, tensor<3xi32>, tensor<2xbf16>, tensor<f64>) {
  %0 = hydra.constant dense<[1.5, -2.0]> : tensor<2xf32>
  %1 = hydra.constant dense<-7> : tensor<3xi32>
  %2 = hydra.constant dense<0.5> : tensor<2xbf16>
  %3 = hydra.constant dense<1.0e-300> : tensor<f64>
  return %0, %1, %2, %3 : tensor<2xf32>, tensor<3xi32>, tensor<2xbf16>, tensor<f64>
})",
                     {});
  expectNear(outputs["result0"], floats({2}, {1.5, -2}), 0);
  expectNear(outputs["result1"], ints({3}, {-7, -7, -7}), 0);
  expectNear(outputs["result2"], floats({2}, {0.5, 0.5}), 0);
  EXPECT_EQ(outputs["result3"][0], 1e-300);
}

TEST_P(ElementwiseTest, RopeTableHoldsFloat32Angles) {
  auto outputs = run(R"(
func.func @f() -> tensor<600x6xf32> {
  %0 = hydra.rope_table {positions = 600 : i64, head_dim = 6 : i64, theta = 1.0e+04 : f64} : () -> tensor<600x6xf32>
  return %0 : tensor<600x6xf32>
})",
                     {});
  const TensorValue& table = outputs["result0"];
  for (int64_t t : {0, 1, 17, 599})
    for (int64_t i = 0; i < 3; ++i) {
      double angle = t * std::pow(10000.0, -2.0 * i / 6.0);
      // Angles carry the rounding of the frequency and of the product.
      double bound = 2e-7 * (1.0 + angle);
      EXPECT_NEAR(table[t * 6 + 2 * i], std::cos(angle), bound);
      EXPECT_NEAR(table[t * 6 + 2 * i + 1], std::sin(angle), bound);
      EXPECT_EQ(table[t * 6 + 2 * i], static_cast<float>(table[t * 6 + 2 * i]));
    }
}

}  // namespace
