// Products with 16 lanes: of floats, or of pairs of bf16 values with float32 sums, on vectors or on
// AMX tiles, whichever the level has.
#ifndef HYDRA_COMPILER_CODEGEN_LANEPRODUCTS_H
#define HYDRA_COMPILER_CODEGEN_LANEPRODUCTS_H

#include "compiler/codegen/KernelEmitter.h"

namespace mlir::hydra {

// out[r][0..15] = sum over i < depth of a[r * aRow + i * aStep] * b[i * bStep + 0..15], in
// ascending i, for `rows` rows r at r * outRow; on top of what is there if `add`. Strides count
// words of 4 bytes. Of bf16 a and b hold pairs, whose two products are both added, and aStep is 1.
struct LaneProduct {
  Value a;
  int64_t aRow, aStep;
  Value b;
  int64_t bStep;
  Value out;
  int64_t outRow;
  int64_t rows, depth;
  bool add;
  int64_t rowsAtOnce; // of a tile of vector registers
};

class LaneProducts {
public:
  LaneProducts(KernelEmitter &e, bool half);

  void multiply(const LaneProduct &product);
  // bf16 values of two vectors of floats, one behind the other, as 16 words; the same with the
  // values of one lane beside each other.
  Value roundBoth(Value first, Value second);
  Value interleave(Value words);
  // The floats of the first or second vector that roundBoth made `words` of.
  Value widen(Value words, int64_t which);
  // Whether code of `level` can multiply bf16 at all.
  static bool hasBf16(const CpuFacts &level);

private:
  void multiplyVectors(const LaneProduct &product);
  void multiplyVectorTile(const LaneProduct &product, Value firstRow, int64_t rows);
  void multiplyTiles(const LaneProduct &product);
  void multiplyTileRows(const LaneProduct &product, Value firstRow, int64_t rows);
  Value addProduct(Value factor, Value lanes, Value sum);
  Value call(StringRef intrinsic, Type result, ValueRange operands);

  KernelEmitter &e;
  const bool half, tiles;
};

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_LANEPRODUCTS_H
