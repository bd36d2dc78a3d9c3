// hydra-assign-geometry: grids and blocks for targets that have them.
#include "dialects/plan/GpuLaunch.h"
#include "mlir/IR/SymbolTable.h"
#include "passes/plan/Passes.h"

namespace mlir::plan {
#define GEN_PASS_DEF_ASSIGNGEOMETRYPASS
#include "passes/plan/Passes.h.inc"
} // namespace mlir::plan

using namespace mlir;
using namespace mlir::plan;

namespace {

class AssignGeometryPass : public mlir::plan::impl::AssignGeometryPassBase<AssignGeometryPass> {
public:
  using AssignGeometryPassBase::AssignGeometryPassBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    WalkResult result = getOperation().walk([&](LaunchOp launch) {
      auto kernel = symbols.lookup<KernelOp>(launch.getKernel());
      if (!kernel) {
        launch.emitOpError("names kernel @")
            << launch.getKernel() << ", which the module does not hold";
        return WalkResult::interrupt();
      }
      GpuLaunch shape = gpuLaunch(kernel, static_cast<int>(launch.getStage()));
      auto extents = [](int64_t x) {
        return SmallVector<uint32_t>{static_cast<uint32_t>(x), 1, 1};
      };
      launch.setGeometryAttr(GeometryAttr::get(&getContext(), extents(shape.blocks),
                                               extents(shape.threads), extents(1),
                                               /*shared_bytes=*/0));
      ++numLaunches;
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
