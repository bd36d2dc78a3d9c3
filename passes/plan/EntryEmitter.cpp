#include "passes/plan/EntryEmitter.h"

#include "passes/plan/GroupedMatmulPlan.h"
#include "passes/plan/MatmulPlan.h"

using namespace mlir;
using namespace mlir::plan;
using hydra::BindingAttr;
using hydra::BindingKind;

namespace {

StringAttr scopeOf(Operation *op) {
  auto scope = op->getAttrOfType<StringAttr>(hydra::kScopeAttrName);
  return scope ? scope : StringAttr::get(op->getContext(), "");
}

hydra::EntryAttr entryAttrOf(func::FuncOp function) {
  if (auto entry = function->getAttrOfType<hydra::EntryAttr>(hydra::kEntryAttrName))
    return entry;
  MLIRContext *context = function.getContext();
  return hydra::EntryAttr::get(context, function.getSymNameAttr(), 0, 0,
                               StringAttr::get(context, ""));
}

int64_t flopsOf(func::FuncOp function) {
  int64_t flops = 0;
  function.walk([&](hydra::CostOpInterface op) { flops += op.getFlops(); });
  return flops;
}

class Emitter {
public:
  Emitter(OpBuilder &builder, const StorageAssignment &storage, const KernelTable &kernels)
      : builder(builder), storage(storage), kernels(kernels) {}

  void emitBuffers(Location location) {
    for (ArrayRef<NamedPlace> list :
         {storage.getInputs(), storage.getOutputs(), storage.getRecord()})
      for (const NamedPlace &buffer : list)
        BufferOp::create(builder, location, buffer.binding, buffer.place,
                         TypeAttr::get(buffer.type), FloatAttr(), buffer.reduce);
  }

  // One all_reduce per bucket of neighbouring gradients of `function`.
  void emitCollectives(func::FuncOp function, const SharedLayout &shared, int64_t bucketBytes) {
    SmallVector<std::pair<RefAttr, Type>> gradients;
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      BindingAttr binding = argumentBinding(function, i);
      if (binding.getKind() == BindingKind::gradient)
        gradients.push_back({shared.lookup(binding), function.getArgumentTypes()[i]});
    }
    llvm::sort(gradients, [](auto a, auto b) { return a.first.getOffset() < b.first.getOffset(); });
    for (size_t begin = 0; begin < gradients.size();) {
      int64_t start = gradients[begin].first.getOffset(), limit = start;
      Type element = cast<RankedTensorType>(gradients[begin].second).getElementType();
      size_t next = begin;
      for (; next < gradients.size(); ++next) {
        auto [place, type] = gradients[next];
        int64_t after = place.getOffset() + place.getBytes();
        if (next > begin && (after - start > bucketBytes ||
                             cast<RankedTensorType>(type).getElementType() != element))
          break;
        limit = after;
      }
      auto bucket =
          RefAttr::get(builder.getContext(), plan::Region::gradients, start, limit - start);
      CollectiveOp::create(builder, function.getLoc(), CollectiveKind::all_reduce_sum, bucket,
                           element, "gradients");
      begin = next;
    }
  }

  void emitStep(Operation *op) {
    if (auto fusion = dyn_cast<hydra::FusionOp>(op))
      return emitFusion(fusion);
    if (auto concat = dyn_cast<hydra::ConcatRowsOp>(op))
      return copyMisplaced(concat);
    copyAccumulator(op);
    if (auto grouped = dyn_cast<hydra::GroupedMatmulOp>(op))
      emitGroupedMatmul(builder, grouped, storage, scopeOf(op).getValue());
    else if (auto grad = dyn_cast<hydra::GroupedWeightGradOp>(op))
      emitGroupedWeightGrad(builder, grad, storage, scopeOf(op).getValue());
    else
      emitMatmul(cast<hydra::MatmulOp>(op));
  }

  void emitFinalCopy(const FinalCopy &copy, Location location) {
    StringAttr scope = builder.getStringAttr("results");
    ++counts.copies;
    if (std::optional<int32_t> pattern = fillPattern(copy)) {
      FillOp::create(builder, location, copy.target, *pattern, scope);
      return;
    }
    RefAttr source = copy.source ? storage.placeOf(copy.source) : copy.staged;
    CopyOp::create(builder, location, source, copy.target, scope);
  }

