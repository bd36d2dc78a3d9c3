// Every structural op refuses every misspelling of its attributes, and says what was meant.
#include <set>
#include <string>

#include "dialects/hydra/HydraDialect.h"
#include "frontend/LoadSpec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "tests/frontend/diagnostic_collector.h"

namespace mlir::hydra {
namespace {

// All structural ops.
constexpr char kSpec[] = R"mlir(
hydra.param @"other.weight" : tensor<4xf32> #hydra.init<constant 1.0>
hydra.model @all attributes {vocab_size = 8, dim = 16, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %p = hydra.position_embedding %t : tensor<?x?xi32> -> tensor<?x?x16xf32>
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x16xf32>
  %1 = hydra.blocks %0 count 3 as "layers" : tensor<?x?x16xf32> {
  ^bb0(%x: tensor<?x?x16xf32>):
    %n = hydra.norm %x "norm1" : tensor<?x?x16xf32>
    %a = hydra.ccgqa %n {heads = 2, kv_heads = 1} : tensor<?x?x16xf32>
    %h = hydra.residual %x, %a : tensor<?x?x16xf32>
    %r = hydra.recursion %h passes 2 : tensor<?x?x16xf32> {
    ^bb1(%s: tensor<?x?x16xf32>):
      %d = hydra.depth_routing %s capacity 0.5 : tensor<?x?x16xf32> {
      ^bb2(%u: tensor<?x?x16xf32>):
        %m = hydra.mlp %u {hidden = 8} : tensor<?x?x16xf32>
        hydra.yield %m : tensor<?x?x16xf32>
      }
      hydra.yield %d : tensor<?x?x16xf32>
    }
    %e = hydra.experts %r experts 2 layers 1 : tensor<?x?x16xf32> {
    ^bb3(%v: tensor<?x?x16xf32>):
      %m = hydra.mlp %v {name = "", hidden = 8} : tensor<?x?x16xf32>
      hydra.yield %m : tensor<?x?x16xf32>
    }
    hydra.yield %e : tensor<?x?x16xf32>
  }
  %own = hydra.call @block(%1) as "own" : (tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
  %2 = hydra.lm_head %own : tensor<?x?x16xf32> -> tensor<?x?x8xf32>
  hydra.yield %2 : tensor<?x?x8xf32>
}
func.func private @block(%x: tensor<?x?x16xf32>) -> tensor<?x?x16xf32> {
  %w = hydra.weight "gain" : tensor<16xf32>
  %n = hydra.layer_norm %x "norm" : tensor<?x?x16xf32>
  %a = hydra.gqa %n {heads = 2} : tensor<?x?x16xf32>
  %y = hydra.linear %a "out" : tensor<?x?x16xf32> -> tensor<?x?x16xf32>
  return %y : tensor<?x?x16xf32>
}
)mlir";

class DeclaredAttributesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto parsed = parseSpec(kSpec, "all.mlir", context_);
    ASSERT_TRUE(succeeded(parsed));
    module_ = *std::move(parsed);
  }

  // What the verifier says to the module with `name` on `op`; "" if it accepts that.
  std::string verdict(Operation* op, const std::string& name, Attribute value) {
    DiagnosticCollector collector(context_);
    op->setDiscardableAttr(name, value);
    bool accepted = succeeded(verify(*module_));
    op->removeDiscardableAttr(StringAttr::get(&context_, name));
    return accepted || collector.messages().empty() ? "" : collector.messages().front();
  }

  MLIRContext context_;
  OwningOpRef<ModuleOp> module_;
};

TEST_F(DeclaredAttributesTest, EveryMisspellingOnEveryStructuralOp) {
  std::set<std::string> seen;
  int checked = 0;
  Builder builder(&context_);
  module_->walk([&](Operation* op) {
    if (!op->hasTrait<ModelTier>()) return;
    seen.insert(op->getName().getStringRef().str());
    for (StringAttr attribute : op->getName().getAttributeNames()) {
      std::string name = attribute.str(), longer = name + name.back();
      std::string found = verdict(op, longer, builder.getI64IntegerAttr(1));
      EXPECT_THAT(found, testing::HasSubstr("found '" + longer + "'"))
          << op->getName().getStringRef().str();
      // Texts of one letter have no neighbours.
      if (name.size() > 1) EXPECT_THAT(found, testing::HasSubstr("did you mean '" + name + "'?"));
      ++checked;
    }
    EXPECT_THAT(verdict(op, "qqqqqqqqqqqqqqqq", builder.getUnitAttr()),
                testing::AllOf(testing::HasSubstr("expected no attributes"),
                               testing::HasSubstr("found 'qqqqqqqqqqqqqqqq'"),
                               testing::Not(testing::HasSubstr("did you mean"))));
  });
  EXPECT_GT(checked, 40);
  // A new structural op belongs into the spec above.
  for (RegisteredOperationName name : context_.getRegisteredOperations())
    if (name.hasTrait<ModelTier>())
      EXPECT_TRUE(seen.count(name.getStringRef().str())) << name.getStringRef().str();
}

TEST_F(DeclaredAttributesTest, NamesThatUsersTried) {
  Builder builder(&context_);
  auto on = [&](const char* opName, const char* attribute) {
    std::string text;
    module_->walk([&](Operation* op) {
      if (op->getName().getStringRef() == opName && text.empty())
        text = verdict(op, attribute, builder.getBoolAttr(false));
    });
    return text;
  };
  EXPECT_THAT(on("hydra.ccgqa", "use_rope"), testing::HasSubstr("found 'use_rope'"));
  EXPECT_THAT(on("hydra.ccgqa", "compresion"), testing::HasSubstr("did you mean 'compression'"));
  EXPECT_THAT(on("hydra.lm_head", "tie_weights"), testing::HasSubstr("tied, found 'tie_weights'"));
  EXPECT_THAT(on("hydra.mlp", "activation"), testing::HasSubstr("found 'activation'"));
  EXPECT_THAT(on("hydra.mlp", "dropout"), testing::HasSubstr("found 'dropout'"));
  EXPECT_THAT(on("hydra.recursion", "min_dpeth"), testing::HasSubstr("did you mean 'min_depth'"));
}

TEST_F(DeclaredAttributesTest, OurPrefixIsCheckedAndOthersAreNot) {
  Builder builder(&context_);
  Operation* model = &*std::next(module_->getBody()->begin());
  EXPECT_THAT(verdict(model, "hydra.rooting", builder.getStringAttr("fixed")),
              testing::HasSubstr("did you mean 'hydra.routing'?"));
  EXPECT_THAT(verdict(model, "hydra.routing", builder.getStringAttr("fast")),
              testing::HasSubstr("found \"fast\""));
  EXPECT_EQ(verdict(model, "hydra.routing", builder.getStringAttr("static")), "");
  EXPECT_EQ(verdict(model, "func.note", builder.getUnitAttr()), "");
}

}  // namespace
}  // namespace mlir::hydra
