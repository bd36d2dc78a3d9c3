// The plan dialect: memory and order. One to one with runtime/artifact/artifact.fbs and
// runtime/base/command.h; a test compares the three.
#ifndef PLAN_OPS_TD
#define PLAN_OPS_TD

include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/hydra/HydraAttributes.td"
include "dialects/plan/PlanBase.td"
include "dialects/plan/AttentionTiling.td"
include "dialects/plan/RowSchedule.td"

def Plan_RefAttr : AttrDef<Plan_Dialect, "Ref"> {
  let mnemonic = "ref";
  let summary = "Bytes of a region, from the region's start: a range, or rows of a matrix";
  let description = [{
    `<arena, 64, 128>` is a range. `<arena, 64, 112 rows 16 every 32>` is a view: rows of 16 bytes at multiples of
    32, 112 bytes from the first byte of the first row to the last of the last. `step 64` moves the place by so
    many bytes per iteration of the innermost `plan.repeat` around it. Fields as in artifact.fbs BufferRef.
  }];
  let parameters = (ins EnumParameter<Plan_Region>:$region, "int64_t":$offset, "int64_t":$bytes,
                        DefaultValuedParameter<"int64_t", "0">:$row_bytes,
                        DefaultValuedParameter<"int64_t", "0">:$pitch,
                        DefaultValuedParameter<"int64_t", "0">:$repeat_step);
  let builders = [AttrBuilder<(ins "Region":$region, "int64_t":$offset, "int64_t":$bytes), [{
    return $_get($_ctxt, region, offset, bytes, 0, 0, 0);
  }]>];
  let assemblyFormat = [{
    `<` $region `,` $offset `,` $bytes (`rows` $row_bytes^ `every` $pitch)? (`step` $repeat_step^)? `>`
  }];
}
def Plan_RefArrayAttr : TypedArrayAttrBase<Plan_RefAttr, "array of #plan.ref">;

def Plan_GeometryAttr : AttrDef<Plan_Dialect, "Geometry"> {
  let mnemonic = "geometry";
  let summary = "Extents of a launch on a device with blocks of threads: three each";
  let parameters = (ins ArrayRefParameter<"uint32_t">:$grid, ArrayRefParameter<"uint32_t">:$block,
                        ArrayRefParameter<"uint32_t">:$cluster, "int64_t":$shared_bytes);
  let assemblyFormat = [{
    `<` `grid` `[` $grid `]` `block` `[` $block `]` `cluster` `[` $cluster `]` `shared` $shared_bytes `>`
  }];
  let genVerifyDecl = 1;
}

class Plan_Op<string mnemonic, list<Trait> traits = []> : Op<Plan_Dialect, mnemonic, traits>;
// A command of an entry; `scope` is the model scope it works for.
class Plan_Command<string mnemonic, list<Trait> traits = []>
    : Plan_Op<mnemonic, !listconcat([HasParent<"EntryOp, CaptureOp, SwitchOp, RepeatOp">], traits)>;

def Plan_RegionSizeOp : Plan_Op<"region_size"> {
  let summary = "Planned bytes of a region; inputs, outputs and record: of one micro-batch";
  let arguments = (ins Plan_RegionAttr:$region, I64Attr:$bytes);
  let assemblyFormat = "$region $bytes attr-dict";
}

def Plan_BufferOp : Plan_Op<"buffer"> {
  let summary = "A buffer that the host can name";
  let description = [{
    `kind` and `name` are those of the `hydra.binding` it stands for. Inside an entry: its inputs and outputs; an
    output in region `record` is a field of the step record, and `reduce` says how the host makes one value of it
    of all micro-batches. At module level: parameters, gradients, optimizer, control, control_state and cache,
    shared by all entries; a parameter in region `derived` is its copy there. `initial` is the value at start of
    control and control_state scalars.
  }];
  let arguments = (ins Hydra_BindingAttr:$binding, Plan_RefAttr:$ref, TypeAttr:$type,
                       OptionalAttr<F64Attr>:$initial, OptionalAttr<Plan_ReduceAttr>:$reduce);
  let assemblyFormat = "$binding `at` $ref `:` $type attr-dict";
}

def Plan_ConstantOp : Plan_Op<"constant"> {
  let summary = "Read-only data in region constants";
  let arguments = (ins Plan_RefAttr:$ref, ElementsAttr:$value);
  let assemblyFormat = "$ref $value attr-dict";
}

