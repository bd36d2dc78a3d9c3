// Regions of several primitives that become one row program, and programs written by hand: what the
// bodies of single primitives do not reach.
#include "tests/codegen/OpCases.h"

namespace mlir::hydra::testing {

namespace {

std::string number(int64_t value) { return std::to_string(value); }

// Replaces every NAME of the text by its value.
std::string substitute(std::string text,
                       const std::vector<std::pair<std::string, std::string>>& names) {
  for (const auto& [name, value] : names)
    for (size_t at = text.find(name); at != std::string::npos;
         at = text.find(name, at + value.size()))
      text.replace(at, name.size(), value);
  return text;
}

// A residual add, the norm of the sum, and both are results: two sweeps, the sum read again.
constexpr char kAddNorm[] = R"(
func.func @f(%x: XTYPE, %y: XTYPE, %w: WTYPE) -> (XTYPE, XTYPE) {
  %s = hydra.binary <add> %x, %y : (XTYPE, XTYPE) -> XTYPE
  %n = hydra.rms_norm %s, %w {eps = 1.0e-5 : f64} : (XTYPE, WTYPE) -> XTYPE
  return %s, %n : XTYPE, XTYPE
})";

// The same with a row count.
constexpr char kAddNormRows[] = R"(
func.func @f(%x: XTYPE, %y: XTYPE, %w: WTYPE, %rows: tensor<i32>) -> (XTYPE, XTYPE) {
  %s = hydra.binary <add> %x, %y, %rows : (XTYPE, XTYPE, tensor<i32>) -> XTYPE
  %n = hydra.rms_norm %s, %w, %rows {eps = 1.0e-5 : f64} : (XTYPE, WTYPE, tensor<i32>) -> XTYPE
  return %s, %n : XTYPE, XTYPE
})";

// A residual gradient, the norm's gradient and its weight's: column sums beside dependent row sums.
constexpr char kNormGradients[] = R"(
func.func @f(%dy: XTYPE, %x: XTYPE, %other: XTYPE, %w: WTYPE) -> (XTYPE, WTYPE, WTYPE) {
  %g = hydra.rms_norm_grad %dy, %x, %w {eps = 1.0e-5 : f64} : (XTYPE, XTYPE, WTYPE) -> XTYPE
  %s = hydra.binary <add> %g, %other : (XTYPE, XTYPE) -> XTYPE
  %d = hydra.rms_norm_weight_grad %dy, %x {eps = 1.0e-5 : f64} : (XTYPE, XTYPE) -> WTYPE
  %b = hydra.reduce <sum> <leading> %dy : (XTYPE) -> WTYPE
  return %s, %d, %b : XTYPE, WTYPE, WTYPE
})";

// A dear value between sweeps: exp is kept, not computed again.
constexpr char kSoftmax[] = R"(
func.func @f(%x: XTYPE) -> XTYPE {
  %m = hydra.reduce <max> <last> %x : (XTYPE) -> STYPE
  %c = hydra.binary <sub> %x, %m : (XTYPE, STYPE) -> XTYPE
  %e = hydra.unary <exp> %c : (XTYPE) -> XTYPE
  %s = hydra.reduce <sum> <last> %e : (XTYPE) -> STYPE
  %y = hydra.binary <div> %e, %s : (XTYPE, STYPE) -> XTYPE
  return %y : XTYPE
})";

// Heads in registers: the norm of each, then its rotation.
constexpr char kNormRope[] = R"(
func.func @f(%x: HTYPE, %t: TTYPE) -> HTYPE {
  %n = hydra.l2_norm %x {heads = 3, eps = 1.0e-3 : f64} : (HTYPE) -> HTYPE
  %r = hydra.rope %n, %t : (HTYPE, TTYPE) -> HTYPE
  return %r : HTYPE
})";

// What is added to sums over rows after all rows: an op of one row, through another shape.
constexpr char kSumsAdded[] = R"(
func.func @f(%x: XTYPE, %old: WTYPE) -> (WTYPE, tensor<f32>) {
  %s = hydra.unary <square> %x : (XTYPE) -> XTYPE
  %c = hydra.reduce <sum> <leading> %s : (XTYPE) -> WTYPE
  %n = hydra.binary <add> %old, %c : (WTYPE, WTYPE) -> WTYPE
  %t = hydra.reduce <sum> <all> %x : (XTYPE) -> tensor<f32>
  %r = hydra.reshape %t {shape = array<i64: 1>} : (tensor<f32>) -> tensor<1xf32>
  %a = hydra.reshape %r {shape = array<i64>} : (tensor<1xf32>) -> tensor<f32>
  %e = hydra.unary <tanh> %a : (tensor<f32>) -> tensor<f32>
  return %n, %e : WTYPE, tensor<f32>
})";

