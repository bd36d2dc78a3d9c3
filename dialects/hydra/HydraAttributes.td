// Attributes and enumerations of the hydra dialect.
#ifndef HYDRA_ATTRIBUTES_TD
#define HYDRA_ATTRIBUTES_TD

include "dialects/hydra/HydraBase.td"

class Hydra_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::hydra";
  let genSpecializedAttr = 0;
}
class Hydra_EnumAttr<I32EnumAttr enum, string mnemonic>
    : EnumAttr<Hydra_Dialect, enum, mnemonic> {
  let assemblyFormat = "`<` $value `>`";
}

def Hydra_UnaryKind : Hydra_Enum<"UnaryKind", "elementwise function of one value", [
  I32EnumAttrCase<"neg", 0>, I32EnumAttrCase<"exp", 1>, I32EnumAttrCase<"log", 2>,
  I32EnumAttrCase<"tanh", 3>, I32EnumAttrCase<"sigmoid", 4>, I32EnumAttrCase<"sqrt", 5>,
  I32EnumAttrCase<"rsqrt", 6>, I32EnumAttrCase<"square", 7>, I32EnumAttrCase<"reciprocal", 8>,
  I32EnumAttrCase<"round", 9>, I32EnumAttrCase<"silu", 10>, I32EnumAttrCase<"gelu", 11>]>;
def Hydra_UnaryKindAttr : Hydra_EnumAttr<Hydra_UnaryKind, "unary_kind">;

def Hydra_BinaryKind : Hydra_Enum<"BinaryKind", "elementwise function of two values", [
  I32EnumAttrCase<"add", 0>, I32EnumAttrCase<"sub", 1>, I32EnumAttrCase<"mul", 2>,
  I32EnumAttrCase<"div", 3>, I32EnumAttrCase<"max", 4>, I32EnumAttrCase<"min", 5>,
  I32EnumAttrCase<"ge", 6>, I32EnumAttrCase<"gt", 7>, I32EnumAttrCase<"eq", 8>]>;
def Hydra_BinaryKindAttr : Hydra_EnumAttr<Hydra_BinaryKind, "binary_kind">;

def Hydra_ReduceKind : Hydra_Enum<"ReduceKind", "associative reduction", [
  I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"max", 1>]>;
def Hydra_ReduceKindAttr : Hydra_EnumAttr<Hydra_ReduceKind, "reduce_kind">;

def Hydra_ReduceAxes : Hydra_Enum<"ReduceAxes", "which axes a reduction removes", [
  I32EnumAttrCase<"last", 0>,      // [..., C] -> [..., 1]
  I32EnumAttrCase<"leading", 1>,   // [..., C] -> [C]
  I32EnumAttrCase<"all", 2>]>;     // [...]    -> []
def Hydra_ReduceAxesAttr : Hydra_EnumAttr<Hydra_ReduceAxes, "reduce_axes">;

def Hydra_FusionKind : Hydra_Enum<"FusionKind", "who owns loops, tiling and reductions of a region", [
  I32EnumAttrCase<"rows", 0>, I32EnumAttrCase<"columns", 1>, I32EnumAttrCase<"window", 2>,
  I32EnumAttrCase<"move", 3>, I32EnumAttrCase<"attention_forward", 4>,
  I32EnumAttrCase<"attention_backward", 5>,
  I32EnumAttrCase<"update", 7>, I32EnumAttrCase<"matmul", 8>, I32EnumAttrCase<"alias", 9>,
  I32EnumAttrCase<"sample", 10>,
  I32EnumAttrCase<"place", 11>]>;        // no kernel: operands lie at their places in the result
def Hydra_FusionKindAttr : Hydra_EnumAttr<Hydra_FusionKind, "fusion_kind">;

def Hydra_BindingKind : Hydra_Enum<"BindingKind", "what a function argument or result stands for", [
  I32EnumAttrCase<"input", 0>,          // written by the host before a launch
  I32EnumAttrCase<"output", 1>,         // read by the host after a launch
  I32EnumAttrCase<"parameter", 2>,      // trained weight
  I32EnumAttrCase<"gradient", 3>,       // float32 gradient accumulator of a parameter
  I32EnumAttrCase<"optimizer", 4>,      // optimizer state: m/NAME, v/NAME, steps, present
  I32EnumAttrCase<"control", 5>,        // scalar in the control block, written by the host
  I32EnumAttrCase<"control_state", 6>,  // result-dependent state that lives on the device
  I32EnumAttrCase<"cache", 7>,          // decoding state
  I32EnumAttrCase<"derived", 8>]>;      // bf16 copy of a parameter, made by entry `derive`
def Hydra_BindingKindAttr : Hydra_EnumAttr<Hydra_BindingKind, "binding_kind">;

class Hydra_Attr<string name, string attrMnemonic> : AttrDef<Hydra_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Hydra_BindingAttr : Hydra_Attr<"Binding", "binding"> {
  let summary = "Connects a function argument or result with a named buffer of the runtime";
  let description = [{
    Attribute `hydra.binding` of arguments and results. A result whose binding equals that of an argument
    updates that argument in place. Example: `#hydra.binding<parameter "layers.0.norm1.weight">`.
  }];
  let parameters = (ins EnumParameter<Hydra_BindingKind>:$kind, "::mlir::StringAttr":$name);
  let assemblyFormat = "`<` $kind $name `>`";
  let genVerifyDecl = 1;
}

def Hydra_EntryAttr : Hydra_Attr<"Entry", "entry"> {
  let summary = "Which entry point a function is: name, batch, sequence length, variant";
  let description = [{
    Attribute `hydra.entry` of functions. Names: `train` (before autodiff), `accumulate`, `apply`, `eval`,
    `extend`. A variant is what changes the program, e.g. `fixed`. Example:
    `#hydra.entry<"train", 8 x 512, "fixed">`. `apply` has no shape: 0 x 0.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "int64_t":$batch, "int64_t":$seq,
                        "::mlir::StringAttr":$variant);
  let assemblyFormat = "`<` $name `,` $batch `x` $seq `,` $variant `>`";
  let genVerifyDecl = 1;
}

def Hydra_InitKind : Hydra_Enum<"InitKind", "initial values of a parameter", [
  I32EnumAttrCase<"constant", 0>, I32EnumAttrCase<"normal", 1>]>;
def Hydra_InitKindAttr : Hydra_EnumAttr<Hydra_InitKind, "init_kind">;

def Hydra_InitAttr : Hydra_Attr<"Init", "init"> {
  let summary = "Initial values: constant<value>, or normal<standard deviation> (model.md 12)";
  let parameters = (ins EnumParameter<Hydra_InitKind>:$kind, "::mlir::FloatAttr":$value);
  let assemblyFormat = "`<` $kind $value `>`";
}

#endif // HYDRA_ATTRIBUTES_TD
