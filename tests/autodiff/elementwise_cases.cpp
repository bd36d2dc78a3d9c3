// Gradient cases of the elementwise ops, broadcasting, reductions and renaming ops.
#include "tests/autodiff/case_text.h"
#include "tests/autodiff/gradient_check.h"

namespace mlir::hydra {
namespace {

const std::vector<int32_t> kSixRows = {0, 1, 4, 6};

GradientCase unaryCase(const std::string& kind, double low, double high) {
  return {"unary_" + kind, oneOp("hydra.unary <" + kind + "> %0", {"2x3x5xf32"}, {"2x3x5xf32"}),
          low, high};
}

GradientCase binaryCase(const std::string& name, const std::string& kind, const std::string& a,
                        const std::string& b, const std::string& y, double low = -1.5) {
  return {name, oneOp("hydra.binary <" + kind + "> %0, %1", {a, b}, {y}), low, 1.5};
}

GradientCase binaryRowsCase(const std::string& name, const std::string& kind, const std::string& a,
                            const std::string& b, const std::string& y) {
  return {name,    oneOp("hydra.binary <" + kind + "> %0, %1, %2", {a, b, "i32"}, {y}), 0.4, 1.5, 0,
          kSixRows};
}

GradientCase reduceCase(const std::string& name, const std::string& kinds, const std::string& x,
                        const std::string& y) {
  return {name, oneOp("hydra.reduce " + kinds + " %0", {x}, {y})};
}

GradientCase reduceRowsCase(const std::string& name, const std::string& kinds, const std::string& y,
                            std::vector<int32_t> rows) {
  return {name, oneOp("hydra.reduce " + kinds + " %0, %1", {"2x3x5xf32", "i32"}, {y}),
          -1.5, 1.5,
          0,    std::move(rows)};
}

}  // namespace

std::vector<GradientCase> elementwiseCases() {
  std::vector<GradientCase> cases;
  for (const char* kind : {"neg", "exp", "tanh", "sigmoid", "square", "silu", "gelu"})
    cases.push_back(unaryCase(kind, -1.5, 1.5));
  for (const char* kind : {"log", "sqrt", "rsqrt", "reciprocal"})
    cases.push_back(unaryCase(kind, 0.4, 1.8));
  // Away from the jumps at the halves.
  cases.push_back(unaryCase("round", 0.6, 1.4));
  for (const char* kind : {"exp", "silu", "gelu", "round", "rsqrt", "tanh"})
    cases.push_back({std::string("unary_rows_") + kind,
                     oneOp(std::string("hydra.unary <") + kind + "> %0, %1", {"2x3x5xf32", "i32"},
                           {"2x3x5xf32"}),
                     0.6, 1.4, 0, kSixRows});
  cases.push_back({"cast", oneOp("hydra.cast %0 {element_type = f64}", {"3x5xf32"}, {"3x5xf64"})});
  cases.push_back({"cast_rows",
                   oneOp("hydra.cast %0, %1 {element_type = f64}", {"6x5xf32", "i32"}, {"6x5xf64"}),
                   -1.5, 1.5, 0, kSixRows});
  cases.push_back({"reshape", oneOp("hydra.reshape %0 {shape = array<i64: 5, 6>}", {"2x3x5xf32"},
                                    {"5x6xf32"})});
  cases.push_back({"split", oneOp("hydra.split %0 {sizes = array<i64: 2, 1, 4>}", {"3x7xf32"},
                                  {"3x2xf32", "3x1xf32", "3x4xf32"})});
  cases.push_back({"split_rows",
                   oneOp("hydra.split %0, %1 {sizes = array<i64: 2, 5>}", {"6x7xf32", "i32"},
                         {"6x2xf32", "6x5xf32"}),
                   -1.5, 1.5, 0, kSixRows});
  // A piece that nothing uses.
  cases.push_back({"split_partly_used",
                   "func.func @f(%x: tensor<3x7xf32>) -> tensor<3x4xf32> attributes {hydra.vjp} {\n"
                   "  %a, %b = hydra.split %x {sizes = array<i64: 3, 4>} : (tensor<3x7xf32>) -> "
                   "(tensor<3x3xf32>, tensor<3x4xf32>)\n"
                   "  return %b : tensor<3x4xf32>\n}\n"});
  cases.push_back(
      {"concat", oneOp("hydra.concat %0, %1, %2", {"3x2xf32", "3x1xf32", "3x4xf32"}, {"3x7xf32"})});
  cases.push_back({"concat_rows",
                   oneOp("hydra.concat %0, %1 rows %2", {"6x2xf32", "6x5xf32", "i32"}, {"6x7xf32"}),
                   -1.5, 1.5, 0, kSixRows});
  cases.push_back({"slice_rows", oneOp("hydra.slice_rows %0 {first = 1, count = 3}", {"6x2x3xf32"},
                                       {"3x2x3xf32"})});
  cases.push_back({"slice_rows_one_axis",
                   oneOp("hydra.slice_rows %0 {first = 0, count = 4}", {"4xf32"}, {"4xf32"})});
  cases.push_back({"join_rows", oneOp("hydra.concat_rows %0, %1, %2",
                                      {"1x3xf32", "2x3xf32", "4x3xf32"}, {"7x3xf32"})});
  // A constant takes part in the value and not in the gradient.
  cases.push_back({"constant",
                   "func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> attributes {hydra.vjp} {\n"
                   "  %c = hydra.constant dense<[1.0, -2.0, 3.0]> : tensor<3xf32>\n"
                   "  %y = hydra.binary <mul> %x, %c : (tensor<3xf32>, tensor<3xf32>) -> "
                   "tensor<3xf32>\n"
                   "  return %y : tensor<3xf32>\n}\n"});
  // Both operands are one value.
  cases.push_back({"same_operand_twice",
                   "func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> attributes {hydra.vjp} {\n"
                   "  %y = hydra.binary <mul> %x, %x : (tensor<3xf32>, tensor<3xf32>) -> "
                   "tensor<3xf32>\n"
                   "  %z = hydra.binary <add> %y, %y : (tensor<3xf32>, tensor<3xf32>) -> "
                   "tensor<3xf32>\n"
                   "  return %z : tensor<3xf32>\n}\n"});
  return cases;
}

std::vector<GradientCase> broadcastCases() {
  std::vector<GradientCase> cases;
  for (const char* kind : {"add", "sub", "mul", "max", "min"})
    cases.push_back(
        binaryCase(std::string("binary_") + kind, kind, "3x5xf32", "3x5xf32", "3x5xf32"));
  cases.push_back(binaryCase("binary_div", "div", "3x5xf32", "3x5xf32", "3x5xf32", 0.4));
  // Comparisons have no gradient; away from equality differences agree.
  for (const char* kind : {"ge", "gt", "eq"})
    cases.push_back(
        binaryCase(std::string("binary_") + kind, kind, "3x5xf32", "3x5xf32", "3x5xf32"));
  // One case per way of broadcasting; mul and div use both operands' values.
  cases.push_back(binaryCase("broadcast_scalar", "mul", "2x3x5xf32", "f32", "2x3x5xf32"));
  cases.push_back(binaryCase("broadcast_row", "mul", "2x3x5xf32", "5xf32", "2x3x5xf32"));
  cases.push_back(
      binaryCase("broadcast_column", "div", "2x3x5xf32", "2x3x1xf32", "2x3x5xf32", 0.4));
  cases.push_back(binaryCase("broadcast_middle", "mul", "2x3x5xf32", "2x1x5xf32", "2x3x5xf32"));
  cases.push_back(binaryCase("broadcast_batch", "mul", "3x5xf32", "2x3x5xf32", "2x3x5xf32"));
  cases.push_back(
      binaryCase("broadcast_middle_and_column", "mul", "2x1x1xf32", "2x3x5xf32", "2x3x5xf32"));
  cases.push_back(
      binaryCase("broadcast_batch_and_column", "mul", "2x3x5xf32", "3x1xf32", "2x3x5xf32"));
  cases.push_back(binaryCase("broadcast_both", "mul", "2x1x5xf32", "1x3x1xf32", "2x3x5xf32"));
  cases.push_back(binaryCase("broadcast_outer", "max", "4x1xf32", "1x3xf32", "4x3xf32"));
  cases.push_back(
      binaryCase("broadcast_four_axes", "mul", "2x1x3x1xf32", "5x1x2xf32", "2x5x3x2xf32"));
  cases.push_back(binaryRowsCase("rows_same", "mul", "2x3x5xf32", "2x3x5xf32", "2x3x5xf32"));
  cases.push_back(binaryRowsCase("rows_add", "add", "2x3x5xf32", "2x3x5xf32", "2x3x5xf32"));
  cases.push_back(binaryRowsCase("rows_scalar", "div", "2x3x5xf32", "f32", "2x3x5xf32"));
  cases.push_back(binaryRowsCase("rows_row", "sub", "2x3x5xf32", "5xf32", "2x3x5xf32"));
  cases.push_back(binaryRowsCase("rows_column", "mul", "2x3x5xf32", "2x3x1xf32", "2x3x5xf32"));
  cases.push_back(binaryRowsCase("rows_middle", "div", "2x3x5xf32", "2x1x5xf32", "2x3x5xf32"));
  cases.push_back(binaryRowsCase("rows_max", "max", "2x3x5xf32", "2x3x5xf32", "2x3x5xf32"));

  cases.push_back({"select",
                   oneOp("hydra.select %0, %1, %2", {"3x1xi32", "3x5xf32", "3x5xf32"}, {"3x5xf32"}),
                   -1.5, 1.5, 1});
  cases.push_back({"select_float_mask",
                   oneOp("hydra.select %0, %1, %2", {"5xf32", "3x5xf32", "3x5xf32"}, {"3x5xf32"})});
  cases.push_back({"select_rows",
                   oneOp("hydra.select %0, %1, %2, %3",
                         {"2x3x1xi32", "2x3x5xf32", "2x3x5xf32", "i32"}, {"2x3x5xf32"}),
                   -1.5, 1.5, 1, kSixRows});
  cases.push_back({"broadcast_op", oneOp("hydra.broadcast %0 {shape = array<i64: 2, 3, 5>}",
                                         {"3x1xf32"}, {"2x3x5xf32"})});
  cases.push_back({"broadcast_op_rows",
                   oneOp("hydra.broadcast %0, %1 {shape = array<i64: 2, 3, 5>}",
                         {"2x3x1xf32", "i32"}, {"2x3x5xf32"}),
                   -1.5, 1.5, 0, kSixRows});
  cases.push_back({"broadcast_op_rows_from_row",
                   oneOp("hydra.broadcast %0, %1 {shape = array<i64: 2, 3, 5>}", {"5xf32", "i32"},
                         {"2x3x5xf32"}),
                   -1.5, 1.5, 0, kSixRows});

  for (const char* kind : {"sum", "max"}) {
    std::string prefix = std::string("reduce_") + kind, kinds = std::string("<") + kind + "> ";
    cases.push_back(reduceCase(prefix + "_last", kinds + "<last>", "2x3x5xf32", "2x3x1xf32"));
    cases.push_back(reduceCase(prefix + "_leading", kinds + "<leading>", "2x3x5xf32", "5xf32"));
    cases.push_back(reduceCase(prefix + "_all", kinds + "<all>", "2x3x5xf32", "f32"));
    cases.push_back(reduceRowsCase(prefix + "_last_rows", kinds + "<last>", "2x3x1xf32", kSixRows));
  }
  cases.push_back(reduceRowsCase("reduce_sum_leading_rows", "<sum> <leading>", "5xf32", kSixRows));
  cases.push_back(reduceRowsCase("reduce_sum_all_rows", "<sum> <all>", "f32", kSixRows));
  // The maximum of no rows is not a number one can differentiate.
  cases.push_back(reduceRowsCase("reduce_max_leading_rows", "<max> <leading>", "5xf32", {1, 4, 6}));
  cases.push_back(reduceRowsCase("reduce_max_all_rows", "<max> <all>", "f32", {1, 4, 6}));
  return cases;
}

}  // namespace mlir::hydra
