// Builds primitives with the location and scope of the structural op being lowered.
#ifndef HYDRA_PASSES_LOWERING_PRIMITIVEEMITTER_H
#define HYDRA_PASSES_LOWERING_PRIMITIVEEMITTER_H

#include "dialects/hydra/HydraDialect.h"

namespace mlir::hydra {

// Every op created through it gets the attribute hydra.scope. Operands must fit; specs are checked
// before they get here.
class PrimitiveEmitter : private OpBuilder::Listener {
public:
  explicit PrimitiveEmitter(Block *block);
  PrimitiveEmitter(const PrimitiveEmitter &) = delete;

  // Location and scope of what is created from now on; the destructor restores the previous ones.
  class Region {
  public:
    Region(PrimitiveEmitter &emitter, Location location, StringRef scope);
    ~Region();
    Region(const Region &) = delete;

  private:
    PrimitiveEmitter &emitter;
    Location location;
    StringAttr scope;
  };

  // Row-wise ops created while it lives compute the first `rows` rows only, all if it is null; the
  // destructor restores the previous bound.
  class Rows {
  public:
    Rows(PrimitiveEmitter &emitter, Value rows) : emitter(emitter), outer(emitter.currentRows) {
      emitter.currentRows = rows;
    }
    ~Rows() { emitter.currentRows = outer; }
    Rows(const Rows &) = delete;

  private:
    PrimitiveEmitter &emitter;
    Value outer;
  };

  Value rows() const { return currentRows; }
  OpBuilder &builder() { return opBuilder; }
  Location location() const { return currentLocation; }
  int64_t created() const { return count; }

  // A float32 scalar.
  Value scalar(double value);
  Value binary(BinaryKind kind, Value a, Value b);
  Value add(Value a, Value b) { return binary(BinaryKind::add, a, b); }
  Value sub(Value a, Value b) { return binary(BinaryKind::sub, a, b); }
  Value mul(Value a, Value b) { return binary(BinaryKind::mul, a, b); }
  Value scaled(Value a, double factor);
  Value unary(UnaryKind kind, Value x);
  Value stop(Value x);
  Value select(Value mask, Value a, Value b);
  Value toFloat(Value x);
  Value toInteger(Value x); // truncates
  Value broadcast(Value x, ArrayRef<int64_t> shape);
  // min(max(x, low), high), which passes the gradient at its bounds.
  Value clamp(Value x, double low, double high);
  // log(1 + exp(x)) for x of moderate size.
  Value softplus(Value x);
  Value sum(Value x);      // over all elements
  Value mean(Value x);     // over all elements
  Value variance(Value x); // unbiased, over all elements
  Value reduce(ReduceKind kind, ReduceAxes axes, Value x);
  Value sumLast(Value x);                // [..., C] -> [..., 1]
  Value sumLeading(Value x);             // [..., C] -> [C]
  Value average(ArrayRef<Value> values); // of one shape, in their order
  Value vector(ArrayRef<Value> scalars); // [N] of N scalars of one type
  // Integers known at compile time: a scalar, or a vector.
  Value integer(int32_t value);
  Value integers(ArrayRef<int32_t> values, ArrayRef<int64_t> shape);
  // Rows of a matrix by index, and back; see the ops. `rows` bounds the index list.
  Value gatherRows(Value x, Value index, Value rows, bool unique);
  Value scatterRows(Value x, Value index, Value rows, int64_t size, bool unique,
                    double scale = 1.0);
  // x [..., in] times weight [out, in] transposed.
  Value linear(Value x, Value weight);
  // The same for the scores of a router, which stay float32 in any precision.
  Value routerScores(Value x, Value weight);
  Value rmsNorm(Value x, Value weight, double eps);
  Value reshape(Value x, ArrayRef<int64_t> shape);
  SmallVector<Value> split(Value x, ArrayRef<int64_t> sizes);
  // Names the first result of the op behind `value`, unless it has a name.
  void probe(Value value, const Twine &name);

  static ArrayRef<int64_t> shapeOf(Value value) {
    return cast<RankedTensorType>(value.getType()).getShape();
  }

private:
  void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint) override;

  OpBuilder opBuilder;
  Location currentLocation;
  StringAttr currentScope;
  Value currentRows;
  int64_t count = 0;
};

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_PRIMITIVEEMITTER_H
