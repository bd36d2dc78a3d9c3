// The scalar code that emitters for GPUs are written in: integers of 64 bits, addresses, and what
// the lanes of a warp exchange.
#ifndef HYDRA_COMPILER_CODEGEN_GPUARITHMETIC_H
#define HYDRA_COMPILER_CODEGEN_GPUARITHMETIC_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::hydra {

// A word (i32, f32) of the lane of a full warp whose number differs in the bits of `distance`.
Value createExchange(ImplicitLocOpBuilder &b, Value word, int64_t distance);

class GpuArithmetic {
public:
  explicit GpuArithmetic(ImplicitLocOpBuilder &builder) : b(builder) {}

protected:
  Type f32() { return b.getF32Type(); }
  Type i32() { return b.getI32Type(); }
  Value index(int64_t value) { return arith::ConstantOp::create(b, b.getI64IntegerAttr(value)); }
  Value integer(int64_t value) {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(static_cast<int32_t>(value)));
  }
  Value real(double value) {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(static_cast<float>(value)));
  }

  Value add(Value a, Value c) { return arith::AddIOp::create(b, a, c); }
  Value add(Value a, int64_t c) { return c == 0 ? a : add(a, index(c)); }
  Value sub(Value a, Value c) { return arith::SubIOp::create(b, a, c); }
  Value mul(Value a, Value c) { return arith::MulIOp::create(b, a, c); }
  Value mul(Value a, int64_t c) { return c == 1 ? a : mul(a, index(c)); }
  Value div(Value a, int64_t c) { return c == 1 ? a : arith::DivUIOp::create(b, a, index(c)); }
  Value rem(Value a, int64_t c) {
    return c == 1 ? index(0) : arith::RemUIOp::create(b, a, index(c));
  }
  Value min(Value a, Value c) { return arith::MinSIOp::create(b, a, c); }
  Value max(Value a, Value c) { return arith::MaxSIOp::create(b, a, c); }
  Value less(Value a, Value c) { return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, a, c); }
  Value select(Value condition, Value a, Value c) {
    return arith::SelectOp::create(b, condition, a, c);
  }

  Value at(Value pointer, Type element, Value offset) {
    return LLVM::GEPOp::create(b, pointer.getType(), element, pointer, ValueRange{offset});
  }
  static int64_t bytesOf(Type type) {
    auto vector = dyn_cast<VectorType>(type);
    return vector ? vector.getNumElements() * vector.getElementTypeBitWidth() / 8
                  : type.getIntOrFloatBitWidth() / 8;
  }
  // An access to an address that is a multiple of its bytes.
  Value load(Type type, Value address) {
    return LLVM::LoadOp::create(b, type, address, static_cast<unsigned>(bytesOf(type)));
  }
  void store(Value value, Value address) {
    LLVM::StoreOp::create(b, value, address, static_cast<unsigned>(bytesOf(value.getType())));
  }

  static Type vectorOf(Type element, int64_t lanes) {
    return lanes == 1 ? element : VectorType::get({lanes}, element);
  }
  // A lane of a vector; a scalar is its own.
  Value extract(Value vector, int64_t lane) {
    if (!isa<VectorType>(vector.getType()))
      return vector;
    return LLVM::ExtractElementOp::create(b, vector, integer(lane));
  }
  Value gather(ArrayRef<Value> lanes);

  ImplicitLocOpBuilder &b;
};

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_GPUARITHMETIC_H
