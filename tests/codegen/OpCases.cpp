#include "tests/codegen/OpCases.h"

#include <set>

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "tests/codegen/CaseText.h"

using namespace mlir::hydra::testing;

namespace {

constexpr int64_t kExtents[] = {1, 15, 16, 17, 33, 48};
constexpr int64_t kRowCounts[] = {0, 1, 7, 8, 9, 21};
constexpr int64_t kExtentsWithRows[] = {1, 17, 48};
const std::string kScalarInt = "tensor<i32>", kScalar = "tensor<f32>";

// The same case with a `rows` operand, for every interesting count of 21 rows. `extent` is the last
// extent of the case; some are left out, as rows and columns do not meet in the loops.
void addRows(int64_t extent, std::vector<OpCase>& cases, const std::string& name,
             const std::string& op, std::vector<std::string> types, const std::string& attributes,
             const std::vector<std::string>& results, const std::string& operands = "",
             std::vector<std::pair<int32_t, int32_t>> integers = {}) {
  if (!llvm::is_contained(kExtentsWithRows, extent)) return;
  types.push_back(kScalarInt);
  for (int64_t rows : kRowCounts) {
    OpCase item =
        make(name + "_rows_" + number(rows), function(op, types, attributes, results, operands));
    item.integers = integers;
    item.rows = static_cast<int32_t>(rows);
    cases.push_back(item);
  }
}

}  // namespace

void mlir::hydra::testing::PrintTo(const OpCase& item, std::ostream* stream) {
  *stream << item.text;
}

