// Interpretation of the matrix products (HydraMatmulOps.td).
#include "compiler/interpreter/Interpretation.h"
#include "compiler/interpreter/MatrixProduct.h"

using namespace mlir;
using namespace mlir::hydra;

static LogicalResult interpretMatmul(MatmulOp op, InterpreterFrame &frame) {
  const TensorValue &a = frame.get(op.getA()), &b = frame.get(op.getB());
  TensorValue result =
      op.getAccumulator() ? frame.get(op.getAccumulator()) : frame.zerosLike(op.getResult());
  int64_t rows = frame.rowCount(op.getRows(), a.rows());
  int64_t groups = op.getGroups();
  int64_t aColumns = a.columns(), bColumns = b.columns(), columns = result.columns();
  // The sum is taken on its own and added to the accumulator at the end, rounding once.
  TensorValue product = frame.zerosLike(op.getResult());
  for (int64_t g = 0; g < groups; ++g) {
    if (op.getTransposeA()) {
      int64_t m = aColumns / groups, n = bColumns / groups;
      addMatrixProduct(m, n, rows, {a.data() + g * m, 1, aColumns}, {b.data() + g * n, bColumns, 1},
                       product.row(g * m), columns);
    } else if (op.getTransposeB()) {
      int64_t k = aColumns / groups, n = b.rows() / groups;
      addMatrixProduct(rows, n, k, {a.data() + g * k, aColumns, 1}, {b.row(g * n), 1, bColumns},
                       product.data() + g * n, columns);
    } else {
      int64_t k = aColumns / groups;
      addMatrixProduct(rows, bColumns, k, {a.data() + g * k, aColumns, 1},
                       {b.row(g * k), bColumns, 1}, product.data() + g * bColumns, columns);
    }
  }
  for (int64_t i = 0; i < result.size(); ++i)
    result[i] += product[i];
  if (!op.getTransposeA())
    result.poisonRows(rows);
  frame.set(op.getResult(), std::move(result));
  return success();
}

void mlir::hydra::attachMatmulInterpretation(MLIRContext *context) {
  attachInterpretation<MatmulOp, interpretMatmul>(context);
}
