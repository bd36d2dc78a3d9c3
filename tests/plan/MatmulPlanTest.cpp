// Matrices and tiles of matmuls.
#include <gtest/gtest.h>

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "passes/plan/MatmulPlan.h"

namespace mlir::plan {
namespace {

class MatmulPlanTest : public testing::Test {
 protected:
  MatmulPlanTest() { context.loadDialect<hydra::HydraDialect>(); }

  MatmulShape shapeOf(ArrayRef<int64_t> a, ArrayRef<int64_t> b, bool transposeA, bool transposeB,
                      int64_t groups) {
    OpBuilder builder(&context);
    Location location = builder.getUnknownLoc();
    OwningOpRef<ModuleOp> module = ModuleOp::create(location);
    builder.setInsertionPointToEnd(module->getBody());
    auto zeros = [&](ArrayRef<int64_t> shape) -> Value {
      auto type = RankedTensorType::get(shape, builder.getF32Type());
      return hydra::ConstantOp::create(builder, location, DenseElementsAttr::get(type, 0.0f));
    };
    auto op = hydra::MatmulOp::create(builder, location, zeros(a), zeros(b), Value(), Value(),
                                      transposeA, transposeB, groups, TypeAttr());
    return matmulShape(op);
  }

  MLIRContext context;
};

// Every element that the product of the op touches, addressed as the command addresses it, must be
// the element that the description of hydra.matmul names.
TEST_F(MatmulPlanTest, StridesNameTheRightElements) {
  constexpr int64_t kRows = 6, kK = 5, kN = 4;
  for (int64_t g : {1, 3}) {
    // transpose_b: A [rows, g K], B [g N, K] -> [rows, g N]
    MatmulShape s = shapeOf({2, 3, g * kK}, {g * kN, kK}, false, true, g);
    EXPECT_EQ(std::make_tuple(s.m, s.n, s.k), std::make_tuple(kRows, kN, kK));
    for (int64_t p = 0; p < g; ++p) {
      EXPECT_EQ(p * s.groupA + 1 * s.lda + 2, 1 * g * kK + p * kK + 2);
      EXPECT_EQ(p * s.groupB + 3 * s.ldb + 2, (p * kN + 3) * kK + 2);
      EXPECT_EQ(p * s.groupC + 1 * s.ldc + 3, 1 * g * kN + p * kN + 3);
    }
    // none: A [rows, g N], B [g N, K] -> [rows, g K]
    s = shapeOf({2, 3, g * kN}, {g * kN, kK}, false, false, g);
    EXPECT_EQ(std::make_tuple(s.m, s.n, s.k), std::make_tuple(kRows, kK, kN));
    for (int64_t p = 0; p < g; ++p) {
      EXPECT_EQ(p * s.groupA + 1 * s.lda + 2, 1 * g * kN + p * kN + 2);
      EXPECT_EQ(p * s.groupB + 2 * s.ldb + 4, (p * kN + 2) * kK + 4);
      EXPECT_EQ(p * s.groupC + 1 * s.ldc + 4, 1 * g * kK + p * kK + 4);
    }
    // transpose_a: A [rows, g N], B [rows, g K] -> [g N, K]
    s = shapeOf({2, 3, g * kN}, {2, 3, g * kK}, true, false, g);
    EXPECT_EQ(std::make_tuple(s.m, s.n, s.k), std::make_tuple(kN, kK, kRows));
    for (int64_t p = 0; p < g; ++p) {
      EXPECT_EQ(p * s.groupA + 5 * s.lda + 1, 5 * g * kN + p * kN + 1);
      EXPECT_EQ(p * s.groupB + 5 * s.ldb + 4, 5 * g * kK + p * kK + 4);
      EXPECT_EQ(p * s.groupC + 1 * s.ldc + 4, (p * kN + 1) * kK + 4);
    }
  }
}

MatmulShape plain(int64_t m, int64_t n, int64_t k) {
  MatmulShape shape;
  shape.m = m;
  shape.n = n;
  shape.k = k;
  return shape;
}

int64_t tilesOf(const MatmulShape& shape, Tile tile) {
  return (shape.m + tile.m - 1) / tile.m * ((shape.n + tile.n - 1) / tile.n) * shape.groups;
}

TEST(ChooseTile, BigProductsGiveSixteenWorkersWork) {
  for (const MatmulShape& shape :
       {plain(512, 4096, 768), plain(512, 768, 2048), plain(768, 4096, 512), plain(4096, 384, 768),
        plain(512, 50257, 768)})
    EXPECT_GE(tilesOf(shape, chooseTile(shape, hydra::cpuMatmulLibrary())), 12)
        << shape.m << " x " << shape.n << " x " << shape.k;
}

TEST(ChooseTile, SmallProductsStayWhole) {
  MatmulShape shape = plain(64, 64, 64);
  Tile tile = chooseTile(shape, hydra::cpuMatmulLibrary());
  EXPECT_EQ(std::make_pair(tile.m, tile.n), std::make_pair(shape.m, shape.n));
}

// A tile that a row count cuts is computed whole: of products of the first quarter of the rows at
// most a half may be, and where all rows count the tiles must not cost much more.
TEST(ChooseTile, BoundedRowsGetLowerTiles) {
  for (const MatmulShape& shape : {plain(2048, 5632, 768), plain(2048, 768, 2816),
                                   plain(512, 5632, 768), plain(512, 2816, 768)}) {
    const hydra::MatmulLibrary& library = hydra::cpuMatmulLibrary();
    Tile bounded = chooseTile(shape, library, /*rowsBounded=*/true);
    EXPECT_LE(2 * bounded.m, shape.m) << shape.m << " x " << shape.n;
    EXPECT_GE(bounded.m * bounded.n, 64 * 192);
  }
  EXPECT_EQ(chooseTile(plain(2048, 5632, 768), hydra::cpuMatmulLibrary()).m, 2048);
}

TEST(ChooseTile, TilesAreWholeOrMultiplesOf64) {
  for (int64_t m : {1, 7, 64, 100, 512, 1000})
    for (int64_t n : {1, 48, 65, 777, 50257})
      for (int64_t k : {1, 64, 768}) {
        Tile tile = chooseTile(plain(m, n, k), hydra::cpuMatmulLibrary());
        EXPECT_TRUE(tile.m == m || (tile.m < m && tile.m % 64 == 0)) << tile.m;
        EXPECT_TRUE(tile.n == n || (tile.n < n && tile.n % 64 == 0)) << tile.n;
      }
}

}  // namespace
}  // namespace mlir::plan
