#include "passes/plan/KernelTable.h"

#include "dialects/plan/KernelScalars.h"
#include "dialects/plan/KernelStructure.h"
#include "mlir/IR/AsmState.h"
#include "passes/fusion/FusionLedger.h"
#include "passes/plan/KernelTraffic.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace mlir::plan;
using namespace mlir::hydra;

static std::string textOf(FusionKind kind, mlir::Region &body) {
  std::string text = stringifyFusionKind(kind).str();
  llvm::raw_string_ostream stream(text);
  Block &block = body.front();
  AsmState state(body.getParentOp(), OpPrintingFlags().printGenericOpForm().useLocalScope());
  for (BlockArgument argument : block.getArguments())
    stream << "\n" << argument.getType();
  for (Operation &op : block) {
    stream << "\n";
    op.print(stream, state);
  }
  return text;
}

FailureOr<KernelOp> KernelTable::create(FusionOp fusion, FusionOp copy) {
  Block &body = copy.getBody().front();
  StringRef first = body.front().getName().stripDialect();
  FailureOr<RowScheduleAttr> schedule = formRowProgram(body);
  if (failed(schedule))
    return failure();
  FusionKind kind = *schedule ? FusionKind::rows : fusion.getKind();
  std::string text = textOf(kind, copy.getBody());
  KernelOp &kernel = kernels[text];
  if (kernel)
    return kernel;
  llvm::XXH128_hash_t hash = llvm::xxh3_128bits(llvm::arrayRefFromStringRef(text));
  std::string hex = llvm::formatv("{0:x-16}{1:x-16}", hash.high64, hash.low64);
  std::string name = (first + "_" + StringRef(hex).take_front(8)).str();
  if (int count = names[name]++; count > 0)
    name += "_" + std::to_string(count);

  KernelWork work = getKernelWork(body, *schedule, workers);
  scratch = std::max(scratch, work.scratchBytes);
  kernel = KernelOp::create(builder, fusion.getLoc(), name, kind, hex, work.items, work.grain,
                            work.partialBytes, work.scratchBytes, *schedule, work.tiling);
  kernel.getBody().takeBody(copy.getBody());
  SmallVector<Attribute> ops;
  for (Operation &op : fusion.getBody().front().without_terminator()) {
    NamedAttrList description(hydra::describeOp(&op));
    // A single primitive left its scope to the fusion.
    if (auto scope = fusion->getAttr(hydra::kScopeAttrName);
        scope && !op.hasAttr(hydra::kScopeAttrName))
      description.set("scope", scope);
    ops.push_back(description.getDictionary(op.getContext()));
  }
  kernel->setAttr(hydra::kKernelOpsAttrName, builder.getArrayAttr(ops));
  int64_t bytes = 0;
  for (const rows::TensorTraffic &tensor : trafficOf(kernel.getBody().front(), work.partialBytes))
    bytes += tensor.bytes;
  kernel->setAttr(hydra::kKernelBytesAttrName, builder.getI64IntegerAttr(bytes));
  return kernel;
}

LogicalResult KernelTable::add(FusionOp fusion) {
  std::string structure = structureOf(fusion.getBody().front());
  KernelOp &kernel = sources[structure + stringifyFusionKind(fusion.getKind()).str()];
  if (!kernel) {
    // A detached copy is brought into the form in which kernels are compared.
    OwningOpRef<FusionOp> copy = fusion.clone();
    Block &body = copy->getBody().front();
    neutralizeKernelScalars(body);
    for (Operation &op : body)
      for (NamedAttribute attribute : llvm::to_vector(op.getDiscardableAttrs()))
        op.removeDiscardableAttr(attribute.getName());
    FailureOr<KernelOp> created = create(fusion, *copy);
    if (failed(created))
      return failure();
    kernel = *created;
  }
  KernelUse &use = uses[fusion];
  use.kernel = kernel;
  for (const KernelScalar &scalar :
       scalarsOfLaunch(fusion.getBody().front(), kernel.getBody().front()))
    use.scalars.push_back(kernelScalarBits(scalar));
  return success();
}
