// Gradient cases of the ops that move rows by index, and of the cross-entropy.
#include "tests/autodiff/case_text.h"
#include "tests/autodiff/gradient_check.h"

namespace mlir::hydra {
namespace {

const std::vector<int32_t> kSixRows = {0, 1, 4, 6};

std::string lossSource(const std::string& leading) {
  std::string logits = tensor(leading + "x5xf32"), targets = tensor(leading + "xi32");
  std::string perToken = tensor(leading + "xf32");
  return "func.func @f(%x: " + logits + ", %t: " + targets +
         ") -> tensor<f32> attributes {hydra.vjp} {\n"
         "  %loss, %token_loss, %lse = hydra.cross_entropy %x, %t : (" +
         logits + ", " + targets + ") -> (tensor<f32>, " + perToken + ", " + perToken +
         ")\n  return %loss : tensor<f32>\n}\n";
}

}  // namespace

std::vector<GradientCase> moveCases() {
  std::vector<GradientCase> cases;
  // Six draws from seven values: duplicates and values outside the table occur.
  cases.push_back(
      {"embedding",
       oneOp("hydra.embedding %0, %1 {scale = 1.7 : f64}", {"5x3xf32", "2x3xi32"}, {"2x3x3xf32"}),
       -1.5, 1.5, 5});
  cases.push_back({"embedding_rows",
                   oneOp("hydra.embedding %0, %1, %2 {scale = 1.7 : f64}",
                         {"5x3xf32", "2x3xi32", "i32"}, {"2x3x3xf32"}),
                   -1.5, 1.5, 5, kSixRows});
  cases.push_back({"gather_rows",
                   oneOp("hydra.gather_rows %0, %1", {"5x3xf32", "6xi32"}, {"6x3xf32"}), -1.5, 1.5,
                   5});
  cases.push_back({"gather_rows_rows",
                   oneOp("hydra.gather_rows %0, %1, %2", {"5x3xf32", "6xi32", "i32"}, {"6x3xf32"}),
                   -1.5, 1.5, 5, kSixRows});
  cases.push_back({"scatter_rows",
                   oneOp("hydra.scatter_rows %0, %1 {size = 4 : i64, scale = 0.6 : f64}",
                         {"2x3x5xf32", "2x3xi32"}, {"4x5xf32"}),
                   -1.5, 1.5, 4});
  cases.push_back(
      {"scatter_rows_accumulate",
       oneOp("hydra.scatter_rows %0, %1 accumulate %2 {size = 4 : i64, scale = 1.0 : f64}",
             {"6x5xf32", "6xi32", "4x5xf32"}, {"4x5xf32"}),
       -1.5, 1.5, 4});
  cases.push_back({"scatter_rows_accumulate_rows",
                   oneOp("hydra.scatter_rows %0, %1 accumulate %2 rows %3 "
                         "{size = 4 : i64, scale = 0.6 : f64}",
                         {"6x5xf32", "6xi32", "4x5xf32", "i32"}, {"4x5xf32"}),
                   -1.5, 1.5, 4, kSixRows});
  cases.push_back({"cross_entropy", lossSource("2x3"), -1.5, 1.5, 5});
  cases.push_back({"cross_entropy_one_axis", lossSource("7"), -1.5, 1.5, 5});
  return cases;
}

}  // namespace mlir::hydra