def Plan_KernelOp : Plan_Op<"kernel", [Symbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "A kernel, merged by content: hydra primitives until code generation";
  let description = [{
    Block arguments are the tensors read, the yielded values the tensors written. The body is one `rows.program`, with
    its `schedule`, or one primitive of a kind that has an emitter of its own. The code generator makes one
    function per stage: `void f(void* const* args, const KernelContext* context, int64_t begin, int64_t end)` as in
    runtime/base/command.h, with args = one pointer per block argument, then one per yielded value, then, if the kernel
    has several stages, one to a buffer of `partial_bytes`. Scalar attributes of the body have been replaced by
    neutral values (dialects/plan/KernelScalars.h) and arrive in the context's scalars in the order of that header.
    `items`, `grain` (one per stage), `partial_bytes`, `scratch_bytes` and, of attention, `tiling` come from
    KernelWork.h; emitters decide nothing again.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Hydra_FusionKindAttr:$kind, StrAttr:$hash,
                       DenseI64ArrayAttr:$items, DenseI64ArrayAttr:$grain,
                       I64Attr:$partial_bytes, I64Attr:$scratch_bytes,
                       OptionalAttr<Plan_RowScheduleAttr>:$schedule,
                       OptionalAttr<Plan_AttentionTilingAttr>:$tiling);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name $kind attr-dict-with-keyword $body";
}

def Plan_EntryOp : Plan_Op<"entry", [Symbol, NoTerminator, SingleBlock]> {
  let summary = "An entry point: buffers of its inputs, outputs and record, then commands in order";
  let description = [{ `record_bytes` is the size of one piece of the step record that the entry writes. }];
  let arguments = (ins SymbolNameAttr:$sym_name, Hydra_EntryAttr:$entry, I64Attr:$arena_bytes,
                       I64Attr:$flops, DefaultValuedAttr<I64Attr, "0">:$record_bytes);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name $entry attr-dict-with-keyword $body";
}

def Plan_LaunchOp : Plan_Command<"launch"> {
  let summary = "One stage of a kernel over work items";
  let arguments = (ins FlatSymbolRefAttr:$kernel, I64Attr:$stage, Plan_RefArrayAttr:$args,
                       DenseI64ArrayAttr:$scalars, I64Attr:$items, I64Attr:$grain, StrAttr:$scope,
                       OptionalAttr<Plan_GeometryAttr>:$geometry);
  let assemblyFormat = [{
    $kernel `stage` $stage $args `scalars` $scalars `items` $items `grain` $grain $scope attr-dict
  }];
}

def Plan_MatmulOp : Plan_Command<"matmul"> {
  let summary = "C (+)= op(A) op(B) on planned tiles";
  let description = [{ Fields as in artifact.fbs MatmulCommand. }];
  let arguments = (ins Plan_RefAttr:$a, Plan_RefAttr:$b, Plan_RefAttr:$c, I64Attr:$m, I64Attr:$n,
                       I64Attr:$k, I64Attr:$lda, I64Attr:$ldb, I64Attr:$ldc, UnitAttr:$transpose_a,
                       UnitAttr:$transpose_b, UnitAttr:$accumulate, I64Attr:$tile_m,
                       I64Attr:$tile_n, OptionalAttr<Plan_RefAttr>:$rows, UnitAttr:$rows_bound_k,
                       TypeAttr:$a_type, TypeAttr:$b_type, TypeAttr:$c_type,
                       DefaultValuedAttr<I64Attr, "1">:$groups,
                       DefaultValuedAttr<I64Attr, "0">:$group_a,
                       DefaultValuedAttr<I64Attr, "0">:$group_b,
                       DefaultValuedAttr<I64Attr, "0">:$group_c,
                       OptionalAttr<Plan_RefAttr>:$offsets,
                       DefaultValuedAttr<I64Attr, "0">:$k_slice,
                       DefaultValuedAttr<Plan_MatrixLayoutAttr,
                                         "::mlir::plan::MatrixLayout::plain">:$b_layout,
                       StrAttr:$scope);
  let assemblyFormat = "$a `,` $b `->` $c $scope attr-dict";
}

def Plan_CopyOp : Plan_Command<"copy"> {
  let summary = "Copies bytes; source and target have one size and do not overlap";
  let arguments = (ins Plan_RefAttr:$source, Plan_RefAttr:$target, StrAttr:$scope);
  let assemblyFormat = "$source `->` $target $scope attr-dict";
}

def Plan_FillOp : Plan_Command<"fill"> {
  let summary = "Fills a buffer with a 4-byte pattern";
  let arguments = (ins Plan_RefAttr:$target, I32Attr:$pattern, StrAttr:$scope);
  let assemblyFormat = "$target `with` $pattern $scope attr-dict";
}

def Plan_CollectiveOp : Plan_Command<"collective"> {
  let summary = "A collective over all ranks in fixed rank order; nothing in a world of one";
  let arguments = (ins Plan_CollectiveKindAttr:$kind, Plan_RefAttr:$buffer, TypeAttr:$type,
                       StrAttr:$scope);
  let assemblyFormat = "$kind $buffer $scope attr-dict";
}

def Plan_SwitchOp : Plan_Command<"switch", [NoTerminator]> {
  let summary = "Runs the case numbered by an i32 on the device, clamped to the last case";
  let arguments = (ins Plan_RefAttr:$selector, StrAttr:$scope);
  let regions = (region VariadicRegion<MaxSizedRegion<1>>:$cases);
  let assemblyFormat = "$selector $scope attr-dict-with-keyword $cases";
}

def Plan_CaptureOp : Plan_Command<"capture", [NoTerminator, SingleBlock]> {
  let summary = "Commands that a device may record into one graph";
  let arguments = (ins StrAttr:$scope);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$scope attr-dict-with-keyword $body";
}

def Plan_RepeatOp : Plan_Command<"repeat", [NoTerminator, SingleBlock]> {
  let summary = "Commands that run a fixed number of times";
  let description = [{
    Places inside move by their `step` per iteration of the innermost repeat around them.
  }];
  let arguments = (ins I64Attr:$count, StrAttr:$scope);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$count $scope attr-dict-with-keyword $body";
}

def Plan_DeadOp : Plan_Op<"dead", [HasParent<"EntryOp">]> {
  let summary = "From here until something writes it, a range holds no value";
  let description = [{
    No command: what the planner's liveness knows between two commands of an entry. `--validate` fills the range
    with NaN, so that a plan that reads it shows.
  }];
  let arguments = (ins Plan_RefAttr:$range);
  let assemblyFormat = "$range attr-dict";
}

#endif // PLAN_OPS_TD
