// hydra-form-fusions: primitives become kernels, alone or together, as the policy decides.
#include "passes/fusion/FusionLedger.h"
#include "passes/fusion/FusionRegion.h"
#include "passes/fusion/Passes.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

#include <functional>
#include <map>
#include <set>

namespace mlir::hydra {
#define GEN_PASS_DEF_FORMFUSIONSPASS
#include "passes/fusion/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

// What has a row body is emitted by rows; a matmul is done by a library.
bool isRows(Operation *op) { return isa<rows::RowBodyOpInterface>(op); }
FusionKind kindOf(Operation *op) {
  return isRows(op) ? FusionKind::rows : cast<CostOpInterface>(op).getFusionKind();
}

class FunctionFuser {
public:
  FunctionFuser(Block &block, FusionPolicy &policy, FusionLedger &ledger)
      : block(block), graph(block), policy(policy), ledger(ledger) {}

  void run() {
    cutViews();
    // Siblings first: a chain that took a reader of a shared tensor may reach around the others.
    mergeSiblings();
    mergeEdges();
    mergeSiblings();
    mergeEdges();
    noteLibraryEdges();
    build();
  }

  int64_t numFusions = 0, numMerged = 0;

private:
  using Group = FusionGraph::Group;

  // A cut of columns whose readers all take the columns where they lie is no kernel.
  void cutViews() {
    for (Operation *op : SmallVector<Operation *>(graph.nodes()))
      if (auto split = dyn_cast<SplitOp>(op))
        cutView(split);
  }

  void cutView(SplitOp split) {
    SmallVector<Operation *> readers;
    for (Value result : split.getResults())
      for (Operation *user : graph.usersOf(result))
        if (!llvm::is_contained(readers, user))
          readers.push_back(user);
    if (readers.empty() || split->hasAttr(kProbeAttrName) || split.getRows())
      return;
    RegionCost before = *policy.estimate(RegionOutline(graph, split.getOperation())).cost;
    std::optional<RegionCost> after = RegionCost();
    Verdict verdict;
    SmallVector<RegionOutline> own;
    for (Operation *reader : readers)
      own.emplace_back(graph, reader);
    graph.makeAlias(split);
    for (auto [reader, part] : llvm::zip(readers, own)) {
      if (!isRows(reader)) {
        verdict.code = "NO_BODY";
        verdict.detail = (reader->getName().getStringRef() + " reads whole tensors").str();
        after = std::nullopt;
        break;
      }
      const RegionEstimate &with = policy.estimate(RegionOutline(graph, reader));
      if (!with.cost) {
        verdict.code = with.refusal.code.str();
        verdict.detail = with.refusal.text;
        after = std::nullopt;
        break;
      }
      before = before + *policy.estimate(part).cost;
      after = *after + *with.cost;
    }
    if (after) {
      verdict.before = before;
      verdict.after = after;
      SmallVector<Operation *> all(readers);
      all.push_back(split);
      std::string word = policy.disabledBy("VIEW", all);
      verdict.accepted = word.empty() && after->picoseconds < before.picoseconds;
      verdict.code = !word.empty() ? "DISABLED" : verdict.accepted ? "VIEW" : "SLOWER";
      verdict.detail = word.empty() ? "" : "by " + word;
    }
    if (!verdict.accepted)
      graph.dropAlias(split);
    ledger.note(CandidateKind::view, split.getOperation(), readers, verdict);
  }

  // Producers and readers, in program order.
  void mergeEdges() {
    for (Operation *op : graph.nodes()) {
      if (!isRows(op) || graph.isAlias(op))
        continue;
      for (Value operand : op->getOperands())
        if (Operation *producer = graph.producerOf(operand);
            producer && isRows(producer) && !graph.isAlias(producer))
          consider(CandidateKind::edge, producer, op);
    }
  }

  // Readers of one tensor that is as large as what they work on.
  void mergeSiblings() {
    llvm::SetVector<Value> shared;
    for (Operation *op : graph.nodes())
      if (isRows(op) && !graph.isAlias(op))
        for (Value operand : op->getOperands())
          shared.insert(graph.rootOf(operand));
    for (Value value : shared) {
      if (Operation *definition = value.getDefiningOp(); definition && graph.isAlias(definition))
        continue;
      SmallVector<Operation *> readers;
      for (Operation *user : graph.usersOf(value))
        if (isRows(user) && isFullSize(value, user))
          readers.push_back(user);
      for (size_t i = 1; i < readers.size(); ++i)
        consider(CandidateKind::sibling, readers[i - 1], readers[i]);
    }
  }
  static bool isFullSize(Value value, Operation *op) {
    rows::RowDomain domain = cast<rows::RowBodyOpInterface>(op).getRowDomain();
    int64_t elements = cast<RankedTensorType>(value.getType()).getNumElements();
    return elements > 1 && elements >= domain.rows * domain.columns();
  }

