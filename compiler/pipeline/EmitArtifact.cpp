#include "compiler/pipeline/EmitArtifact.h"

#include "compiler/artifact/ArtifactWriter.h"
#include "compiler/codegen/CpuCode.h"
#include "passes/lowering/Passes.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::hydra;

// The compile settings as JSON, so that an artifact can say how it was made.
static std::string settingsJson(const CompileOptions &options) {
  llvm::json::Array entries, levels;
  for (const EntryShape &entry : options.entries)
    entries.push_back(entry.str());
  for (const std::string &level : options.isaLevels)
    levels.push_back(level);
  llvm::json::Object settings{{"target", options.target},       {"routing", options.routing},
                              {"precision", options.precision}, {"cache", options.cacheLength},
                              {"probe", options.probe},         {"entry", std::move(entries)},
                              {"arch", std::move(levels)}};
  return llvm::formatv("{0:2}", llvm::json::Value(std::move(settings))).str();
}

static ArtifactMetadata describe(ModuleOp plan, const CompileOptions &options) {
  ArtifactMetadata metadata;
  metadata.model = plan.getSymName().value_or("module").str();
  metadata.target = options.target;
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
  }
  return metadata;
}

LogicalResult mlir::hydra::emitArtifact(ModuleOp plan, const CompileOptions &options,
                                        StringRef specText, StringRef buildId,
                                        const std::string &path) {
  SmallVector<std::string> levels(options.isaLevels);
  if (levels.empty())
    levels.push_back("native");
  std::vector<CodeSection> sections;
  for (const std::string &level : levels) {
    FailureOr<CpuTarget> target = parseCpuTarget(level, plan.getLoc());
    if (failed(target))
      return failure();
    FailureOr<CodeImage> image = generateCpuCode(plan, *target);
    if (failed(image))
      return failure();
    sections.push_back({image->isaLevel, std::move(image->bytes), std::move(image->offsets)});
  }
  ArtifactMetadata metadata = describe(plan, options);
  metadata.compilerBuild = buildId.str();
  metadata.spec = specText.str();
  metadata.settings = settingsJson(options);
  return writeArtifactFile(plan, sections, metadata, path);
}