std::vector<OpCase> mlir::hydra::testing::elementwiseCases() {
  std::vector<OpCase> cases;
  for (int64_t c : kExtents) {
    std::string x = tensor({3, 7, c}), suffix = "_" + number(c);
    for (const char* kind : {"neg", "exp", "tanh", "sigmoid", "square", "round", "silu", "gelu"}) {
      OpCase item = make(std::string("unary_") + kind + suffix,
                         function(std::string("unary <") + kind + ">", {x}, "", {x}));
      item.inPlaceResult = item.inPlaceOperand = 0;
      cases.push_back(item);
    }
    for (const char* kind : {"log", "sqrt", "rsqrt", "reciprocal"}) {
      cases.push_back(make(std::string("unary_") + kind + suffix,
                           function(std::string("unary <") + kind + ">", {x}, "", {x})));
      cases.back().low = 0.1f;
    }
    for (const char* kind : {"add", "sub", "mul", "max", "min", "ge", "gt", "eq"}) {
      std::string op = std::string("binary <") + kind + ">";
      cases.push_back(make(std::string("binary_") + kind + suffix, function(op, {x, x}, "", {x})));
      cases.back().inPlaceResult = 0;
      cases.back().inPlaceOperand = 1;
      std::string ints = tensor({3, 7, c}, "i32");
      cases.push_back(
          make(std::string("binary_i32_") + kind + suffix, function(op, {ints, ints}, "", {ints})));
      cases.back().integers = {{-5, 5}, {-5, 5}};
    }
    cases.push_back(make("binary_div" + suffix, function("binary <div>", {x, x}, "", {x})));
    cases.back().low = 0.5f;
    // Broadcasts: per column, per row, scalar, in the middle, both ways.
    std::vector<std::vector<int64_t>> others = {{c}, {3, 7, 1}, {}, {3, 1, c}, {7, 1}, {1, 7, c}};
    for (size_t i = 0; i < others.size(); ++i) {
      cases.push_back(make("binary_broadcast" + number(i) + suffix,
                           function("binary <sub>", {x, tensor(others[i])}, "", {x})));
      cases.push_back(make("binary_broadcast_first" + number(i) + suffix,
                           function("binary <sub>", {tensor(others[i]), x}, "", {x})));
      std::string mask = tensor(others[i], "i32");
      cases.push_back(
          make("select" + number(i) + suffix, function("select", {mask, x, x}, "", {x})));
      cases.back().integers = {{0, 1}};
      cases.push_back(make("broadcast" + number(i) + suffix,
                           function("broadcast", {tensor(others[i])},
                                    "{shape = array<i64: 3, 7, " + number(c) + ">}", {x})));
    }
    cases.push_back(make("select_float" + suffix, function("select", {x, x, x}, "", {x})));
    cases.back().inPlaceResult = cases.back().inPlaceOperand = 0;
    cases.push_back(make("cast_to_int" + suffix, function("cast", {x}, "{element_type = i32}",
                                                          {tensor({3, 7, c}, "i32")})));
    cases.back().low = -3e9f;
    cases.back().high = 3e9f;
    cases.push_back(make("cast_to_float" + suffix, function("cast", {tensor({3, 7, c}, "i32")},
                                                            "{element_type = f32}", {x})));
    cases.back().integers = {{-2000000000, 2000000000}};
    addRows(c, cases, "unary_exp" + suffix, "unary <exp>", {x}, "", {x});
    addRows(c, cases, "binary_mul" + suffix, "binary <mul>", {x, tensor({3, 7, 1})}, "", {x});
    addRows(c, cases, "select" + suffix, "select", {tensor({7, 1}, "i32"), x, x}, "", {x}, "",
            {{0, 1}});
    addRows(c, cases, "cast" + suffix, "cast", {x}, "{element_type = i32}",
            {tensor({3, 7, c}, "i32")});
    addRows(c, cases, "broadcast" + suffix, "broadcast", {tensor({c})},
            "{shape = array<i64: 3, 7, " + number(c) + ">}", {x});
    for (const char* kind : {"sum", "max"}) {
      std::string op = std::string("reduce <") + kind + "> ";
      std::string name = std::string("reduce_") + kind;
      cases.push_back(
          make(name + "_last" + suffix, function(op + "<last>", {x}, "", {tensor({3, 7, 1})})));
      cases.push_back(
          make(name + "_leading" + suffix, function(op + "<leading>", {x}, "", {tensor({c})})));
      cases.push_back(make(name + "_all" + suffix, function(op + "<all>", {x}, "", {kScalar})));
      addRows(c, cases, name + "_last" + suffix, op + "<last>", {x}, "", {tensor({3, 7, 1})});
      addRows(c, cases, name + "_leading" + suffix, op + "<leading>", {x}, "", {tensor({c})});
      addRows(c, cases, name + "_all" + suffix, op + "<all>", {x}, "", {kScalar});
    }
    std::string wide = tensor({3, 7, 2 * c + 5});
    std::vector<std::string> parts = {tensor({3, 7, c}), tensor({3, 7, 5}), tensor({3, 7, c})};
    std::string sizes = "{sizes = array<i64: " + number(c) + ", 5, " + number(c) + ">}";
    cases.push_back(make("split" + suffix, function("split", {wide}, sizes, parts)));
    addRows(c, cases, "split" + suffix, "split", {wide}, sizes, parts);
    cases.push_back(make("concat" + suffix, function("concat", parts, "", {wide})));
    addRows(c, cases, "concat" + suffix, "concat", parts, "", {wide}, "%a0, %a1, %a2 rows %a3");
  }
  std::string vector = tensor({40000});
  cases.push_back(
      make("reduce_all_pieces", function("reduce <sum> <all>", {vector}, "", {kScalar})));
  cases.push_back(
      make("binary_scalars", function("binary <add>", {kScalar, kScalar}, "", {kScalar})));
  cases.push_back(make("reduce_leading_tiles", function("reduce <sum> <leading>",
                                                        {tensor({70, 200})}, "", {tensor({200})})));
  cases.push_back(
      make("binary_i32_div", function("binary <div>", {tensor({40}, "i32"), tensor({40}, "i32")},
                                      "", {tensor({40}, "i32")})));
  cases.back().integers = {{-100, 100}, {1, 7}};
  return cases;
}

