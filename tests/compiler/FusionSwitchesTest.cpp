// What --no-fuse names is not fused, the rest stays as it was; the ledger knows every kernel.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>

#include "gtest/gtest.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/fusion/FusionLedger.h"
#include "tests/compiler/CompilerHarness.h"

namespace mlir::hydra::testing {
namespace {

std::string sourceFile(const std::string& path) {
  return std::string(std::getenv("HYDRA_SOURCE_DIR")) + "/" + path;
}

// A fusion as (op, scope, line) of its primitives, sorted.
using Members = std::vector<std::string>;

// Cuts of columns and other names of a value are copied to whoever reads them.
bool doesWork(Operation& op) {
  auto cost = dyn_cast<CostOpInterface>(op);
  return cost && cost.getFusionKind() != FusionKind::alias && !isa<SplitOp>(op);
}

std::string lineOf(Location location) {
  std::string line;
  location->walk([&](Location inner) {
    if (auto place = dyn_cast<FileLineColLoc>(inner); place && line.empty())
      line = std::to_string(place.getLine());
    return WalkResult::advance();
  });
  return line;
}

std::string scopeOf(FusionOp fusion, Operation& op) {
  auto scope = op.getAttrOfType<StringAttr>(kScopeAttrName);
  if (!scope) scope = fusion->getAttrOfType<StringAttr>(kScopeAttrName);
  return scope ? scope.str() : "";
}

Members membersOf(FusionOp fusion) {
  Members members;
  for (Operation& op : fusion.getBody().front().without_terminator())
    if (doesWork(op))
      members.push_back(op.getName().stripDialect().str() + " " + scopeOf(fusion, op) + " " +
                        lineOf(op.getLoc()));
  std::sort(members.begin(), members.end());
  return members;
}

// Whether a fusion is one that a word is about.
using Named = std::function<bool(FusionOp)>;
Named anyOp(std::function<bool(FusionOp, Operation&)> named) {
  return [named](FusionOp fusion) {
    return llvm::any_of(fusion.getBody().front().without_terminator(),
                        [&](Operation& op) { return doesWork(op) && named(fusion, op); });
  };
}

class FusionSwitches : public ::testing::Test {
 protected:
  FusionSwitches() {
    options_.entries = {*parseEntryRequest("train@1x8")};
    options_.architectures = {"x86-64-v4"};
  }

  OwningOpRef<ModuleOp> fused(const std::vector<std::string>& words) {
    CompileOptions options = options_;
    options.noFuse.append(words.begin(), words.end());
    return compiler_.lower(sourceFile("tests/e2e/tiny.mlir"), Stage::fusion, options);
  }

  // `isOff` says of a fusion made with the word whether it shows what the word forbids.
  void check(const std::string& word, const Named& named, const Named& isOff) {
    SCOPED_TRACE(word);
    OwningOpRef<ModuleOp> base = fused({}), now = fused({word});
    ASSERT_TRUE(base && now);
    std::map<Members, int> found;
    now->walk([&](FusionOp fusion) {
      ++found[membersOf(fusion)];
      EXPECT_FALSE(isOff(fusion)) << "still fused: " << ::testing::PrintToString(membersOf(fusion));
    });
    // What touches a fusion that was taken apart may meet its pieces; nothing else changes.
    int apart = 0, same = 0;
    base->walk([&](FusionOp fusion) {
      if (membersOf(fusion).size() > 1 && named(fusion)) {
        ++apart;
        return;
      }
      if (named(fusion) || touches(fusion, named)) return;
      ++same;
      EXPECT_GE(--found[membersOf(fusion)], 0)
          << "changed: " << ::testing::PrintToString(membersOf(fusion));
    });
    EXPECT_GT(apart, 0);
    EXPECT_GT(same, 0);
  }

  static bool touches(FusionOp fusion, const Named& named) {
    auto isNamed = [&](Operation* op) {
      auto other = dyn_cast_if_present<FusionOp>(op);
      return other && named(other);
    };
    for (Value operand : fusion->getOperands()) {
      if (isNamed(operand.getDefiningOp())) return true;
      if (llvm::any_of(operand.getUsers(), isNamed)) return true;
    }
    for (Operation* user : fusion->getUsers()) {
      if (isNamed(user)) return true;
      for (Value operand : user->getOperands())
        if (isNamed(operand.getDefiningOp())) return true;
    }
    return false;
  }

