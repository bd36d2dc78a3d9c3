// Lowers structural ops to primitives, in the modes that routing wrote on them. Private to this
// folder.
#ifndef HYDRA_PASSES_LOWERING_MODELLOWERING_H
#define HYDRA_PASSES_LOWERING_MODELLOWERING_H

#include "dialects/hydra/ModelRules.h"
#include "dialects/hydra/RoutingModes.h"
#include "mlir/IR/IRMapping.h"
#include "passes/lowering/EntryFunction.h"
#include "passes/lowering/PrimitiveEmitter.h"
#include "passes/lowering/RoutingTerms.h"

#include <map>
#include <optional>
#include <string>
#include <tuple>

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
  bool training = false;            // train: collect what the router losses need
  bool gradients = true;            // straight-through factors, which change no value
  ModelRules rules;                 // of the model
  bool curriculum = false;          // static and dynamic routing: losses that teach from results
  std::optional<Decoding> decoding; // extend
  int64_t ropePositions = 0;        // rows of the rotary table; 0: the sequence length at hand
};

class ModelLowering {
public:
  // Which tokens take part in a pass of a recursion.
  struct ActiveTokens {
    Value mask;  // i32 [B, S], zero where a token does not take part; null: all do
    Value rows;  // how many take part, which come first: tokens are sorted; null: all do
    Value order; // i32 [B S]: sorted token i is token order[i]; null: not sorted
  };

  // Where an op stands.
  struct Place {
    std::string scope; // prefix of parameter names: layers.3
    std::string part;  // prefix of hydra.scope: layers.3.pass.1
    int64_t block = 0; // which of `count` blocks
    int64_t count = 1;
    bool lastPass = true; // of every enclosing recursion
    bool scored = true;   // what depth routers find enters the losses
    ActiveTokens active = {};
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
  // Lowers one op of a spec: structural, or a primitive. Operands that were not lowered stand for
  // themselves.
  FailureOr<SmallVector<Value>> lowerOp(Operation *op, const Place &place);

  // What the losses are made of, empty unless training; and what the host is told, empty in
  // decoding.
  const RoutingTerms &routingTerms() const { return terms; }
  // Updated decoding state, in the order of its arguments.
  ArrayRef<NamedValue> updatedState() const { return state; }
  // Writes the new rows of `value` [B, S, C] into the cache `name` [B, positions, C], which belongs
  // to the decoding state.
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
  // Lowers the ops of a body.
  LogicalResult lowerOps(Block &body, ValueRange arguments, const Place &place);
  // One of one result.
  FailureOr<Value> lowerStructural(Operation *op, const Place &place);

  // OpenLowering.cpp
  FailureOr<Value> lowerWeight(WeightOp op, const Place &place);
  FailureOr<Value> lowerLinear(LinearOp op, const Place &place);
  FailureOr<Value> lowerLayerNorm(LayerNormOp op, const Place &place);
  FailureOr<Value> lowerPositions(PositionEmbeddingOp op, const Place &place);
  FailureOr<Value> lowerDenseAttention(GqaOp op, const Place &place);
  // x times parameter `name`.weight [outputs, in] transposed, plus `name`.bias if `bias`.
  FailureOr<Value> affine(Location location, StringRef name, Value x, int64_t outputs, bool bias);
  // Fails with a diagnostic at `op` where x is not a whole stream [B, S, C].
  LogicalResult requireSequence(Operation *op, Value x);

  // SequencePrimitives.cpp
  FailureOr<SmallVector<Value>> lowerPrimitive(Operation *op, const Place &place);
  FailureOr<SmallVector<Value>> lowerAlongSequence(Operation *op, const Place &place);
  FailureOr<Operation *> instantiate(Operation *op, const Place &place);
  LogicalResult requireWholeSequences(Operation *op);
  std::string stateScope(Operation *op, const Place &place);
  LogicalResult decodeRope(RopeOp op);
  LogicalResult keepSequence(AttentionOp op, const std::string &scope);
  LogicalResult keepSequence(ShiftOp op, const std::string &scope);
  LogicalResult keepSequence(CausalConvOp op, const std::string &scope);

  // Calls.cpp
  FailureOr<SmallVector<Value>> lowerCall(CallOp op, const Place &place);

