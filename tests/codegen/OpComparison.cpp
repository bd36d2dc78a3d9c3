#include "tests/codegen/OpComparison.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;

bool mlir::hydra::testing::isInteger(Type type) {
  return cast<RankedTensorType>(type).getElementType().isInteger(32);
}

std::vector<Words> mlir::hydra::testing::randomInputs(func::FuncOp function, const OpCase& item) {
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

NamedTensors mlir::hydra::testing::bindings(func::FuncOp function,
                                            const std::vector<Words>& inputs) {
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

Words mlir::hydra::testing::fromTensor(const TensorValue& tensor) {
  std::vector<float> values;
  for (double value : tensor.elements()) values.push_back(static_cast<float>(value));
  return Words::floats(values);
}

void mlir::hydra::testing::prepare(func::FuncOp function, OpCase::Prepare what,
                                   std::vector<Words>& inputs) {
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

void mlir::hydra::testing::compare(func::FuncOp function, const OpCase& item,
                                   const NamedTensors& expected,
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

bool mlir::hydra::testing::sameBits(func::FuncOp function, const OpCase& item,
                                    const NamedTensors& expected, const std::vector<Words>& a,
                                    const std::vector<Words>& b) {
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
