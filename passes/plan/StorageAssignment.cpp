#include "passes/plan/StorageAssignment.h"

#include "passes/plan/ArenaAllocator.h"
#include "passes/plan/InPlace.h"
#include "passes/plan/MatmulPlan.h"
#include "passes/plan/PlanChecks.h"

#include "dialects/hydra/RecordField.h"

using namespace mlir;
using namespace mlir::plan;
using hydra::BindingAttr;
using hydra::BindingKind;

Value mlir::plan::rootOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<hydra::ReshapeOp, hydra::StopOp, hydra::SliceRowsOp, hydra::AfterOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

bool mlir::plan::isWhole(Value value) {
  return bytesOf(value.getType()) == bytesOf(rootOf(value).getType());
}

// Bytes from the start of its root.
static int64_t offsetOf(Value value) {
  int64_t offset = 0;
  for (Value root = rootOf(value); value != root;) {
    Operation *op = value.getDefiningOp();
    if (auto slice = dyn_cast<hydra::SliceRowsOp>(op))
      offset += static_cast<int64_t>(slice.getFirst()) *
                (bytesOf(slice.getType()) / static_cast<int64_t>(slice.getCount()));
    value = op->getOperand(0);
  }
  return offset;
}

static RefAttr subPlace(RefAttr place, int64_t offset, int64_t bytes) {
  if (offset == 0 && bytes == place.getBytes())
    return place;
  return RefAttr::get(place.getContext(), place.getRegion(), place.getOffset() + offset, bytes);
}

FailureOr<StorageAssignment>
StorageAssignment::create(func::FuncOp function, const SharedLayout &shared,
                          ConstantPool &constants, const KernelTable &kernels, RegionSizes &sizes) {
  StorageAssignment assignment(function, constants, kernels);
  assignment.findLastUses();
  assignment.findParts();
  if (failed(assignment.placeArguments(shared)) || failed(assignment.placeTargets(shared)))
    return failure();
  assignment.assignSteps();
  assignment.planCopies();
  assignment.planArenaBlocks();
  for (plan::Region region : {plan::Region::inputs, plan::Region::outputs, plan::Region::record})
    sizes.atLeast(region, assignment.ownSizes.get(region));
  sizes.atLeast(plan::Region::arena, assignment.arenaBytes);
  return assignment;
}

void StorageAssignment::findLastUses() {
  Block &block = function.getBody().front();
  for (Operation &op : block) {
    if (!isa<hydra::FusionOp, hydra::ConcatRowsOp>(op) && !isProduct(&op))
      continue;
    for (Value operand : op.getOperands())
      lastUses[rootOf(operand)] = end();
    steps.push_back(&op);
  }
  for (Value value : block.getTerminator()->getOperands())
    lastUses[rootOf(value)] = end();
}

// An input is written in place if a step makes it, for this result first of all.
void StorageAssignment::findParts() {
  for (Operation *op : steps) {
    auto concat = dyn_cast<hydra::ConcatRowsOp>(op);
    if (!concat)
      continue;
    int64_t offset = 0;
    for (Value input : concat.getInputs()) {
      Value root = rootOf(input);
      Operation *maker = root.getDefiningOp();
      if (isWhole(input) && maker && (isa<hydra::FusionOp>(maker) || isProduct(maker)))
        parts.try_emplace(root, Part{concat, offset});
      offset += bytesOf(input.getType());
    }
  }
}

int64_t StorageAssignment::lastUse(Value value, int64_t otherwise) const {
  auto found = lastUses.find(value);
  return found == lastUses.end() ? otherwise : found->second;
}

unsigned StorageAssignment::addStorage(Storage storage) {
  storages.push_back(storage);
  return storages.size() - 1;
}

LogicalResult StorageAssignment::placeArguments(const SharedLayout &shared) {
  DenseSet<BindingAttr> updated;
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    updated.insert(resultBinding(function, i));
  for (BlockArgument argument : function.getArguments()) {
    BindingAttr binding = argumentBinding(function, argument.getArgNumber());
    int64_t bytes = bytesOf(argument.getType());
    RefAttr place;
    if (binding.getKind() == BindingKind::input) {
      place = ownSizes.append(function.getContext(), plan::Region::inputs, bytes);
      inputs.push_back({binding, cast<RankedTensorType>(argument.getType()), place, nullptr});
    } else if (binding.getKind() == BindingKind::output) {
      return function.emitError("argument ")
             << argument.getArgNumber() << " is bound to " << binding
             << "; expected an input or a state, which exist before the entry runs";
    } else {
      place = shared.lookup(binding);
    }
    // State that gets a new value may be overwritten as soon as the old one is dead.
    bool reusable = binding.getKind() != BindingKind::input && updated.contains(binding);
    unsigned storage =
        addStorage({place, bytes, -1, lastUse(argument, -1), /*inArena=*/false, reusable});
    if (!storageOfBinding.insert({binding, storage}).second)
      return function.emitError("two arguments are bound to ") << binding;
    storageOfRoot[argument] = storage;
  }
  return success();
}

