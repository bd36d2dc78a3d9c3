// The hydra dialect, its tiers, and the type constraints all its ops share.
#ifndef HYDRA_BASE_TD
#define HYDRA_BASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/hydra/HydraInterfaces.td"

def Hydra_Dialect : Dialect {
  let name = "hydra";
  let cppNamespace = "::mlir::hydra";
  let summary = "Transformers with dynamic routing, as values";
  let description = [{
    ```
    spec (.mlir, config.json)
       |  frontend
       v
    [ hydra: model tier ] --routing--> [ hydra: primitive tier ] --fusion--> [ hydra: fused tier ] --> plan
       hydra.model, hydra.ccgqa,         matmul, rms_norm, attention,          hydra.fusion
       hydra.recursion, ...              adamw, ...
    ```

    Values are tensors and parameters; there is no memory, no order beyond data flow, and no device. Every op
    carries one of three tier traits and the stages remove tiers from the top:

    * **model**: structure. A spec reads like the model; parameters are implied by the structural ops and named
      by their scope (`layers.3.attention.qkv_proj.weight`). Sequence shapes are dynamic. Primitives may stand
      between them, with batch and sequence dynamic, if they keep tokens apart (`TokenWiseOpInterface`) or work
      along the sequence (`AlongSequence`); others on values that do not depend on tokens.
    * **primitive**: a small closed set of mathematical operations on static shapes. Each one has an
      interpretation, a cost, an emission and either a derivative or the `NotDifferentiable` trait.
    * **fused**: groups of primitives with a kind and a reason.

    **Invariant on exit** of the last stage that owns this dialect (fusion): every op outside `hydra.fusion` is a
    primitive, shapes are static, every function argument and result carries a `hydra.binding`.

    **Rows.** Row-wise primitives take an optional `rows` operand, a scalar i32: of the leading dimensions,
    flattened, only the first `rows` rows are defined; the others never influence a result, and their
    contents in a result are unspecified. Counts save time, not memory.

    **Sequences.** While decoding, a [B, S, C] tensor holds the next tokens of B sequences: `position` [B] is the
    number of tokens that a sequence had before, and row (b, s) is valid exactly if s < `count[b]`, clamped to 0 .. S.
    Ops that look across rows take both; a row that is not valid is never read by them, writes no state, and
    what stands there in a result is unspecified. A sequence begins at position 0, whatever its state holds.

    **Not for**: buffers, strides, launch order, threads (the plan dialect), and machine facts (the target tables).
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::func::FuncDialect"];
  // Attributes that begin with "hydra." are ours to refuse (HydraDialect.h lists those that exist).
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
}

// Tiers. Verify<Stage> passes are derived from these traits. They also refuse undeclared attributes, and do so
// before anything else is verified: a misspelt name explains a missing one.
class TierTrait<string name> : NativeOpTrait<name>, StructuralOpTrait { let cppNamespace = "::mlir::hydra"; }
def ModelTier : TierTrait<"ModelTier">;
def PrimitiveTier : TierTrait<"PrimitiveTier">;
def FusedTier : TierTrait<"FusedTier">;
// No adjoint exists or is wanted; autodiff refuses to pass through, naming the op.
def NotDifferentiable : NativeOpTrait<"NotDifferentiable"> { let cppNamespace = "::mlir::hydra"; }

def Hydra_FloatTensor : AnyTypeOf<[RankedTensorOf<[F32, BF16, F64]>], "tensor of f32, bf16 or f64">;
def Hydra_IntTensor : AnyTypeOf<[RankedTensorOf<[I32]>], "tensor of i32">;
def Hydra_Tensor : AnyTypeOf<[RankedTensorOf<[F32, BF16, F64, I32]>], "tensor of f32, bf16, f64 or i32">;
def Hydra_ScalarFloat : 0DTensorOf<[F32, F64]>;
def Hydra_ScalarInt : 0DTensorOf<[I32]>;
// One number per sequence of a batch: [B].
def Hydra_PerSequence : 1DTensorOf<[I32]>;

// Works along the axes [B, S] of a stream whose extents are dynamic in a spec; what it needs in decoding, position,
// count, history or cache, is given to it by the lowering (passes/lowering/SequencePrimitives.cpp).
def AlongSequence : NativeOpTrait<"AlongSequence"> { let cppNamespace = "::mlir::hydra"; }

class Hydra_Op<string mnemonic, list<Trait> traits = []> : Op<Hydra_Dialect, mnemonic, traits>;

// A structural op of the model tier.
class Hydra_ModelOp<string mnemonic, list<Trait> traits = []>
    : Hydra_Op<mnemonic, !listconcat([ModelTier], traits)>;

// A primitive: pure, static shapes, result types inferred (and thereby verified) from the operands.
class Hydra_PrimitiveOp<string mnemonic, list<Trait> traits = []>
    : Hydra_Op<mnemonic, !listconcat(
          [PrimitiveTier, Pure, InferTypeOpAdaptor], traits)> {
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

#endif // HYDRA_BASE_TD
