// Products of a warp on the tensor cores, by what each lane holds (PTX ISA, matrix fragments of
// mma.m16n8k16 and m16n8k8): one way of writing them for both kinds of operands.
//
// Matrices come in pieces of eight along the contraction. Of such a piece, lane l holds a pair: the
// elements 2 (l mod 4) and the next one, of a row or column that l / 4 says. Sums of 16 x 8 are
// four: that pair of columns of row l / 4, and of the row eight further down. So what one product
// leaves can be a factor of the next as it stands: its columns are then the contraction.
#ifndef HYDRA_COMPILER_CODEGEN_WARPPRODUCTS_H
#define HYDRA_COMPILER_CODEGEN_WARPPRODUCTS_H

#include "compiler/codegen/GpuArithmetic.h"

namespace mlir::hydra {

// Elements of a piece along the contraction; rows between the two that a lane holds; columns.
inline constexpr int64_t kPiece = 8;
// Sums of one product that a lane holds.
inline constexpr int64_t kLaneSums = 4;

// D = A B + C: a bf16 product has a contraction of 16 (four words of A, two of B), one of tf32 of
// eight. `sums` become D.
void createMma(ImplicitLocOpBuilder &b, bool half, ArrayRef<Value> a, ArrayRef<Value> c,
               MutableArrayRef<Value> sums);

class WarpProducts : public GpuArithmetic {
public:
  // Two neighbours along the contraction: of bf16 a word, of float32 two floats.
  using Pair = SmallVector<Value, 2>;
  // Those of row l / 4 and of the row eight further down.
  struct Rows {
    Pair top, bottom;
  };

  // Operands in bf16, or in float32.
  WarpProducts(ImplicitLocOpBuilder &builder, bool half, Value lane)
      : GpuArithmetic(builder), half(half), quad(div(lane, 4)), pair(mul(rem(lane, 4), 2)) {}

  const bool half;
  const Value quad, pair; // l / 4 and 2 (l mod 4), i64

  Type element() { return half ? Type(b.getBF16Type()) : f32(); }
  // Pieces that a product takes at once.
  int64_t piecesOfProduct() const { return half ? 2 : 1; }

  // A pair from memory, at an address that is a multiple of its bytes.
  Pair loadPair(Value address);
  Pair zero() { return half ? Pair{integer(0)} : Pair{real(0), real(0)}; }
  Pair ones();
  // Two floats, rounded if pairs are.
  Pair narrow(Value first, Value second);
  // The two elements as floats.
  std::array<Value, 2> widen(const Pair &pair);
  // Four sums as pieces of a factor.
  Rows rowsOf(ArrayRef<Value> sums) { return {narrow(sums[0], sums[1]), narrow(sums[2], sums[3])}; }

  // sums += a b over pieces of the contraction, the products in ascending order.
  //
  // A float is the sum of two of tf32 (11 bits each), and a product that of three: what is left out
  // is below 2^-21 of it, of either sign.
  void multiply(MutableArrayRef<Value> sums, ArrayRef<Rows> a, ArrayRef<Pair> c);

private:
  struct Halves {
    Value large, small; // tf32, as words
  };
  Halves split(Value x);
};

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_WARPPRODUCTS_H