// How a record field is reduced; null if result `index` is none.
FailureOr<ReduceAttr> StorageAssignment::recordReduce(unsigned index) {
  Attribute attribute = function.getResultAttr(index, hydra::kReduceAttrName);
  if (!attribute)
    return ReduceAttr();
  auto name = dyn_cast<StringAttr>(attribute);
  std::optional<Reduce> reduce = name ? symbolizeReduce(name.getValue()) : std::nullopt;
  if (!reduce)
    return function.emitError("result ")
           << index << " has hydra.reduce = " << attribute
           << "; expected \"last\", \"sum\", \"mean\", \"max\" or \"min\"";
  return ReduceAttr::get(function.getContext(), *reduce);
}

LogicalResult StorageAssignment::placeTargets(const SharedLayout &shared) {
  DenseSet<BindingAttr> seen;
  Operation *terminator = function.getBody().front().getTerminator();
  for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
    BindingAttr binding = resultBinding(function, index);
    if (!seen.insert(binding).second)
      return function.emitError("two results are bound to ") << binding;
    RefAttr place;
    if (binding.getKind() == BindingKind::output) {
      FailureOr<ReduceAttr> reduce = recordReduce(index);
      if (failed(reduce))
        return failure();
      place = ownSizes.append(function.getContext(),
                              *reduce ? plan::Region::record : plan::Region::outputs,
                              bytesOf(value.getType()));
      (*reduce ? record : outputs)
          .push_back({binding, cast<RankedTensorType>(value.getType()), place, nullptr, *reduce});
    } else if (binding.getKind() == BindingKind::input) {
      return function.emitError("result ")
             << index << " is bound to " << binding << "; expected an output or a state";
    } else {
      place = shared.lookup(binding);
    }
    targets.push_back(place);
    if (isWhole(value))
      targetOfRoot.insert({rootOf(value), index});
  }
  return success();
}

unsigned StorageAssignment::storageOf(Value value) {
  Value root = rootOf(value);
  auto found = storageOfRoot.find(root);
  if (found != storageOfRoot.end())
    return found->second;
  // Everything else has been assigned before it is used.
  auto constant = root.getDefiningOp<hydra::ConstantOp>();
  RefAttr place = constants.add(constant.getValue());
  return storageOfRoot[root] =
             addStorage({place, place.getBytes(), -1, end(), /*inArena=*/false, false});
}

void StorageAssignment::assignSteps() {
  for (auto [step, op] : llvm::enumerate(steps)) {
    for (Value operand : op->getOperands())
      (void)storageOf(operand);
    taken.clear();
    for (auto [index, result] : llvm::enumerate(op->getResults())) {
      std::optional<unsigned> storage = tryJoin(result, step);
      if (!storage)
        storage = tryTarget(op, index, step);
      if (!storage)
        storage = tryOperand(op, index, step);
      if (!storage)
        storage = addStorage({RefAttr(), bytesOf(result.getType()), static_cast<int64_t>(step),
                              lastUse(result, step), /*inArena=*/true, /*reusable=*/true});
      taken.insert(*storage);
      // A result that was put together already has been counted by its parts.
      bool isNew = !storageOfRoot.count(result);
      storageOfRoot[result] = *storage;
      if (isNew)
        valueBytes += alignUp(bytesOf(result.getType()));
    }
    if (auto fusion = dyn_cast<hydra::FusionOp>(op))
      if (auto bytes =
              static_cast<int64_t>(KernelOp(kernels.lookup(fusion).kernel).getPartialBytes())) {
        int64_t now = static_cast<int64_t>(step);
        partials[op] = addStorage({RefAttr(), bytes, now, now, /*inArena=*/true, false});
        valueBytes += alignUp(bytes);
      }
  }
}

// Whether every operand of `op` that lives in `storage` may be overwritten by the result.
bool StorageAssignment::mayTake(Operation *op, unsigned result, unsigned storage) const {
  for (auto [index, operand] : llvm::enumerate(op->getOperands()))
    if (storageOfRoot.lookup(rootOf(operand)) == storage &&
        !(isAll(operand) && mayOverwrite(op, index, result, kernels)))
      return false;
  return true;
}

