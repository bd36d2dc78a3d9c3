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
  // What only a result that nobody wants was made of.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (!seen.contains(&op))
      op.erase();
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
      rows.reducesRows = false;
      rows.source = static_cast<int64_t>(number);
      rows.b.setLoc(op->getLoc());
      auto body = cast<RowBodyOpInterface>(op);
      rows.opDomain = body.getRowDomain();
      if (failed(body.buildRowBody(rows)) || rows.refusal) {
        refusal = rows.refusal;
        program.erase();
        return failure();
      }
    }
    if (program.getColumns() == 1 && !RowAnalysis(program).isFlat())
      makeScalar(program);
    if (failed(checkTotals(program, rows))) {
      program.erase();
      return failure();
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

  // Why not; there after a failure.
  std::optional<RowRefusal> refusal;

private:
  LogicalResult refuse(Operation *op, StringRef code, const Twine &text, Operation *other = nullptr,
                       StringRef note = "") {
    refusal = RowRefusal{code, text.str(), op, note.str(), std::nullopt};
    if (other)
      refusal->other = other->getLoc();
    return failure();
  }
  // The primitive that an op of the program came from; its location tells.
  Operation *originOf(Operation *op) {
    for (Operation *primitive : ops)
      if (primitive->getLoc() == op->getLoc())
        return primitive;
    return ops.front();
  }

  // Reductions over rows beside uses of segments would need two loops at once.
  LogicalResult checkExtents(ProgramOp program) {
    for (auto reduce : program.getBody().getOps<ReduceOp>())
      if (reduce.getExtent() == Extent::row)
        return refuse(originOf(reduce), "SEGMENT_MISMATCH",
                      "over whole rows in a region of segments: SEGMENT_MISMATCH");
    return success();
  }

  // The only column is one value per row: no lanes are needed.
  static void makeScalar(ProgramOp program) {
    MLIRContext *context = program.getContext();
    auto none = ColumnMapAttr::get(context, ColumnMapKind::none, {});
    for (auto read : program.getBody().getOps<ReadOp>())
      if (read.getColumnMap().getKind() == ColumnMapKind::same)
        read.setColumnMapAttr(none);
    RowAnalysis analysis(program);
    for (auto write : program.getBody().getOps<WriteOp>())
      if (write.getColumnMap().getKind() == ColumnMapKind::same &&
          !analysis.isElement(write.getValue()))
        write.setColumnMapAttr(none);
  }

  // What is made of reductions over all rows is there after all rows, once: no row may read it, no
  // reduction, and no loop over segments.
  LogicalResult checkTotals(ProgramOp program, const RowBuilder &rows) {
    RowAnalysis analysis(program);
    for (Operation &op : program.getBody().front()) {
      bool readsTotal =
          llvm::any_of(op.getOperands(), [&](Value v) { return analysis.isTotal(v); });
      auto write = dyn_cast<WriteOp>(op);
      if (write && program.getRows() != 1 && !rows.reducedWrites.contains(&op) &&
          rows.oneRowWrites.contains(&op) != readsTotal)
        return refuse(originOf(&op), "DOMAIN_MISMATCH",
                      readsTotal ? "writes a sum over all rows to every row: DOMAIN_MISMATCH"
                                 : "would be written by every row: DOMAIN_MISMATCH");
      if (!readsTotal)
        continue;
      unsigned depends = op.getNumResults() == 1 ? analysis.dependence(op.getResult(0)) : kUniform;
      bool part = write && static_cast<int64_t>(write.getExtent()) != program.getColumns() &&
                  write.getColumnMap().getKind() != ColumnMapKind::none;
      bool strided = write && write.getColumnMap().getKind() == ColumnMapKind::stride;
      bool bySegment = analysis.usesSegments() && (depends & kColumn);
      if (isa<ReduceOp, ColumnReduceOp, NeighborOp>(op) || (depends & kRow) || part || strided ||
          bySegment)
        return refuse(originOf(&op), "ROW_ESCAPE", "reads a sum over all rows: ROW_ESCAPE");
    }
    return success();
  }

  // The domain that all ops agree on: an op of one row or one column fits into any.
  FailureOr<RowDomain> unite() {
    Operation *yield = primitives.getTerminator();
    SmallVector<Operation *> working;
    for (Operation *op : ops) {
      if (!isa<RowBodyOpInterface>(op))
        return refuse(op, "NO_BODY", "has no row body: NO_BODY");
      if (!isViewOfColumns(op,
                           [&](Value v) { return llvm::is_contained(yield->getOperands(), v); }))
        working.push_back(op);
    }
    RowDomain all;
    // Who gave the rows, and who the columns.
    Operation *first = nullptr, *widest = nullptr;
    for (Operation *op : working) {
      RowDomain domain = cast<RowBodyOpInterface>(op).getRowDomain();
      if (first && (domain.rows == 1 || all.rows != 1))
        continue;
      first = op;
      all.rows = domain.rows;
      all.rowsOperand = domain.rowsOperand;
    }
    for (Operation *op : working) {
      RowDomain domain = cast<RowBodyOpInterface>(op).getRowDomain();
      auto misfit = [&](const char *code, const char *what, int64_t have, int64_t want,
                        Operation *other) {
        return refuse(op, code,
                      Twine("does not fit into its region: ") + code + what + ", " + Twine(have) +
                          " against " + Twine(want),
                      other, "of this op");
      };
      bool oneRow = domain.rows == 1 && all.rows != 1;
      if (!oneRow && domain.rows != all.rows)
        return misfit("DOMAIN_MISMATCH", " of rows", domain.rows, all.rows, first);
      if (domain.rowsOperand != (oneRow ? Value() : all.rowsOperand))
        return misfit("ROWS_DIFFER", "", domain.rowsOperand ? 1 : 0, all.rowsOperand ? 1 : 0,
                      first);
      if (domain.columns() == 1)
        continue;
      if (all.columns() != 1 && domain.columns() != all.columns())
        return misfit("DOMAIN_MISMATCH", " of columns", domain.columns(), all.columns(), widest);
      if (all.columns() == 1 || all.segments == 1) {
        all.segments = domain.segments;
        all.width = domain.width;
        widest = op;
      } else if (domain.segments != 1 && domain.segments != all.segments) {
        return misfit("SEGMENT_MISMATCH", "", domain.segments, all.segments, widest);
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

FailureOr<ProgramOp> buildRowProgram(OpBuilder &builder, Block &primitives, ValueRange inputs,
                                     RowRefusal *refusal) {
  OpBuilder::InsertionGuard guard(builder);
  ProgramBuilder programs(builder, primitives);
  FailureOr<ProgramOp> program = programs.build(inputs);
  if (failed(program) && refusal)
    *refusal = *programs.refusal;
  else if (failed(program))
    programs.refusal->emit();
  return program;
}

} // namespace mlir::rows