  // RecursionLowering.cpp: the paths of a recursion, and the router of those that have one.
  struct RoutedDepth {
    Value probability; // [B, S]
    Value scaled;      // p (R - 1)
    Value logit;
    Value depth; // i32: how many passes a token makes, less one
  };
  class Passes;
  FailureOr<Value> lowerRecursion(RecursionOp op, RecursionMode mode, const Place &place);
  FailureOr<Value> lowerFixed(RecursionOp op, const Place &place);
  FailureOr<Value> lowerAdaptive(RecursionOp op, const Place &place);
  // The routed path, and that of fixed depth, which runs the same passes.
  struct Paths {
    Value routed, fixed;
  };
  FailureOr<Paths> lowerMixture(RecursionOp op, const Place &place);
  FailureOr<Paths> lowerPicked(RecursionOp op, const Place &place);
  LogicalResult scorePasses(RecursionOp op, ArrayRef<Value> states, const Place &place);
  // Both paths of a blend, each followed by the norm that finishes it. Returns the op whose result
  // it has mapped: that norm, or the recursion itself.
  FailureOr<Operation *> lowerBlend(RecursionOp op, const Place &place);
  FailureOr<RoutedDepth> routeDepth(RecursionOp op, Value h, const Place &place);
  void countPasses(RecursionOp op, Value depth, const Place &place);
  LogicalResult addPonder(RecursionOp op, const RoutedDepth &routed, const Place &place);
  Value withDepthGradient(RecursionOp op, Value state, const RoutedDepth &routed,
                          const Place &place);
  FailureOr<Value> sortedPasses(RecursionOp op, Value h, Value depth, const Place &place);
  FailureOr<Value> maskedPasses(RecursionOp op, Value h, Value depth, const Place &place);

  // DepthRoutingLowering.cpp
  // Whether the scores of a call enter the losses: those of the latest call, or all (Q10).
  bool scoresCount(const Place &place, bool lastPass) const {
    return place.scored && (request.rules.allPasses || (place.lastPass && lastPass));
  }

  // DepthSelection.cpp: which tokens, and how many there can be.
  struct Selection {
    Value chosen; // i32 [B, S]
    Value index;  // i32 [B, k]; null: not a fixed number
    int64_t limit;
  };
  FailureOr<Selection> select(DepthRoutingOp op, Value score, const Place &place);
  Value selectOfCount(DepthRoutingOp op, Value score);
  Value selectOfPrefix(DepthRoutingOp op, Value score, const Place &place, bool keeps);
  Value newTokens(int64_t batch, int64_t sequence);

  FailureOr<Value> lowerSelected(DepthRoutingOp op, Value x, Value score, Value probability,
                                 const Place &place);
  void countSelected(DepthRoutingOp op, Value count, const Place &place);
  void recordScores(const DepthTerms &depth, const Place &place);
  LogicalResult addDepthTerms(DepthRoutingOp op, Value score, Value probability,
                              const Place &place);
  LogicalResult addPredictorTerm(DepthRoutingOp op, Value score, Value chosen, const Place &place);

  // ExpertsLowering.cpp
  struct Choice {
    Value index;  // i32 [B, S, k]
    Value weight; // [B, S, k]; null: 1 / k each
  };
  Choice chooseExperts(ExpertsOp op, Value logits);
  Choice forceExperts(ExpertsOp op, ArrayRef<int64_t> shape);
  LogicalResult addExpertTerms(ExpertsOp op, Value logits, Value index);
  Value withinCapacity(ExpertsOp op, CountingSortOp sort, const Choice &choice);
  void recordDivergence(ArrayRef<Value> weights, int64_t layer);
  FailureOr<Value> runExperts(ExpertsOp op, Value x, const Choice &choice, int64_t layer);

  // Counts, for the host to refuse, the scores of the router `layer` that are not numbers.
  void checkScores(const std::string &layer, Value scores);
  // The control scalar `name`, whose initial value is `initial` for every op that asks for it.
  FailureOr<Value> control(Operation *op, StringRef name, double initial);
  // An input, added when first asked for.
  Value input(Location location, StringRef name, RankedTensorType type);
  // Rows of a [passes, ..., D] parameter, each [1, D].
  SmallVector<Value> rowsOf(Value parameter, int64_t passes, int64_t width);
  Value ropeTable(int64_t positions, int64_t headDim, double theta);
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
  std::map<std::tuple<int64_t, int64_t, double>, Value> ropeTables;
  DenseSet<Value> tokenless;                          // parameters and what is made of them alone
  std::map<std::string, int64_t> unnamedStates;       // by scope and kind of op: how many there are
  std::map<std::string, CallOp> callScopes;           // who claims a scope
  std::map<int64_t, SmallVector<Value>> selectedRows; // by block: i32 scalar per selection made
  Value blend;                                        // of the recursion at hand; null: 1
  RoutingTerms terms;
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
