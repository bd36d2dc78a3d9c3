// Attention modules on their own become functions.
#include "dialects/hydra/HydraDialect.h"
#include "frontend/LoadSpec.h"
#include "gtest/gtest.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tests/frontend/diagnostic_collector.h"

namespace mlir::hydra {
namespace {

TEST(AttentionCasesTest, EachCaseIsAFunctionWithDerivative) {
  MLIRContext context;
  DiagnosticCollector collector(context);
  auto module = parseConfig(R"({"name": "x", "tolerance": {}, "cases": [
      {"prefix": "c00.", "dim": 32, "n_heads": 4, "n_kv_heads": 2, "compression_factor": 2, "seq": 33},
      {"prefix": "c01.", "dim": 32, "n_heads": 4, "n_kv_heads": 4, "compression_factor": 2, "seq": 17,
       "batch": 3, "use_convs": false}]})",
                            "c.json", context);
  ASSERT_TRUE(succeeded(module)) << collector.only();
  auto first = (*module)->lookupSymbol<func::FuncOp>("attention_c00");
  auto second = (*module)->lookupSymbol<func::FuncOp>("attention_c01");
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(first->hasAttr(kVjpAttrName));
  auto type = cast<RankedTensorType>(first.getArgumentTypes()[0]);
  EXPECT_EQ(type.getShape().vec(), (std::vector<int64_t>{2, 33, 32}));
  EXPECT_EQ(cast<RankedTensorType>(second.getArgumentTypes()[0]).getShape().vec(),
            (std::vector<int64_t>{3, 17, 32}));
  auto input = first.getArgAttrOfType<BindingAttr>(0, kBindingAttrName);
  EXPECT_EQ(input.getKind(), BindingKind::input);
  EXPECT_EQ(input.getName(), "x");
  auto output = first.getResultAttrOfType<BindingAttr>(0, kBindingAttrName);
  EXPECT_EQ(output.getKind(), BindingKind::output);
  EXPECT_EQ(output.getName(), "y");
  auto attention = *second.getOps<CcgqaOp>().begin();
  EXPECT_EQ(attention.getName(), "");
  EXPECT_FALSE(attention.getConvs());
}

}  // namespace
}  // namespace mlir::hydra
