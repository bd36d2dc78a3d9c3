#include "passes/fusion/FusionLedger.h"

#include "mlir/IR/Remarks.h"

#include <array>

using namespace mlir;
using namespace mlir::hydra;

static std::string placeOf(Location location) {
  std::string text;
  location->walk([&](Location inner) {
    auto place = dyn_cast<FileLineColLoc>(inner);
    if (!place)
      return WalkResult::advance();
    text = (place.getFilename().getValue() + ":" + Twine(place.getLine())).str();
    return WalkResult::interrupt();
  });
  return text;
}

static std::string titleOf(Operation *op) {
  std::string name = op->getName().stripDialect().str();
  if (auto binary = dyn_cast<BinaryOp>(op))
    name += " " + stringifyBinaryKind(binary.getKind()).str();
  if (auto unary = dyn_cast<UnaryOp>(op))
    name += " " + stringifyUnaryKind(unary.getKind()).str();
  if (auto reduce = dyn_cast<ReduceOp>(op))
    name += " " + stringifyReduceKind(reduce.getKind()).str() + " " +
            stringifyReduceAxes(reduce.getAxes()).str();
  return name;
}

DictionaryAttr mlir::hydra::describeOp(Operation *op) {
  Builder b(op->getContext());
  auto scope = op->getAttrOfType<StringAttr>(kScopeAttrName);
  return b.getDictionaryAttr({b.getNamedAttr("op", b.getStringAttr(titleOf(op))),
                              b.getNamedAttr("scope", scope ? scope : b.getStringAttr("")),
                              b.getNamedAttr("location", b.getStringAttr(placeOf(op->getLoc())))});
}

static std::array<std::pair<StringRef, int64_t>, 7> describedCosts(const RegionCost &cost) {
  return {{{"bytes", cost.bytes},
           {"picoseconds", cost.picoseconds},
           {"launches", cost.launches},
           {"live_vectors", cost.live},
           {"sweeps", cost.sweeps},
           {"scratch_bytes", cost.scratchBytes},
           {"items", cost.items}}};
}

static DictionaryAttr describeCost(Builder &b, const RegionCost &cost) {
  SmallVector<NamedAttribute> entries;
  for (const auto &[name, value] : describedCosts(cost))
    entries.push_back(b.getNamedAttr(name, b.getI64IntegerAttr(value)));
  return b.getDictionaryAttr(entries);
}

static void giveRemark(CandidateKind kind, Operation *op, Operation *with, const Verdict &verdict) {
  if (!op->getContext()->getRemarkEngine())
    return;
  std::string function;
  if (auto parent = op->getParentOfType<func::FuncOp>())
    function = parent.getSymName().str();
  auto options = remark::RemarkOpts::name(verdict.code).category("fusion").function(function);
  auto remark = verdict.accepted ? remark::passed(op->getLoc(), options)
                                 : remark::missed(op->getLoc(), options);
  remark << nameOf(kind).str() + " of " + titleOf(op) + (with ? " and " + titleOf(with) : "");
  if (!verdict.detail.empty())
    remark << remark::reason("{0}", verdict.detail);
  if (verdict.before && verdict.after)
    remark << remark::metric("bytes_before", verdict.before->bytes)
           << remark::metric("bytes_after", verdict.after->bytes)
           << remark::metric("picoseconds_before", verdict.before->picoseconds)
           << remark::metric("picoseconds_after", verdict.after->picoseconds);
  if (!verdict.limit.empty())
    remark << remark::metric("limit", verdict.limit) << remark::metric("value", verdict.value)
           << remark::metric("allowed", verdict.allowed);
}

// What is equal in all instances of a class of candidates.
static std::string classOf(CandidateKind kind, ArrayRef<Operation *> left,
                           ArrayRef<Operation *> right, const Verdict &verdict) {
  std::string key;
  llvm::raw_string_ostream stream(key);
  stream << nameOf(kind) << '|' << verdict.accepted << '|' << verdict.code << '|' << verdict.detail
         << '|' << left.size() << '|' << verdict.limit << '|' << verdict.value << '|'
         << verdict.allowed;
  if (verdict.before && verdict.after)
    for (const RegionCost *cost : {&*verdict.before, &*verdict.after})
      for (const auto &[name, value] : describedCosts(*cost))
        stream << '|' << value;
  for (ArrayRef<Operation *> side : {left, right})
    for (Operation *op : side)
      stream << '|' << titleOf(op);
  return key;
}

FusionLedger::FusionLedger(ModuleOp module) : module(module) {
  auto earlier = module->getAttrOfType<DictionaryAttr>(kLedgerAttrName);
  if (!earlier)
    return;
  for (auto decision : earlier.getAs<ArrayAttr>("decisions").getAsRange<DictionaryAttr>())
    records.push_back({decision, decision.getAs<IntegerAttr>("instances").getInt()});
}

bool FusionLedger::isSwitchedOffBy(StringRef word) const {
  return llvm::any_of(records, [&](const Record &record) {
    return record.content.getAs<StringAttr>("code") == "DISABLED" &&
           record.content.getAs<StringAttr>("detail").getValue() == ("by --no-fuse=" + word).str();
  });
}

void FusionLedger::note(CandidateKind kind, ArrayRef<Operation *> left, ArrayRef<Operation *> right,
                        const Verdict &verdict) {
  giveRemark(kind, left.back(), right.empty() ? nullptr : right.back(), verdict);
  auto [found, isNew] = classes.try_emplace(classOf(kind, left, right, verdict), records.size());
  if (!isNew) {
    ++records[found->second].instances;
    return;
  }
  Builder b(module.getContext());
  SmallVector<Attribute> ops;
  for (ArrayRef<Operation *> side : {left, right})
    for (Operation *op : side)
      ops.push_back(describeOp(op));
  SmallVector<NamedAttribute> facts;
  auto add = [&](StringRef name, Attribute value) { facts.push_back(b.getNamedAttr(name, value)); };
  add("kind", b.getStringAttr(nameOf(kind)));
  add("accepted", b.getBoolAttr(verdict.accepted));
  add("code", b.getStringAttr(verdict.code));
  add("detail", b.getStringAttr(verdict.detail));
  add("first", b.getI64IntegerAttr(static_cast<int64_t>(left.size())));
  add("ops", b.getArrayAttr(ops));
  if (verdict.before && verdict.after) {
    add("before", describeCost(b, *verdict.before));
    add("after", describeCost(b, *verdict.after));
  }
  if (!verdict.limit.empty())
    add("limit",
        b.getDictionaryAttr({b.getNamedAttr("name", b.getStringAttr(verdict.limit)),
                             b.getNamedAttr("value", b.getI64IntegerAttr(verdict.value)),
                             b.getNamedAttr("allowed", b.getI64IntegerAttr(verdict.allowed))}));
  records.push_back({b.getDictionaryAttr(facts), 1});
}

void FusionLedger::write(StringRef level) {
  Builder b(module.getContext());
  SmallVector<Attribute> all;
  for (const Record &record : records) {
    NamedAttrList content(record.content);
    content.set("instances", b.getI64IntegerAttr(record.instances));
    all.push_back(content.getDictionary(module.getContext()));
  }
  module->setAttr(kLedgerAttrName,
                  b.getDictionaryAttr({b.getNamedAttr("level", b.getStringAttr(level)),
                                       b.getNamedAttr("decisions", b.getArrayAttr(all))}));
}
