#include "tests/codegen/ProductCases.h"

#include <algorithm>

namespace mlir::hydra::testing {
namespace {

std::string tensor(const std::vector<int64_t>& shape, const std::string& element = "f32") {
  std::string text = "tensor<";
  for (int64_t extent : shape) text += std::to_string(extent) + "x";
  return text + element + ">";
}

// Rows of each group from the offsets; `groups` weights.
ProductCase grouped(const std::string& name, std::vector<int32_t> offsets, bool transposeB,
                    int64_t m, int64_t n, int64_t k) {
  size_t groups = offsets.size() - 1;
  std::string x = tensor({m, k}), w = tensor(transposeB ? std::vector{n, k} : std::vector{k, n}),
              y = tensor({m, n}), o = tensor({static_cast<int64_t>(offsets.size())}, "i32");
  std::string parameters = "%x: " + x + ", %o: " + o, operands = "%x, %o", types = x + ", " + o;
  for (size_t i = 0; i < groups; ++i) {
    parameters += ", %w" + std::to_string(i) + ": " + w;
    operands += ", %w" + std::to_string(i);
    types += ", " + w;
  }
  ProductCase item;
  item.name = name;
  item.a = item.result = CountedRows{offsets.front(), offsets.back()};
  item.counts = std::move(offsets);
  item.text = "func.func @f(" + parameters + ") -> " + y + " {\n  %r = hydra.grouped_matmul " +
              operands + (transposeB ? " {transpose_b}" : "") + " : (" + types + ") -> " + y +
              "\n  return %r : " + y + "\n}";
  return item;
}

ProductCase weightGrad(const std::string& name, std::vector<int32_t> offsets, int64_t group,
                       bool accumulate) {
  constexpr int64_t kRows = 40, kM = 33, kN = 20;
  std::string a = tensor({kRows, kM}), b = tensor({kRows, kN}), c = tensor({kM, kN}),
              o = tensor({static_cast<int64_t>(offsets.size())}, "i32");
  ProductCase item;
  item.name = name;
  item.a = item.b = CountedRows{offsets[group], offsets[group + 1]};
  item.counts = std::move(offsets);
  if (accumulate) item.accumulator = 3;
  item.text = "func.func @f(%a: " + a + ", %b: " + b + ", %o: " + o +
              (accumulate ? ", %c: " + c : "") + ") -> " + c +
              " {\n  %r = hydra.grouped_weight_grad %a, %b, %o" + (accumulate ? ", %c" : "") +
              " {group = " + std::to_string(group) + " : i64} : (" + a + ", " + b + ", " + o +
              (accumulate ? ", " + c : "") + ") -> " + c + "\n  return %r : " + c + "\n}";
  return item;
}

}  // namespace

ProductCase matmulCase(const std::string& name, int64_t m, int64_t n, int64_t k,
                       const ProductForm& form) {
  int64_t g = form.groups;
  std::string a =
      tensor(form.transposeA ? std::vector{k, g * m} : std::vector{m, g * k}, form.element);
  std::string b = tensor(form.transposeA   ? std::vector{k, g * n}
                         : form.transposeB ? std::vector{g * n, k}
                                           : std::vector{g * k, n},
                         form.element);
  std::string c =
      tensor(form.transposeA ? std::vector{g * m, n} : std::vector{m, g * n}, form.result);
  std::string parameters = "%a: " + a + ", %b: " + b, operands = "%a, %b", types = a + ", " + b;
  ProductCase item;
  item.name = name;
  item.half = form.element == "bf16";
  if (form.accumulate) {
    item.accumulator = 2;
    parameters += ", %c: " + c;
    operands += " accumulate %c";
    types += ", " + c;
  }
  if (form.rows) {
    parameters += ", %n: tensor<i32>";
    operands += " rows %n";
    types += ", tensor<i32>";
    item.counts = {*form.rows};
    CountedRows there{0, std::clamp<int64_t>(*form.rows, 0, form.transposeA ? k : m)};
    item.a = there;
    (form.transposeA ? item.b : item.result) = there;
  }
  std::string attributes = "groups = " + std::to_string(g) + " : i64";
  if (form.transposeA) attributes += ", transpose_a";
  if (form.transposeB) attributes += ", transpose_b";
  if (form.result != form.element) attributes += ", element_type = " + form.result;
  item.text = "func.func @f(" + parameters + ") -> " + c + " {\n  %r = hydra.matmul " + operands +
              " {" + attributes + "} : (" + types + ") -> " + c + "\n  return %r : " + c + "\n}";
  return item;
}

std::vector<ProductCase> productCases() {
  const ProductForm plain, xw{.transposeB = true}, dw{.transposeA = true};
  std::vector<ProductCase> cases = {
      matmulCase("plain_odd", 17, 33, 45, plain),
      matmulCase("plain_aligned", 32, 64, 48, plain),
      matmulCase("transpose_b_odd", 35, 7, 19, xw),
      matmulCase("transpose_b_aligned", 48, 36, 20, xw),
      matmulCase("transpose_a_odd", 18, 5, 37, dw),
      matmulCase("transpose_a_aligned", 32, 20, 36, dw),
      matmulCase("one_row", 1, 100, 64, xw),
      matmulCase("one_column", 50, 1, 64, xw),
      matmulCase("contraction_1", 20, 20, 1, plain),
      matmulCase("accumulate", 33, 20, 24, {.transposeB = true, .accumulate = true}),
      matmulCase("accumulate_odd", 19, 21, 23, {.transposeA = true, .accumulate = true}),
      matmulCase("groups", 19, 6, 10, {.transposeB = true, .groups = 3}),
      matmulCase("groups_aligned", 40, 8, 12, {.groups = 2}),
      matmulCase("groups_gradient", 8, 12, 30,
                 {.transposeA = true, .accumulate = true, .groups = 2}),
      // Tiles of 64 and 128 need many of them.
      matmulCase("tiles_64", 832, 900, 20, xw),
      matmulCase("tiles_128", 1664, 1796, 17, plain),
      matmulCase("bf16_odd", 33, 19, 45, {.transposeB = true, .element = "bf16", .result = "f32"}),
      matmulCase("bf16_aligned", 48, 40, 64,
                 {.transposeB = true, .element = "bf16", .result = "f32"}),
      matmulCase("bf16_plain", 17, 24, 40, {.element = "bf16", .result = "bf16"}),
      matmulCase("bf16_gradient", 24, 32, 70,
                 {.transposeA = true, .accumulate = true, .element = "bf16", .result = "f32"}),
      matmulCase("bf16_groups", 19, 8, 16,
                 {.transposeB = true, .groups = 3, .element = "bf16", .result = "f32"}),
      matmulCase("bf16_tiles_32", 416, 448, 40,
                 {.transposeB = true, .element = "bf16", .result = "f32"}),
      matmulCase("bf16_tiles_64", 832, 900, 20, {.element = "bf16", .result = "f32"}),
      matmulCase("bf16_tiles_128", 1664, 1796, 33,
                 {.transposeB = true, .element = "bf16", .result = "f32"}),
      matmulCase("tiles_32", 416, 447, 20, dw),
  };
  for (int32_t count : {-3, 0, 1, 16, 29, 50, 99}) {
    std::string name = count < 0 ? "below" : std::to_string(count);
    cases.push_back(matmulCase("rows_" + name, 50, 40, 24, {.transposeB = true, .rows = count}));
    cases.push_back(matmulCase("rows_of_gradient_" + name, 50, 24, 40, {.rows = count}));
    cases.push_back(matmulCase("bound_" + name, 24, 36, 50, {.transposeA = true, .rows = count}));
    cases.push_back(
        matmulCase("bf16_rows_" + name, 50, 40, 24,
                   {.transposeB = true, .rows = count, .element = "bf16", .result = "f32"}));
    cases.push_back(
        matmulCase("bf16_bound_" + name, 24, 40, 50,
                   {.transposeA = true, .rows = count, .element = "bf16", .result = "f32"}));
    cases.push_back(matmulCase("bound_accumulate_" + name, 25, 7, 50,
                               {.transposeA = true, .accumulate = true, .rows = count}));
  }
  const std::vector<std::pair<std::string, std::vector<int32_t>>> offsets = {
      {"even", {0, 10, 20, 30, 40}},  {"odd", {0, 1, 18, 18, 40}}, {"empty", {0, 0, 0, 0, 0}},
      {"first", {0, 40, 40, 40, 40}}, {"last", {0, 0, 0, 0, 40}},  {"part", {3, 9, 9, 26, 31}}};
  for (const auto& [name, numbers] : offsets) {
    cases.push_back(grouped("grouped_" + name, numbers, true, 40, 33, 20));
    cases.push_back(grouped("grouped_gradient_" + name, numbers, false, 40, 20, 33));
    for (int64_t group : {0, 2, 3})
      cases.push_back(weightGrad("weight_grad_" + name + "_" + std::to_string(group), numbers,
                                 group, group != 2));
  }
  return cases;
}

void PrintTo(const ProductCase& item, std::ostream* stream) { *stream << item.text; }

}  // namespace mlir::hydra::testing
