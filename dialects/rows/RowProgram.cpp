#include "dialects/rows/RowProgram.h"

#include "dialects/rows/RowAnalysis.h"
#include "dialects/rows/RowBuilder.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/CSE.h"

namespace mlir::rows {

// Depth first from the writes, which come last. Bodies nest builder calls in arguments, whose order
// C++ leaves to its compiler; without this the text of a program, and so the hash of its kernel,
// would depend on what built us. Writes come last because a result may stand in an operand's
// memory.
static void orderByUse(ProgramOp program) {
  Block &block = program.getBody().front();
  SmallVector<Operation *> order;
  llvm::DenseSet<Operation *> seen;
  auto visit = [&](auto &self, Operation *op) -> void {
    if (!seen.insert(op).second)
      return;
    for (Value operand : op->getOperands())
      if (Operation *maker = operand.getDefiningOp(); maker && maker->getBlock() == &block)
        self(self, maker);
    if (!isa<WriteOp>(op))
      order.push_back(op);
  };
  SmallVector<WriteOp> writes(block.getOps<WriteOp>());
  for (WriteOp write : writes)
    visit(visit, write);
  llvm::append_range(order, writes);
  for (Operation *op : order)
    op->moveBefore(&block, block.end());
}

// Builds the bodies of a region one after the other.
class ProgramBuilder {
public:
  ProgramBuilder(OpBuilder &builder, Block &primitives) : outer(builder), primitives(primitives) {
    // The program may be built into the same block.
    for (Operation &op : primitives.without_terminator())
      ops.push_back(&op);
  }

  FailureOr<ProgramOp> build(ValueRange inputs) {
    FailureOr<RowDomain> domain = unite();
    if (failed(domain))
      return failure();
    Operation *yield = primitives.getTerminator();
    IntegerAttr rowsInput;
    if (domain->rowsOperand)
      rowsInput = outer.getI64IntegerAttr(cast<BlockArgument>(domain->rowsOperand).getArgNumber());
    auto program = ProgramOp::create(outer, ops.front()->getLoc(), yield->getOperandTypes(), inputs,
                                     domain->rows, domain->segments, domain->width, rowsInput);
    Block *body = outer.createBlock(&program.getBody());
    RowBuilder rows(ImplicitLocOpBuilder::atBlockEnd(program.getLoc(), body), program);
    for (BlockArgument argument : primitives.getArguments())
      rows.arguments[argument] = body->addArgument(argument.getType(), argument.getLoc());
    for (auto [number, value] : llvm::enumerate(yield->getOperands()))
      rows.results[value].push_back(static_cast<int64_t>(number));

    for (auto [number, op] : llvm::enumerate(ops)) {
      rows.op = op;
      rows.source = static_cast<int64_t>(number);
      rows.b.setLoc(op->getLoc());
      auto body = cast<RowBodyOpInterface>(op);
      rows.opDomain = body.getRowDomain();
      if (failed(body.buildRowBody(rows)) || rows.failed) {
        program.erase();
        return failure();
      }
    }
    outer.setInsertionPointAfter(program);
    IRRewriter rewriter(program.getContext());
    DominanceInfo dominance(program);
    eliminateCommonSubExpressions(rewriter, dominance, program);
    orderByUse(program);
    // Segments that nothing refers to are columns.
    if (!RowAnalysis(program).usesSegments()) {
      program.setWidth(program.getColumns());
      program.setSegments(1);
    } else if (failed(checkExtents(program))) {
      program.erase();
      return failure();
    }
    return program;
  }

private:
  // Reductions over rows beside uses of segments would need two loops at once.
  static LogicalResult checkExtents(ProgramOp program) {
    for (auto reduce : program.getBody().getOps<ReduceOp>())
      if (reduce.getExtent() == Extent::row)
        return reduce.emitOpError("over whole rows in a region of segments: SEGMENT_MISMATCH");
    return success();
  }

  // The domain that all ops agree on: an op of one row or one column fits into any.
  FailureOr<RowDomain> unite() {
    RowDomain all;
    Operation *first = nullptr;
    for (Operation *op : ops) {
      auto body = dyn_cast<RowBodyOpInterface>(op);
      if (!body)
        return op->emitOpError("has no row body: NO_BODY");
      RowDomain domain = body.getRowDomain();
      if (!first) {
        all = domain;
        first = op;
        continue;
      }
      auto refuse = [&](const char *code, int64_t have, int64_t want) {
        InFlightDiagnostic diagnostic = op->emitOpError("does not fit into its region: ")
                                        << code << ", " << have << " against " << want;
        diagnostic.attachNote(first->getLoc()) << "of this op";
        return failure();
      };
      if (domain.rows != all.rows)
        return refuse("DOMAIN_MISMATCH of rows", domain.rows, all.rows);
      if (domain.rowsOperand != all.rowsOperand)
        return refuse("ROWS_DIFFER", domain.rowsOperand ? 1 : 0, all.rowsOperand ? 1 : 0);
      if (domain.columns() == 1)
        continue;
      if (all.columns() != 1 && domain.columns() != all.columns())
        return refuse("DOMAIN_MISMATCH of columns", domain.columns(), all.columns());
      if (all.columns() == 1 || all.segments == 1) {
        all.segments = domain.segments;
        all.width = domain.width;
      } else if (domain.segments != 1 && domain.segments != all.segments) {
        return refuse("SEGMENT_MISMATCH", domain.segments, all.segments);
      }
    }
    return all;
  }

  OpBuilder &outer;
  Block &primitives;
  SmallVector<Operation *> ops;
};

bool hasRowBodies(Block &primitives) {
  return llvm::all_of(primitives.without_terminator(),
                      [](Operation &op) { return isa<RowBodyOpInterface>(op); });
}

FailureOr<ProgramOp> buildRowProgram(OpBuilder &builder, Block &primitives, ValueRange inputs) {
  OpBuilder::InsertionGuard guard(builder);
  return ProgramBuilder(builder, primitives).build(inputs);
}

} // namespace mlir::rows
