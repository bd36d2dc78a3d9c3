#include "passes/fusion/FusionPolicy.h"

#include "dialects/target/Architecture.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/GlobPattern.h"

using namespace mlir;
using namespace mlir::hydra;

StringRef mlir::hydra::nameOf(CandidateKind kind) {
  switch (kind) {
  case CandidateKind::edge:
    return "edge";
  case CandidateKind::sibling:
    return "sibling";
  case CandidateKind::view:
    return "view";
  case CandidateKind::accumulate:
    return "accumulate";
  case CandidateKind::epilogue:
    return "epilogue";
  case CandidateKind::prologue:
    return "prologue";
  case CandidateKind::product:
    return "product";
  }
  llvm_unreachable("all kinds are handled");
}

ArrayRef<FusionCode> mlir::hydra::fusionCodes() {
  static constexpr FusionCode codes[] = {
      {"EDGE", "a producer and a reader of its result run together", true},
      {"SIBLING", "readers of one tensor run together and read it once", true},
      {"COLUMN_SUM", "sums over rows run beside the kernel that has the rows", true},
      {"VIEW", "columns are read where they lie, not copied out", true},
      {"ACCUMULATE", "a product adds to the other summand in its own call", true},
      {"ROW_ESCAPE", "another row of a value of the region is needed", false},
      {"COLUMN_ESCAPE", "another column of a value of the region is needed", false},
      {"MEMORY", "a value of the region is put together from windows", false},
      {"DOMAIN_MISMATCH", "rows or columns do not agree", false},
      {"SEGMENT_MISMATCH", "heads beside whole rows, or other heads", false},
      {"ROWS_DIFFER", "the row counts are different values", false},
      {"NO_BODY", "the op has an emitter of its own", false},
      {"LIBRARY", "the matmul library cannot do it on its fast path", false},
      {"SHARED", "the product is needed without the sum", false},
      {"ORDER", "the other summand is made after the product", false},
      {"CYCLE", "something in between needs the one and is needed by the other", false},
      {"REDUCTIONS", "too many reductions over a row", false},
      {"COLUMN_SUMS", "too many sums over rows", false},
      {"TENSORS", "too many operands and results", false},
      {"SWEEPS", "too many sweeps over a row", false},
      {"SCRATCH", "what is kept of a row does not fit into the first cache", false},
      {"BODY_SIZE", "too many ops", false},
      {"REGISTERS", "values spill from registers, and that costs more than is gained", false},
      {"PARALLELISM", "less work can run at once, and that costs more than is gained", false},
      {"SLOWER", "it would take longer", false},
      {"BELOW_THRESHOLD", "it would gain too little", false},
      {"DISABLED", "switched off by a flag", false},
      {"COUNTED", "a count on the device ends the product, which no library reads", false},
      {"SMALL_PRODUCT", "the product is too small for a library to gain anything", false},
      {"NO_LIBRARY", "the product is large, and the device's driver has no library for it", false},
      {"LARGE_PRODUCT", "the product has work enough for a library", false},
      {"PROBED", "the value in between is asked for by name", false},
  };
  return codes;
}

// The switches of the PyTorch HYDRA that name kernels.
ArrayRef<DisableName> mlir::hydra::disableNames() {
  static constexpr StringLiteral rope[] = {"rope"}, rms[] = {"rms_norm"},
                                 swiglu[] = {"swiglu_grad"},
                                 rmsBackward[] = {"rms_norm_grad", "rms_norm_weight_grad"},
                                 qkBackward[] = {"l2_norm_grad"},
                                 loss[] = {"cross_entropy", "cross_entropy_grad"};
  static const DisableName names[] = {
      {"HYDRA_DISABLE_TRITON", {}},
      {"HYDRA_DISABLE_FUSED_ROPE", rope},
      {"HYDRA_DISABLE_FUSED_RMS_NORM", rms},
      {"HYDRA_DISABLE_FUSED_RMS_NORM_BWD", rmsBackward},
      {"HYDRA_DISABLE_FUSED_SWIGLU_BWD", swiglu},
      {"HYDRA_DISABLE_FUSED_QK_NORM_BWD", qkBackward},
      {"HYDRA_DISABLE_LIGER_CE", loss},
  };
  return names;
}

static bool isCode(StringRef word) {
  return llvm::all_of(word,
                      [](char c) { return llvm::isUpper(c) || c == '_' || llvm::isDigit(c); });
}
static bool isPlace(StringRef word) {
  auto [file, line] = word.rsplit(':');
  uint64_t number;
  return !line.empty() && !line.getAsInteger(10, number);
}