  EntryCounts counts;

private:
  // The 4-byte pattern of a returned constant whose elements are all the same.
  static std::optional<int32_t> fillPattern(const FinalCopy &copy) {
    auto constant = copy.source ? rootOf(copy.source).getDefiningOp<hydra::ConstantOp>() : nullptr;
    auto dense = constant ? dyn_cast<SplatElementsAttr>(constant.getValue()) : nullptr;
    if (!dense || dense.getRawData().size() != sizeof(int32_t))
      return std::nullopt;
    int32_t pattern;
    std::memcpy(&pattern, dense.getRawData().data(), sizeof(pattern));
    return pattern;
  }

  void emitFusion(hydra::FusionOp fusion) {
    KernelUse use = kernels.lookup(fusion);
    SmallVector<Attribute> args;
    for (Value input : fusion.getInputs())
      args.push_back(storage.placeOf(input));
    for (Value result : fusion.getResults())
      args.push_back(storage.placeOf(result));
    if (RefAttr partial = storage.partialOf(fusion))
      args.push_back(partial);
    for (auto [stage, items] : llvm::enumerate(use.kernel.getItems())) {
      LaunchOp::create(builder, fusion.getLoc(), use.kernel.getSymName(), stage,
                       builder.getArrayAttr(args), use.scalars, items, use.kernel.getGrain()[stage],
                       scopeOf(fusion), GeometryAttr());
      ++counts.launches;
    }
  }

  // Inputs that nobody wrote into the result.
  void copyMisplaced(hydra::ConcatRowsOp concat) {
    for (auto [index, input] : llvm::enumerate(concat.getInputs())) {
      RefAttr source = storage.placeOf(input), target = storage.placeInside(concat, index);
      if (source == target)
        continue;
      CopyOp::create(builder, concat.getLoc(), source, target, scopeOf(concat));
      ++counts.copies;
    }
  }

  // A product adds to what its result's place holds.
  void copyAccumulator(Operation *product) {
    Value accumulator = accumulatorOf(product);
    if (!accumulator)
      return;
    RefAttr place = storage.placeOf(accumulator), result = storage.placeOf(product->getResult(0));
    if (place == result)
      return;
    CopyOp::create(builder, product->getLoc(), place, result, scopeOf(product));
    ++counts.copies;
  }

  void emitMatmul(hydra::MatmulOp op) {
    MatmulShape shape = matmulShape(op);
    const hydra::MatmulLibrary &library = hydra::cpuMatmulLibrary();
    RefAttr result = storage.placeOf(op.getResult());
    RefAttr rows = op.getRows() ? storage.placeOf(op.getRows()) : RefAttr();
    auto element = [](Value value) {
      return cast<RankedTensorType>(value.getType()).getElementType();
    };
    bool boundK = rows && op.getTransposeA();
    Tile tile = chooseTile(shape, library, /*rowsBounded=*/rows && !boundK);
    MatmulOp::create(builder, op.getLoc(), storage.placeOf(op.getA()), storage.placeOf(op.getB()),
                     result, shape.m, shape.n, shape.k, shape.lda, shape.ldb, shape.ldc,
                     op.getTransposeA(), op.getTransposeB(), op.getAccumulator() != nullptr, tile.m,
                     tile.n, rows, boundK, element(op.getA()), element(op.getB()),
                     element(op.getResult()), shape.groups, shape.groupA, shape.groupB,
                     shape.groupC, /*offsets=*/RefAttr(), boundK ? library.contractionSlice : 0,
                     MatrixLayout::plain, scopeOf(op).getValue());
  }

  OpBuilder &builder;
  const StorageAssignment &storage;
  const KernelTable &kernels;
};

} // namespace

EntryCounts mlir::plan::emitEntry(OpBuilder &builder, func::FuncOp function,
                                  const SharedLayout &shared, const StorageAssignment &storage,
                                  const KernelTable &kernels, int64_t bucketBytes) {
  OpBuilder::InsertionGuard guard(builder);
  hydra::EntryAttr attribute = entryAttrOf(function);
  auto entry =
      EntryOp::create(builder, function.getLoc(), function.getSymName(), attribute,
                      storage.getArenaBytes(), flopsOf(function), storage.getRecordBytes());
  builder.createBlock(&entry.getBody());
  Emitter emitter(builder, storage, kernels);
  emitter.emitBuffers(function.getLoc());
  if (attribute.getName() == "apply")
    emitter.emitCollectives(function, shared, bucketBytes);
  for (auto [step, op] : llvm::enumerate(storage.getSteps())) {
    emitter.emitStep(op);
    for (RefAttr place : storage.diedAfter(static_cast<int64_t>(step)))
      DeadOp::create(builder, op->getLoc(), place);
  }
  Location end = function.getBody().front().getTerminator()->getLoc();
  for (const FinalCopy &copy : storage.getFinalCopies())
    emitter.emitFinalCopy(copy, end);
  return emitter.counts;
}
