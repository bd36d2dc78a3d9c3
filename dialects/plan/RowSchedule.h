// The schedule of a row program: made by the planner, read by emitters, and what in-place safety is
// derived from.
#ifndef HYDRA_DIALECTS_PLAN_ROWSCHEDULE_H
#define HYDRA_DIALECTS_PLAN_ROWSCHEDULE_H

#include "dialects/plan/PlanDialect.h"
#include "dialects/rows/RowsDialect.h"

namespace mlir::plan {

// Elements that one item of a flat program covers at most, and about those of an item of rows.
inline constexpr int64_t kFlatItem = 16384;
inline constexpr int64_t kRowItem = 8192;
// Rows (or segments) of at most this many columns stay in registers between sweeps.
inline constexpr int64_t kRegisterColumns = 64;
// Columns that one item of the stage after column reductions covers.
inline constexpr int64_t kTotalColumns = 64;

// The schedule of `program`: a pure function of its structure and sizes, in integers.
RowScheduleAttr scheduleRows(rows::ProgramOp program);

// Whether result `result` of the program may take the memory of operand `operand` under `schedule`:
// the same shape and storage; every read of the operand is of the row that is written, and either
// of the element that is written or in an earlier sweep; no later sweep reads it. An emitter reads
// all it needs for a position before it writes there.
bool mayOverwrite(rows::ProgramOp program, RowScheduleAttr schedule, unsigned operand,
                  unsigned result);

// Work of the kernel: items per stage, bytes of partial results and of one worker's scratch.
struct RowWork {
  SmallVector<int64_t> items;
  int64_t partialBytes = 0, scratchBytes = 0;
};
RowWork programWork(rows::ProgramOp program, RowScheduleAttr schedule);

// Bytes of one value kept in scratch, a whole number of vectors of 64 bytes.
int64_t scratchRowBytes(rows::ProgramOp program);
// Columns of the partial results of a column reduction: those of the domain, or one.
int64_t partialColumns(rows::ProgramOp program, rows::ColumnReduceOp reduce);
int64_t chunksOf(rows::ProgramOp program, RowScheduleAttr schedule);

} // namespace mlir::plan

#endif // HYDRA_DIALECTS_PLAN_ROWSCHEDULE_H
