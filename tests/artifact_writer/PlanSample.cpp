#include "tests/artifact_writer/PlanSample.h"

#include "dialects/plan/PlanDialect.h"
#include "mlir/Parser/Parser.h"

namespace mlir::hydra::testing {

OwningOpRef<ModuleOp> parsePlan(MLIRContext& context, llvm::StringRef text) {
  context.loadDialect<HydraDialect, plan::PlanDialect>();
  return parseSourceString<ModuleOp>(text, &context, "sample.mlir");
}

const char* const kPlanSample = R"mlir(
hydra.param @w : tensor<4x4xf32> #hydra.init<normal 0.5> {residual_scale = 0.25 : f64, lr_factor = 2.0 : f64, decay_factor = 0.0 : f64, aliases = ["old.w"]}
plan.region_size <arena> 1024
plan.region_size <parameters> 64
plan.region_size <gradients> 64
plan.region_size <optimizer> 192
plan.region_size <control> 64
plan.region_size <control_state> 64
plan.region_size <cache> 64
plan.region_size <inputs> 128
plan.region_size <outputs> 64
plan.region_size <constants> 128
plan.region_size <scratch> 256
plan.region_size <record> 128
plan.region_size <derived> 64
plan.buffer <parameter "w"> at <parameters, 0, 64> : tensor<4x4xf32>
plan.buffer <gradient "w"> at <gradients, 0, 64> : tensor<4x4xf32>
plan.buffer <optimizer "m/w"> at <optimizer, 0, 64> : tensor<4x4xf32>
plan.buffer <optimizer "v/w"> at <optimizer, 64, 64> : tensor<4x4xf32>
plan.buffer <optimizer "steps"> at <optimizer, 128, 4> : tensor<1xi32>
plan.buffer <control "lr"> at <control, 0, 4> : tensor<f32> {initial = 0.125 : f64}
plan.buffer <control_state "ema"> at <control_state, 0, 4> : tensor<f32> {initial = 25.0 : f64}
plan.buffer <cache "k"> at <cache, 0, 48> : tensor<2x6xf32>
plan.buffer <derived "w"> at <derived, 0, 32> : tensor<4x4xbf16>
plan.constant <constants, 0, 12> dense<[1, 2, 3]> : tensor<3xi32>
plan.constant <constants, 64, 16> dense<1.0> : tensor<4xf32>
plan.kernel @k <rows> attributes {grain = array<i64: 1>, hash = "aa", items = array<i64: 3>, partial_bytes = 0 : i64, scratch_bytes = 0 : i64} {
^bb0(%x: tensor<4xf32>):
  %y = hydra.unary <exp> %x : (tensor<4xf32>) -> tensor<4xf32>
  hydra.yield %y : tensor<4xf32>
}
plan.kernel @sum <rows> attributes {grain = array<i64: 2, 1>, hash = "bb", items = array<i64: 4, 1>, partial_bytes = 32 : i64, scratch_bytes = 256 : i64} {
^bb0(%x: tensor<8xf32>):
  %y = hydra.reduce <sum> <all> %x : (tensor<8xf32>) -> tensor<f32>
  hydra.yield %y : tensor<f32>
}
plan.entry @all <"accumulate", 2 x 3, "fixed"> attributes {arena_bytes = 512 : i64, flops = 77 : i64, record_bytes = 128 : i64} {
  plan.buffer <input "x"> at <inputs, 0, 32> : tensor<8xf32>
  plan.buffer <input "n"> at <inputs, 64, 4> : tensor<i32>
  plan.buffer <output "y"> at <outputs, 0, 16> : tensor<4xf32>
  plan.buffer <output "loss.total"> at <record, 0, 4> : tensor<f32> {reduce = #plan.reduce<mean>}
  plan.buffer <output "step"> at <record, 64, 4> : tensor<i32>
  plan.dead <arena, 0, 512>
  plan.launch @sum stage 0 [#plan.ref<inputs, 0, 32>, #plan.ref<arena, 64, 4>, #plan.ref<arena, 128, 32>] scalars [] items 4 grain 2 "a"
  plan.launch @sum stage 1 [#plan.ref<inputs, 0, 32>, #plan.ref<arena, 64, 4>, #plan.ref<arena, 128, 32>] scalars [] items 1 grain 1 "a"
  plan.dead <arena, 128, 32>
  plan.launch @k stage 0 [#plan.ref<arena, 64, 28 rows 4 every 8>, #plan.ref<outputs, 0, 16>] scalars [0, 0] items 3 grain 1 "b" {geometry = #plan.geometry<grid [1, 2, 3] block [32, 1, 1] cluster [2, 1, 1] shared 4096>}
  plan.launch @k stage 0 [#plan.ref<constants, 64, 16>, #plan.ref<outputs, 0, 16>] scalars [-5, 4607182418800017408] items 3 grain 1 "b"
  plan.matmul <arena, 256, 96>, <parameters, 0, 48> -> <arena, 384, 96> "" {accumulate, group_a = 2 : i64, group_b = 6 : i64, group_c = 3 : i64, groups = 2 : i64, k = 2 : i64, lda = 4 : i64, ldb = 2 : i64, ldc = 6 : i64, m = 4 : i64, n = 3 : i64, rows = #plan.ref<inputs, 64, 4>, tile_m = 2 : i64, tile_n = 1 : i64, transpose_b, a_type = f32, b_type = f32, c_type = f32}
  plan.matmul <arena, 256, 96>, <arena, 640, 96> -> <gradients, 0, 64> "b" {k = 5 : i64, lda = 4 : i64, ldb = 4 : i64, ldc = 4 : i64, m = 4 : i64, n = 4 : i64, rows = #plan.ref<inputs, 64, 4>, rows_bound_k, tile_m = 4 : i64, tile_n = 4 : i64, transpose_a, a_type = f32, b_type = f32, c_type = f32}
  plan.matmul <arena, 256, 32>, <derived, 0, 32> -> <outputs, 0, 32> "b" {k = 4 : i64, lda = 4 : i64, ldb = 2 : i64, ldc = 2 : i64, m = 4 : i64, n = 2 : i64, offsets = #plan.ref<inputs, 64, 12>, groups = 2 : i64, group_b = 8 : i64, k_slice = 2 : i64, b_layout = #plan.layout<packed>, tile_m = 4 : i64, tile_n = 2 : i64, a_type = bf16, b_type = bf16, c_type = f32}
  plan.repeat 3 "b" {
    plan.copy <arena, 0, 16 step 16> -> <arena, 128, 16 step -16> ""
  }
  plan.copy <arena, 0, 48> -> <cache, 0, 48> "c"
  plan.fill <control_state, 0, 4> with -2 ""
  plan.collective <all_reduce_sum> <gradients, 0, 64> "gradients" {type = f32}
  plan.switch <inputs, 64, 4> "b" {
    plan.copy <arena, 0, 16> -> <arena, 64, 16> ""
  }, {
    plan.capture "c" {
      plan.fill <arena, 0, 16> with 7 "deep"
    }
    plan.fill <arena, 16, 16> with 8 ""
  }
}
plan.entry @apply <"apply", 0 x 0, ""> attributes {arena_bytes = 0 : i64, flops = 0 : i64} {
  plan.fill <gradients, 0, 64> with 0 ""
}
)mlir";

std::vector<CodeSection> sampleCode() {
  std::vector<CodeSection> code(2);
  code[0].isaLevel = "x86-64-v3";
  code[0].bytes.assign(100, 0x90);
  code[0].symbols = {{"k", 0}, {"sum", 16}, {"sum_s1", 48}};
  code[1].isaLevel = "x86-64-v4";
  code[1].bytes.assign(5000, 0xc3);
  code[1].symbols = {{"k", 4096}, {"sum", 0}, {"sum_s1", 64}};
  return code;
}

ArtifactMetadata sampleMetadata() {
  ArtifactMetadata metadata;
  metadata.model = "sample";
  metadata.compilerBuild = "test";
  metadata.rules = "pytorch";
  metadata.vocabSize = 256;
  metadata.dim = 4;
  metadata.maxSeqLen = 8;
  metadata.cacheLength = 6;
  metadata.spec = "hydra.model @sample";
  metadata.settings = "{\"fusion\":true}";
  return metadata;
}

}  // namespace mlir::hydra::testing
