// Lowers structural ops to primitives at fixed depth. Private to this folder.
#ifndef HYDRA_PASSES_LOWERING_MODELLOWERING_H
#define HYDRA_PASSES_LOWERING_MODELLOWERING_H

#include "mlir/IR/IRMapping.h"
#include "passes/lowering/EntryFunction.h"
#include "passes/lowering/PrimitiveEmitter.h"

#include <map>
#include <optional>

namespace mlir::hydra {

// Where the values of parameters come from: arguments of an entry that exist already, or
// arguments added to a function on demand.
class ParameterSource {
public:
  virtual ~ParameterSource() = default;
  // The float32 parameter `name`. Null after a diagnostic at `location`.
  virtual Value get(Location location, StringRef name, ArrayRef<int64_t> shape) = 0;
};

// State of incremental decoding (model.md 16).
struct Decoding {
  Value position, count; // i32 [B]
  int64_t cache;         // positions of the caches
};

// What an entry asks of the lowering.
struct LoweringRequest {
  bool balanceLosses = false;       // train: collect the balance losses of depth routing
  std::optional<Decoding> decoding; // extend
  int64_t ropePositions = 0;        // rows of the rotary table; 0: the sequence length at hand
};

class ModelLowering {
public:
  // Where an op stands.
  struct Place {
    std::string scope; // prefix of parameter names: layers.3
    std::string part;  // prefix of hydra.scope: layers.3.pass.1
    int64_t block = 0; // which of `count` blocks
    int64_t count = 1;
    bool lastPass = true; // of every enclosing recursion
  };

  struct NamedValue {
    std::string name;
    Value value;
  };

  ModelLowering(PrimitiveEmitter &emit, EntryFunction &function, ParameterSource &parameters,
                const LoweringRequest &request)
      : emit(emit), function(function), parameters(parameters), request(request) {}

  // Lowers the ops of a body that maps `arguments` to one value, and returns that value.
  FailureOr<Value> lowerBody(Block &body, ValueRange arguments, const Place &place);
  // Lowers one structural op; operands that were not lowered stand for themselves.
  FailureOr<Value> lowerOp(Operation *op, const Place &place);

  // Balance losses of depth routing, weighted, in block order.
  ArrayRef<Value> balanceLosses() const { return losses; }
  // Updated decoding state, in the order of its arguments.
  ArrayRef<NamedValue> updatedState() const { return state; }
  // Writes the new rows of `value` [B, S, C] into the cache `name` [B, positions, C], which belongs to
  // the decoding state.
  Value cached(StringRef name, Value value);

private:
  FailureOr<Value> lowerEmbedding(TokenEmbeddingOp op, const Place &place);
  FailureOr<Value> lowerHead(LmHeadOp op, const Place &place);
  FailureOr<Value> lowerNorm(NormOp op, const Place &place);
  FailureOr<Value> lowerResidual(ResidualOp op, const Place &place);
  FailureOr<Value> lowerMlp(MlpOp op, const Place &place);
  FailureOr<Value> lowerBlocks(BlocksOp op, const Place &place);
  FailureOr<Value> lowerRecursion(RecursionOp op, const Place &place);
  FailureOr<Value> lowerDepthRouting(DepthRoutingOp op, const Place &place);
  FailureOr<Value> lowerExperts(ExpertsOp op, const Place &place);
  FailureOr<Value> lowerAttention(CcgqaOp op, const Place &place);

  LogicalResult addBalanceLoss(DepthRoutingOp op, Value x, const Place &place);
  // The control scalar a_mod with the spec's value as its initial one.
  FailureOr<Value> balanceWeight(DepthRoutingOp op, double initial);
  // Rows of a [passes, ..., D] parameter, each [1, D].
  SmallVector<Value> rowsOf(Value parameter, int64_t passes, int64_t width);
  Value ropeTable(int64_t positions, int64_t headDim);
  // Decoding state: an argument, null outside of decoding; and its new value.
  Value stateArgument(StringRef name, ArrayRef<int64_t> shape);
  void keepState(StringRef name, Value value);
  void keepTail(StringRef name, Value history, Value x);

  Value lowered(Value value) { return mapping.lookupOrDefault(value); }

  PrimitiveEmitter &emit;
  EntryFunction &function;
  ParameterSource &parameters;
  LoweringRequest request;
  IRMapping mapping;
  std::map<std::pair<int64_t, int64_t>, Value> ropeTables;
  SmallVector<Value> losses;
  SmallVector<NamedValue> state;
};

// Instantiates `model` for one entry: a function at the end of the module that `model` stands in.
struct EntryRequest;
struct EntrySettings {
  int64_t cache = 0;      // extend: positions of the caches
  bool allLogits = false; // extend: project every row to the vocabulary, not only the last ones
};
LogicalResult lowerEntry(LanguageModelOp model, const EntryRequest &entry, StringRef variant,
                         const EntrySettings &settings, int64_t &primitives);

// Lowers the structural ops of an ordinary function in place.
LogicalResult lowerFunction(func::FuncOp function, int64_t &primitives);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_MODELLOWERING_H
