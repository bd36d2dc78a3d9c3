// How the files of this folder attach their rules to the ops. Private to this folder.
#ifndef HYDRA_COMPILER_INTERPRETER_INTERPRETATION_H
#define HYDRA_COMPILER_INTERPRETER_INTERPRETATION_H

#include "compiler/interpreter/InterpreterFrame.h"
#include "dialects/hydra/HydraDialect.h"

namespace mlir::hydra {

/// The external model whose `interpret` calls one function `LogicalResult rule(OpT,
/// InterpreterFrame &)`.
template <typename OpT, LogicalResult (*rule)(OpT, InterpreterFrame &)>
struct Interpretation : InterpretableOpInterface::ExternalModel<Interpretation<OpT, rule>, OpT> {
  LogicalResult interpret(Operation *op, InterpreterFrame &frame) const {
    return rule(cast<OpT>(op), frame);
  }
};

template <typename OpT, LogicalResult (*rule)(OpT, InterpreterFrame &)>
void attachInterpretation(MLIRContext *context) {
  OpT::template attachInterface<Interpretation<OpT, rule>>(*context);
}

// One function per file of rules.
void attachElementwiseInterpretation(MLIRContext *context);
void attachReshapingInterpretation(MLIRContext *context);
void attachMatmulInterpretation(MLIRContext *context);
void attachRowInterpretation(MLIRContext *context);
void attachSequenceInterpretation(MLIRContext *context);
void attachAttentionInterpretation(MLIRContext *context);
void attachMoveInterpretation(MLIRContext *context);
void attachRoutingPrimitiveInterpretation(MLIRContext *context);
void attachLossInterpretation(MLIRContext *context);
void attachSamplingInterpretation(MLIRContext *context);
void attachStructureInterpretation(MLIRContext *context);
void attachRoutingInterpretation(MLIRContext *context);
void attachCcgqaInterpretation(MLIRContext *context);
void attachOpenInterpretation(MLIRContext *context);
void attachRowProgramInterpretation(MLIRContext *context);

/// `value` as an index in 0 .. extent-1; nullopt for NaN, which marks an unspecified row.
std::optional<int64_t> clampedIndex(double value, int64_t extent);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_INTERPRETER_INTERPRETATION_H
