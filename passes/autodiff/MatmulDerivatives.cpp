// Derivative of the matrix product (HydraMatmulOps.td).
#include "passes/autodiff/DerivativeModels.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

// With blocks A_g, B_g, Y_g of a grouped product, the three forms are each other's derivatives:
//
//   transpose_b  Y = A B^T    dA = dY B      dB = dY^T A
//   none         Y = A B      dA = dY B^T    dB = A^T dY
//   transpose_a  Y = A^T B    dA = B dY^T    dB = A dY
//
// In each, the operand that is summed over rows, or whose rows are computed, is bounded by `rows`.
struct MatmulDerivative : Derivative<MatmulDerivative, MatmulOp> {
  enum class Form { none, transposeA, transposeB };

  LogicalResult adjoint(MatmulOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool> needed,
                        MutableArrayRef<Value> result) const {
    Value left = op.getA(), right = op.getB();
    // A float32 product of bf16 operands: its gradient is rounded like an operand.
    Value dy = b.cast(gradients[0], tensorType(left).getElementType());
    auto product = [&](Form form, Value x, Value y, Value like) {
      auto z = MatmulOp::create(b.getBuilder(), b.getLoc(), x, y, Value(), op.getRows(),
                                form == Form::transposeA, form == Form::transposeB, op.getGroups(),
                                /*element_type=*/TypeAttr(), op.getFullPrecision());
      return b.reshape(z, tensorType(like).getShape());
    };
    bool transposeA = op.getTransposeA(), transposeB = op.getTransposeB();
    if (needed[0])
      result[0] = transposeA   ? product(Form::transposeB, right, dy, left)
                  : transposeB ? product(Form::none, dy, right, left)
                               : product(Form::transposeB, dy, right, left);
    if (needed[1])
      result[1] = transposeA   ? product(Form::none, left, dy, right)
                  : transposeB ? product(Form::transposeA, dy, left, right)
                               : product(Form::transposeA, left, dy, right);
    if (op.getAccumulator() && needed[2])
      result[2] = gradients[0];
    return success();
  }
};

} // namespace

void hydra::attachMatmulDerivatives(MLIRContext *context) {
  MatmulOp::attachInterface<MatmulDerivative>(*context);
}
