// Gradient cases of the ops that select, order and group rows: alone where they have floats only,
// and in the arrangements that routing makes of them.
#include "tests/autodiff/case_text.h"
#include "tests/autodiff/gradient_check.h"

namespace mlir::hydra {
namespace {

const std::vector<int32_t> kSixRows = {0, 1, 4, 6};

// Tokens sorted by class, each prefix updated from itself, and put back: recursion with fewer rows
// in every pass.
const char* const kSortedPasses = R"(
func.func @f(%x: tensor<6x3xf32>, %key: tensor<6xi32>, %w: tensor<3x3xf32>) -> tensor<6x3xf32>
    attributes {hydra.vjp} {
  %order, %offsets = hydra.counting_sort %key {classes = 3 : i64} : (tensor<6xi32>) -> (tensor<6xi32>, tensor<4xi32>)
  %o:4 = hydra.split %offsets {sizes = array<i64: 1, 1, 1, 1>} : (tensor<4xi32>) -> (tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>)
  %n0 = hydra.reshape %o#3 {shape = array<i64>} : (tensor<1xi32>) -> tensor<i32>
  %n1 = hydra.reshape %o#2 {shape = array<i64>} : (tensor<1xi32>) -> tensor<i32>
  %n2 = hydra.reshape %o#1 {shape = array<i64>} : (tensor<1xi32>) -> tensor<i32>
  %s0 = hydra.gather_rows %x, %order {unique} : (tensor<6x3xf32>, tensor<6xi32>) -> tensor<6x3xf32>
  %d0 = hydra.matmul %s0, %w rows %n0 {transpose_b} : (tensor<6x3xf32>, tensor<3x3xf32>, tensor<i32>) -> tensor<6x3xf32>
  %s1 = hydra.merge_rows %s0, %d0, %n0 {accumulate} : (tensor<6x3xf32>, tensor<6x3xf32>, tensor<i32>) -> tensor<6x3xf32>
  %d1 = hydra.matmul %s1, %w rows %n1 {transpose_b} : (tensor<6x3xf32>, tensor<3x3xf32>, tensor<i32>) -> tensor<6x3xf32>
  %s2 = hydra.merge_rows %s1, %d1, %n1 {accumulate} : (tensor<6x3xf32>, tensor<6x3xf32>, tensor<i32>) -> tensor<6x3xf32>
  %d2 = hydra.unary <tanh> %s2, %n2 : (tensor<6x3xf32>, tensor<i32>) -> tensor<6x3xf32>
  %s3 = hydra.merge_rows %s2, %d2, %n2 : (tensor<6x3xf32>, tensor<6x3xf32>, tensor<i32>) -> tensor<6x3xf32>
  %y = hydra.scatter_rows %s3, %order {size = 6 : i64, scale = 1.0 : f64, unique} : (tensor<6x3xf32>, tensor<6xi32>) -> tensor<6x3xf32>
  return %y : tensor<6x3xf32>
}
)";

// The rows that are chosen and active, compacted: depth routing inside a recursion.
const char* const kChosenAndActive = R"(
func.func @f(%x: tensor<8x3xf32>, %score: tensor<2x4xf32>, %depth: tensor<2x4xi32>, %w: tensor<3x3xf32>) -> tensor<8x3xf32>
    attributes {hydra.vjp} {
  %index, %chosen = hydra.top_k %score {k = 3 : i64} : (tensor<2x4xf32>) -> (tensor<2x3xi32>, tensor<2x4xi32>)
  %pass = hydra.constant dense<2> : tensor<i32>
  %active = hydra.binary <ge> %depth, %pass : (tensor<2x4xi32>, tensor<i32>) -> tensor<2x4xi32>
  %mask = hydra.binary <mul> %chosen, %active : (tensor<2x4xi32>, tensor<2x4xi32>) -> tensor<2x4xi32>
  %rows, %n = hydra.nonzero %mask {capacity = 6 : i64} : (tensor<2x4xi32>) -> (tensor<6xi32>, tensor<i32>)
  %s = hydra.gather_rows %x, %rows, %n {unique} : (tensor<8x3xf32>, tensor<6xi32>, tensor<i32>) -> tensor<6x3xf32>
  %m = hydra.matmul %s, %w rows %n {transpose_b} : (tensor<6x3xf32>, tensor<3x3xf32>, tensor<i32>) -> tensor<6x3xf32>
  %t = hydra.unary <tanh> %m, %n : (tensor<6x3xf32>, tensor<i32>) -> tensor<6x3xf32>
  %y = hydra.scatter_rows %t, %rows accumulate %x rows %n {size = 8 : i64, scale = 1.0 : f64, unique} : (tensor<6x3xf32>, tensor<6xi32>, tensor<8x3xf32>, tensor<i32>) -> tensor<8x3xf32>
  return %y : tensor<8x3xf32>
}
)";

// Tokens sorted by expert, one weight per expert in either form; some experts have no token.
const char* const kExperts = R"(
func.func @f(%x: tensor<7x3xf32>, %key: tensor<7xi32>, %a0: tensor<4x3xf32>, %a1: tensor<4x3xf32>,
             %a2: tensor<4x3xf32>, %b0: tensor<4x2xf32>, %b1: tensor<4x2xf32>, %b2: tensor<4x2xf32>) -> tensor<7x2xf32>
    attributes {hydra.vjp} {
  %order, %offsets = hydra.counting_sort %key {classes = 3 : i64} : (tensor<7xi32>) -> (tensor<7xi32>, tensor<4xi32>)
  %s = hydra.gather_rows %x, %order {unique} : (tensor<7x3xf32>, tensor<7xi32>) -> tensor<7x3xf32>
  %h = hydra.grouped_matmul %s, %offsets, %a0, %a1, %a2 {transpose_b} : (tensor<7x3xf32>, tensor<4xi32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<7x4xf32>
  %t = hydra.unary <tanh> %h : (tensor<7x4xf32>) -> tensor<7x4xf32>
  %o = hydra.grouped_matmul %t, %offsets, %b0, %b1, %b2 : (tensor<7x4xf32>, tensor<4xi32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<7x2xf32>
  %y = hydra.scatter_rows %o, %order {size = 7 : i64, scale = 0.5 : f64, unique} : (tensor<7x2xf32>, tensor<7xi32>) -> tensor<7x2xf32>
  return %y : tensor<7x2xf32>
}
)";

}  // namespace

std::vector<GradientCase> routingCases() {
  std::vector<GradientCase> cases;
  cases.push_back(
      {"merge_rows",
       oneOp("hydra.merge_rows %0, %1, %2", {"2x3x4xf32", "2x3x4xf32", "i32"}, {"2x3x4xf32"}), -1.5,
       1.5, 4, kSixRows});
  cases.push_back({"merge_rows_accumulate",
                   oneOp("hydra.merge_rows %0, %1, %2 {accumulate}", {"6x4xf32", "6x4xf32", "i32"},
                         {"6x4xf32"}),
                   -1.5, 1.5, 4, kSixRows});
  cases.push_back({"sorted_passes", kSortedPasses, -1.5, 1.5, 3});
  cases.push_back({"chosen_and_active", kChosenAndActive, -1.5, 1.5, 4});
  cases.push_back({"experts", kExperts, -1.5, 1.5, 3});
  return cases;
}

}  // namespace mlir::hydra
