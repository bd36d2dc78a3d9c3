#include "compiler/artifact/PlanTables.h"

#include "compiler/artifact/CommandTables.h"
#include "dialects/hydra/HydraDialect.h"
#include "dialects/plan/PlanDialect.h"
#include "runtime/artifact/features.h"
#include "runtime/artifact/format.h"
#include "llvm/ADT/MapVector.h"
#include <cstring>

using namespace mlir;
using namespace mlir::hydra;
using ::hydra::artifact::ArtifactInfo;
using ::hydra::artifact::EntryInfo;
using ::hydra::artifact::KernelInfo;
using ::hydra::artifact::NamedBuffer;
using ::hydra::artifact::ParameterInfo;

static FailureOr<NamedBuffer> toBuffer(plan::BufferOp op) {
  auto type = dyn_cast<RankedTensorType>(op.getType());
  if (!type)
    return op.emitOpError("expected a tensor type, found ") << op.getType();
  FailureOr<::hydra::hal::ElementType> element = toElementType(op, type.getElementType());
  if (failed(element))
    return failure();
  NamedBuffer buffer;
  buffer.name = op.getBinding().getName().str();
  buffer.ref = toRef(op.getRef());
  buffer.type = *element;
  buffer.shape.assign(type.getShape().begin(), type.getShape().end());
  if (op.getInitial())
    buffer.initial = op.getInitial()->convertToDouble();
  if (op.getReduce())
    buffer.reduce = static_cast<::hydra::artifact::Reduce>(*op.getReduce());
  return buffer;
}

// "file:line:column" of the first position in a location; empty if there is none.
static std::string positionOf(Location location) {
  std::string text;
  location->walk([&](Location part) {
    auto position = dyn_cast<FileLineColLoc>(part);
    if (!position)
      return WalkResult::advance();
    text = position.getFilename().str() + ":" + std::to_string(position.getLine()) + ":" +
           std::to_string(position.getColumn());
    return WalkResult::interrupt();
  });
  return text;
}

namespace {

class TableBuilder {
public:
  TableBuilder(ModuleOp module, ArrayRef<CodeSection> code, ArtifactInfo &info)
      : module(module), code(code), info(info) {}

  LogicalResult build() {
    for (auto size : module.getOps<plan::RegionSizeOp>())
      info.region_bytes[static_cast<size_t>(size.getRegion())] = size.getBytes();
    if (failed(addKernels()) || failed(addBuffers()))
      return failure();
    for (auto entry : module.getOps<plan::EntryOp>())
      if (failed(addEntry(entry)))
        return failure();
    info.scopes = commands.getScopes();
    return success();
  }

private:
  LogicalResult addKernels() {
    for (auto kernel : module.getOps<plan::KernelOp>()) {
      commands.addKernel(kernel.getSymName(), info.kernels.size());
      for (size_t stage = 0; stage < kernel.getItems().size(); ++stage) {
        KernelInfo entry;
        entry.name = kernelSymbol(kernel.getSymName(), stage);
        entry.hash = kernel.getHash().str();
        entry.location = positionOf(kernel.getLoc());
        for (const CodeSection &section : code) {
          auto symbol = section.symbols.find(entry.name);
          if (symbol == section.symbols.end())
            return kernel.emitOpError("expected a function ")
                   << entry.name << " in the code for " << section.isaLevel << ", found none";
          entry.offsets.push_back(symbol->second);
        }
        info.kernels.push_back(std::move(entry));
      }
    }
    return success();
  }

  // Parameters in the order of the parameter table, then any that only functions name.
  LogicalResult addBuffers() {
    llvm::MapVector<StringRef, ParameterInfo> parameters;
    for (auto param : module.getOps<ParamOp>())
      parameters[param.getSymName()] = describe(param);
    for (auto op : module.getOps<plan::BufferOp>())
      if (failed(addBuffer(op, parameters)))
        return failure();
    for (auto &[name, parameter] : parameters) {
      if (parameter.buffer.name.empty())
        return module.emitError("parameter ") << name << " has no plan.buffer";
      info.parameters.push_back(std::move(parameter));
    }
    return success();
  }

  static ParameterInfo describe(ParamOp param) {
    ParameterInfo parameter;
    parameter.name = param.getSymName().str();
    for (auto alias : param.getAliases().getAsRange<StringAttr>())
      parameter.aliases.push_back(alias.str());
    parameter.init_kind = static_cast<::hydra::artifact::InitKind>(param.getInit().getKind());
    parameter.init_value = param.getInit().getValue().getValueAsDouble();
    parameter.residual_scale = param.getResidualScale().convertToDouble();
    parameter.lr_factor = param.getLrFactor().convertToDouble();
    parameter.decay_factor = param.getDecayFactor().convertToDouble();
    return parameter;
  }

