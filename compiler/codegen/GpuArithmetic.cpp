#include "compiler/codegen/GpuArithmetic.h"

#include "dialects/target/GpuFacts.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::hydra;

Value GpuArithmetic::gather(ArrayRef<Value> lanes) {
  if (lanes.size() == 1)
    return lanes.front();
  Type type = vectorOf(lanes.front().getType(), static_cast<int64_t>(lanes.size()));
  Value vector = LLVM::PoisonOp::create(b, type);
  for (auto [number, lane] : llvm::enumerate(lanes))
    vector = LLVM::InsertElementOp::create(b, vector, lane, integer(static_cast<int64_t>(number)));
  return vector;
}

Value mlir::hydra::createExchange(ImplicitLocOpBuilder &b, Value word, int64_t distance) {
  auto integer = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(static_cast<int32_t>(value)));
  };
  // Every lane takes part.
  return NVVM::ShflOp::create(b, word.getType(), integer(-1), word, integer(distance),
                              integer(kWarp - 1), NVVM::ShflKind::bfly, UnitAttr());
}