std::vector<OpCase> mlir::hydra::testing::rowCases() {
  std::vector<OpCase> cases;
  for (int64_t c : kExtents) {
    std::string x = tensor({3, 7, c}), weight = tensor({c}), suffix = "_" + number(c);
    std::string eps = "{eps = 1.0e-5 : f64}";
    cases.push_back(make("rms_norm" + suffix, function("rms_norm", {x, weight}, eps, {x})));
    cases.back().inPlaceResult = cases.back().inPlaceOperand = 0;
    addRows(c, cases, "rms_norm" + suffix, "rms_norm", {x, weight}, eps, {x});
    for (int operand : {0, 1}) {
      cases.push_back(make("rms_norm_grad" + number(operand) + suffix,
                           function("rms_norm_grad", {x, x, weight}, eps, {x})));
      cases.back().inPlaceResult = 0;
      cases.back().inPlaceOperand = operand;
      cases.back().tolerance = 1e-5;
    }
    if (c > 1)  // one column: differences of nearly equal numbers
      addRows(c, cases, "rms_norm_grad" + suffix, "rms_norm_grad", {x, x, weight}, eps, {x});
    cases.push_back(make("rms_norm_weight_grad" + suffix,
                         function("rms_norm_weight_grad", {x, x}, eps, {weight})));
    addRows(c, cases, "rms_norm_weight_grad" + suffix, "rms_norm_weight_grad", {x, x}, eps,
            {weight});

    std::string heads = tensor({3, 7, 3 * c});
    std::string norm = "{heads = 3, eps = 1.0e-3 : f64}";
    cases.push_back(make("l2_norm" + suffix, function("l2_norm", {heads}, norm, {heads})));
    cases.back().inPlaceResult = cases.back().inPlaceOperand = 0;
    addRows(c, cases, "l2_norm" + suffix, "l2_norm", {heads}, norm, {heads});
    std::string oneHead = "{heads = 1, eps = 1.0e-3 : f64}";
    cases.push_back(make("l2_norm_one_head" + suffix, function("l2_norm", {x}, oneHead, {x})));
    for (const char* eps2 : {"1.0e-3", "2.5"}) {
      std::string attributes = std::string("{heads = 3, eps = ") + eps2 + " : f64}";
      cases.push_back(make("l2_norm_grad" + std::string(eps2[0] == '1' ? "" : "_below") + suffix,
                           function("l2_norm_grad", {heads, heads}, attributes, {heads})));
      cases.back().inPlaceResult = 0;
      cases.back().inPlaceOperand = 1;
      // One column: dy - y (y . dy) cancels to rounding errors, divided by |x|.
      cases.back().tolerance = c == 1 ? 2e-4 : 1e-5;
      cases.back().low = 0.1f;
    }
    if (c > 1) {
      addRows(c, cases, "l2_norm_grad" + suffix, "l2_norm_grad", {heads, heads}, norm, {heads});
    }
    std::string gates = tensor({3, 7, 2 * c});
    cases.push_back(make("swiglu" + suffix, function("swiglu", {gates}, "", {x})));
    addRows(c, cases, "swiglu" + suffix, "swiglu", {gates}, "", {x});
    cases.push_back(make("swiglu_grad" + suffix, function("swiglu_grad", {x, gates}, "", {gates})));
    addRows(c, cases, "swiglu_grad" + suffix, "swiglu_grad", {x, gates}, "", {gates});
    std::string mix = "{from_heads = 3, to_heads = 2, scale = 0.7 : f64}";
    cases.push_back(make("head_mix" + suffix, function("head_mix", {heads}, mix, {gates})));
    addRows(c, cases, "head_mix" + suffix, "head_mix", {heads}, mix, {gates});

    std::string pairs = tensor({2, 5, 6 * c}), table = tensor({11, 2 * c});
    for (const char* inverse : {"", "{inverse}"}) {
      std::string name = std::string("rope") + (*inverse ? "_inverse" : "") + suffix;
      cases.push_back(make(name, function("rope", {pairs, table}, inverse, {pairs})));
      cases.back().inPlaceResult = cases.back().inPlaceOperand = 0;
      cases.push_back(make(name + "_position",
                           function("rope", {pairs, table, tensor({2}, "i32")}, inverse, {pairs})));
      cases.back().integers = {{0, 12}};  // the last rows of the table are repeated
    }
  }
  cases.push_back(make("rms_norm_weight_grad_chunks",
                       function("rms_norm_weight_grad", {tensor({700, 33}), tensor({700, 33})},
                                "{eps = 1.0e-5 : f64}", {tensor({33})})));
  cases.back().tolerance = 1e-5;  // sums of 700 terms that cancel
  return cases;
}

