// RUN: hydra-opt %s --split-input-file --verify-diagnostics --hydra-verify-plan

plan.region_size <arena> 128
plan.region_size <inputs> 64
plan.region_size <outputs> 64
plan.kernel @k <rows> attributes {grain = array<i64: 1>, hash = "0", items = array<i64: 1>, partial_bytes = 0 : i64, schedule = #plan.row_schedule<sweeps = 1, flat = true, unrolled = false, item = 32, chunk_rows = 0, threads = 256, block_rows = 0, sweep = [0, 0, 0], place = [0, 0, 0]>, scratch_bytes = 0 : i64} {
^bb0(%x: tensor<4xf32>):
  %y = rows.program(%x) attributes {rows = 1 : i64, segments = 1 : i64, width = 4 : i64} : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    %1 = rows.read %a <same> <same> {extent = 4 : i64, pitch = 4 : i64} : tensor<4xf32> -> f32
    %2 = math.exp %1 : f32
    rows.write %2 to 0 <same> {extent = 4 : i64, pitch = 4 : i64} : f32
  }
  hydra.yield %y : tensor<4xf32>
}
plan.entry @good <"good", 0 x 0, ""> attributes {arena_bytes = 128 : i64, flops = 0 : i64} {
  plan.buffer <input "x"> at <inputs, 0, 16> : tensor<4xf32>
  plan.buffer <output "y"> at <outputs, 0, 16> : tensor<4xf32>
  plan.launch @k stage 0 [#plan.ref<inputs, 0, 16>, #plan.ref<arena, 0, 16>] scalars [] items 1 grain 1 ""
  plan.launch @k stage 0 [#plan.ref<arena, 0, 16>, #plan.ref<arena, 0, 16>] scalars [] items 1 grain 1 ""
  plan.fill <arena, 64, 16> with 0 ""
  plan.copy <arena, 0, 16> -> <outputs, 0, 16> ""
}

// -----

plan.region_size <inputs> 64
plan.region_size <outputs> 64
plan.entry @outside <"outside", 0 x 0, ""> attributes {arena_bytes = 0 : i64, flops = 0 : i64} {
  // expected-error @below {{expected a place inside region outputs of 64 bytes}}
  plan.copy <inputs, 0, 16> -> <outputs, 56, 16> ""
}

// -----

plan.region_size <arena> 64
plan.region_size <outputs> 64
plan.entry @unwritten <"unwritten", 0 x 0, ""> attributes {arena_bytes = 64 : i64, flops = 0 : i64} {
  plan.fill <arena, 0, 8> with 0 ""
  // expected-error @below {{reads arena bytes that no earlier command of the entry wrote}}
  plan.copy <arena, 0, 16> -> <outputs, 0, 16> ""
}

// -----

plan.region_size <cache> 64
plan.buffer <cache "a"> at <cache, 0, 32> : tensor<8xf32>
// expected-error @below {{overlaps another buffer or constant}}
plan.buffer <cache "b"> at <cache, 16, 16> : tensor<4xf32>

// -----

plan.region_size <cache> 64
// expected-error @below {{expected 32 bytes for 'tensor<8xf32>'}}
plan.buffer <cache "a"> at <cache, 0, 16> : tensor<8xf32>

// -----

// expected-error @below {{'plan.kernel' op is not used by any entry}}
plan.kernel @unused <rows> attributes {grain = array<i64: 1>, hash = "0", items = array<i64: 1>, partial_bytes = 0 : i64, scratch_bytes = 0 : i64} {
^bb0(%x: tensor<4xf32>):
  hydra.yield %x : tensor<4xf32>
}

// -----

plan.region_size <arena> 64
plan.region_size <inputs> 64
plan.kernel @k <rows> attributes {grain = array<i64: 1>, hash = "0", items = array<i64: 1>, partial_bytes = 0 : i64, scratch_bytes = 0 : i64} {
^bb0(%x: tensor<4xf32>):
  %y = hydra.unary <exp> %x : (tensor<4xf32>) -> tensor<4xf32>
  hydra.yield %y : tensor<4xf32>
}
plan.entry @partly <"partly", 0 x 0, ""> attributes {arena_bytes = 64 : i64, flops = 0 : i64} {
  plan.fill <arena, 0, 16> with 0 ""
  // expected-error @below {{overlaps argument 0}}
  plan.launch @k stage 0 [#plan.ref<arena, 0, 16>, #plan.ref<arena, 8, 16>] scalars [] items 1 grain 1 ""
}
plan.entry @few <"few", 0 x 0, ""> attributes {arena_bytes = 64 : i64, flops = 0 : i64} {
  // expected-error @below {{expected 2 arguments, found 1}}
  plan.launch @k stage 0 [#plan.ref<inputs, 0, 16>] scalars [] items 1 grain 1 ""
}
plan.entry @stage <"stage", 0 x 0, ""> attributes {arena_bytes = 64 : i64, flops = 0 : i64} {
  // expected-error @below {{expected a stage below 1, found 1}}
  plan.launch @k stage 1 [#plan.ref<inputs, 0, 16>, #plan.ref<arena, 0, 16>] scalars [] items 1 grain 1 ""
}
plan.entry @items <"items", 0 x 0, ""> attributes {arena_bytes = 64 : i64, flops = 0 : i64} {
  // expected-error @below {{expected the kernel's 1 items in grains of 1}}
  plan.launch @k stage 0 [#plan.ref<inputs, 0, 16>, #plan.ref<arena, 0, 16>] scalars [] items 2 grain 1 ""
}

// -----

plan.region_size <arena> 256
plan.region_size <inputs> 256
plan.entry @factor <"factor", 0 x 0, ""> attributes {arena_bytes = 256 : i64, flops = 0 : i64} {
  // expected-error @below {{over one of its factors}}
  plan.matmul <inputs, 0, 64>, <inputs, 64, 64> -> <inputs, 32, 64> "" {m = 4 : i64, n = 4 : i64, k = 4 : i64, lda = 4 : i64, ldb = 4 : i64, ldc = 4 : i64, tile_m = 4 : i64, tile_n = 4 : i64, a_type = f32, b_type = f32, c_type = f32}
}
plan.entry @reach <"reach", 0 x 0, ""> attributes {arena_bytes = 256 : i64, flops = 0 : i64} {
  // expected-error @below {{reaches beyond its buffers}}
  plan.matmul <inputs, 0, 64>, <inputs, 64, 64> -> <arena, 0, 64> "" {m = 4 : i64, n = 4 : i64, k = 5 : i64, lda = 4 : i64, ldb = 4 : i64, ldc = 4 : i64, tile_m = 4 : i64, tile_n = 4 : i64, a_type = f32, b_type = f32, c_type = f32}
}