  LogicalResult addBuffer(plan::BufferOp op,
                          llvm::MapVector<StringRef, ParameterInfo> &parameters) {
    FailureOr<NamedBuffer> buffer = toBuffer(op);
    if (failed(buffer))
      return failure();
    StringRef name = op.getBinding().getName().getValue();
    switch (op.getBinding().getKind()) {
    case BindingKind::parameter:
      parameters[name].name = name.str();
      parameters[name].buffer = std::move(*buffer);
      return success();
    case BindingKind::gradient:
      if (!parameters.contains(name))
        return op.emitOpError("expected a parameter of the same name before its gradient");
      parameters[name].gradient = std::move(*buffer);
      return success();
    case BindingKind::optimizer: {
      auto [state, parameter] = name.split('/');
      if (parameter.empty() || !parameters.contains(parameter)) {
        info.optimizer.push_back(std::move(*buffer));
        return success();
      }
      buffer->name = state.str();
      parameters[parameter].states.push_back(std::move(*buffer));
      return success();
    }
    case BindingKind::control:
      info.control.push_back(std::move(*buffer));
      return success();
    case BindingKind::control_state:
      info.control_state.push_back(std::move(*buffer));
      return success();
    case BindingKind::cache:
      info.cache.push_back(std::move(*buffer));
      return success();
    case BindingKind::derived:
      info.derived.push_back(std::move(*buffer));
      return success();
    case BindingKind::input:
    case BindingKind::output:
      return op.emitOpError("belongs into an entry");
    }
    return failure();
  }

  LogicalResult addEntry(plan::EntryOp op) {
    EntryInfo entry;
    entry.name = op.getEntry().getName().str();
    entry.batch = op.getEntry().getBatch();
    entry.seq = op.getEntry().getSeq();
    entry.variant = op.getEntry().getVariant().str();
    entry.arena_bytes = op.getArenaBytes();
    entry.record_bytes = op.getRecordBytes();
    entry.flops = op.getFlops();
    Block &body = op.getBody().front();
    for (auto buffer : body.getOps<plan::BufferOp>()) {
      FailureOr<NamedBuffer> named = toBuffer(buffer);
      if (failed(named))
        return failure();
      bool isInput = buffer.getBinding().getKind() == BindingKind::input;
      bool isRecord = buffer.getRef().getRegion() == plan::Region::record;
      (isInput    ? entry.inputs
       : isRecord ? entry.record
                  : entry.outputs)
          .push_back(std::move(*named));
    }
    addDead(body, entry);
    FailureOr<::hydra::hal::CommandSequence> sequence = commands.convert(body);
    if (failed(sequence))
      return failure();
    entry.body = std::move(*sequence);
    info.entries.push_back(std::move(entry));
    return success();
  }

  // A plan.dead stands before the command whose number it gets.
  static void addDead(Block &body, EntryInfo &entry) {
    uint64_t command = 0;
    for (Operation &op : body) {
      if (auto dead = dyn_cast<plan::DeadOp>(op))
        entry.dead.push_back({command, toRef(dead.getRange())});
      else if (!isa<plan::BufferOp>(op))
        ++command;
    }
  }

  ModuleOp module;
  ArrayRef<CodeSection> code;
  ArtifactInfo &info;
  CommandTables commands;
};

} // namespace

FailureOr<ArtifactInfo> mlir::hydra::buildTables(ModuleOp module, ArrayRef<CodeSection> code,
                                                 const ArtifactMetadata &metadata) {
  ArtifactInfo info;
  info.version_major = ::hydra::artifact::kVersionMajor;
  info.version_minor = ::hydra::artifact::kVersionMinor;
  info.model = metadata.model;
  info.target = metadata.target;
  info.compiler_build = metadata.compilerBuild;
  info.rules = metadata.rules;
  info.precision = metadata.precision;
  info.vocab_size = metadata.vocabSize;
  info.dim = metadata.dim;
  info.max_seq_len = metadata.maxSeqLen;
  info.cache_len = metadata.cacheLength;
  info.phases = metadata.phases;
  for (const CodeSection &section : code)
    info.isa_levels.push_back(section.isaLevel);
  if (failed(TableBuilder(module, code, info).build()))
    return failure();
  info.required_features = ::hydra::artifact::FeaturesOf(info);
  return info;
}

std::vector<uint8_t> mlir::hydra::buildConstants(ModuleOp module) {
  std::vector<uint8_t> bytes;
  for (auto size : module.getOps<plan::RegionSizeOp>())
    if (size.getRegion() == plan::Region::constants)
      bytes.resize(size.getBytes());
  for (auto constant : module.getOps<plan::ConstantOp>()) {
    auto value = cast<DenseElementsAttr>(constant.getValue());
    ArrayRef<char> raw = value.getRawData();
    size_t begin = constant.getRef().getOffset(), length = constant.getRef().getBytes();
    // A splat stores one element.
    for (size_t at = 0; at < length && !raw.empty(); at += raw.size())
      std::memcpy(bytes.data() + begin + at, raw.data(), std::min(raw.size(), length - at));
  }
  return bytes;
}