std::vector<OpCase> mlir::hydra::testing::sequenceCases() {
  std::vector<OpCase> cases;
  for (int64_t c : kExtents) {
    std::string x = tensor({2, 9, c}), suffix = "_" + number(c);
    std::string perSequence = tensor({2}, "i32");
    for (int64_t from : std::set<int64_t>{0, c / 2, c}) {
      std::string name = "shift_from_" + number(from) + suffix;
      std::string channel = "{from_channel = " + number(from);
      std::string history = tensor({2, 1, c - from});
      cases.push_back(make(name, function("shift", {x}, channel + "}", {x})));
      cases.push_back(make(name + "_reverse", function("shift", {x}, channel + ", reverse}", {x})));
      if (from < c) {
        cases.push_back(make(name + "_history", function("shift", {x, history}, channel + "}", {x},
                                                         "%a0 history %a1")));
        cases.push_back(
            make(name + "_position", function("shift", {x, history, perSequence}, channel + "}",
                                              {x}, "%a0 history %a1 position %a2")));
        cases.back().integers = {{0, 1}};
      }
    }
    for (int64_t width : {1, 2, 3, 4, 7}) {
      std::string wide = tensor({2, 9, c * width});
      std::string attributes = "{width = " + number(width) + "}";
      std::string name = "_" + number(width) + suffix;
      cases.push_back(make("unfold" + name, function("unfold", {x}, attributes, {wide})));
      if (width > 1) {
        std::string history = tensor({2, width - 1, c});
        cases.push_back(make("unfold_history" + name, function("unfold", {x, history}, attributes,
                                                               {wide}, "%a0 history %a1")));
        cases.push_back(
            make("unfold_position" + name, function("unfold", {x, history, perSequence}, attributes,
                                                    {wide}, "%a0 history %a1 position %a2")));
        cases.back().integers = {{0, 1}};
      }
      cases.push_back(make("fold" + name, function("fold", {wide}, attributes, {x})));
    }
    for (int32_t count : {0, 1, 2, 3, 9}) {
      std::string history = tensor({2, 3, c});
      cases.push_back(
          make("window_tail_" + number(count) + suffix,
               function("window_tail", {history, x, perSequence, perSequence}, "", {history})));
      cases.back().integers = {{0, 1}, {0, count}};
    }
  }
  return cases;
}

std::vector<OpCase> mlir::hydra::testing::moveCases() {
  std::vector<OpCase> cases;
  for (int64_t c : kExtents) {
    std::string suffix = "_" + number(c), table = tensor({11, c}), rows = tensor({21, c});
    std::string tokens = tensor({3, 7}, "i32"), index = tensor({21}, "i32");
    std::string scale = "{scale = 1.5 : f64}";
    // Indices beyond both ends are clamped.
    std::pair<int32_t, int32_t> range = {-3, 14};
    cases.push_back(make("embedding" + suffix,
                         function("embedding", {table, tokens}, scale, {tensor({3, 7, c})})));
    cases.back().integers = {range};
    addRows(c, cases, "embedding" + suffix, "embedding", {table, tokens}, scale,
            {tensor({3, 7, c})}, "", {range});
    cases.push_back(
        make("gather_rows" + suffix, function("gather_rows", {table, index}, "", {rows})));
    cases.back().integers = {range};
    addRows(c, cases, "gather_rows" + suffix, "gather_rows", {table, index}, "", {rows}, "",
            {range});
    std::string scatter = "{size = 11, scale = 0.5 : f64}";
    cases.push_back(make("scatter_rows" + suffix,
                         function("scatter_rows", {rows, index}, scatter, {table}, "%a0, %a1")));
    cases.back().integers = {range};
    addRows(c, cases, "scatter_rows" + suffix, "scatter_rows", {rows, index}, scatter, {table},
            "%a0, %a1 rows %a2", {range});
    cases.push_back(make("scatter_rows_accumulate" + suffix,
                         function("scatter_rows", {rows, index, table}, scatter, {table},
                                  "%a0, %a1 accumulate %a2")));
    cases.back().integers = {range};
    cases.back().inPlaceResult = 0;
    cases.back().inPlaceOperand = 2;
    for (auto [position, count] : {std::pair{0, 3}, {4, 3}, {6, 3}, {2, 0}, {8, 1}}) {
      cases.push_back(make(
          "cache_update_" + number(position) + "_" + number(count) + suffix,
          function("cache_update",
                   {tensor({2, 9, c}), tensor({2, 3, c}), tensor({2}, "i32"), tensor({2}, "i32")},
                   "", {tensor({2, 9, c})})));
      cases.back().integers = {{position - 1, position}, {count - 1, count}};
      cases.back().inPlaceResult = cases.back().inPlaceOperand = 0;
    }
  }
  cases.push_back(make("scatter_rows_tiles",
                       function("scatter_rows", {tensor({50, 200}), tensor({50}, "i32")},
                                "{size = 7, scale = 1.0 : f64}", {tensor({7, 200})}, "%a0, %a1")));
  cases.back().integers = {{0, 6}};
  return cases;
}

