// Answers of mayOverwrite, remembered.
#ifndef HYDRA_DIALECTS_PLAN_OVERWRITETABLE_H
#define HYDRA_DIALECTS_PLAN_OVERWRITETABLE_H

#include "dialects/plan/KernelWork.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::plan {

// A kernel is launched many times, and every launch asks the same. For kernels that stay as they
// are while the table lives. Not thread-safe.
class OverwriteTable {
public:
  bool mayOverwrite(KernelOp kernel, unsigned operand, unsigned result) const {
    auto [found, isNew] = known.try_emplace({kernel, {operand, result}});
    if (isNew)
      found->second = plan::mayOverwrite(kernel, operand, result);
    return found->second;
  }

private:
  mutable DenseMap<std::pair<Operation *, std::pair<unsigned, unsigned>>, bool> known;
};

} // namespace mlir::plan

#endif // HYDRA_DIALECTS_PLAN_OVERWRITETABLE_H
