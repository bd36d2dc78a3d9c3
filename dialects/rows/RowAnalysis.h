// What each value of a row program depends on; read off the program, never declared.
#ifndef HYDRA_DIALECTS_ROWS_ROWANALYSIS_H
#define HYDRA_DIALECTS_ROWS_ROWANALYSIS_H

#include "dialects/rows/RowsDialect.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::rows {

// A set of these. A value without kColumn is a scalar of its row (or segment, or program).
enum Dependence : unsigned {
  kUniform = 0,
  kRow = 1,
  kSegment = 2,
  kColumn = 4,
  kTotal = 8, // made of column reductions: there after all rows
};

class RowAnalysis {
public:
  explicit RowAnalysis(ProgramOp program);

  unsigned dependence(Value value) const { return dependences.lookup(value); }
  bool isElement(Value value) const { return dependence(value) & kColumn; }
  bool isTotal(Value value) const { return dependence(value) & kTotal; }
  // Whether segments matter: a reduction over them, or an access by segment.
  bool usesSegments() const { return segments; }
  // Whether the rows can be run through as one: every access is of whole, contiguous rows, and
  // nothing is reduced or depends on where it is.
  bool isFlat() const { return flat; }

private:
  unsigned analyze(Operation &op);

  ProgramOp program;
  llvm::DenseMap<Value, unsigned> dependences;
  bool segments = false, flat = true;
};

} // namespace mlir::rows

#endif // HYDRA_DIALECTS_ROWS_ROWANALYSIS_H
