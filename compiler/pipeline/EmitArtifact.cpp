#include "compiler/pipeline/EmitArtifact.h"

#include "compiler/artifact/ArtifactWriter.h"
#include "compiler/codegen/CpuCode.h"
#include "compiler/codegen/CudaCode.h"
#include "compiler/codegen/KernelCache.h"
#include "compiler/codegen/SimCode.h"
#include "compiler/ledger/LedgerJson.h"
#include "compiler/pipeline/CompileSettings.h"
#include "dialects/hydra/HydraDialect.h"
#include "dialects/target/Architecture.h"
#include "runtime/base/cpu_level.h"
#include "runtime/io/cache_directory.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::hydra;

// The compile settings as JSON, so that an artifact can say how it was made. Where there is nothing
// to route, no mode is said.
static std::string settingsJson(ModuleOp plan, const CompileOptions &options) {
  llvm::json::Object settings = settingsObject(options);
  if (!plan->hasAttr(kRoutingAttrName))
    settings["routing"] = "";
  return llvm::formatv("{0:2}", llvm::json::Value(std::move(settings))).str();
}

static ArtifactMetadata describe(ModuleOp plan, const CompileOptions &options) {
  ArtifactMetadata metadata;
  metadata.model = plan.getSymName().value_or("module").str();
  metadata.target = options.target;
  metadata.precision = options.precision;
  metadata.cacheLength = options.cacheLength;
  if (auto info = plan->getAttrOfType<DictionaryAttr>(kModelInfoAttrName)) {
    auto integer = [&](StringRef name) {
      auto attribute = info.getAs<IntegerAttr>(name);
      return attribute ? attribute.getInt() : 0;
    };
    auto text = [&](StringRef name) {
      auto attribute = info.getAs<StringAttr>(name);
      return attribute ? attribute.getValue().str() : std::string();
    };
    metadata.model = text("name");
    metadata.rules = text("rules");
    metadata.vocabSize = integer("vocab_size");
    metadata.dim = integer("dim");
    metadata.maxSeqLen = integer("max_seq_len");
    auto flag = [&](StringRef name) { return info.contains(name); };
    metadata.phases = {.adaptive = flag("adaptive"),
                       .depth_selection = flag("depth_selection"),
                       .experts = flag("experts"),
                       .experts_start_silent = flag("experts_start_silent"),
                       .mod_warmup = integer("mod_warmup"),
                       .mor_warmup = integer("mor_warmup"),
                       .expert_warmup = integer("expert_warmup"),
                       .forced_routing_steps = integer("forced_routing_steps"),
                       .teacher_until_step = integer("teacher_until_step")};
  }
  return metadata;
}

// bf16 without instructions for it would be slower than float32, and oneDNN has none of its own.
static LogicalResult checkPrecision(Location location, const CompileOptions &options,
                                    ArrayRef<const CpuFacts *> levels) {
  if (options.precision != kBfloat16)
    return success();
  SmallVector<StringRef> able;
  for (const ::hydra::CpuLevel &level : ::hydra::CpuLevels())
    if (level.bf16_matmul)
      able.push_back(StringRef(level.name.data(), level.name.size()));
  for (const CpuFacts *level : levels)
    if (!llvm::is_contained(able, level->name))
      return emitError(location) << "--precision=bf16: expected --arch among "
                                 << llvm::join(able, ", ") << ", which multiply bf16, found "
                                 << level->name << "; compile with --precision=f32";
  return success();
}

// One section per level of a processor.
static LogicalResult addCpuSections(ModuleOp plan, const CompileOptions &options,
                                    const ArtifactOrigin &origin,
                                    std::vector<CodeSection> &sections) {
  llvm::Expected<SmallVector<const CpuFacts *>> levels =
      resolveCpuLevels(options.architectures, ::hydra::HostCpu());
  if (!levels)
    return emitError(plan.getLoc()) << "--arch: " << llvm::toString(levels.takeError());
  if (options.target == "cpu" && failed(checkPrecision(plan.getLoc(), options, *levels)))
    return failure();
  std::string kept = origin.cachesKernels ? ::hydra::CacheDirectory() : "";
  KernelCache cache(kept + "/kernels", origin.buildId);
  for (const CpuFacts *level : *levels) {
    FailureOr<CodeImage> image =
        options.target == "sim" ? generateSimCode(plan, *level)
                                : generateCpuCode(plan, *level, kept.empty() ? nullptr : &cache);
    if (failed(image))
      return failure();
    sections.push_back({image->isaLevel, std::move(image->bytes), std::move(image->offsets)});
  }
  return success();
}

static FailureOr<CudaCode> cudaCode(ModuleOp plan, const CompileOptions &options) {
  auto architectures = resolveGpuArchitectures(options.architectures);
  if (!architectures)
    return emitError(plan.getLoc()) << "--arch: " << llvm::toString(architectures.takeError());
  return generateCudaCode(plan, *architectures);
}

FailureOr<std::string> mlir::hydra::planLedger(ModuleOp plan, const CompileOptions &options) {
  if (options.target != kCuda)
    return ledgerJson(plan, options.target);
  FailureOr<CudaCode> code = cudaCode(plan, options);
  if (failed(code))
    return failure();
  return ledgerJson(plan, options.target, &*code);
}

LogicalResult mlir::hydra::emitArtifact(ModuleOp plan, const CompileOptions &options,
                                        const ArtifactOrigin &origin, const std::string &path) {
  std::vector<CodeSection> sections;
  ArtifactMetadata metadata = describe(plan, options);
  if (options.target == kCuda) {
    FailureOr<CudaCode> code = cudaCode(plan, options);
    if (failed(code))
      return failure();
    metadata.ledger = ledgerJson(plan, options.target, &*code);
    for (CudaImage &image : code->images)
      sections.push_back(
          {image.code.isaLevel, std::move(image.code.bytes), std::move(image.code.offsets)});
  } else {
    if (failed(addCpuSections(plan, options, origin, sections)))
      return failure();
    metadata.ledger = ledgerJson(plan, options.target);
  }
  metadata.compilerBuild = origin.buildId;
  metadata.spec = origin.specText;
  metadata.settings = settingsJson(plan, options);
  return writeArtifactFile(plan, sections, metadata, path);
}