llvm::Error FusionSwitches::check(StringRef word) {
  if (word.empty())
    return llvm::createStringError("expected a code, a scope or FILE:LINE, found ''");
  if (!isCode(word)) {
    llvm::Expected<llvm::GlobPattern> glob = llvm::GlobPattern::create(word);
    return glob ? llvm::Error::success() : glob.takeError();
  }
  std::string known;
  for (const FusionCode &code : fusionCodes())
    if (code.switchable) {
      if (code.name == word)
        return llvm::Error::success();
      known += (known.empty() ? "" : ", ") + code.name.str();
    }
  for (const DisableName &name : disableNames()) {
    if (name.name == word)
      return llvm::Error::success();
    known += ", " + name.name.str();
  }
  return llvm::createStringError("expected one of " + known + ", a scope or FILE:LINE, found '" +
                                 word + "'");
}

static bool isAt(Operation *op, StringRef file, uint64_t line) {
  bool found = false;
  op->getLoc()->walk([&](Location inner) {
    if (auto place = dyn_cast<FileLineColLoc>(inner))
      found |= place.getLine() == line && place.getFilename().getValue().ends_with(file);
    return WalkResult::advance();
  });
  return found;
}

static bool matches(StringRef word, StringRef code, ArrayRef<Operation *> ops) {
  if (word == code)
    return true;
  for (const DisableName &name : disableNames())
    if (name.name == word)
      return name.ops.empty() || llvm::any_of(ops, [&](Operation *op) {
               return llvm::is_contained(name.ops, op->getName().stripDialect());
             });
  if (isCode(word))
    return false;
  if (isPlace(word)) {
    auto [file, line] = word.rsplit(':');
    uint64_t number = 0;
    (void)line.getAsInteger(10, number);
    return llvm::any_of(ops, [&](Operation *op) { return isAt(op, file, number); });
  }
  llvm::Expected<llvm::GlobPattern> glob = llvm::GlobPattern::create(word);
  if (!glob) { // refused where it was read
    llvm::consumeError(glob.takeError());
    return false;
  }
  return llvm::any_of(ops, [&](Operation *op) {
    auto scope = op->getAttrOfType<StringAttr>(kScopeAttrName);
    return scope && glob->match(scope.getValue());
  });
}

std::string FusionPolicy::disabledBy(StringRef code, ArrayRef<Operation *> ops) {
  if (!switches.on)
    return "--fusion=off";
  for (auto [index, word] : llvm::enumerate(switches.disabled))
    if (matches(word, code, ops)) {
      used[index] = true;
      return "--no-fuse=" + word;
    }
  return "";
}

SmallVector<std::string> FusionPolicy::unusedSwitches() const {
  SmallVector<std::string> words;
  for (auto [index, word] : llvm::enumerate(switches.disabled))
    if (!used[index])
      words.push_back(word);
  return words;
}

const RegionEstimate &FusionPolicy::estimate(const RegionOutline &region) {
  auto [found, isNew] = known.try_emplace(region.structure());
  RegionEstimate &estimate = found->second;
  if (isNew) {
    OwningOpRef<FusionOp> copy = region.copy();
    estimate = estimateRegion(copy->getBody().front(), facts);
    // Of this copy, which will be gone.
    if (Operation *op = std::exchange(estimate.refusal.op, nullptr))
      estimate.refusal.text = (op->getName().getStringRef() + " " + estimate.refusal.text).str();
  }
  return estimate;
}

namespace {

struct Limit {
  StringLiteral code, name;
  int64_t RegionCost::*value;
  int64_t most;
};
// Where over-fusion begins: from compilers that had to put limits in after a regression.
constexpr int64_t kMostTensors = 24;
constexpr Limit kLimits[] = {
    {"REDUCTIONS", "reductions over a row", &RegionCost::reductions, 6},
    {"COLUMN_SUMS", "sums over rows", &RegionCost::columnSums, 6},
    {"SWEEPS", "sweeps over a row", &RegionCost::sweeps, 4},
    {"BODY_SIZE", "ops", &RegionCost::ops, 400},
};

} // namespace

