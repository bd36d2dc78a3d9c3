#include "passes/plan/KernelTable.h"

#include "dialects/hydra/KernelScalars.h"
#include "mlir/IR/AsmState.h"
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

KernelUse KernelTable::lookupOrCreate(FusionOp fusion) {
  // A detached copy is brought into the form in which kernels are compared.
  OwningOpRef<FusionOp> copy = fusion.clone();
  Block &body = copy->getBody().front();
  KernelUse use;
  for (const KernelScalar &scalar : collectKernelScalars(body))
    use.scalars.push_back(kernelScalarBits(scalar));
  neutralizeKernelScalars(body);
  for (Operation &op : body)
    for (NamedAttribute attribute : llvm::to_vector(op.getDiscardableAttrs()))
      op.removeDiscardableAttr(attribute.getName());

  std::string text = textOf(fusion.getKind(), copy->getBody());
  KernelOp &kernel = kernels[text];
  if (!kernel) {
    llvm::XXH128_hash_t hash = llvm::xxh3_128bits(llvm::arrayRefFromStringRef(text));
    std::string hex = llvm::formatv("{0:x-16}{1:x-16}", hash.high64, hash.low64);
    std::string name =
        (body.front().getName().stripDialect() + "_" + StringRef(hex).take_front(8)).str();
    if (int count = names[name]++; count > 0)
      name += "_" + std::to_string(count);

    KernelWork work = getKernelWork(body);
    scratch = std::max(scratch, work.scratchBytes);
    kernel = KernelOp::create(builder, fusion.getLoc(), name, fusion.getKind(), hex, work.items,
                              work.grain, work.partialBytes, work.scratchBytes);
    kernel.getBody().takeBody(copy->getBody());
  }
  use.kernel = kernel;
  return use;
}