// Whether a value is all of what its storage holds, so that what may overwrite it may take that.
bool StorageAssignment::isAll(Value value) const {
  return isWhole(value) && !parts.count(rootOf(value));
}

// The place inside the result of a concat_rows, which exists from its first part on.
std::optional<unsigned> StorageAssignment::tryJoin(Value result, int64_t step) {
  // Of the concat_rows itself, when its parts are there.
  if (result.getDefiningOp<hydra::ConcatRowsOp>())
    if (auto found = storageOfRoot.find(result); found != storageOfRoot.end())
      return found->second;
  auto part = parts.find(result);
  if (part == parts.end())
    return std::nullopt;
  hydra::ConcatRowsOp whole = part->second.whole;
  if (auto found = storageOfRoot.find(whole.getResult()); found != storageOfRoot.end())
    return found->second;
  int64_t last = lastUse(whole.getResult(), step);
  for (Value input : whole.getInputs())
    last = std::max(last, lastUse(rootOf(input), step));
  // Where it is returned, if that holds nothing before.
  Storage storage{RefAttr(), bytesOf(whole.getType()), step, last, /*inArena=*/true, true};
  auto target = targetOfRoot.find(whole.getResult());
  if (target != targetOfRoot.end() &&
      !storageOfBinding.count(resultBinding(function, target->second)))
    storage = {targets[target->second], storage.bytes, step, end(), /*inArena=*/false, false};
  return storageOfRoot[whole.getResult()] = addStorage(storage);
}

// Writes a returned value where it belongs, if what is there is dead.
std::optional<unsigned> StorageAssignment::tryTarget(Operation *op, unsigned result, int64_t step) {
  auto target = targetOfRoot.find(op->getResult(result));
  if (target == targetOfRoot.end())
    return std::nullopt;
  RefAttr place = targets[target->second];
  auto old = storageOfBinding.find(resultBinding(function, target->second));
  if (old == storageOfBinding.end())
    return addStorage({place, place.getBytes(), step, end(), /*inArena=*/false, false});
  unsigned index = old->second;
  Storage &storage = storages[index];
  if (taken.contains(index) || storage.last > step ||
      (storage.last == step && !mayTake(op, result, index)))
    return std::nullopt;
  numInPlace += storage.last == step;
  storage.last = end();
  return index;
}

// Writes a result over an operand that dies here.
std::optional<unsigned> StorageAssignment::tryOperand(Operation *op, unsigned result,
                                                      int64_t step) {
  int64_t last = lastUse(op->getResult(result), step);
  for (Value operand : op->getOperands()) {
    unsigned index = storageOfRoot.lookup(rootOf(operand));
    Storage &storage = storages[index];
    // A value that is kept must not stay where another one is expected at the end.
    bool blocked = !storage.inArena && last == end();
    if (!storage.reusable || blocked || storage.last != step || taken.contains(index) ||
        !mayTake(op, result, index))
      continue;
    storage.last = last;
    ++numInPlace;
    return index;
  }
  return std::nullopt;
}

void StorageAssignment::planCopies() {
  Operation *terminator = function.getBody().front().getTerminator();
  SmallVector<FinalCopy> late;
  for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
    Value root = rootOf(value);
    bool isConstant = root.getDefiningOp<hydra::ConstantOp>() != nullptr;
    RefAttr place = isConstant ? RefAttr() : storages[storageOf(root)].place;
    if (place != targets[index] || !isAll(value))
      late.push_back({value, RefAttr(), targets[index]});
  }
  // Old state that is kept elsewhere while it is replaced: save it before any copy overwrites it.
  for (auto [index, copy] : llvm::enumerate(late)) {
    if (rootOf(copy.source).getDefiningOp<hydra::ConstantOp>())
      continue;
    RefAttr place = storages[storageOf(copy.source)].place;
    bool overwritten = place && llvm::any_of(late, [&](const FinalCopy &other) {
                         return overlap(other.target, place);
                       });
    if (!overwritten)
      continue;
    int64_t now = end();
    int64_t bytes = bytesOf(copy.source.getType());
    unsigned stage = addStorage({RefAttr(), bytes, now, now, /*inArena=*/true, false});
    staging.push_back({static_cast<unsigned>(index), stage});
  }
  size_t numStaged = staging.size();
  for (auto [index, stage] : staging)
    copies.push_back({late[index].source, RefAttr(), RefAttr()});
  for (auto [position, pair] : llvm::enumerate(staging))
    late[pair.first].source = Value();
  copies.append(late);
  for (auto [position, pair] : llvm::enumerate(staging))
    pair.first += numStaged;
}

