// Gradient cases of the row ops, with and without row counts.
#include "tests/autodiff/case_text.h"
#include "tests/autodiff/gradient_check.h"

namespace mlir::hydra {
namespace {

// A row op with and without a row count. `operands` are those before `rows`.
void addRowOp(std::vector<GradientCase>& cases, const std::string& name, const std::string& op,
              const std::string& attributes, std::vector<std::string> operands,
              const std::string& result) {
  std::string list = "%0";
  for (size_t i = 1; i < operands.size(); ++i) list += ", %" + std::to_string(i);
  cases.push_back({name, oneOp(op + " " + list + " " + attributes, operands, {result})});
  list += ", %" + std::to_string(operands.size());
  operands.push_back("i32");
  cases.push_back({name + "_rows",
                   oneOp(op + " " + list + " " + attributes, operands, {result}),
                   -1.5,
                   1.5,
                   0,
                   {0, 1, 4, 6}});
}

std::string ropeSource(const std::string& attributes, bool position) {
  std::string argument = position ? ", %p: tensor<2xi32>" : "";
  std::string operand = position ? ", %p" : "", type = position ? ", tensor<2xi32>" : "";
  return "func.func @f(%x: tensor<2x3x8xf32>" + argument +
         ") -> tensor<2x3x8xf32> attributes {hydra.vjp} {\n"
         "  %t = hydra.rope_table {positions = 7 : i64, head_dim = 4 : i64, theta = 100.0 : f64} : "
         "() -> tensor<7x4xf32>\n"
         "  %y = hydra.rope %x, %t" +
         operand + " " + attributes + " : (tensor<2x3x8xf32>, tensor<7x4xf32>" + type +
         ") -> tensor<2x3x8xf32>\n  return %y : tensor<2x3x8xf32>\n}\n";
}

}  // namespace

std::vector<GradientCase> rowCases() {
  std::vector<GradientCase> cases;
  addRowOp(cases, "rms_norm", "hydra.rms_norm", "{eps = 1.0e-3 : f64}", {"2x3x5xf32", "5xf32"},
           "2x3x5xf32");
  addRowOp(cases, "rms_norm_single_channel", "hydra.rms_norm", "{eps = 0.5 : f64}",
           {"6x1xf32", "1xf32"}, "6x1xf32");
  addRowOp(cases, "l2_norm", "hydra.l2_norm", "{heads = 3 : i64, eps = 1.0e-6 : f64}",
           {"2x3x9xf32"}, "2x3x9xf32");
  // Every vector is shorter than eps: the linear branch.
  addRowOp(cases, "l2_norm_below_eps", "hydra.l2_norm", "{heads = 2 : i64, eps = 100.0 : f64}",
           {"2x3x6xf32"}, "2x3x6xf32");
  addRowOp(cases, "swiglu", "hydra.swiglu", "", {"2x3x10xf32"}, "2x3x5xf32");
  addRowOp(cases, "head_mix_down", "hydra.head_mix",
           "{from_heads = 6 : i64, to_heads = 2 : i64, scale = 0.5 : f64}", {"2x3x18xf32"},
           "2x3x6xf32");
  addRowOp(cases, "head_mix_up", "hydra.head_mix",
           "{from_heads = 1 : i64, to_heads = 3 : i64, scale = 1.5 : f64}", {"2x3x5xf32"},
           "2x3x15xf32");
  cases.push_back({"rope", ropeSource("", false)});
  cases.push_back({"rope_inverse", ropeSource("{inverse}", false)});
  // The last position lies beyond the table.
  cases.push_back({"rope_position", ropeSource("", true), -1.5, 1.5, 0, {0, 2, 6}});
  return cases;
}

}  // namespace mlir::hydra