std::vector<OpCase> mlir::hydra::testing::selectionCases() {
  std::vector<OpCase> cases;
  for (int64_t c : kExtents) {
    std::string suffix = "_" + number(c), score = tensor({3, 7, c});
    for (int64_t k : std::set<int64_t>{1, (c + 1) / 2, c})
      for (bool byValue : {false, true})
        for (bool ties : {false, true}) {
          std::string attributes = "{k = " + number(k) + " : i64" + (byValue ? ", by_value}" : "}");
          cases.push_back(make(
              "top_k_" + number(k) + (byValue ? "_by_value" : "") + (ties ? "_ties" : "") + suffix,
              function("top_k", {score}, attributes,
                       {tensor({3, 7, k}, "i32"), tensor({3, 7, c}, "i32")})));
          cases.back().ties = ties;
        }
    // Among its own sequence; and behind the scores of others, from any position.
    for (bool ties : {false, true}) {
      std::string name = std::string("prefix_rank") + (ties ? "_ties" : "") + suffix;
      std::string scores = tensor({3, c}), keys = tensor({3, c + 9});
      cases.push_back(
          make(name, function("prefix_rank", {scores, scores}, "", {tensor({3, c}, "i32")})));
      cases.back().ties = ties;
      cases.push_back(
          make(name + "_at_position", function("prefix_rank", {scores, keys, tensor({3}, "i32")},
                                               "", {tensor({3, c}, "i32")})));
      cases.back().ties = ties;
      cases.back().integers = {{-1, static_cast<int32_t>(c) + 12}};
    }
    // Rows at or beyond the count come from the base, whatever x holds there.
    std::string rows = tensor({21, c});
    for (int32_t count : {0, 1, 8, 9, 21, 40})
      for (bool accumulate : {false, true}) {
        cases.push_back(
            make((accumulate ? "merge_rows_accumulate_" : "merge_rows_") + number(count) + suffix,
                 function("merge_rows", {rows, rows, kScalarInt}, accumulate ? "{accumulate}" : "",
                          {rows})));
        cases.back().integers = {{count, count}};
        cases.back().inPlaceResult = cases.back().inPlaceOperand = 0;
      }
    std::string index = tensor({21}, "i32"), scatter = "{size = 25, scale = 0.5 : f64, unique}";
    std::string table = tensor({25, c});
    cases.push_back(make("scatter_rows_unique" + suffix,
                         function("scatter_rows", {rows, index}, scatter, {table}, "%a0, %a1")));
    cases.back().distinct = true;
    cases.back().integers = {{0, 24}};
    for (int32_t count : kRowCounts) {
      cases.push_back(make("scatter_rows_unique_rows_" + number(count) + suffix,
                           function("scatter_rows", {rows, index, kScalarInt}, scatter, {table},
                                    "%a0, %a1 rows %a2")));
      cases.back().distinct = true;
      cases.back().integers = {{0, 24}};
      cases.back().rows = count;
    }
    cases.push_back(make("scatter_rows_unique_accumulate" + suffix,
                         function("scatter_rows", {rows, index, table}, scatter, {table},
                                  "%a0, %a1 accumulate %a2")));
    cases.back().distinct = true;
    cases.back().integers = {{0, 24}};
    cases.back().inPlaceResult = 0;
    cases.back().inPlaceOperand = 2;
  }
  std::string keys = tensor({21}, "i32");
  for (int64_t classes : {1, 4, 17}) {
    std::string attributes = "{classes = " + number(classes) + " : i64}";
    std::vector<std::string> results = {keys, tensor({classes + 1}, "i32")};
    // Keys beyond both ends are clamped; with 17 classes some are empty.
    std::pair<int32_t, int32_t> range = {-2, static_cast<int32_t>(classes) + 1};
    cases.push_back(make("counting_sort_" + number(classes),
                         function("counting_sort", {keys}, attributes, results)));
    cases.back().integers = {range};
    addRows(1, cases, "counting_sort_" + number(classes), "counting_sort", {keys}, attributes,
            results, "", {range});
  }
  for (int64_t capacity : {1, 7, 21})
    for (const char* element : {"i32", "f32"}) {
      cases.push_back(make("nonzero_" + number(capacity) + "_" + element,
                           function("nonzero", {tensor({3, 7}, element)},
                                    "{capacity = " + number(capacity) + " : i64}",
                                    {tensor({capacity}, "i32"), kScalarInt})));
      cases.back().integers = {{-1, 1}};
    }
  return cases;
}