// Columns read where they lie, by windows, strides and heads; other heads beside whole rows.
constexpr char kViews[] = R"(
func.func @f(%x: HTYPE) -> (UTYPE, XTYPE) {
  %p:2 = hydra.split %x {sizes = array<i64: CCC, FFF>} : (HTYPE) -> (XTYPE, FTYPE)
  %u = hydra.unfold %p#0 {width = 2 : i64} : (XTYPE) -> UTYPE
  %s = hydra.shift %p#0 {from_channel = 0 : i64} : (XTYPE) -> XTYPE
  return %u, %s : UTYPE, XTYPE
})";
constexpr char kHeadViews[] = R"(
func.func @f(%x: HTYPE) -> XTYPE {
  %p:2 = hydra.split %x {sizes = array<i64: CCC, FFF>} : (HTYPE) -> (XTYPE, FTYPE)
  %m = hydra.head_mix %p#1 {from_heads = 5 : i64, to_heads = 1 : i64, scale = 0.5 : f64} : (FTYPE) -> XTYPE
  %a = hydra.binary <add> %m, %p#0 : (XTYPE, XTYPE) -> XTYPE
  return %a : XTYPE
})";

// log(sum(exp(x))) in one sweep: a reduction of two states.
constexpr char kLogSumExp[] = R"(
func.func @f(%x: XTYPE) -> (STYPE, tensor<f32>) {
  %r:2 = rows.program(%x) attributes {rows = 21 : i64, segments = 1 : i64, width = CCC : i64}
      : (XTYPE) -> (STYPE, tensor<f32>) {
  ^bb0(%a: XTYPE):
    %v = rows.read %a <same> <same> {pitch = CCC : i64, extent = CCC : i64} : XTYPE -> f32
    %l = rows.reduce <log_sum_exp> <row> %v : f32
    rows.write %l to 0 <none> {pitch = 1 : i64, extent = 1 : i64} : f32
    %t = rows.column_reduce <log_sum_exp> %l : f32
    rows.write %t to 1 <none> {pitch = 1 : i64, extent = 1 : i64} : f32
  }
  return %r#0, %r#1 : STYPE, tensor<f32>
})";

// Loss and gradient of one chunk: the log-sum-exp is a list, one value per row, read in the region.
// As many rows as columns at c = 21.
constexpr char kLossAndGradient[] = R"(
func.func @f(%x: XTYPE, %t: tensor<3x7xi32>, %s: tensor<f32>) -> (tensor<3x7xf32>, XTYPE) {
  %loss, %token_loss, %lse = hydra.cross_entropy %x, %t : (XTYPE, tensor<3x7xi32>) -> (tensor<f32>, tensor<3x7xf32>, tensor<3x7xf32>)
  %d = hydra.cross_entropy_grad %s, %x, %t, %lse : (tensor<f32>, XTYPE, tensor<3x7xi32>, tensor<3x7xf32>) -> XTYPE
  return %token_loss, %d : tensor<3x7xf32>, XTYPE
})";

}  // namespace

std::vector<OpCase> fusedCases() {
  std::vector<OpCase> cases;
  for (int64_t c : {1, 15, 16, 17, 33, 48, 100, 160}) {
    std::vector<std::pair<std::string, std::string>> names = {
        {"XTYPE", "tensor<3x7x" + number(c) + "xf32>"},
        {"STYPE", "tensor<3x7x1xf32>"},
        {"WTYPE", "tensor<" + number(c) + "xf32>"},
        {"HTYPE", "tensor<3x7x" + number(6 * c) + "xf32>"},
        {"TTYPE", "tensor<9x" + number(2 * c) + "xf32>"},
        {"UTYPE", "tensor<3x7x" + number(2 * c) + "xf32>"},
        {"FTYPE", "tensor<3x7x" + number(5 * c) + "xf32>"},
        {"CCC", number(c)},
        {"FFF", number(5 * c)}};
    auto add = [&](const char* name, const char* text) -> OpCase& {
      OpCase item;
      item.name = std::string("fused_") + name + "_" + number(c);
      item.text = substitute(text, names);
      cases.push_back(item);
      return cases.back();
    };
    OpCase& norm = add("add_norm", kAddNorm);
    norm.inPlaceResult = 1;
    norm.inPlaceOperand = 0;
    for (int rows : {0, 1, 8, 21}) {
      OpCase& bounded = add("add_norm", kAddNormRows);
      bounded.name += "_rows_" + number(rows);
      bounded.rows = rows;
    }
    if (c > 1) {  // one column: differences of nearly equal numbers
      OpCase& gradients = add("norm_gradients", kNormGradients);
      gradients.tolerance = 1e-5;
      gradients.inPlaceResult = 0;
      gradients.inPlaceOperand = 2;
    }
    OpCase& softmax = add("softmax", kSoftmax);
    softmax.inPlaceResult = softmax.inPlaceOperand = 0;
    OpCase& heads = add("norm_rope", kNormRope);
    heads.inPlaceResult = heads.inPlaceOperand = 0;
    add("log_sum_exp", kLogSumExp).high = 30;
    OpCase& loss = add("loss_and_gradient", kLossAndGradient);
    loss.integers = {{-1, 12}};
    OpCase& sums = add("sums_added", kSumsAdded);
    sums.inPlaceResult = 0;
    sums.inPlaceOperand = 1;
    add("views", kViews);
    add("head_views", kHeadViews);
  }
  return cases;
}

}  // namespace mlir::hydra::testing
