// The kernel for products on the simulated device, against the interpreter: every form, counts of
// nothing and of everything, rows beyond a count NaN; and what is caught when the kernel is broken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "runtime/base/cpu_level.h"
#include "tests/codegen/OpComparison.h"
#include "tests/codegen/SimHarness.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;
using ::testing::AnyOf;
using ::testing::HasSubstr;

namespace {

struct Rows {
  int64_t begin = 0, end = 0;
};

struct ProductCase {
  std::string name;
  std::string text;             // one func.func named "f"
  std::vector<int32_t> counts;  // of the i32 argument, if there is one
  // Rows that count of the first two arguments and of the result; nullopt: all. The others are NaN,
  // and in the result nobody writes them.
  std::optional<Rows> a, b, result;
  int accumulator = -1;  // the argument that the result may replace
  bool half = false;     // bf16, which only some processors round to
};

std::string tensor(const std::vector<int64_t>& shape, const std::string& element = "f32") {
  std::string text = "tensor<";
  for (int64_t extent : shape) text += std::to_string(extent) + "x";
  return text + element + ">";
}

struct Form {
  bool transposeA = false, transposeB = false, accumulate = false;
  int64_t groups = 1;
  std::optional<int32_t> rows = std::nullopt;
  std::string element = "f32", result = "f32";
};

// hydra.matmul of `groups` products m x n with contraction k.
ProductCase matmul(const std::string& name, int64_t m, int64_t n, int64_t k, const Form& form) {
  int64_t g = form.groups;
  std::string a =
      tensor(form.transposeA ? std::vector{k, g * m} : std::vector{m, g * k}, form.element);
  std::string b = tensor(form.transposeA   ? std::vector{k, g * n}
                         : form.transposeB ? std::vector{g * n, k}
                                           : std::vector{g * k, n},
                         form.element);
  std::string c =
      tensor(form.transposeA ? std::vector{g * m, n} : std::vector{m, g * n}, form.result);
  std::string parameters = "%a: " + a + ", %b: " + b, operands = "%a, %b", types = a + ", " + b;
  ProductCase item;
  item.name = name;
  item.half = form.element == "bf16";
  if (form.accumulate) {
    item.accumulator = 2;
    parameters += ", %c: " + c;
    operands += " accumulate %c";
    types += ", " + c;
  }
  if (form.rows) {
    parameters += ", %n: tensor<i32>";
    operands += " rows %n";
    types += ", tensor<i32>";
    item.counts = {*form.rows};
    Rows there{0, std::clamp<int64_t>(*form.rows, 0, form.transposeA ? k : m)};
    item.a = there;
    (form.transposeA ? item.b : item.result) = there;
  }
  std::string attributes = "groups = " + std::to_string(g) + " : i64";
  if (form.transposeA) attributes += ", transpose_a";
  if (form.transposeB) attributes += ", transpose_b";
  if (form.result != form.element) attributes += ", element_type = " + form.result;
  item.text = "func.func @f(" + parameters + ") -> " + c + " {\n  %r = hydra.matmul " + operands +
              " {" + attributes + "} : (" + types + ") -> " + c + "\n  return %r : " + c + "\n}";
  return item;
}

// Rows of each group from the offsets; `groups` weights.
ProductCase grouped(const std::string& name, std::vector<int32_t> offsets, bool transposeB,
                    int64_t m, int64_t n, int64_t k) {
  size_t groups = offsets.size() - 1;
  std::string x = tensor({m, k}), w = tensor(transposeB ? std::vector{n, k} : std::vector{k, n}),
              y = tensor({m, n}), o = tensor({static_cast<int64_t>(offsets.size())}, "i32");
  std::string parameters = "%x: " + x + ", %o: " + o, operands = "%x, %o", types = x + ", " + o;
  for (size_t i = 0; i < groups; ++i) {
    parameters += ", %w" + std::to_string(i) + ": " + w;
    operands += ", %w" + std::to_string(i);
    types += ", " + w;
  }
  ProductCase item;
  item.name = name;
  item.a = item.result = Rows{offsets.front(), offsets.back()};
  item.counts = std::move(offsets);
  item.text = "func.func @f(" + parameters + ") -> " + y + " {\n  %r = hydra.grouped_matmul " +
              operands + (transposeB ? " {transpose_b}" : "") + " : (" + types + ") -> " + y +
              "\n  return %r : " + y + "\n}";
  return item;
}

ProductCase weightGrad(const std::string& name, std::vector<int32_t> offsets, int64_t group,
                       bool accumulate) {
  constexpr int64_t kRows = 40, kM = 33, kN = 20;
  std::string a = tensor({kRows, kM}), b = tensor({kRows, kN}), c = tensor({kM, kN}),
              o = tensor({static_cast<int64_t>(offsets.size())}, "i32");
  ProductCase item;
  item.name = name;
  item.a = item.b = Rows{offsets[group], offsets[group + 1]};
  item.counts = std::move(offsets);
  if (accumulate) item.accumulator = 3;
  item.text = "func.func @f(%a: " + a + ", %b: " + b + ", %o: " + o +
              (accumulate ? ", %c: " + c : "") + ") -> " + c +
              " {\n  %r = hydra.grouped_weight_grad %a, %b, %o" + (accumulate ? ", %c" : "") +
              " {group = " + std::to_string(group) + " : i64} : (" + a + ", " + b + ", " + o +
              (accumulate ? ", " + c : "") + ") -> " + c + "\n  return %r : " + c + "\n}";
  return item;
}

std::vector<ProductCase> productCases() {
  const Form plain, xw{.transposeB = true}, dw{.transposeA = true};
  std::vector<ProductCase> cases = {
      matmul("plain_odd", 17, 33, 45, plain),
      matmul("plain_aligned", 32, 64, 48, plain),
      matmul("transpose_b_odd", 35, 7, 19, xw),
      matmul("transpose_b_aligned", 48, 36, 20, xw),
      matmul("transpose_a_odd", 18, 5, 37, dw),
      matmul("transpose_a_aligned", 32, 20, 36, dw),
      matmul("one_row", 1, 100, 64, xw),
      matmul("one_column", 50, 1, 64, xw),
      matmul("contraction_1", 20, 20, 1, plain),
      matmul("accumulate", 33, 20, 24, {.transposeB = true, .accumulate = true}),
      matmul("accumulate_odd", 19, 21, 23, {.transposeA = true, .accumulate = true}),
      matmul("groups", 19, 6, 10, {.transposeB = true, .groups = 3}),
      matmul("groups_aligned", 40, 8, 12, {.groups = 2}),
      matmul("groups_gradient", 8, 12, 30, {.transposeA = true, .accumulate = true, .groups = 2}),
      // Tiles of 64 and 128 need many of them.
      matmul("tiles_64", 832, 900, 20, xw),
      matmul("tiles_128", 1664, 1796, 17, plain),
      matmul("bf16_odd", 33, 19, 45, {.transposeB = true, .element = "bf16", .result = "f32"}),
      matmul("bf16_aligned", 48, 40, 64, {.transposeB = true, .element = "bf16", .result = "f32"}),
      matmul("bf16_plain", 17, 24, 40, {.element = "bf16", .result = "bf16"}),
      matmul("bf16_gradient", 24, 32, 70,
             {.transposeA = true, .accumulate = true, .element = "bf16", .result = "f32"}),
      matmul("bf16_groups", 19, 8, 16,
             {.transposeB = true, .groups = 3, .element = "bf16", .result = "f32"}),
      matmul("bf16_tiles_32", 416, 448, 40,
             {.transposeB = true, .element = "bf16", .result = "f32"}),
      matmul("bf16_tiles_64", 832, 900, 20, {.element = "bf16", .result = "f32"}),
      matmul("bf16_tiles_128", 1664, 1796, 33,
             {.transposeB = true, .element = "bf16", .result = "f32"}),
      matmul("tiles_32", 416, 447, 20, dw),
  };
  for (int32_t count : {-3, 0, 1, 16, 29, 50, 99}) {
    std::string name = count < 0 ? "below" : std::to_string(count);
    cases.push_back(matmul("rows_" + name, 50, 40, 24, {.transposeB = true, .rows = count}));
    cases.push_back(matmul("rows_of_gradient_" + name, 50, 24, 40, {.rows = count}));
    cases.push_back(matmul("bound_" + name, 24, 36, 50, {.transposeA = true, .rows = count}));
    cases.push_back(
        matmul("bf16_rows_" + name, 50, 40, 24,
               {.transposeB = true, .rows = count, .element = "bf16", .result = "f32"}));
    cases.push_back(
        matmul("bf16_bound_" + name, 24, 40, 50,
               {.transposeA = true, .rows = count, .element = "bf16", .result = "f32"}));
    cases.push_back(matmul("bound_accumulate_" + name, 25, 7, 50,
                           {.transposeA = true, .accumulate = true, .rows = count}));
  }
  const std::vector<std::pair<std::string, std::vector<int32_t>>> offsets = {
      {"even", {0, 10, 20, 30, 40}},  {"odd", {0, 1, 18, 18, 40}}, {"empty", {0, 0, 0, 0, 0}},
      {"first", {0, 40, 40, 40, 40}}, {"last", {0, 0, 0, 0, 40}},  {"part", {3, 9, 9, 26, 31}}};
  for (const auto& [name, numbers] : offsets) {
    cases.push_back(grouped("grouped_" + name, numbers, true, 40, 33, 20));
    cases.push_back(grouped("grouped_gradient_" + name, numbers, false, 40, 20, 33));
    for (int64_t group : {0, 2, 3})
      cases.push_back(weightGrad("weight_grad_" + name + "_" + std::to_string(group), numbers,
                                 group, group != 2));
  }
  return cases;
}

void PrintTo(const ProductCase& item, std::ostream* stream) { *stream << item.text; }

std::vector<Words> inputsOf(func::FuncOp function, const ProductCase& item) {
  OpCase random;
  random.low = -1, random.high = 1;
  random.integers = {{0, 0}};
  std::vector<Words> inputs = randomInputs(function, random);
  for (auto [position, type] : llvm::enumerate(function.getArgumentTypes())) {
    if (isInteger(type)) {
      inputs[position] = Words::integers(item.counts);
      continue;
    }
    std::optional<Rows> there = position == 0 ? item.a : position == 1 ? item.b : std::nullopt;
    if (!there) continue;
    auto columns = cast<RankedTensorType>(type).getShape().back();
    for (size_t i = 0; i < inputs[position].words.size(); ++i)
      if (auto row = static_cast<int64_t>(i) / columns; row < there->begin || row >= there->end)
        inputs[position].words[i] = 0x7fc00000;
  }
  return inputs;
}

class SimProducts : public ::testing::TestWithParam<ProductCase> {
 protected:
  void SetUp() override {
    if (!simLevel()) GTEST_SKIP() << "this machine runs no supported level";
  }
};

TEST_P(SimProducts, AgreesWithTheInterpreter) {
  const ProductCase& item = GetParam();
  if (item.half && !::hydra::FindCpuLevel(simLevel()->name.str())->bf16_matmul)
    GTEST_SKIP() << "this machine does not round to bf16";
  KernelHarness harness(item.text);
  func::FuncOp function = harness.function();
  ASSERT_TRUE(function) << harness.messages();
  std::vector<Words> inputs = inputsOf(function, item);
  FailureOr<NamedTensors> expected = interpretFunction(function, bindings(function, inputs));
  ASSERT_TRUE(succeeded(expected)) << harness.messages();
  absl::StatusOr<std::vector<Words>> computed = runOnSim(harness, inputs);
  ASSERT_TRUE(computed.ok()) << computed.status();

  const TensorValue& want = expected->at(resultKey(function, 0));
  auto type = cast<RankedTensorType>(function.getResultTypes().front());
  const double tolerance = type.getElementType().isBF16() ? 8e-3 : 1e-5;
  std::vector<float> have = computed->front().asFloats();
  Rows there = item.result.value_or(Rows{0, want.rows()});
  for (int64_t i = 0; i < want.size(); ++i) {
    if (int64_t row = i / want.columns(); row >= there.begin && row < there.end) {
      ASSERT_LE(std::fabs(have[i] - want[i]), tolerance * std::max(1.0, std::fabs(want[i])))
          << "element " << i << ": " << have[i] << ", expected " << want[i];
    } else {
      // As it was: NaN.
      ASSERT_EQ(computed->front().words[i] >> 16, 0xffffu) << "element " << i << " was written";
    }
  }
  if (item.accumulator < 0) return;
  absl::StatusOr<std::vector<Words>> replaced = runOnSim(harness, inputs, {item.accumulator});
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_EQ(computed->front().words, replaced->front().words) << "differs in place";
}

INSTANTIATE_TEST_SUITE_P(Cases, SimProducts, ::testing::ValuesIn(productCases()),
                         [](const ::testing::TestParamInfo<ProductCase>& info) {
                           return info.param.name;
                         });

// Faults -----------------------------------------------------------------------------------------

class BrokenProduct : public SimProducts {
 protected:
  // A contraction of several rounds, the last of which the count cuts; several warps.
  static ProductCase bounded() {
    return matmul("broken", 416, 448, 64, {.transposeA = true, .rows = 41});
  }
  static absl::StatusOr<std::vector<Words>> run(const SimEdit& edit) {
    ProductCase item = bounded();
    KernelHarness harness(item.text);
    return runOnSim(harness, inputsOf(harness.function(), item), {}, edit);
  }
};

TEST_F(BrokenProduct, EveryMissingBarrierIsCaught) {
  size_t barriers = 0;
  absl::StatusOr<std::vector<Words>> whole =
      run([&](ModuleOp module) { module.walk([&](NVVM::Barrier0Op) { ++barriers; }); });
  ASSERT_TRUE(whole.ok()) << whole.status();
  ASSERT_EQ(barriers, 2u);
  for (size_t missing = 0; missing < barriers; ++missing) {
    absl::StatusOr<std::vector<Words>> result = run([&](ModuleOp module) {
      std::vector<NVVM::Barrier0Op> all;
      module.walk([&](NVVM::Barrier0Op barrier) { all.push_back(barrier); });
      all[missing].erase();
    });
    // Whoever comes first: the reader finds nothing yet, the writer finds that somebody has read.
    EXPECT_THAT(std::string(result.status().message()),
                AnyOf(HasSubstr("no barrier lies between"),
                      HasSubstr("which no thread of the block wrote")))
        << "without barrier " << missing;
  }
}

// Rows beyond the count multiplied by 0 instead of being zeros: NaN stays NaN.
TEST_F(BrokenProduct, AMaskThatIsMultipliedInIsCaught) {
  size_t masks = 0;
  absl::StatusOr<std::vector<Words>> result = run([&](ModuleOp module) {
    module.walk([&](LLVM::CondBrOp branch) {
      Block *load = branch.getTrueDest(), *zero = branch.getFalseDest();
      auto loaded = dyn_cast<LLVM::BrOp>(load->getTerminator());
      auto filled = dyn_cast<LLVM::BrOp>(zero->getTerminator());
      if (!loaded || !filled || loaded.getDest() != filled.getDest() ||
          loaded->getNumOperands() != 1)
        return;
      OpBuilder b(loaded);
      Location place = loaded.getLoc();
      Type type = loaded->getOperand(0).getType();
      Value one = LLVM::ConstantOp::create(b, place, b.getF32FloatAttr(1));
      Value none = LLVM::ConstantOp::create(b, place, b.getF32FloatAttr(0));
      Value mask = LLVM::SelectOp::create(b, place, branch.getCondition(), one, none);
      if (auto vector = dyn_cast<VectorType>(type)) {
        Value lanes = LLVM::PoisonOp::create(b, place, type);
        for (int32_t i = 0; i < vector.getNumElements(); ++i)
          lanes = LLVM::InsertElementOp::create(
              b, place, lanes, mask, LLVM::ConstantOp::create(b, place, b.getI32IntegerAttr(i)));
        mask = lanes;
      }
      loaded->setOperand(0, LLVM::FMulOp::create(b, place, loaded->getOperand(0), mask));
      b.setInsertionPoint(branch);
      LLVM::BrOp::create(b, place, load);
      branch.erase();
      ++masks;
    });
  });
  ASSERT_GT(masks, 0u);
  ASSERT_TRUE(result.ok()) << result.status();
  for (float value : result->front().asFloats()) ASSERT_TRUE(std::isnan(value));
}

}  // namespace
