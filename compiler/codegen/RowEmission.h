// Emits a row program under its schedule, for any machine: what is evaluated in which sweep and
// where a later sweep finds it is read from plan.kernel; loops and lanes belong to a RowMachine.
#ifndef HYDRA_COMPILER_CODEGEN_ROWEMISSION_H
#define HYDRA_COMPILER_CODEGEN_ROWEMISSION_H

#include "dialects/plan/RowSchedule.h"
#include "dialects/rows/Reductions.h"
#include "dialects/rows/RowAnalysis.h"

#include <functional>

namespace mlir::hydra {

// What one step of a loop over columns works on: 16 columns of a vector machine, one of a thread.
struct Lanes {
  Value column; // i64, the first of them
  Value mask;   // the lanes that are there; null: all
  int64_t block = -1;
};

// Loops, lanes and memory of one target. Elements are values of `shape`, scalars values of their
// row.
class RowMachine {
public:
  using States = SmallVector<Value>;
  using Step = llvm::function_ref<States(const Lanes &, ValueRange)>;
  using Combine = llvm::function_ref<States(ValueRange, ValueRange)>;

  explicit RowMachine(ImplicitLocOpBuilder &builder) : b(builder) {}
  virtual ~RowMachine() = default;

  // The vector type's shape of an element; null if elements are scalars.
  virtual VectorType shape() = 0;
  Type elementType(Type type) {
    return shape() ? Type(VectorType::get(shape().getShape(), type)) : type;
  }
  virtual Value spread(Value scalar) = 0;
  // The column of every lane, i32.
  virtual Value columnsOf(const Lanes &lanes) = 0;
  // The values of columns c xor 1.
  virtual Value neighbor(Value element) = 0;
  // A scalar op whose operands are `operands`.
  virtual Value cloneScalar(Operation *op, ValueRange operands) = 0;

  // pointer[offset + column] for all lanes; offsets count elements.
  virtual Value load(Type type, Value pointer, Value offset, const Lanes &lanes) = 0;
  virtual void store(Value element, Value pointer, Value offset, const Lanes &lanes) = 0;
  // pointer[offset + column * factor + phase]; a store writes all phases 0 .. factor-1.
  virtual Value loadStrided(Type type, Value pointer, Value offset, int64_t factor, int64_t phase,
                            const Lanes &lanes) = 0;
  virtual void storeStrided(ArrayRef<Value> phases, Value pointer, Value offset,
                            const Lanes &lanes) = 0;
  virtual Value loadScalar(Type type, Value pointer, Value offset) = 0;
  virtual void storeScalar(Value value, Value pointer, Value offset) = 0;
  // Runs `body` once per row, whatever works on it.
  virtual void single(llvm::function_ref<void()> body) = 0;

  // Columns begin .. end, states starting from the identity.
  virtual States fold(Value begin, Value end, ValueRange identity, Step step, Combine combine) = 0;
  virtual States fold(int64_t begin, int64_t end, ValueRange identity, Step step,
                      Combine combine) = 0;
  // The same columns as blocks, for rows that are unrolled.
  virtual SmallVector<Lanes> blocks(int64_t begin, int64_t end) = 0;
  // Columns 0 .. end as groups that are worked on together.
  virtual void tiles(int64_t end, llvm::function_ref<void(ArrayRef<Lanes>)> body) = 0;
  // The states of all lanes combined by a fixed tree.
  virtual States across(ValueRange states, Combine combine) = 0;
  // body(segment) for all segments that this row's worker has.
  virtual void segments(int64_t count, llvm::function_ref<void(Value)> body) = 0;
  virtual States loop(Value begin, Value end, ValueRange initial,
                      llvm::function_ref<States(Value, ValueRange)> body) = 0;

  ImplicitLocOpBuilder &b;
};

class RowEmission {
public:
  // Where the memory of a kernel is: the data of a tensor, the value of a scalar attribute, a
  // worker's scratch, and the partial results (null if there are none).
  struct Memory {
    std::function<Value(Value)> tensor;
    std::function<Value(rows::ScalarOp)> scalar;
    Value scratch, partial;
  };

  RowEmission(RowMachine &machine, rows::ProgramOp program, plan::RowScheduleAttr schedule,
              Memory memory);

  // Values that are the same for all rows; first.
  void uniform();
  // The row count: the domain's, less if a rows operand says so. i64.
  Value rowLimit();
  // All of one row; elements begin .. end of a flat program.
  void row(Value row);
  void flat(Value begin, Value end);
  // Rows begin .. end, whose column reductions become the partial results of `chunk`.
  void chunk(Value chunk, Value begin, Value end);
  // The stage after all rows, columns begin .. end.
  void totals(Value begin, Value end);

private:
  struct Output {
    Operation *op;
    int64_t extent;
  };
  int64_t sweepOf(Operation *op) const { return sweeps.lookup(op); }
  plan::Place placeOf(Operation *op) const { return places.lookup(op); }
  Value index(int64_t value);
  Value sum(Value a, Value c);
  Value scaled(Value a, int64_t factor);
  Value resultArgument(int64_t number);
  int64_t runLength() const;

  // Whether one sweep makes column reductions and nothing else: then rows are the inner loop, and
  // states stay in registers.
  bool reducesColumnsOnly() const;
  void beginChunk();
  void columnsFirst(Value begin, Value end);
  void evaluateScalars(unsigned scope, int64_t sweep);
  Value evaluateScalar(Operation *op);
  void row(Value row, Value segment);
  void sweep(int64_t number);
  void scalarOutputs(int64_t number);
  RowMachine::States step(ArrayRef<rows::ReduceOp> reduces, ArrayRef<Operation *> outputs,
                          const Lanes &lanes, ValueRange states, int64_t begin);
  void storeOutputs(ArrayRef<Operation *> outputs, const Lanes &lanes);
  void stepColumns(rows::ColumnReduceOp reduce, const Lanes *lanes);
  Value partialOffset(rows::ColumnReduceOp reduce, Value chunk, int64_t state);
  Type stateType(const rows::Reduction &reduction);

  Value element(Value value, const Lanes &lanes);
  Value compute(Operation *op, const Lanes &lanes);
  Value readElement(rows::ReadOp read, const Lanes &lanes);
  Value rowStart(rows::ReadOp read);
  Value rowStart(rows::WriteOp write);
  Value inside(rows::ReadOp read);
  void prepareReads();
  Value scratchOffset(Operation *op);
  Value cloneElement(Operation *op, const Lanes &lanes);

  RowMachine &m;
  ImplicitLocOpBuilder &b;
  rows::ProgramOp program;
  plan::RowScheduleAttr schedule;
  Memory memory;
  rows::RowAnalysis analysis;
  DenseMap<Operation *, int64_t> sweeps, scratchRows, partials;
  DenseMap<Operation *, plan::Place> places;

  int64_t current = 0; // the sweep being emitted
  Value rowIndex, segmentIndex, chunkIndex;
  DenseMap<Value, Value> scalars; // of the program, row or segment being emitted
  DenseMap<Operation *, Value> starts,
      holds;                       // of reads: where their row starts, whether it is there
  DenseMap<Value, Value> elements; // at the lanes being emitted
  DenseMap<std::pair<Value, int64_t>, Value> registers; // by block
};

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_ROWEMISSION_H