  CompilerHarness compiler_;
  CompileOptions options_;
};

bool isMerged(FusionOp fusion) { return membersOf(fusion).size() > 1; }

TEST_F(FusionSwitches, ACode) {
  for (const char* code : {"EDGE", "SIBLING", "COLUMN_SUM"}) {
    auto has = [code](FusionOp fusion) { return fusion.getReason().contains(code); };
    check(code, has, has);
  }
}

TEST_F(FusionSwitches, AScope) {
  Named named = anyOp([](FusionOp fusion, Operation& op) {
    return StringRef(scopeOf(fusion, op)).starts_with("layers.0.norm1");
  });
  check("layers.0.norm1*", named,
        [&](FusionOp fusion) { return isMerged(fusion) && named(fusion); });
}

TEST_F(FusionSwitches, ALocation) {
  OwningOpRef<ModuleOp> base = fused({});
  std::string line;
  base->walk([&](RmsNormOp op) { line = lineOf(op.getLoc()); });
  Named named = anyOp([&](FusionOp, Operation& op) { return lineOf(op.getLoc()) == line; });
  check("tiny.mlir:" + line, named,
        [&](FusionOp fusion) { return isMerged(fusion) && named(fusion); });
}

TEST_F(FusionSwitches, ANameOfThePyTorchHydra) {
  Named named = anyOp([](FusionOp, Operation& op) { return isa<RmsNormOp>(op); });
  check("HYDRA_DISABLE_FUSED_RMS_NORM", named,
        [&](FusionOp fusion) { return isMerged(fusion) && named(fusion); });
}

TEST_F(FusionSwitches, Accumulators) {
  // Autodiff makes matmuls with accumulators of its own; those of its scatters are asked about.
  auto adds = [](ModuleOp module) {
    int count = 0;
    module.walk([&](BinaryOp op) { count += op.getKind() == BinaryKind::add; });
    return count;
  };
  auto accumulating = [](ModuleOp module) {
    int count = 0;
    module.walk([&](MatmulOp op) { count += op.getAccumulator() != nullptr; });
    module.walk([&](ScatterRowsOp op) { count += op.getAccumulator() != nullptr; });
    return count;
  };
  OwningOpRef<ModuleOp> base = fused({}), now = fused({"ACCUMULATE"});
  EXPECT_GT(accumulating(*base), accumulating(*now));
  // Every add that a product had taken is one again.
  EXPECT_EQ(adds(*now) - adds(*base), accumulating(*base) - accumulating(*now));
}

TEST(Ledger, KnowsEveryKernelOfALargeModel) {
  CompilerHarness compiler;
  CompileOptions options;
  options.entries = {*parseEntryRequest("train@1x512")};
  options.routing = "fixed";
  options.architectures = {"x86-64-v4"};
  OwningOpRef<ModuleOp> plan =
      compiler.lower(sourceFile("models/hydra-100m.mlir"), Stage::plan, options);
  ASSERT_TRUE(plan);
  int kernels = 0, commands = 0;
  for (auto kernel : plan->getOps<plan::KernelOp>()) {
    ++kernels;
    auto ops = kernel->getAttrOfType<ArrayAttr>(kKernelOpsAttrName);
    ASSERT_TRUE(ops && !ops.empty()) << kernel.getSymName().str();
    for (auto op : ops.getAsRange<DictionaryAttr>())
      EXPECT_TRUE(op.getAs<StringAttr>("location").getValue().contains("hydra-100m.mlir:"))
          << kernel.getSymName().str();
    EXPECT_GT(kernel->getAttrOfType<IntegerAttr>(kKernelBytesAttrName).getInt(), 0);
  }
  EXPECT_GT(kernels, 30);
  for (auto entry : plan->getOps<plan::EntryOp>())
    if (entry.getSymName().starts_with("accumulate"))
      entry.walk([&](plan::LaunchOp) { ++commands; });
  EXPECT_LE(commands, 548);
  // Refused candidates, each with its code.
  std::set<std::string> refused;
  auto ledger = (*plan)->getAttrOfType<DictionaryAttr>(kLedgerAttrName);
  for (auto decision : ledger.getAs<ArrayAttr>("decisions").getAsRange<DictionaryAttr>())
    if (!decision.getAs<BoolAttr>("accepted").getValue())
      refused.insert(decision.getAs<StringAttr>("code").str());
  for (const char* code : {"LIBRARY", "CYCLE", "COLUMN_ESCAPE", "ROW_ESCAPE"})
    EXPECT_TRUE(refused.count(code)) << code;
}

}  // namespace
}  // namespace mlir::hydra::testing
