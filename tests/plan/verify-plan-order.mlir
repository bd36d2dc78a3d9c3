// RUN: hydra-opt %s --split-input-file --verify-diagnostics --hydra-verify-plan
// What depends on the order of commands: dead bytes, cases of a switch, stages of a launch, iterations; and which
// operands a kernel may write over.

plan.region_size <arena> 256
plan.region_size <inputs> 64
plan.region_size <outputs> 64
plan.kernel @sum <rows> attributes {grain = array<i64: 1, 1>, hash = "0", items = array<i64: 1, 1>, partial_bytes = 8 : i64, scratch_bytes = 0 : i64} {
^bb0(%x: tensor<4xf32>):
  %y = hydra.reduce <sum> <all> %x : (tensor<4xf32>) -> tensor<f32>
  hydra.yield %y : tensor<f32>
}
plan.entry @good <"good", 0 x 0, ""> attributes {arena_bytes = 256 : i64, flops = 0 : i64} {
  plan.dead <arena, 0, 256>
  plan.launch @sum stage 0 [#plan.ref<inputs, 0, 16>, #plan.ref<arena, 0, 4>, #plan.ref<arena, 64, 8>] scalars [] items 1 grain 1 ""
  plan.launch @sum stage 1 [#plan.ref<inputs, 0, 16>, #plan.ref<arena, 0, 4>, #plan.ref<arena, 64, 8>] scalars [] items 1 grain 1 ""
  plan.dead <arena, 64, 64>
  // Both cases write the first word, after which it holds a value.
  plan.switch <inputs, 16, 4> "" {
    plan.fill <arena, 128, 4> with 1 ""
  }, {
    plan.fill <arena, 128, 8> with 2 ""
  }
  plan.copy <arena, 128, 4> -> <outputs, 0, 4> ""
  // Columns 0 and 1 of three rows.
  plan.repeat 2 "" {
    plan.fill <arena, 192, 20 rows 4 every 8 step 4> with 0 ""
  }
  plan.copy <arena, 192, 24> -> <outputs, 0, 24> ""
}
plan.entry @dead <"dead", 0 x 0, ""> attributes {arena_bytes = 64 : i64, flops = 0 : i64} {
  plan.fill <arena, 0, 16> with 0 ""
  plan.dead <arena, 4, 4>
  plan.copy <arena, 8, 8> -> <outputs, 0, 8> ""
  // The copy wrote the first bytes of outputs, which are not the arena's.
  // expected-error @below {{or that are dead: #plan.ref<arena, 0, 16>}}
  plan.copy <arena, 0, 16> -> <outputs, 0, 16> ""
}
plan.entry @dead_region <"dead_region", 0 x 0, ""> attributes {arena_bytes = 0 : i64, flops = 0 : i64} {
  // expected-error @below {{expected a place in the arena}}
  plan.dead <outputs, 0, 16>
}
plan.entry @one_case <"one_case", 0 x 0, ""> attributes {arena_bytes = 64 : i64, flops = 0 : i64} {
  plan.switch <inputs, 16, 4> "" {
    plan.fill <arena, 0, 16> with 1 ""
  }, {
    plan.fill <arena, 0, 8> with 2 ""
  }
  plan.copy <arena, 0, 8> -> <outputs, 0, 8> ""
  // expected-error @below {{reads arena bytes that no earlier command}}
  plan.copy <arena, 0, 16> -> <outputs, 0, 16> ""
}
plan.entry @second_stage_missing <"second_stage_missing", 0 x 0, ""> attributes {arena_bytes = 128 : i64, flops = 0 : i64} {
  // expected-error @below {{expected stage 1 of @sum with the same arguments right after its stage 0}}
  plan.launch @sum stage 0 [#plan.ref<inputs, 0, 16>, #plan.ref<arena, 0, 4>, #plan.ref<arena, 64, 8>] scalars [] items 1 grain 1 ""
  plan.fill <arena, 0, 4> with 0 ""
}
plan.entry @first_stage_missing <"first_stage_missing", 0 x 0, ""> attributes {arena_bytes = 128 : i64, flops = 0 : i64} {
  // expected-error @below {{expected stage 0 of @sum with the same arguments right before its stage 1}}
  plan.launch @sum stage 1 [#plan.ref<inputs, 0, 16>, #plan.ref<arena, 0, 4>, #plan.ref<arena, 64, 8>] scalars [] items 1 grain 1 ""
}
plan.entry @other_partial <"other_partial", 0 x 0, ""> attributes {arena_bytes = 192 : i64, flops = 0 : i64} {
  // expected-error @below {{expected stage 1 of @sum with the same arguments right after its stage 0}}
  plan.launch @sum stage 0 [#plan.ref<inputs, 0, 16>, #plan.ref<arena, 0, 4>, #plan.ref<arena, 64, 8>] scalars [] items 1 grain 1 ""
  plan.launch @sum stage 1 [#plan.ref<inputs, 0, 16>, #plan.ref<arena, 0, 4>, #plan.ref<arena, 128, 8>] scalars [] items 1 grain 1 ""
}
plan.entry @shared_partial <"shared_partial", 0 x 0, ""> attributes {arena_bytes = 192 : i64, flops = 0 : i64} {
  // expected-error @below {{argument 1 is written at #plan.ref<arena, 64, 4> and overlaps argument 2 at #plan.ref<arena, 64, 8>}}
  plan.launch @sum stage 0 [#plan.ref<inputs, 0, 16>, #plan.ref<arena, 64, 4>, #plan.ref<arena, 64, 8>] scalars [] items 1 grain 1 ""
  plan.launch @sum stage 1 [#plan.ref<inputs, 0, 16>, #plan.ref<arena, 64, 4>, #plan.ref<arena, 64, 8>] scalars [] items 1 grain 1 ""
}
plan.entry @leaves <"leaves", 0 x 0, ""> attributes {arena_bytes = 256 : i64, flops = 0 : i64} {
  plan.repeat 3 "" {
    // expected-error @below {{expected a place inside region arena of 256 bytes, found #plan.ref<arena, 256, 16>}}
    plan.fill <arena, 128, 16 step 64> with 0 ""
  }
}
plan.entry @moves <"moves", 0 x 0, ""> attributes {arena_bytes = 256 : i64, flops = 0 : i64} {
  // expected-error @below {{moves, but is not inside a plan.repeat}}
  plan.fill <arena, 128, 16 step 64> with 0 ""
}
plan.entry @rows <"rows", 0 x 0, ""> attributes {arena_bytes = 256 : i64, flops = 0 : i64} {
  // expected-error @below {{expected rows that fit their pitch and fill the place}}
  plan.fill <arena, 0, 24 rows 4 every 8> with 0 ""
}

// -----

// A reversal reads what it has already written.
plan.region_size <arena> 64
plan.kernel @gather <move> attributes {grain = array<i64: 1>, hash = "0", items = array<i64: 1>, partial_bytes = 0 : i64, scratch_bytes = 0 : i64} {
^bb0(%x: tensor<4x1xf32>, %i: tensor<4xi32>):
  %y = hydra.gather_rows %x, %i : (tensor<4x1xf32>, tensor<4xi32>) -> tensor<4x1xf32>
  hydra.yield %y : tensor<4x1xf32>
}
plan.entry @in_place <"in_place", 0 x 0, ""> attributes {arena_bytes = 64 : i64, flops = 0 : i64} {
  plan.fill <arena, 0, 64> with 0 ""
  // expected-error @below {{over argument 0, which @gather cannot do in place}}
  plan.launch @gather stage 0 [#plan.ref<arena, 0, 16>, #plan.ref<arena, 16, 16>, #plan.ref<arena, 0, 16>] scalars [] items 1 grain 1 ""
}
