// Whole functions: a transformer block, routed work with several row counts, the balance loss.
#include "tests/autodiff/gradient_check.h"

namespace mlir::hydra {
namespace {

// Everything a block of the model has: tied embedding, norms, compressed attention with
// convolutions, value shift, QK mean and norm, rotary embedding, SwiGLU, cross-entropy; every
// weight is an argument.
constexpr char kTransformer[] = R"mlir(
func.func @f(%t: tensor<2x3xi32>, %y: tensor<2x3xi32>, %emb: tensor<7x8xf32>, %g: tensor<8xf32>,
             %qkv: tensor<16x8xf32>, %conv: tensor<8x4x2xf32>, %temp: tensor<f32>, %o: tensor<8x8xf32>,
             %up: tensor<12x8xf32>, %down: tensor<8x6xf32>) -> tensor<f32> attributes {hydra.vjp} {
  %x0 = hydra.embedding %emb, %t {scale = 1.4 : f64} : (tensor<7x8xf32>, tensor<2x3xi32>) -> tensor<2x3x8xf32>
  %n0 = hydra.rms_norm %x0, %g {eps = 1.0e-3 : f64} : (tensor<2x3x8xf32>, tensor<8xf32>) -> tensor<2x3x8xf32>
  %p = hydra.matmul %n0, %qkv {transpose_b} : (tensor<2x3x8xf32>, tensor<16x8xf32>) -> tensor<2x3x16xf32>
  %q0, %k0, %v0 = hydra.split %p {sizes = array<i64: 8, 4, 4>} : (tensor<2x3x16xf32>) -> (tensor<2x3x8xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>)
  %q1 = hydra.causal_conv %q0, %conv : (tensor<2x3x8xf32>, tensor<8x4x2xf32>) -> tensor<2x3x8xf32>
  %qm = hydra.head_mix %q1 {from_heads = 2 : i64, to_heads = 1 : i64, scale = 0.5 : f64} : (tensor<2x3x8xf32>) -> tensor<2x3x4xf32>
  %k1 = hydra.binary <add> %k0, %qm : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %q2 = hydra.l2_norm %q1 {heads = 2 : i64, eps = 1.0e-6 : f64} : (tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
  %k2 = hydra.l2_norm %k1 {heads = 1 : i64, eps = 1.0e-6 : f64} : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %k3 = hydra.binary <mul> %k2, %temp : (tensor<2x3x4xf32>, tensor<f32>) -> tensor<2x3x4xf32>
  %table = hydra.rope_table {positions = 3 : i64, head_dim = 4 : i64, theta = 100.0 : f64} : () -> tensor<3x4xf32>
  %q3 = hydra.rope %q2, %table : (tensor<2x3x8xf32>, tensor<3x4xf32>) -> tensor<2x3x8xf32>
  %k4 = hydra.rope %k3, %table : (tensor<2x3x4xf32>, tensor<3x4xf32>) -> tensor<2x3x4xf32>
  %v1 = hydra.shift %v0 {from_channel = 2 : i64} : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %a, %lse = hydra.attention %q3, %k4, %v1 {heads = 2 : i64, kv_heads = 1 : i64, scale = 1.5 : f64} : (tensor<2x3x8xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> (tensor<2x3x8xf32>, tensor<2x3x2xf32>)
  %ao = hydra.matmul %a, %o {transpose_b} : (tensor<2x3x8xf32>, tensor<8x8xf32>) -> tensor<2x3x8xf32>
  %x1 = hydra.binary <add> %x0, %ao : (tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
  %n1 = hydra.rms_norm %x1, %g {eps = 1.0e-3 : f64} : (tensor<2x3x8xf32>, tensor<8xf32>) -> tensor<2x3x8xf32>
  %u = hydra.matmul %n1, %up {transpose_b} : (tensor<2x3x8xf32>, tensor<12x8xf32>) -> tensor<2x3x12xf32>
  %s = hydra.swiglu %u : (tensor<2x3x12xf32>) -> tensor<2x3x6xf32>
  %d = hydra.matmul %s, %down {transpose_b} : (tensor<2x3x6xf32>, tensor<8x6xf32>) -> tensor<2x3x8xf32>
  %x2 = hydra.binary <add> %x1, %d : (tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
  %logits = hydra.matmul %x2, %emb {transpose_b} : (tensor<2x3x8xf32>, tensor<7x8xf32>) -> tensor<2x3x7xf32>
  %loss, %token_loss, %lse2 = hydra.cross_entropy %logits, %y : (tensor<2x3x7xf32>, tensor<2x3xi32>) -> (tensor<f32>, tensor<2x3xf32>, tensor<2x3xf32>)
  return %loss : tensor<f32>
}
)mlir";

// Routed work: an MLP on the first rows of a permuted stream, put back where the rows came from,
// twice with different counts, beside uses of the same stream in all rows.
constexpr char kRouted[] = R"mlir(
func.func @f(%x: tensor<6x4xf32>, %index: tensor<6xi32>, %n: tensor<i32>, %m: tensor<i32>, %g: tensor<4xf32>,
             %up: tensor<6x4xf32>, %down: tensor<4x3xf32>) -> (tensor<6x4xf32>, tensor<f32>)
    attributes {hydra.vjp} {
  %e = hydra.unary <tanh> %x : (tensor<6x4xf32>) -> tensor<6x4xf32>
  %s0 = hydra.gather_rows %e, %index, %n : (tensor<6x4xf32>, tensor<6xi32>, tensor<i32>) -> tensor<6x4xf32>
  %n0 = hydra.rms_norm %s0, %g, %n {eps = 1.0e-3 : f64} : (tensor<6x4xf32>, tensor<4xf32>, tensor<i32>) -> tensor<6x4xf32>
  %u0 = hydra.matmul %n0, %up rows %n {transpose_b} : (tensor<6x4xf32>, tensor<6x4xf32>, tensor<i32>) -> tensor<6x6xf32>
  %h0 = hydra.swiglu %u0, %n : (tensor<6x6xf32>, tensor<i32>) -> tensor<6x3xf32>
  %d0 = hydra.matmul %h0, %down rows %n {transpose_b} : (tensor<6x3xf32>, tensor<4x3xf32>, tensor<i32>) -> tensor<6x4xf32>
  %y0 = hydra.binary <add> %s0, %d0, %n : (tensor<6x4xf32>, tensor<6x4xf32>, tensor<i32>) -> tensor<6x4xf32>
  %u1 = hydra.matmul %y0, %up rows %m {transpose_b} : (tensor<6x4xf32>, tensor<6x4xf32>, tensor<i32>) -> tensor<6x6xf32>
  %h1 = hydra.swiglu %u1, %m : (tensor<6x6xf32>, tensor<i32>) -> tensor<6x3xf32>
  %d1 = hydra.matmul %h1, %down rows %m {transpose_b} : (tensor<6x3xf32>, tensor<4x3xf32>, tensor<i32>) -> tensor<6x4xf32>
  %r0 = hydra.scatter_rows %y0, %index accumulate %e rows %n {size = 6 : i64, scale = 1.0 : f64} : (tensor<6x4xf32>, tensor<6xi32>, tensor<6x4xf32>, tensor<i32>) -> tensor<6x4xf32>
  %r1 = hydra.scatter_rows %d1, %index accumulate %r0 rows %m {size = 6 : i64, scale = 0.5 : f64} : (tensor<6x4xf32>, tensor<6xi32>, tensor<6x4xf32>, tensor<i32>) -> tensor<6x4xf32>
  %wide = hydra.reshape %e {shape = array<i64: 2, 3, 4>} : (tensor<6x4xf32>) -> tensor<2x3x4xf32>
  %sq = hydra.unary <square> %wide, %m : (tensor<2x3x4xf32>, tensor<i32>) -> tensor<2x3x4xf32>
  %sum = hydra.reduce <sum> <all> %sq, %m : (tensor<2x3x4xf32>, tensor<i32>) -> tensor<f32>
  return %r1, %sum : tensor<6x4xf32>, tensor<f32>
}
)mlir";

// The balance loss of model.md 8 with its caps (model.md 10), through a stop that nothing
// differentiable enters.
constexpr char kBalanceLoss[] = R"mlir(
func.func @f(%score: tensor<2x5xf32>, %weight: tensor<f32>) -> tensor<f32> attributes {hydra.vjp} {
  %lo = hydra.constant dense<-10.0> : tensor<f32>
  %hi = hydra.constant dense<10.0> : tensor<f32>
  %c0 = hydra.constant dense<0.3> : tensor<f32>
  %c = hydra.stop %c0 : (tensor<f32>) -> tensor<f32>
  %tenth = hydra.constant dense<0.1> : tensor<f32>
  %five = hydra.constant dense<-5.0> : tensor<f32>
  %s0 = hydra.binary <max> %score, %lo : (tensor<2x5xf32>, tensor<f32>) -> tensor<2x5xf32>
  %s1 = hydra.binary <min> %s0, %hi : (tensor<2x5xf32>, tensor<f32>) -> tensor<2x5xf32>
  %p = hydra.unary <sigmoid> %s1 : (tensor<2x5xf32>) -> tensor<2x5xf32>
  %sum = hydra.reduce <sum> <all> %p : (tensor<2x5xf32>) -> tensor<f32>
  %mean = hydra.binary <mul> %sum, %tenth : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %gap = hydra.binary <sub> %mean, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %gap2 = hydra.unary <square> %gap : (tensor<f32>) -> tensor<f32>
  %dev = hydra.binary <sub> %p, %mean : (tensor<2x5xf32>, tensor<f32>) -> tensor<2x5xf32>
  %dev2 = hydra.unary <square> %dev : (tensor<2x5xf32>) -> tensor<2x5xf32>
  %var0 = hydra.reduce <sum> <all> %dev2 : (tensor<2x5xf32>) -> tensor<f32>
  %var = hydra.binary <mul> %var0, %tenth : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %arg = hydra.binary <mul> %var, %five : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %e = hydra.unary <exp> %arg : (tensor<f32>) -> tensor<f32>
  %l = hydra.binary <add> %gap2, %e : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %w = hydra.binary <mul> %l, %weight : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %w : tensor<f32>
}
)mlir";

// A gradient that is defined in m rows only meets an op that reads more of it: one without a count,
// one with the larger count n, a matrix product that computes rows of a weight, and a reshape that
// changes what a row is.
constexpr char kFewerRowsThanRead[] = R"mlir(
func.func @f(%x: tensor<6x4xf32>, %n: tensor<i32>, %m: tensor<i32>, %index: tensor<6xi32>)
    -> (tensor<6x4xf32>, tensor<6x4xf32>, tensor<4x4xf32>, tensor<6x4xf32>, tensor<12x2xf32>) attributes {hydra.vjp} {
  %a0 = hydra.unary <exp> %x : (tensor<6x4xf32>) -> tensor<6x4xf32>
  %a1 = hydra.unary <square> %a0, %m : (tensor<6x4xf32>, tensor<i32>) -> tensor<6x4xf32>
  %b0 = hydra.unary <exp> %x, %n : (tensor<6x4xf32>, tensor<i32>) -> tensor<6x4xf32>
  %b1 = hydra.unary <square> %b0, %m : (tensor<6x4xf32>, tensor<i32>) -> tensor<6x4xf32>
  %c0 = hydra.matmul %x, %x rows %m {transpose_a} : (tensor<6x4xf32>, tensor<6x4xf32>, tensor<i32>) -> tensor<4x4xf32>
  %c1 = hydra.unary <square> %c0, %m : (tensor<4x4xf32>, tensor<i32>) -> tensor<4x4xf32>
  %d0 = hydra.scatter_rows %x, %index rows %m {size = 6 : i64, scale = 1.0 : f64} : (tensor<6x4xf32>, tensor<6xi32>, tensor<i32>) -> tensor<6x4xf32>
  %d1 = hydra.unary <square> %d0, %m : (tensor<6x4xf32>, tensor<i32>) -> tensor<6x4xf32>
  %e0 = hydra.unary <tanh> %x : (tensor<6x4xf32>) -> tensor<6x4xf32>
  %e1 = hydra.reshape %e0 {shape = array<i64: 12, 2>} : (tensor<6x4xf32>) -> tensor<12x2xf32>
  %e2 = hydra.unary <square> %e1, %m : (tensor<12x2xf32>, tensor<i32>) -> tensor<12x2xf32>
  return %a1, %b1, %c1, %d1, %e2 : tensor<6x4xf32>, tensor<6x4xf32>, tensor<4x4xf32>, tensor<6x4xf32>, tensor<12x2xf32>
}
)mlir";

}  // namespace

std::vector<GradientCase> compositeCases() {
  return {{"transformer", kTransformer, -1, 1, 7},
          {"routed", kRouted, -1.5, 1.5, 6, {0, 1, 3, 5, 6}},
          {"fewer_rows_than_read", kFewerRowsThanRead, -1.5, 1.5, 6, {0, 2, 5, 6}},
          {"balance_loss", kBalanceLoss}};
}

}  // namespace mlir::hydra