Verdict FusionPolicy::judge(StringRef code, ArrayRef<RegionOutline> parts,
                            const RegionOutline &merged) {
  Verdict verdict;
  auto refuse = [&](StringRef reason, StringRef limit, int64_t value, int64_t allowed) {
    verdict.code = reason.str();
    verdict.limit = limit.str();
    verdict.value = value;
    verdict.allowed = allowed;
    return verdict;
  };
  // Before anything is built: regions of hundreds of ops are met again with every reader.
  auto tensors = static_cast<int64_t>(merged.inputs().size() + merged.results().size());
  if (tensors > kMostTensors)
    return refuse("TENSORS", "operands and results", tensors, kMostTensors);
  const RegionEstimate &estimate = this->estimate(merged);
  if (!estimate.cost) {
    verdict.code = estimate.refusal.code.str();
    verdict.detail = estimate.refusal.text;
    return verdict;
  }
  RegionCost after = *estimate.cost, before;
  for (const RegionOutline &part : parts)
    if (const RegionEstimate &alone = this->estimate(part); alone.cost)
      before = before + *alone.cost;
  verdict.before = before;
  verdict.after = after;
  if (isDisabled(code, merged.ops(), verdict))
    return verdict;
  for (const Limit &limit : kLimits)
    if (after.*limit.value > limit.most)
      return refuse(limit.code, limit.name, after.*limit.value, limit.most);
  if (after.scratchBytes > facts.l1Bytes / 2 && after.scratchBytes > before.scratchBytes)
    return refuse("SCRATCH", "bytes of scratch", after.scratchBytes, facts.l1Bytes / 2);
  compare(code, verdict);
  return verdict;
}

Verdict FusionPolicy::judgeAccumulate(const RegionOutline &alone, BinaryOp add,
                                      Operation *product) {
  constexpr StringLiteral code = "ACCUMULATE";
  Verdict verdict;
  auto bytesOf = [](Value tensor) {
    auto type = cast<RankedTensorType>(tensor.getType());
    return type.getNumElements() * type.getElementTypeBitWidth() / 8;
  };
  int64_t sum = bytesOf(add);
  verdict.before = *estimate(alone).cost;
  verdict.after = costOfTraffic(sum, sum, facts);
  // Without an accumulator all rows of the result are written, with one those that there are.
  if (auto scatter = dyn_cast<ScatterRowsOp>(product)) {
    verdict.before = *verdict.before + costOfTraffic(sum, sum, facts);
    verdict.after = costOfTraffic(2 * std::min(bytesOf(scatter.getX()), sum), sum, facts);
  }
  if (!isDisabled(code, {product, add}, verdict))
    compare(code, verdict);
  return verdict;
}

bool FusionPolicy::isDisabled(StringRef code, ArrayRef<Operation *> ops, Verdict &verdict) {
  std::string word = disabledBy(code, ops);
  if (word.empty())
    return false;
  verdict.code = "DISABLED";
  verdict.detail = "by " + word;
  return true;
}

void FusionPolicy::compare(StringRef code, Verdict &verdict) const {
  const RegionCost &before = *verdict.before, &after = *verdict.after;
  // Worth the change: a quarter of a launch, or a hundredth of the time.
  int64_t least = std::max(kCpuLaunchPicoseconds / 4, before.picoseconds / 100);
  int64_t gain = before.picoseconds - after.picoseconds;
  auto conclude = [&](StringRef reason, StringRef limit, int64_t value, int64_t allowed) {
    verdict.code = reason.str();
    verdict.limit = limit.str();
    verdict.value = value;
    verdict.allowed = allowed;
  };
  if (gain >= least) {
    verdict.accepted = true;
    verdict.code = code.str();
  } else if (gain + after.spilling - before.spilling >= least) {
    conclude("REGISTERS", "live vectors", after.live, facts.liveVectors);
  } else if (gain < 0 && after.items < before.items) {
    conclude("PARALLELISM", "work items", after.items, before.items);
  } else {
    conclude(gain < 0 ? "SLOWER" : "BELOW_THRESHOLD", "picoseconds gained", gain, least);
  }
}

FailureOr<FusionPolicy> mlir::hydra::createFusionPolicy(ModuleOp module, StringRef level,
                                                        bool enabled,
                                                        ArrayRef<std::string> noFuse) {
  const CpuFacts *facts = level.empty() ? &allCpuFacts().front() : findCpuFacts(level);
  if (!facts)
    return module.emitError("expected a level to judge fusions by, one of ")
           << cpuArchitectureNames() << ", found '" << level << "'";
  return FusionPolicy(*facts, {enabled, SmallVector<std::string>(noFuse.begin(), noFuse.end())});
}
