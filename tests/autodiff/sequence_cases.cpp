// Gradient cases of windows and attention.
#include "tests/autodiff/case_text.h"
#include "tests/autodiff/gradient_check.h"

namespace mlir::hydra {
namespace {

GradientCase convCase(const std::string& name, const std::string& x, const std::string& filter,
                      const std::string& y) {
  return {"causal_conv_" + name, oneOp("hydra.causal_conv %0, %1", {x, filter}, {y})};
}

GradientCase attentionCase(const std::string& name, const std::string& q, const std::string& kv,
                           int heads, int kvHeads) {
  std::string attributes = "{heads = " + std::to_string(heads) +
                           " : i64, kv_heads = " + std::to_string(kvHeads) +
                           " : i64, scale = 0.7 : f64}";
  std::string source = "func.func @f(%q: tensor<" + q + ">, %k: tensor<" + kv + ">, %v: tensor<" +
                       kv + ">) -> tensor<" + q + "> attributes {hydra.vjp} {\n" +
                       "  %y, %lse = hydra.attention %q, %k, %v " + attributes + " : (tensor<" + q +
                       ">, tensor<" + kv + ">, tensor<" + kv + ">) -> (tensor<" + q + ">, tensor<" +
                       q.substr(0, q.find_last_of('x', q.rfind('x') - 1)) + "x" +
                       std::to_string(heads) + "xf32>)\n  return %y : tensor<" + q + ">\n}\n";
  return {"attention_" + name, source};
}

}  // namespace

std::vector<GradientCase> sequenceCases() {
  std::vector<GradientCase> cases;
  for (int from : {0, 2, 5}) {
    std::string attribute = "from_channel = " + std::to_string(from) + " : i64";
    std::string name = "shift_from_" + std::to_string(from);
    cases.push_back(
        {name, oneOp("hydra.shift %0 {" + attribute + "}", {"2x3x5xf32"}, {"2x3x5xf32"})});
    cases.push_back({name + "_reverse", oneOp("hydra.shift %0 {" + attribute + ", reverse}",
                                              {"2x3x5xf32"}, {"2x3x5xf32"})});
  }
  cases.push_back(convCase("dense", "2x5x4xf32", "3x4x3xf32", "2x5x3xf32"));
  cases.push_back(convCase("groups", "2x5x6xf32", "9x2x3xf32", "2x5x9xf32"));
  cases.push_back(convCase("depthwise", "2x5x4xf32", "4x1x2xf32", "2x5x4xf32"));
  cases.push_back(convCase("width_1", "1x3x4xf32", "5x4x1xf32", "1x3x5xf32"));
  cases.push_back(convCase("wider_than_sequence", "1x2x2xf32", "2x2x4xf32", "1x2x2xf32"));
  // Histories that are not differentiated take part in the filter's gradient.
  cases.push_back(
      {"causal_conv_stopped_history",
       "func.func @f(%x: tensor<1x3x4xf32>, %w: tensor<4x2x3xf32>) -> tensor<1x3x4xf32> "
       "attributes {hydra.vjp} {\n"
       "  %h = hydra.constant dense<0.5> : tensor<1x2x4xf32>\n"
       "  %y = hydra.causal_conv %x, %w history %h : (tensor<1x3x4xf32>, tensor<4x2x3xf32>, "
       "tensor<1x2x4xf32>) -> tensor<1x3x4xf32>\n"
       "  return %y : tensor<1x3x4xf32>\n}\n"});
  cases.push_back(
      {"unfold", oneOp("hydra.unfold %0 {width = 3 : i64}", {"2x5x4xf32"}, {"2x5x12xf32"})});
  cases.push_back(
      {"fold", oneOp("hydra.fold %0 {width = 3 : i64}", {"2x5x12xf32"}, {"2x5x4xf32"})});
  cases.push_back(attentionCase("one_head", "2x3x5xf32", "2x3x5xf32", 1, 1));
  cases.push_back(attentionCase("heads", "1x5x6xf32", "1x5x6xf32", 3, 3));
  cases.push_back(attentionCase("groups", "2x4x12xf32", "2x4x6xf32", 4, 2));
  cases.push_back(attentionCase("one_position", "2x1x4xf32", "2x1x2xf32", 2, 1));
  return cases;
}

}  // namespace mlir::hydra
