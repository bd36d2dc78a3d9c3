#include "compiler/artifact/CommandTables.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::hydra;
namespace hal = ::hydra::hal;

hal::BufferRef mlir::hydra::toRef(plan::RefAttr ref) {
  return {static_cast<hal::Region>(ref.getRegion()), static_cast<uint64_t>(ref.getOffset()),
          static_cast<uint64_t>(ref.getBytes()),     static_cast<uint64_t>(ref.getRowBytes()),
          static_cast<uint64_t>(ref.getPitch()),     ref.getRepeatStep()};
}

static hal::LaunchGeometry toGeometry(plan::GeometryAttr attribute) {
  hal::LaunchGeometry geometry;
  llvm::copy(attribute.getGrid(), geometry.grid.begin());
  llvm::copy(attribute.getBlock(), geometry.block.begin());
  llvm::copy(attribute.getCluster(), geometry.cluster.begin());
  geometry.shared_bytes = attribute.getSharedBytes();
  return geometry;
}

FailureOr<hal::ElementType> mlir::hydra::toElementType(Operation *op, Type type) {
  if (type.isF32())
    return hal::ElementType::kF32;
  if (type.isInteger(32))
    return hal::ElementType::kI32;
  if (type.isBF16())
    return hal::ElementType::kBf16;
  if (type.isF64())
    return hal::ElementType::kF64;
  if (type.isInteger(8))
    return hal::ElementType::kU8;
  return op->emitOpError("expected elements of f32, i32, bf16, f64 or i8, found ") << type;
}

uint32_t CommandTables::scopeIndex(StringRef scope) {
  auto [entry, isNew] = scopeNumbers.try_emplace(scope, static_cast<uint32_t>(scopes.size()));
  if (isNew)
    scopes.push_back(scope.str());
  return entry->second;
}

FailureOr<hal::CommandSequence> CommandTables::convert(Block &block) {
  hal::CommandSequence commands;
  for (Operation &op : block) {
    if (isa<plan::BufferOp, plan::DeadOp>(op))
      continue;
    FailureOr<hal::Command> command = convertOp(op);
    if (failed(command))
      return failure();
    commands.push_back(std::move(*command));
  }
  return commands;
}

FailureOr<hal::Command> CommandTables::convertOp(Operation &op) {
  hal::Command command;
  if (auto scope = op.getAttrOfType<StringAttr>("scope"))
    command.scope = scopeIndex(scope.getValue());
  LogicalResult result =
      llvm::TypeSwitch<Operation *, LogicalResult>(&op)
          .Case([&](plan::LaunchOp launch) -> LogicalResult {
            auto kernel = kernels.find(launch.getKernel());
            if (kernel == kernels.end())
              return launch.emitOpError("names kernel @")
                     << launch.getKernel() << ", which the module does not hold";
            hal::KernelCommand body;
            body.kernel = kernel->second + static_cast<uint32_t>(launch.getStage());
            for (auto ref : launch.getArgs().getAsRange<plan::RefAttr>())
              body.args.push_back(toRef(ref));
            llvm::append_range(body.scalars, launch.getScalars());
            body.items = launch.getItems();
            body.grain = launch.getGrain();
            if (plan::GeometryAttr geometry = launch.getGeometryAttr())
              body.geometry = toGeometry(geometry);
            command.body = std::move(body);
            return success();
          })
          .Case([&](plan::MatmulOp matmul) -> LogicalResult {
            FailureOr<hal::MatmulCommand> body = convertMatmul(matmul);
            if (failed(body))
              return failure();
            command.body = *body;
            return success();
          })
          .Case([&](plan::CopyOp copy) -> LogicalResult {
            command.body = hal::CopyCommand{toRef(copy.getSource()), toRef(copy.getTarget())};
            return success();
          })
          .Case([&](plan::FillOp fill) -> LogicalResult {
            command.body = hal::FillCommand{toRef(fill.getTarget()), fill.getPattern()};
            return success();
          })
          .Case([&](plan::CollectiveOp collective) -> LogicalResult {
            FailureOr<hal::ElementType> type = toElementType(collective, collective.getType());
            if (failed(type))
              return failure();
            command.body =
                hal::CollectiveCommand{static_cast<hal::CollectiveKind>(collective.getKind()),
                                       toRef(collective.getBuffer()), *type};
            return success();
          })
          .Case([&](plan::SwitchOp branch) -> LogicalResult {
            hal::SwitchCommand body;
            body.selector = toRef(branch.getSelector());
            for (mlir::Region &region : branch.getCases()) {
              FailureOr<hal::CommandSequence> commands =
                  region.empty() ? hal::CommandSequence() : convert(region.front());
              if (failed(commands))
                return failure();
              body.cases.push_back(std::move(*commands));
            }
            command.body = std::move(body);
            return success();
          })
          .Case([&](plan::CaptureOp capture) -> LogicalResult {
            FailureOr<hal::CommandSequence> commands = convert(capture.getBody().front());
            if (failed(commands))
              return failure();
            command.body = hal::CaptureCommand{std::move(*commands)};
            return success();
          })
          .Case([&](plan::RepeatOp repeat) -> LogicalResult {
            FailureOr<hal::CommandSequence> commands = convert(repeat.getBody().front());
            if (failed(commands))
              return failure();
            command.body = hal::RepeatCommand{repeat.getCount(), std::move(*commands)};
            return success();
          })
          .Default([](Operation *other) {
            return other->emitOpError("is not a command of the plan; run hydra-verify-plan");
          });
  if (failed(result))
    return failure();
  return command;
}

FailureOr<hal::MatmulCommand> CommandTables::convertMatmul(plan::MatmulOp op) {
  FailureOr<hal::ElementType> aType = toElementType(op, op.getAType());
  FailureOr<hal::ElementType> bType = toElementType(op, op.getBType());
  FailureOr<hal::ElementType> cType = toElementType(op, op.getCType());
  if (failed(aType) || failed(bType) || failed(cType))
    return failure();
  hal::MatmulCommand body;
  body.a = toRef(op.getA());
  body.b = toRef(op.getB());
  body.c = toRef(op.getC());
  body.m = op.getM();
  body.n = op.getN();
  body.k = op.getK();
  body.lda = op.getLda();
  body.ldb = op.getLdb();
  body.ldc = op.getLdc();
  body.transpose_a = op.getTransposeA();
  body.transpose_b = op.getTransposeB();
  body.accumulate = op.getAccumulate();
  body.tile_m = op.getTileM();
  body.tile_n = op.getTileN();
  if (op.getRows())
    body.rows = toRef(*op.getRows());
  body.rows_bound_k = op.getRowsBoundK();
  body.a_type = *aType;
  body.b_type = *bType;
  body.c_type = *cType;
  body.groups = op.getGroups();
  body.group_a = op.getGroupA();
  body.group_b = op.getGroupB();
  body.group_c = op.getGroupC();
  if (op.getOffsets())
    body.offsets = toRef(*op.getOffsets());
  body.k_slice = op.getKSlice();
  body.b_layout = static_cast<hal::MatrixLayout>(op.getBLayout());
  return body;
}