std::vector<OpCase> mlir::hydra::testing::lossCases() {
  std::vector<OpCase> cases;
  for (int64_t c : {1, 15, 16, 17, 33, 48, 1001}) {
    std::string logits = tensor({3, 7, c}), rows = tensor({3, 7}), targets = tensor({3, 7}, "i32");
    std::string suffix = "_" + number(c);
    for (bool ignored : {false, true}) {
      // -100 is drawn often if the range is one around it.
      std::pair<int32_t, int32_t> range =
          ignored ? std::pair<int32_t, int32_t>{-101, -99} : std::pair<int32_t, int32_t>{-2, 40};
      std::string name = suffix + (ignored ? "_ignored" : "");
      cases.push_back(make("cross_entropy" + name, function("cross_entropy", {logits, targets}, "",
                                                            {kScalar, rows, rows})));
      cases.back().integers = {range};
      cases.back().low = -8;
      cases.back().high = 8;
      cases.push_back(
          make("cross_entropy_grad" + name,
               function("cross_entropy_grad", {kScalar, logits, targets, rows}, "", {logits})));
      cases.back().integers = {range};
      cases.back().prepare = OpCase::Prepare::crossEntropy;
      if (c == 1) continue;  // the only column is read as a value of the row
      cases.back().inPlaceResult = 0;
      cases.back().inPlaceOperand = 1;
    }
  }
  cases.push_back(make("cross_entropy_all_ignored",
                       function("cross_entropy", {tensor({2, 5, 9}), tensor({2, 5}, "i32")}, "",
                                {kScalar, tensor({2, 5}), tensor({2, 5})})));
  cases.back().integers = {{-100, -100}};
  cases.push_back(
      make("global_norm",
           function("global_norm", {tensor({40000}), tensor({3, 5}), tensor({1})}, "", {kScalar})));
  for (int64_t elements : {1, 15, 16, 17, 33, 20000})
    for (int32_t present : {0, 1}) {
      std::string p = tensor({elements}), counts = tensor({4}, "i32");
      cases.push_back(make(
          "adamw_" + number(elements) + (present ? "" : "_absent"),
          function(
              "adamw", {p, p, p, p, counts, counts, kScalar, kScalar, kScalar},
              "{index = 2, lr_factor = 0.5 : f64, decay_factor = 2.0 : f64, beta1 = 0.9 : f64, "
              "beta2 = 0.95 : f64, eps = 1.0e-8 : f64}",
              {p, p, p, p})));
      cases.back().integers = {{7, 7}, {present, present}};
      cases.back().low = 0.1f;  // v must not be negative
      cases.back().inPlaceResult = 1;
      cases.back().inPlaceOperand = 2;
    }
  return cases;
}

std::vector<OpCase> mlir::hydra::testing::allOpCases() {
  std::vector<OpCase> cases;
  for (auto part : {elementwiseCases(), rowCases(), sequenceCases(), moveCases(), selectionCases(),
                    attentionCases(), lossCases(), samplingCases(), fusedCases()})
    cases.insert(cases.end(), part.begin(), part.end());
  return cases;
}

std::vector<OpCase> mlir::hydra::testing::rowProgramCases() {
  const std::set<std::string> names = {"unary_silu_48",
                                       "unary_gelu_48",
                                       "binary_i32_max_33",
                                       "binary_broadcast3_33",
                                       "rms_norm_48",
                                       "rms_norm_48_rows_0",
                                       "rms_norm_48_rows_8",
                                       "rms_norm_48_rows_21",
                                       "rms_norm_grad0_33",
                                       "rms_norm_weight_grad_chunks",
                                       "l2_norm_grad_17",
                                       "rope_16_position",
                                       "swiglu_33",
                                       "swiglu_grad_48",
                                       "split_17",
                                       "concat_17",
                                       "shift_from_16_33_history",
                                       "unfold_history_3_17",
                                       "fold_3_33",
                                       "window_tail_2_33",
                                       "embedding_48",
                                       "reduce_sum_all_48",
                                       "reduce_all_pieces",
                                       "reduce_max_leading_33",
                                       "cross_entropy_1001",
                                       "cross_entropy_grad_1001",
                                       "adamw_20000",
                                       "fused_add_norm_160",
                                       "fused_norm_gradients_160",
                                       "fused_softmax_160",
                                       "fused_norm_rope_17",
                                       "fused_log_sum_exp_100"};
  std::vector<OpCase> cases;
  for (OpCase& item : allOpCases())
    if (names.count(item.name)) cases.push_back(std::move(item));
  if (cases.size() != names.size()) llvm::report_fatal_error("a row program has no case");
  return cases;
}
