// Gradient cases of the matrix product: every form, groups, accumulators, row counts.
#include "tests/autodiff/case_text.h"
#include "tests/autodiff/gradient_check.h"

namespace mlir::hydra {
namespace {

struct Product {
  const char* name;
  const char* attributes;
  const char* a;
  const char* b;
  const char* y;
};

// Every form, with and without groups; the last ones have weights or inputs of more axes.
constexpr Product kProducts[] = {
    {"none", "", "2x3x5xf32", "5x7xf32", "2x3x7xf32"},
    {"transpose_b", "{transpose_b}", "2x3x5xf32", "7x5xf32", "2x3x7xf32"},
    {"transpose_a", "{transpose_a}", "2x3x5xf32", "6x7xf32", "5x7xf32"},
    {"none_groups", "{groups = 3 : i64}", "2x3x6xf32", "6x5xf32", "2x3x15xf32"},
    {"transpose_b_groups", "{transpose_b, groups = 3 : i64}", "2x3x6xf32", "15x2xf32",
     "2x3x15xf32"},
    {"transpose_a_groups", "{transpose_a, groups = 3 : i64}", "2x3x6xf32", "6x15xf32", "6x5xf32"},
    {"none_deep_weight", "", "6x10xf32", "2x5x3xf32", "6x3xf32"},
    {"transpose_b_deep_weight", "{transpose_b}", "6x3xf32", "2x5x3xf32", "6x10xf32"},
    {"transpose_a_unequal_axes", "{transpose_a}", "6x5xf32", "3x2x7xf32", "5x7xf32"},
    {"single", "{transpose_b}", "1x1xf32", "1x1xf32", "1x1xf32"},
};

}  // namespace

std::vector<GradientCase> matmulCases() {
  std::vector<GradientCase> cases;
  for (const Product& product : kProducts) {
    std::string name = std::string("matmul_") + product.name, attributes = product.attributes;
    cases.push_back(
        {name, oneOp("hydra.matmul %0, %1 " + attributes, {product.a, product.b}, {product.y})});
    cases.push_back({name + "_accumulate", oneOp("hydra.matmul %0, %1 accumulate %2 " + attributes,
                                                 {product.a, product.b, product.y}, {product.y})});
    if (name == "matmul_single") continue;
    cases.push_back({name + "_rows",
                     oneOp("hydra.matmul %0, %1 rows %2 " + attributes,
                           {product.a, product.b, "i32"}, {product.y}),
                     -1.5,
                     1.5,
                     0,
                     {0, 1, 4, 6}});
    cases.push_back({name + "_accumulate_rows",
                     oneOp("hydra.matmul %0, %1 accumulate %2 rows %3 " + attributes,
                           {product.a, product.b, product.y, "i32"}, {product.y}),
                     -1.5,
                     1.5,
                     0,
                     {0, 1, 4, 6}});
  }
  return cases;
}

}  // namespace mlir::hydra
