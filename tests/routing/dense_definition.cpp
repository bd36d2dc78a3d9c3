#include "tests/routing/dense_definition.h"

#include <vector>

namespace mlir::hydra {
namespace {

std::string number(int64_t value) { return std::to_string(value); }

// Writes primitives one per line and keeps the types of what it has named.
class DenseWriter {
 public:
  explicit DenseWriter(const RoutedSizes& sizes) : n(sizes) {
    leading = number(n.batch) + "x" + number(n.sequence) + "x";
    stream = "tensor<" + leading + number(n.width) + "xf32>";
    column = "tensor<" + leading + "1xf32>";
  }

  std::string text();

 private:
  std::string fresh() { return "%v" + number(next++); }
  std::string emit(const std::string& op, const std::string& types, const std::string& result) {
    std::string name = fresh();
    body += "  " + name + " = hydra." + op + " : (" + types + ") -> " + result + "\n";
    return name;
  }
  std::string constant(double value) {
    std::string name = fresh();
    char digits[40];
    std::snprintf(digits, sizeof(digits), "%.17e", value);
    body += "  " + name + " = hydra.constant dense<" + digits + "> : tensor<f32>\n";
    return name;
  }
  // Elementwise; `b` may be a column or a scalar beside a stream.
  std::string binary(const std::string& kind, const std::string& a, const std::string& aType,
                     const std::string& b, const std::string& bType) {
    return emit("binary <" + kind + "> " + a + ", " + b, aType + ", " + bType, aType);
  }
  std::string columns(const std::string& kind, const std::string& a, const std::string& b) {
    return binary(kind, a, column, b, column);
  }
  std::string scaled(const std::string& a, double factor) {
    return binary("mul", a, column, constant(factor), "tensor<f32>");
  }
  std::string shifted(const std::string& a, double offset) {
    return binary("add", a, column, constant(offset), "tensor<f32>");
  }
  std::string unary(const std::string& kind, const std::string& a) {
    return emit("unary <" + kind + "> " + a, column, column);
  }
  std::string masked(const std::string& x, const std::string& mask) {
    return binary("mul", x, stream, mask, column);
  }
  std::string add(const std::string& a, const std::string& b) {
    return binary("add", a, stream, b, stream);
  }
  std::string parameter(const std::string& name, const std::string& type) {
    std::string value = "%p" + number(next++);
    arguments += ",\n    " + value + ": " + type + " {hydra.binding = #hydra.binding<parameter \"" +
                 name + "\">}";
    return value;
  }
  std::string matrix(int64_t rows, int64_t columns) {
    return "tensor<" + number(rows) + "x" + number(columns) + "xf32>";
  }
  std::string vector(int64_t size) { return "tensor<" + number(size) + "xf32>"; }

  std::string linear(const std::string& x, int64_t in, const std::string& weight, int64_t out) {
    return emit("matmul " + x + ", " + weight + " {transpose_b}",
                "tensor<" + leading + number(in) + "xf32>, " + matrix(out, in),
                "tensor<" + leading + number(out) + "xf32>");
  }
  std::string norm(const std::string& x, const std::string& weight) {
    return emit("rms_norm " + x + ", " + weight + " {eps = 1.0e-06 : f64}",
                stream + ", " + vector(n.width), stream);
  }
  std::string mlp(const std::string& x, const std::string& gateUp, const std::string& down) {
    std::string both = linear(x, n.width, gateUp, 2 * n.hidden);
    std::string inner = emit("swiglu " + both, "tensor<" + leading + number(2 * n.hidden) + "xf32>",
                             "tensor<" + leading + number(n.hidden) + "xf32>");
    return linear(inner, n.hidden, down, n.width);
  }
  std::string router(const std::string& x, const std::string& weight, const std::string& bias) {
    return binary("add", linear(x, n.width, weight, 1), column, bias, "tensor<1xf32>");
  }
  // 1 where the depth router selects, [B, S, 1].
  std::string selected(const std::string& score) {
    std::string flat = number(n.batch) + "x" + number(n.sequence);
    std::string values = emit("reshape " + score + " {shape = array<i64: " + number(n.batch) +
                                  ", " + number(n.sequence) + ">}",
                              column, "tensor<" + flat + "xf32>");
    std::string top = fresh();
    body += "  " + top + ":2 = hydra.top_k " + values + " {k = " + number(n.selected) +
            " : i64} : (tensor<" + flat + "xf32>) -> (tensor<" + number(n.batch) + "x" +
            number(n.selected) + "xi32>, tensor<" + flat + "xi32>)\n";
    std::string chosen = emit("cast " + top + "#1 {element_type = f32}", "tensor<" + flat + "xi32>",
                              "tensor<" + flat + "xf32>");
    return emit("reshape " + chosen + " {shape = array<i64: " + number(n.batch) + ", " +
                    number(n.sequence) + ", 1>}",
                "tensor<" + flat + "xf32>", column);
  }
  std::vector<std::string> rowsOf(const std::string& table, const std::string& type);
  std::string block(const std::string& h, int64_t index);
  std::string experts(const std::string& y);

