// Cases of attention and its gradient.
#include <set>

#include "tests/codegen/CaseText.h"

using namespace mlir::hydra::testing;

std::vector<OpCase> mlir::hydra::testing::attentionCases() {
  std::vector<OpCase> cases;
  struct Shape {
    int64_t batch, queries, keys, heads, kvHeads, width;
  };
  const Shape shapes[] = {{1, 1, 1, 1, 1, 2},     {2, 5, 5, 4, 2, 16},   {1, 17, 17, 3, 1, 6},
                          {2, 33, 33, 4, 4, 18},  {1, 70, 70, 2, 1, 64}, {1, 130, 130, 2, 2, 40},
                          {1, 3, 40, 4, 2, 16},   {2, 1, 50, 4, 1, 32},  {1, 16, 64, 2, 2, 48},
                          {1, 67, 67, 6, 2, 16},  {4, 70, 70, 8, 4, 8},  {1, 20, 20, 2, 1, 128},
                          {1, 66, 66, 4, 2, 256}, {1, 1, 200, 3, 1, 256}};
  for (const Shape& s : shapes) {
    std::string q = tensor({s.batch, s.queries, s.heads * s.width});
    std::string k = tensor({s.batch, s.keys, s.kvHeads * s.width});
    std::string lse = tensor({s.batch, s.queries, s.heads});
    std::string attributes = "{heads = " + number(s.heads) + ", kv_heads = " + number(s.kvHeads) +
                             ", scale = 0.3 : f64}";
    std::string name = "_" + number(s.batch) + "x" + number(s.queries) + "x" + number(s.keys) +
                       "_" + number(s.heads) + "of" + number(s.kvHeads) + "x" + number(s.width);
    // Scores of wide heads are sums of more terms.
    double tolerance = s.width > 128 ? 2e-5 : 5e-6;
    cases.push_back(
        make("attention" + name, function("attention", {q, k, k}, attributes, {q, lse})));
    cases.back().tolerance = tolerance;
    for (int64_t position : std::set<int64_t>{0, s.keys / 2, s.keys - s.queries}) {
      auto last = static_cast<int32_t>(position);
      std::string perSequence = tensor({s.batch}, "i32");
      cases.push_back(make("attention" + name + "_position_" + number(position),
                           function("attention", {q, k, k, perSequence}, attributes, {q, lse},
                                    "%a0, %a1, %a2 position %a3")));
      cases.back().tolerance = tolerance;
      cases.back().integers = {{last / 2, last}};
      cases.push_back(make("attention" + name + "_count_" + number(position),
                           function("attention", {q, k, k, perSequence, perSequence}, attributes,
                                    {q, lse}, "%a0, %a1, %a2 position %a3 count %a4")));
      cases.back().tolerance = tolerance;
      cases.back().integers = {{last / 2, last}, {0, static_cast<int32_t>(s.queries)}};
      cases.back().unspecified = true;
    }
    if (s.queries == s.keys) {
      cases.push_back(make("attention_grad" + name, function("attention_grad", {q, q, k, k, q, lse},
                                                             attributes, {q, k, k})));
      cases.back().tolerance = 4 * tolerance;
      cases.back().prepare = OpCase::Prepare::attention;
    }
  }
  // Operands in bf16, float32 results: 8 bits of weights and slopes.
  for (Shape s :
       {Shape{1, 1, 1, 1, 1, 2}, Shape{2, 37, 37, 4, 2, 16}, Shape{1, 70, 70, 6, 2, 18},
        Shape{1, 130, 130, 4, 1, 16}, Shape{4, 65, 65, 8, 4, 8}, Shape{1, 66, 66, 2, 2, 64},
        Shape{1, 20, 20, 2, 1, 128}, Shape{1, 35, 35, 2, 1, 256}, Shape{1, 9, 90, 4, 2, 40}}) {
    std::string q = tensor({s.batch, s.queries, s.heads * s.width}, "bf16");
    std::string k = tensor({s.batch, s.keys, s.kvHeads * s.width}, "bf16");
    std::string y = tensor({s.batch, s.queries, s.heads * s.width});
    std::string dk = tensor({s.batch, s.keys, s.kvHeads * s.width});
    std::string lse = tensor({s.batch, s.queries, s.heads});
    std::string attributes = "{heads = " + number(s.heads) + ", kv_heads = " + number(s.kvHeads) +
                             ", scale = 0.1 : f64}";
    std::string name = "_bf16_" + number(s.batch) + "x" + number(s.queries) + "x" + number(s.keys) +
                       "_" + number(s.heads) + "of" + number(s.kvHeads) + "x" + number(s.width);
    cases.push_back(
        make("attention" + name, function("attention", {q, k, k}, attributes, {y, lse})));
    cases.back().tolerance = 1e-2;
    cases.back().half = true;
    if (s.queries != s.keys) continue;
    cases.push_back(make("attention_grad" + name, function("attention_grad", {q, q, k, k, y, lse},
                                                           attributes, {y, dk, dk})));
    cases.back().tolerance = 2e-2;
    cases.back().half = true;
    cases.back().prepare = OpCase::Prepare::attention;
  }
  return cases;
}