  void consider(CandidateKind kind, Operation *first, Operation *second) {
    Group a = graph.groupOf(first), b = graph.groupOf(second);
    // A group that grew is another candidate.
    size_t grown = graph.members(a).size() + graph.members(b).size();
    if (a == b || std::exchange(asked[{std::min(a, b), std::max(a, b)}], grown) == grown)
      return;
    SmallVector<Operation *> left(graph.members(a)), right(graph.members(b));
    SmallVector<Operation *> all = graph.united(a, b);
    bool sumsRows =
        kind == CandidateKind::sibling && llvm::any_of(all, [](Operation *op) {
          auto reduce = dyn_cast<ReduceOp>(op);
          return isa<RmsNormWeightGradOp>(op) || (reduce && reduce.getAxes() != ReduceAxes::last);
        });
    StringRef code = kind == CandidateKind::edge ? "EDGE" : sumsRows ? "COLUMN_SUM" : "SIBLING";
    Verdict verdict;
    if (graph.wouldCycle(a, b)) {
      verdict.code = "CYCLE";
    } else {
      RegionOutline parts[] = {RegionOutline(graph, left), RegionOutline(graph, right)};
      verdict = policy.judge(code, parts, RegionOutline(graph, all));
    }
    // Told about the two that met, not about all that is with them already.
    ledger.note(kind, left, right, verdict);
    if (!verdict.accepted)
      return;
    graph.merge(a, b);
    reasons[a].insert(verdict.code);
    for (const std::string &reason : reasons[b])
      reasons[a].insert(reason);
    ++numMerged;
  }

  // What could only run inside a call of the matmul library.
  void noteLibraryEdges() {
    for (Operation *op : graph.nodes())
      for (Value operand : op->getOperands()) {
        Operation *producer = graph.producerOf(operand);
        if (!producer || isa<MatmulOp>(op) == isa<MatmulOp>(producer))
          continue;
        bool epilogue = isa<MatmulOp>(producer);
        if (!isRows(epilogue ? op : producer))
          continue;
        Verdict verdict;
        verdict.code = "LIBRARY";
        verdict.detail = epilogue ? "oneDNN keeps its fast path with an accumulator only"
                                  : "oneDNN reads its operands as they are";
        ledger.note(epilogue ? CandidateKind::epilogue : CandidateKind::prologue, producer, op,
                    verdict);
      }
  }

  // Moves every op to where its group runs, aliases in front of their readers.
  void build() {
    Operation *terminator = block.getTerminator();
    llvm::DenseSet<Operation *> placed;
    std::function<void(Value)> placeAlias = [&](Value value) {
      Operation *op = value.getDefiningOp();
      if (!op || !graph.isAlias(op) || op->getNumOperands() == 0 || !placed.insert(op).second)
        return;
      for (Value operand : op->getOperands())
        placeAlias(operand);
      op->moveBefore(terminator);
    };
    for (Group group : graph.order()) {
      SmallVector<Operation *> members(graph.members(group));
      for (Operation *op : members)
        for (Value operand : op->getOperands())
          if (!llvm::is_contained(members, graph.producerOf(operand)))
            placeAlias(operand);
      for (Operation *op : members)
        op->moveBefore(terminator);
      FusionKind kind = kindOf(members.front());
      // No kernels: commands of the plan, or places in it.
      if (kind == FusionKind::matmul || kind == FusionKind::place)
        continue;
      wrap(group, members, kind);
    }
    for (Value operand : terminator->getOperands())
      placeAlias(operand);
    // Copies in fusions took over. Only now: the graph goes by addresses.
    for (Operation *op : llvm::reverse(dead))
      eraseWithReaders(op);
    SmallVector<Operation *> rest;
    for (Operation &op : block.without_terminator())
      rest.push_back(&op);
    for (Operation *op : llvm::reverse(rest))
      if (graph.isAlias(op) && op->use_empty() && !op->hasAttr(kProbeAttrName))
        op->erase();
  }

  void wrap(Group group, ArrayRef<Operation *> members, FusionKind kind) {
    std::string reason = "single";
    if (auto found = reasons.find(group); found != reasons.end())
      reason = llvm::join(found->second, "+");
    OpBuilder builder(members.back());
    SmallVector<Value> results;
    FusionOp fusion = copyRegion(builder, graph, members, kind, reason, results);
    for (auto [old, result] : llvm::zip(results, fusion.getResults()))
      old.replaceAllUsesWith(result);
    dead.append(members.begin(), members.end());
    ++numFusions;
  }

  // With aliases of what only the group itself read.
  static void eraseWithReaders(Operation *op) {
    while (!op->use_empty())
      eraseWithReaders(*op->user_begin());
    op->erase();
  }

  Block &block;
  FusionGraph graph;
  FusionPolicy &policy;
  FusionLedger &ledger;
  // Pairs that were judged, with the number of ops they had.
  llvm::DenseMap<std::pair<Group, Group>, size_t> asked;
  std::map<Group, std::set<std::string>> reasons;
  SmallVector<Operation *> dead;
};

class FormFusionsPass : public mlir::hydra::impl::FormFusionsPassBase<FormFusionsPass> {
public:
  using FormFusionsPassBase::FormFusionsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<FusionPolicy> policy = createFusionPolicy(module, level, enabled, noFuse);
    if (failed(policy))
      return signalPassFailure();
    FusionLedger ledger(module);
    for (auto function : module.getOps<func::FuncOp>())
      for (Block &block : function.getBody()) {
        if (failed(checkCosts(block)))
          return signalPassFailure();
        FunctionFuser fuser(block, *policy, ledger);
        fuser.run();
        numFusions += fuser.numFusions;
        numMerged += fuser.numMerged;
      }
    for (const std::string &word : policy->unusedSwitches()) {
      if (ledger.isSwitchedOffBy(word))
        continue;
      module.emitError("--no-fuse=") << word << " names nothing that would be fused; --explain "
                                     << "lists codes, scopes and locations";
      signalPassFailure();
    }
    ledger.write(policy->machine().name);
  }

private:
  static LogicalResult checkCosts(Block &block) {
    for (Operation &op : block)
      if (op.hasTrait<PrimitiveTier>() && !isa<CostOpInterface>(op))
        return op.emitOpError("has no cost model, so that its fusion kind is unknown; attach "
                              "CostOpInterface in dialects/hydra/HydraCost.cpp");
    return success();
  }
};

} // namespace