  RoutedSizes n;
  std::string leading, stream, column, arguments, body;
  int64_t next = 0;
};

// The rows of [R, ..., D], each [1, D].
std::vector<std::string> DenseWriter::rowsOf(const std::string& table, const std::string& type) {
  std::string flat = matrix(1, n.passes * n.width);
  std::string all =
      emit("reshape " + table + " {shape = array<i64: 1, " + number(n.passes * n.width) + ">}",
           type, flat);
  std::string sizes, results, pieces = fresh();
  std::vector<std::string> rows;
  for (int64_t r = 0; r < n.passes; ++r) {
    sizes += (r ? ", " : "") + number(n.width);
    results += (r ? ", " : "") + matrix(1, n.width);
    rows.push_back(pieces + "#" + number(r));
  }
  body += "  " + pieces + ":" + number(n.passes) + " = hydra.split " + all +
          " {sizes = array<i64: " + sizes + ">} : (" + flat + ") -> (" + results + ")\n";
  return rows;
}

std::string DenseWriter::block(const std::string& h, int64_t index) {
  std::string scope = "layers." + number(index) + ".", row = matrix(1, n.width);
  std::string gateUp = parameter(scope + "mlp.gate_up.weight", matrix(2 * n.hidden, n.width));
  std::string down = parameter(scope + "mlp.down.weight", matrix(n.width, n.hidden));
  std::string norm2 = parameter(scope + "norm2.weight", vector(n.width));
  std::string finalNorm = parameter(scope + "final_norm.weight", vector(n.width));
  std::string weight = parameter(scope + "mor_router.router.weight", row);
  std::string bias = parameter(scope + "mor_router.router.bias", "tensor<1xf32>");
  std::string biasType = "tensor<" + number(n.passes) + "x1x1x" + number(n.width) + "xf32>";
  std::string biases = parameter(scope + "mor_executor.recursion_bias", biasType);
  std::string embeds =
      parameter(scope + "mor_executor.recursion_embed.weight", matrix(n.passes, n.width));
  std::string depthWeight, depthBias;
  if (index == 1) {
    depthWeight = parameter(scope + "mod_mlp_wrapper.mod_router.router.weight", row);
    depthBias = parameter(scope + "mod_mlp_wrapper.mod_router.router.bias", "tensor<1xf32>");
  }
  std::vector<std::string> bias_r = rowsOf(biases, biasType);
  std::vector<std::string> embed_r = rowsOf(embeds, matrix(n.passes, n.width));

  auto deepest = static_cast<double>(n.passes - 1), least = static_cast<double>(n.minDepth);
  std::string logit = scaled(unary("tanh", scaled(router(h, weight, bias), 0.5)), 3);
  std::string p = unary("sigmoid", logit), scaledP = scaled(p, deepest);
  std::string depth = unary("round", shifted(scaled(p, deepest - least), least));

  std::string s = h, out;
  for (int64_t r = 0; r < n.passes; ++r) {
    std::string input = binary("add", s, stream, bias_r[r], row);
    input = norm(binary("add", input, stream, embed_r[r], row), norm2);
    std::string delta = mlp(input, gateUp, down);
    if (index == 1) delta = masked(delta, selected(router(input, depthWeight, depthBias)));
    std::string pass = constant(static_cast<double>(r));
    std::string active = binary("ge", depth, column, pass, "tensor<f32>");
    s = add(s, masked(delta, active));
    std::string distance = binary("sub", scaledP, column, pass, "tensor<f32>");
    std::string bump = unary("exp", unary("neg", unary("square", distance)));
    std::string held = emit("stop " + bump, column, column);
    std::string gate = shifted(columns("sub", bump, held), 1);
    std::string ends = binary("eq", depth, column, pass, "tensor<f32>");
    std::string part = masked(masked(s, gate), ends);
    out = out.empty() ? part : add(out, part);
  }
  return norm(out, finalNorm);
}

std::string DenseWriter::experts(const std::string& y) {
  std::string scope = "moe_layers.0.";
  std::string alpha = parameter(scope + "residual_alpha", "tensor<f32>");
  std::string z = norm(y, parameter(scope + "norm.weight", vector(n.width)));
  std::string gate = parameter(scope + "router.gate.weight", matrix(n.experts, n.width));
  std::string logitType = "tensor<" + leading + number(n.experts) + "xf32>";
  std::string logits = linear(z, n.width, gate, n.experts), top = fresh();
  std::string indexType = "tensor<" + leading + number(n.choices) + "xi32>";
  std::string maskType = "tensor<" + leading + number(n.experts) + "xi32>";
  body += "  " + top + ":2 = hydra.top_k " + logits + " {k = " + number(n.choices) +
          " : i64, by_value} : (" + logitType + ") -> (" + indexType + ", " + maskType + ")\n";
  // Softmax over the chosen logits: exp(logit) chosen / sum.
  std::string chosen = emit("cast " + top + "#1 {element_type = f32}", maskType, logitType);
  std::string power = emit("unary <exp> " + logits, logitType, logitType);
  power = binary("mul", power, logitType, chosen, logitType);
  std::string total = emit("reduce <sum> <last> " + power, logitType, column);
  std::string weights = binary("div", power, logitType, total, column);
  std::string pieces = fresh(), sizes, results;
  for (int64_t e = 0; e < n.experts; ++e) {
    sizes += (e ? ", 1" : "1");
    results += (e ? ", " : "") + column;
  }
  body += "  " + pieces + ":" + number(n.experts) + " = hydra.split " + weights +
          " {sizes = array<i64: " + sizes + ">} : (" + logitType + ") -> (" + results + ")\n";
  std::string mix;
  for (int64_t e = 0; e < n.experts; ++e) {
    std::string expert = scope + "experts." + number(e) + ".";
    std::string gateUp = parameter(expert + "gate_up.weight", matrix(2 * n.hidden, n.width));
    std::string down = parameter(expert + "down.weight", matrix(n.width, n.hidden));
    std::string part =
        masked(mlp(z, gateUp, down), n.experts == 1 ? weights : pieces + "#" + number(e));
    mix = mix.empty() ? part : add(mix, part);
  }
  std::string low = emit("binary <max> " + alpha + ", " + constant(-0.5),
                         "tensor<f32>, tensor<f32>", "tensor<f32>");
  std::string held =
      emit("binary <min> " + low + ", " + constant(2), "tensor<f32>, tensor<f32>", "tensor<f32>");
  return add(y, binary("mul", mix, stream, held, "tensor<f32>"));
}

std::string DenseWriter::text() {
  std::string h = "%x";
  for (int64_t i = 0; i < 3; ++i) {
    h = block(h, i);
    if (i == 1) h = experts(h);
  }
  return "func.func @f(%x: " + stream + " {hydra.binding = #hydra.binding<input \"x\">}" +
         arguments + ") -> (" + stream +
         " {hydra.binding = #hydra.binding<output \"y\">}) attributes {hydra.vjp} {\n" + body +
         "  return " + h + " : " + stream + "\n}\n";
}

}  // namespace

std::string denseText(const RoutedSizes& sizes) { return DenseWriter(sizes).text(); }

std::string structuralText(const RoutedSizes& n) {
  std::string stream =
      "tensor<" + number(n.batch) + "x" + number(n.sequence) + "x" + number(n.width) + "xf32>";
  char capacity[40];
  std::snprintf(capacity, sizeof(capacity), "%.17e", n.capacity);
  std::string hidden = "{hidden = " + number(n.hidden) + " : i64} : " + stream + "\n";
  return "func.func @f(%x: " + stream + " {hydra.binding = #hydra.binding<input \"x\">}) -> (" +
         stream + " {hydra.binding = #hydra.binding<output \"y\">}) attributes {hydra.vjp} {\n" +
         "  %0 = hydra.blocks %x count 3 as \"layers\" : " + stream + " {\n  ^bb0(%h: " + stream +
         "):\n    %r = hydra.recursion %h passes " + number(n.passes) +
         " {min_depth = " + number(n.minDepth) + " : i64} : " + stream +
         " {\n    ^bb1(%s: " + stream + "):\n      %n = hydra.norm %s \"norm2\" : " + stream +
         "\n      %d = hydra.depth_routing %n capacity " + capacity + " : " + stream +
         " {\n      ^bb2(%u: " + stream + "):\n        %m = hydra.mlp %u " + hidden +
         "        hydra.yield %m : " + stream + "\n      }\n      hydra.yield %d : " + stream +
         "\n    }\n    %y = hydra.norm %r \"final_norm\" : " + stream +
         "\n    %e = hydra.experts %y experts " + number(n.experts) +
         " layers 1 {top_k = " + number(n.choices) + " : i64, identity_init = false} : " + stream +
         " {\n    ^bb1(%s: " + stream +
         "):\n      %m = hydra.mlp %s {name = \"\", hidden = " + number(n.hidden) +
         " : i64} : " + stream + "\n      hydra.yield %m : " + stream +
         "\n    }\n    hydra.yield %e : " + stream + "\n  }\n  return %0 : " + stream + "\n}\n";
}

}  // namespace mlir::hydra
