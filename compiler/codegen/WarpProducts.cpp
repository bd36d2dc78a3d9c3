#include "compiler/codegen/WarpProducts.h"

#include "dialects/plan/ProductTiling.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::hydra;

void mlir::hydra::createMma(ImplicitLocOpBuilder &b, bool half, ArrayRef<Value> a,
                            ArrayRef<Value> c, MutableArrayRef<Value> sums) {
  SmallVector<Type> types(kLaneSums, b.getF32Type());
  Type result = LLVM::LLVMStructType::getLiteral(b.getContext(), types);
  NVVM::MMATypes type = half ? NVVM::MMATypes::bf16 : NVVM::MMATypes::tf32;
  using Types = std::array<NVVM::MMATypes, 2>;
  using Layouts = std::array<NVVM::MMALayout, 2>;
  int64_t depth = half ? plan::kWarpDepth : plan::kWarpDepth / 2;
  Value product = NVVM::MmaOp::create(b, result, ValueRange(a), ValueRange(c), ValueRange(sums),
                                      ArrayRef<int64_t>{plan::kWarpRows, plan::kWarpColumns, depth},
                                      /*b1Op=*/std::nullopt,
                                      /*intOverflow=*/std::nullopt, Types{type, type},
                                      Layouts{NVVM::MMALayout::row, NVVM::MMALayout::col});
  for (auto [number, sum] : llvm::enumerate(sums))
    sum = LLVM::ExtractValueOp::create(b, product, ArrayRef<int64_t>{static_cast<int64_t>(number)});
}

WarpProducts::Pair WarpProducts::loadPair(Value address) {
  if (half)
    return {load(i32(), address)};
  Value both = load(vectorOf(f32(), 2), address);
  return {extract(both, 0), extract(both, 1)};
}

WarpProducts::Pair WarpProducts::ones() {
  return half ? Pair{integer(0x3f803f80)} : Pair{real(1), real(1)};
}

WarpProducts::Pair WarpProducts::narrow(Value first, Value second) {
  if (!half)
    return {first, second};
  Value rounded =
      arith::TruncFOp::create(b, VectorType::get({2}, b.getBF16Type()), gather({first, second}));
  return {LLVM::BitcastOp::create(b, i32(), rounded)};
}

std::array<Value, 2> WarpProducts::widen(const Pair &pair) {
  if (!half)
    return {pair[0], pair[1]};
  auto floatOf = [&](Value bits) { return arith::BitcastOp::create(b, f32(), bits); };
  return {floatOf(arith::ShLIOp::create(b, pair[0], integer(16))),
          floatOf(arith::AndIOp::create(b, pair[0], integer(-0x10000)))};
}

// Both are rounded to the nearest: the large one as an integer, the small one by Veltkamp's split,
// in which NaN stays NaN whatever its bits.
WarpProducts::Halves WarpProducts::split(Value x) {
  constexpr int64_t kDropped = 13; // bits of float32 that tf32 lacks
  Value kept = integer(-(int64_t{1} << kDropped));
  auto bitsOf = [&](Value value) { return arith::BitcastOp::create(b, i32(), value); };
  Value up = arith::AddIOp::create(b, bitsOf(x), integer(int64_t{1} << (kDropped - 1)));
  Value large = arith::AndIOp::create(b, up, kept);
  Value rest = arith::SubFOp::create(b, x, arith::BitcastOp::create(b, f32(), large));
  Value far = arith::MulFOp::create(b, rest, real(double((int64_t{1} << kDropped) + 1)));
  Value small = arith::SubFOp::create(b, far, arith::SubFOp::create(b, far, rest));
  return {large, bitsOf(small)};
}

void WarpProducts::multiply(MutableArrayRef<Value> sums, ArrayRef<Rows> a, ArrayRef<Pair> c) {
  if (half) {
    for (size_t i = 0; i < a.size(); i += 2)
      createMma(b, half, {a[i].top[0], a[i].bottom[0], a[i + 1].top[0], a[i + 1].bottom[0]},
                {c[i][0], c[i + 1][0]}, sums);
    return;
  }
  // Of a product of eight, the lane has elements l mod 4 and four more of the contraction: which
  // ones these are is free, as long as both factors agree.
  for (auto [rows, columns] : llvm::zip(a, c)) {
    std::array<Halves, 4> left = {split(rows.top[0]), split(rows.bottom[0]), split(rows.top[1]),
                                  split(rows.bottom[1])};
    std::array<Halves, 2> right = {split(columns[0]), split(columns[1])};
    SmallVector<Value> large, small, largeRight, smallRight;
    for (const Halves &halves : left) {
      large.push_back(halves.large);
      small.push_back(halves.small);
    }
    for (const Halves &halves : right) {
      largeRight.push_back(halves.large);
      smallRight.push_back(halves.small);
    }
    createMma(b, half, small, largeRight, sums);
    createMma(b, half, large, smallRight, sums);
    createMma(b, half, large, largeRight, sums);
  }
}