void StorageAssignment::planArenaBlocks() {
  SmallVector<LiveBlock> blocks;
  SmallVector<unsigned> indices;
  for (auto [index, storage] : llvm::enumerate(storages))
    if (storage.inArena) {
      blocks.push_back({storage.bytes, storage.first, storage.last});
      indices.push_back(index);
    }
  ArenaPlan plan = planArena(blocks);
  arenaBytes = plan.bytes;
  for (auto [index, offset] : llvm::zip(indices, plan.offsets))
    storages[index].place =
        RefAttr::get(function.getContext(), plan::Region::arena, offset, storages[index].bytes);
  for (auto [position, pair] : llvm::enumerate(staging)) {
    RefAttr stage = storages[pair.second].place;
    copies[position].target = stage;
    copies[pair.first].staged = stage;
  }
}

RefAttr StorageAssignment::placeOf(Value value) const {
  Value root = rootOf(value);
  int64_t offset = offsetOf(value);
  if (auto part = parts.find(root); part != parts.end())
    offset += part->second.offset;
  return subPlace(storages[storageOfRoot.lookup(root)].place, offset, bytesOf(value.getType()));
}

RefAttr StorageAssignment::placeInside(hydra::ConcatRowsOp concat, unsigned index) const {
  int64_t offset = 0;
  for (Value input : concat.getInputs().take_front(index))
    offset += bytesOf(input.getType());
  return subPlace(placeOf(concat.getResult()), offset,
                  bytesOf(concat.getInputs()[index].getType()));
}

Value StorageAssignment::joinedIn(Value root) const {
  auto part = parts.find(root);
  return part == parts.end() ? Value() : hydra::ConcatRowsOp(part->second.whole).getResult();
}

SmallVector<std::pair<Value, int64_t>> StorageAssignment::getLiveAtPeak() const {
  std::vector<int64_t> change(static_cast<size_t>(end()) + 2);
  for (const Storage &storage : storages)
    if (storage.inArena) {
      change[storage.first] += alignUp(storage.bytes);
      change[storage.last + 1] -= alignUp(storage.bytes);
    }
  int64_t live = 0, most = 0, peak = 0;
  for (int64_t step = 0; step <= end(); ++step)
    if ((live += change[step]) > most) {
      most = live;
      peak = step;
    }
  // A storage holds one value after the other; in program order the last one begun counts.
  DenseMap<unsigned, Value> holds;
  for (int64_t step = 0; step <= std::min(peak, end() - 1); ++step)
    for (Value result : steps[step]->getResults())
      holds[storageOfRoot.lookup(result)] = result;
  SmallVector<unsigned> alive;
  for (auto [index, storage] : llvm::enumerate(storages))
    if (storage.inArena && storage.first <= peak && storage.last >= peak &&
        holds.count(static_cast<unsigned>(index)))
      alive.push_back(static_cast<unsigned>(index));
  llvm::sort(alive, [&](unsigned a, unsigned b) {
    return storages[a].bytes != storages[b].bytes ? storages[a].bytes > storages[b].bytes : a < b;
  });
  SmallVector<std::pair<Value, int64_t>> values;
  for (unsigned index : alive)
    values.push_back({holds.lookup(index), storages[index].bytes});
  return values;
}

RefAttr StorageAssignment::partialOf(Operation *fusion) const {
  auto found = partials.find(fusion);
  return found == partials.end() ? RefAttr() : storages[found->second].place;
}

SmallVector<RefAttr> StorageAssignment::diedAfter(int64_t step) const {
  MLIRContext *context = func::FuncOp(function).getContext();
  SmallVector<std::pair<int64_t, int64_t>> ranges;
  for (const Storage &storage : storages)
    if (storage.inArena && storage.last == step) {
      int64_t begin = storage.place.getOffset();
      ranges.push_back({begin, begin + alignUp(storage.bytes)});
    }
  llvm::sort(ranges);
  SmallVector<RefAttr> places;
  for (size_t first = 0; first < ranges.size();) {
    auto [begin, end] = ranges[first++];
    for (; first < ranges.size() && ranges[first].first == end; ++first)
      end = ranges[first].second;
    if (end > begin)
      places.push_back(RefAttr::get(context, plan::Region::arena, begin, end - begin));
  }
  return places;
}
