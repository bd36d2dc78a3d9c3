#include "dialects/plan/GpuLaunch.h"

#include "dialects/hydra/HydraDialect.h"
#include "dialects/plan/AttentionBlocks.h"
#include "dialects/plan/RowSchedule.h"
#include "dialects/rows/RowsDialect.h"
#include "dialects/target/GpuFacts.h"

using namespace mlir;
using namespace mlir::plan;
using mlir::hydra::kScratchParts;
using mlir::hydra::kWarp;

// A kind with an emitter of its own: few items, each of them long.
constexpr int64_t kItemThreads = 32;

static void setUnits(GpuLaunch &launch, rows::ProgramOp program, RowScheduleAttr schedule,
                     int stage) {
  auto rows = static_cast<int64_t>(program.getRows());
  if (stage == 1) {
    launch.units = 1;
    for (auto reduce : program.getBody().getOps<rows::ColumnReduceOp>())
      launch.units = std::max(launch.units, partialColumns(program, reduce));
  } else if (schedule.getFlat()) {
    launch.units = rows * static_cast<int64_t>(program.getColumns());
  } else {
    launch.lanes = kWarp;
    launch.units = schedule.getChunkRows() ? chunksOf(program, schedule)
                                           : rows * static_cast<int64_t>(program.getSegments());
  }
}

GpuLaunch plan::gpuLaunch(KernelOp kernel, int stage) {
  GpuLaunch launch;
  int64_t most = kItemThreads;
  Operation *op = &kernel.getBody().front().front();
  if (isProduct(op)) {
    ProductTiling tiling = tileProduct(op);
    launch.units = tiling.tiles;
    launch.lanes = launch.threads = tiling.threads();
    launch.blocks = tiling.blocks;
    return launch;
  }
  if (isa<mlir::hydra::AttentionOp, mlir::hydra::AttentionGradOp>(op)) {
    AttentionBlocks blocks = attentionBlocks(op, stage);
    launch.units = launch.blocks = blocks.units;
    launch.lanes = launch.threads = blocks.threads();
    return launch;
  }
  if (auto program = dyn_cast<rows::ProgramOp>(op)) {
    most = kernel.getSchedule()->getThreads();
    setUnits(launch, program, *kernel.getSchedule(), stage);
  } else {
    launch.units = kernel.getItems()[stage];
  }
  int64_t workers = std::max<int64_t>(launch.units, 1);
  if (kernel.getScratchBytes() > 0)
    workers = std::min(workers, kScratchParts);
  auto threads = static_cast<int64_t>(llvm::alignTo(workers * launch.lanes, kWarp));
  launch.threads = std::min(threads, most);
  launch.blocks = static_cast<int64_t>(llvm::divideCeil(threads, launch.threads));
  return launch;
}
