// Every primitive with a kernel against the interpreter, on shapes around the vector and tile
// widths: close to the float64 result, the same bits for every division of the work and every
// instruction-set level, the same bits in place.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <set>

#include "compiler/interpreter/Interpreter.h"
#include "dialects/plan/KernelWork.h"
#include "runtime/base/cpu_detection.h"
#include "tests/codegen/KernelHarness.h"
#include "tests/codegen/OpCases.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;

namespace {

class OpTest : public ::testing::TestWithParam<OpCase> {};

bool isInteger(Type type) { return cast<RankedTensorType>(type).getElementType().isInteger(32); }

std::vector<Words> randomInputs(func::FuncOp function, const OpCase& item) {
  std::mt19937 engine(1234);
  std::vector<Words> inputs;
  size_t nextRange = 0;
  unsigned last = function.getNumArguments() - 1;
  for (auto [position, argumentType] : llvm::enumerate(function.getArgumentTypes())) {
    auto type = cast<RankedTensorType>(argumentType);
    int64_t count = type.getNumElements();
    if (isInteger(type)) {
      bool isRows = item.rows && position == last;
      auto [low, high] = isRows ? std::pair<int32_t, int32_t>{*item.rows, *item.rows}
                                : item.integers.at(nextRange++);
      std::uniform_int_distribution<int32_t> draw(low, high);
      std::vector<int32_t> values;
      for (int64_t i = 0; i < count; ++i) values.push_back(draw(engine));
      if (item.distinct && count > 1) {
        values.resize(high - low + 1);
        std::iota(values.begin(), values.end(), low);
        std::shuffle(values.begin(), values.end(), engine);
        values.resize(count);
      }
      inputs.push_back(Words::integers(values));
      continue;
    }
    std::uniform_real_distribution<float> draw(item.low, item.high);
    std::vector<float> values;
    for (int64_t i = 0; i < count; ++i) values.push_back(draw(engine));
    if (item.ties) {
      for (float& value : values) value = std::round(2 * value) / 2;
      for (float special : {NAN, -NAN, INFINITY, -INFINITY, 0.0f, -0.0f})
        for (int draws = 0; draws < 3; ++draws) values[engine() % values.size()] = special;
    }
    if (type.getElementType().isBF16())
      for (float& value : values)
        value = llvm::bit_cast<float>(llvm::bit_cast<uint32_t>(value) & 0xffff0000u);
    // Rows beyond the count never influence a result. All row-wise cases have 21 rows.
    int64_t columns = type.getRank() ? type.getShape().back() : 1;
    if (item.rows && count == 21 * columns)
      std::fill(values.begin() + *item.rows * columns, values.end(), NAN);
    inputs.push_back(Words::floats(values));
  }
  return inputs;
}

NamedTensors bindings(func::FuncOp function, const std::vector<Words>& inputs) {
  NamedTensors tensors;
  for (auto [position, type] : llvm::enumerate(function.getArgumentTypes())) {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(type).getShape();
    const Words& words = inputs[position];
    tensors.emplace(argumentKey(function, position),
                    isInteger(type) ? TensorValue::fromInts(shape, words.asIntegers())
                                    : TensorValue::fromFloats(shape, words.asFloats()));
  }
  return tensors;
}

Words fromTensor(const TensorValue& tensor) {
  std::vector<float> values;
  for (double value : tensor.elements()) values.push_back(static_cast<float>(value));
  return Words::floats(values);
}

// Replaces inputs that the forward op computes from the others.
void prepare(func::FuncOp function, OpCase::Prepare what, std::vector<Words>& inputs) {
  if (what == OpCase::Prepare::none) return;
  MLIRContext* context = function.getContext();
  OpBuilder builder(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(function.getLoc());
  builder.setInsertionPointToEnd(module->getBody());
  bool attention = what == OpCase::Prepare::attention;
  ArrayRef<Type> types = function.getArgumentTypes();
  SmallVector<unsigned> used =
      attention ? SmallVector<unsigned>{1, 2, 3} : SmallVector<unsigned>{1, 2};
  SmallVector<Type> argumentTypes;
  std::vector<Words> arguments;
  for (unsigned position : used) {
    argumentTypes.push_back(types[position]);
    arguments.push_back(inputs[position]);
  }
  SmallVector<Type> resultTypes = attention ? SmallVector<Type>{types[4], types[5]}
                                            : SmallVector<Type>{types[0], types[3], types[3]};
  auto forward = func::FuncOp::create(builder, function.getLoc(), "forward",
                                      builder.getFunctionType(argumentTypes, resultTypes));
  Block* block = forward.addEntryBlock();
  builder.setInsertionPointToStart(block);
  Operation* op;
  if (attention) {
    auto grad = *function.getOps<AttentionGradOp>().begin();
    op = AttentionOp::create(builder, function.getLoc(), block->getArgument(0),
                             block->getArgument(1), block->getArgument(2), Value(), Value(),
                             grad.getHeadsAttr(), grad.getKvHeadsAttr(), grad.getScaleAttr());
  } else {
    op = CrossEntropyOp::create(builder, function.getLoc(), block->getArgument(0),
                                block->getArgument(1));
  }
  func::ReturnOp::create(builder, function.getLoc(), op->getResults());
  FailureOr<NamedTensors> results = interpretFunction(forward, bindings(forward, arguments));
  ASSERT_TRUE(succeeded(results));
  if (attention) {
    inputs[4] = fromTensor(results->at(resultKey(forward, 0)));
    inputs[5] = fromTensor(results->at(resultKey(forward, 1)));
  } else {
    inputs[3] = fromTensor(results->at(resultKey(forward, 2)));
  }
}

void compare(func::FuncOp function, const OpCase& item, const NamedTensors& expected,
             const std::vector<Words>& computed) {
  for (auto [number, type] : llvm::enumerate(function.getResultTypes())) {
    const TensorValue& tensor = expected.at(resultKey(function, number));
    std::vector<float> floats = computed[number].asFloats();
    std::vector<int32_t> integers = computed[number].asIntegers();
    ASSERT_EQ(static_cast<int64_t>(floats.size()), tensor.size());
    for (int64_t i = 0; i < tensor.size(); ++i) {
      double want = tensor[i];
      // Rows beyond the count are unspecified; the interpreter marks them.
      if ((item.rows || item.unspecified || isInteger(type)) && std::isnan(want)) continue;
      int64_t columns = std::max<int64_t>(tensor.columns(), 1);
      if (item.rows && isInteger(type) && tensor.rows() == 21 && i / columns >= *item.rows)
        continue;
      double have = isInteger(type) ? integers[i] : floats[i];
      if (have == want)  // infinities too
        continue;
      ASSERT_LE(std::fabs(have - want), item.tolerance * std::max(1.0, std::fabs(want)))
          << "result " << number << " element " << i << ": " << have << ", expected " << want;
    }
  }
}

// Only defined rows are compared bit by bit.
bool sameBits(func::FuncOp function, const OpCase& item, const NamedTensors& expected,
              const std::vector<Words>& a, const std::vector<Words>& b) {
  for (auto [number, type] : llvm::enumerate(function.getResultTypes())) {
    const TensorValue& tensor = expected.at(resultKey(function, number));
    for (size_t i = 0; i < a[number].words.size(); ++i) {
      bool unspecified = std::isnan(tensor[i]) && (item.rows || isInteger(type));
      bool defined = !unspecified && !(item.rows && isInteger(type));
      if (defined && a[number].words[i] != b[number].words[i]) return false;
    }
  }
  return true;
}

TEST_P(OpTest, AgreesWithTheInterpreter) {
  const OpCase& item = GetParam();
  KernelHarness harness(item.text);
  func::FuncOp function = harness.function();
  ASSERT_TRUE(function) << harness.messages();
  std::vector<Words> inputs = randomInputs(function, item);
  prepare(function, item.prepare, inputs);
  FailureOr<NamedTensors> expected = interpretFunction(function, bindings(function, inputs));
  ASSERT_TRUE(succeeded(expected)) << harness.messages();
  std::vector<Words> first;
  bool skipped = false;
  for (const std::string& level : ::hydra::RunnableLevels(::hydra::HostCpu())) {
    if (item.half && !::hydra::FindCpuLevel(level)->bf16_matmul) {
      skipped = true;
      EXPECT_FALSE(harness.compile(level)) << level << " multiplies bf16?";
      continue;
    }
    ASSERT_TRUE(harness.compile(level)) << harness.messages();
    std::vector<Words> whole = harness.run(inputs);
    compare(function, item, *expected, whole);
    if (HasFatalFailure()) return;
    if (first.empty() || item.half) first = whole;
    EXPECT_TRUE(sameBits(function, item, *expected, first, whole)) << "differs on " << level;
    for (Split split : {Split::single, Split::irregular})
      EXPECT_TRUE(sameBits(function, item, *expected, whole, harness.run(inputs, split)))
          << "depends on the division of the work";
    if (item.inPlaceResult < 0) continue;
    ASSERT_TRUE(plan::mayOverwrite(harness.kernel(), item.inPlaceOperand, item.inPlaceResult));
    std::vector<int> inPlace(function.getNumResults(), -1);
    inPlace[item.inPlaceResult] = item.inPlaceOperand;
    for (Split split : {Split::whole, Split::single})
      EXPECT_TRUE(sameBits(function, item, *expected, whole, harness.run(inputs, split, inPlace)))
          << "differs in place";
  }
  if (first.empty() && skipped) GTEST_SKIP() << "no level of this machine multiplies bf16";
  ASSERT_FALSE(first.empty()) << "this machine runs no supported level";
}

// What is emitted is what the op says it computes.
TEST_P(OpTest, RowProgramEqualsTheRule) {
  const OpCase& item = GetParam();
  KernelHarness harness(item.text);
  func::FuncOp function = harness.function();
  ASSERT_TRUE(function) << harness.messages();
  func::FuncOp program = function.clone();
  FailureOr<plan::RowScheduleAttr> schedule = plan::formRowProgram(program.getBody().front());
  ASSERT_TRUE(succeeded(schedule)) << harness.messages();
  if (*schedule) {
    std::vector<Words> inputs = randomInputs(function, item);
    prepare(function, item.prepare, inputs);
    FailureOr<NamedTensors> expected = interpretFunction(function, bindings(function, inputs));
    FailureOr<NamedTensors> computed = interpretFunction(program, bindings(program, inputs));
    ASSERT_TRUE(succeeded(expected) && succeeded(computed)) << harness.messages();
    std::vector<Words> words;
    for (auto [number, type] : llvm::enumerate(program.getResultTypes())) {
      const TensorValue& tensor = computed->at(resultKey(program, number));
      if (!isInteger(type)) {
        words.push_back(fromTensor(tensor));
        continue;
      }
      std::vector<int32_t> integers;
      for (double value : tensor.elements())
        integers.push_back(std::isnan(value) ? 0 : static_cast<int32_t>(value));
      words.push_back(Words::integers(integers));
    }
    compare(function, item, *expected, words);
  }
  program.erase();
}

INSTANTIATE_TEST_SUITE_P(Cases, OpTest, ::testing::ValuesIn(allOpCases()),
                         [](const ::testing::TestParamInfo<OpCase>& info) {
                           return info.param.name;
                         });

// Primitives that are commands, aliases or constants of the plan, or are decomposed before it; and
// prefix_rank, which has no kernel yet and is refused by name.
const std::set<std::string> kWithoutKernel = {
    "hydra.constant",    "hydra.rope_table",     "hydra.stop",        "hydra.matmul",
    "hydra.causal_conv", "hydra.grouped_matmul", "hydra.prefix_rank", "hydra.grouped_weight_grad",
    "hydra.slice_rows",  "hydra.concat_rows",    "hydra.after"};

TEST(Emission, EveryPrimitiveHasARowBodyOrAnEmitterAndACase) {
  DialectRegistry registry;
  registry.insert<HydraDialect>();
  rows::registerRowBodyExternalModels(registry);
  registerKernelExternalModels(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadDialect<HydraDialect>();
  std::set<std::string> covered;
  for (const OpCase& item : allOpCases()) {
    size_t at = item.text.find("hydra.");
    if (at == std::string::npos) continue;
    covered.insert(item.text.substr(at, item.text.find(' ', at) - at));
  }
  int primitives = 0;
  for (RegisteredOperationName name : context.getRegisteredOperationsByDialect("hydra")) {
    if (!name.hasTrait<PrimitiveTier>()) continue;
    ++primitives;
    std::string text = name.getStringRef().str();
    // An alias alone, the same elements in a region (FusedCases.cpp).
    if (text == "hydra.reshape") continue;
    bool hasKernel = name.hasInterface<KernelOpInterface>();
    bool hasBody = name.hasInterface<rows::RowBodyOpInterface>();
    EXPECT_FALSE(hasKernel && hasBody) << text << " has two emissions";
    EXPECT_EQ(hasKernel || hasBody, kWithoutKernel.count(text) == 0) << text;
    EXPECT_EQ(hasKernel || hasBody, covered.count(text) == 1)
        << text << " has no case in OpCases.cpp";
  }
  EXPECT_GT(primitives, 30);
}

}  // namespace
