// A product on a GPU by tiles of C: what is the same however a tile is multiplied. The forms are
// GpuProductFma.cpp and GpuProductMma.cpp.
#ifndef HYDRA_COMPILER_CODEGEN_GPUPRODUCT_H
#define HYDRA_COMPILER_CODEGEN_GPUPRODUCT_H

#include "compiler/codegen/GpuArithmetic.h"
#include "compiler/codegen/GpuFunction.h"
#include "dialects/plan/ProductTiling.h"

namespace mlir::hydra {

// One factor: a matrix in memory, and panels of `extent` rows or columns of C by the tiling's
// depth, two of which lie in shared memory.
struct ProductFactor {
  Value pointer;
  Type element;
  int64_t stride;  // from row to row in memory
  int64_t columns; // in memory
  int64_t extent;
  bool deep;      // the contraction runs along the columns in memory
  int64_t vector; // elements that one access moves
  int64_t shared; // where its panels begin in shared memory, in elements
};

class GpuProduct : public GpuArithmetic {
public:
  GpuProduct(ImplicitLocOpBuilder &builder, plan::KernelOp kernel, GpuFunction &gpu);
  virtual ~GpuProduct() = default;

  // The body of the function.
  void emit();

protected:
  // Where the element (along C, along the contraction) of a panel lies, in elements.
  virtual Value placeInPanel(const ProductFactor &factor, Value along, Value deep) = 0;
  virtual int64_t panelElements(const ProductFactor &factor) const = 0;
  // Whether neighbours along the contraction are neighbours in a panel; else those along C.
  virtual bool isDeepPanel() const = 0;
  // What the sums of this thread are after the panels that begin at `a` and `b` in shared memory.
  virtual SmallVector<Value> multiply(ValueRange sums, Value a, Value b) = 0;
  virtual int64_t sumsOfThread() const = 0;
  // For each run of neighbouring columns among this thread's sums: visit(row, column, run), the
  // place counted from the tile's.
  using Visit = llvm::function_ref<void(Value, Value, ArrayRef<Value>)>;
  virtual void forEachRun(ArrayRef<Value> sums, Visit visit) = 0;
  // Called once, before any of the above: what every tile needs.
  virtual void prepareThread() = 0;

  Value inPanels(Value offset) { return at(panels, panelType, offset); }

  GpuFunction &gpu;
  Operation *op;
  plan::MatmulShape shape;
  plan::ProductTiling tiling;
  ProductFactor factorA, factorB;
  Type panelType;
  Value panels; // shared memory
  Value thread; // of the block

private:
  struct Range {
    Value begin, end; // i64
  };
  struct Slot {
    Value along, deep; // in a panel
  };

  void prepare();
  ProductFactor factorOf(Value tensor, int64_t stride, int64_t groupStep, int64_t all,
                         int64_t extent, bool deep);

  Value loadCount(Value counts, Value position);
  Value clamp(Value count);
  Range between(Value offsets, Value group);
  Value weightOf(GroupedMatmulOp grouped, Value group);

  int64_t across() const;
  Value tilesOf(Range rows);
  void eachGroup(int64_t groups, llvm::function_ref<Value(Value, Value)> body);
  void eachTile(Range rows, Range depth, Value group, Value base);

  int64_t slotsOf(const ProductFactor &factor) const;
  Slot slotOf(const ProductFactor &factor, int64_t slot);
  SmallVector<Value> loadPanel(const ProductFactor &factor, Value base, Range along, Value depth,
                               Value depthEnd);
  void storePanel(const ProductFactor &factor, ArrayRef<Value> values, Value start);
  void oneTile(Range rows, Value column, Range depth, Value group);
  void writeTile(ArrayRef<Value> sums, Range rows, Range columns, Value group);
};

// Of float32 operands: a part per thread, fused multiply-adds.
std::unique_ptr<GpuProduct> makeFmaProduct(ImplicitLocOpBuilder &builder, plan::KernelOp kernel,
                                           GpuFunction &gpu);
// Of bf16 operands: a part per warp, on the tensor cores.
std::unique_ptr<GpuProduct> makeMmaProduct(ImplicitLocOpBuilder &builder, plan::KernelOp kernel,
                                           GpuFunction &gpu);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_GPUPRODUCT_H
