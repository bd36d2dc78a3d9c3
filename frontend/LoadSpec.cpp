#include "frontend/LoadSpec.h"

#include "dialects/hydra/HydraDialect.h"
#include "frontend/ConfigReader.h"
#include "frontend/ConfigToModel.h"
#include "frontend/ParseHints.h"
#include "frontend/SpecText.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace mlir::hydra;

// Longer texts are no specs.
static constexpr size_t kMaxSpecBytes = size_t(64) << 20;

static void loadDialects(MLIRContext &context) {
  context.loadDialect<HydraDialect, func::FuncDialect>();
}

static constexpr char kArtifactProblem[] =
    "expected a model spec (.mlir, .json), found an artifact, which is compiled already; hydra-run "
    "inspect shows it";
static constexpr char kBinaryProblem[] =
    "expected a model spec as text, found bytes that are no text; check the path";

// Text holds no zero bytes.
static bool isBinary(StringRef contents) { return contents.take_front(4096).contains('\0'); }

std::string mlir::hydra::binarySpecProblem(StringRef path) {
  if (path == "-")
    return "";
  if (path.ends_with(".hydra"))
    return kArtifactProblem;
  auto buffer =
      llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  // What cannot be read is reported by who reads it; MLIR's bytecode is welcome.
  if (!buffer || (*buffer)->getBuffer().starts_with("ML\xefR"))
    return "";
  return isBinary((*buffer)->getBuffer()) ? kBinaryProblem : "";
}

static FailureOr<OwningOpRef<ModuleOp>> fail(const LogicalResult &) { return failure(); }

FailureOr<OwningOpRef<ModuleOp>> mlir::hydra::parseSpec(StringRef text, StringRef source,
                                                        MLIRContext &context) {
  loadDialects(context);
  SourceMap map(text, source, context);
  if (std::optional<uint64_t> offset = findDeepNesting(text)) {
    emitError(map.location(*offset))
        << "expected brackets nested at most " << kMaxNesting << " deep in a spec";
    return failure();
  }
  ParseHints hints(text, source, context);
  // MLIR's lexer ends a string at a zero byte, which only a text of our own has behind it.
  std::string terminated = text.str();
  auto module = parseSourceString<ModuleOp>(terminated, ParserConfig(&context), source);
  if (!module)
    return failure();
  // The parser puts a module that nobody wrote at line 0, which no editor knows.
  if (auto place = dyn_cast<FileLineColLoc>(module->getLoc()); place && place.getLine() == 0)
    (*module)->setLoc(map.location(0));
  for (Operation &op : module->getOps())
    if (op.getName().getDialectNamespace() == "plan") {
      emitError(map.location(0)) << "expected a spec, found the plan of one (" << op.getName()
                                 << "), which holds commands and no functions; compile the spec "
                                    "that it was made from";
      return failure();
    }
  if (module->getOps<LanguageModelOp>().empty() && module->getOps<func::FuncOp>().empty()) {
    emitError(map.location(0)) << "expected a hydra.model or a function in the spec, found neither";
    return failure();
  }
  return module;
}

// The settings of a model beside the object that they belong into.
static absl::Status findMisplacedKey(::hydra::JsonView root, const ConfigReader &reader) {
  auto members = root.Object();
  if (!members.ok())
    return absl::OkStatus();
  for (const auto &[key, value] : *members)
    if (isModelKey(key) && !llvm::is_contained(reader.keys(), key))
      return value.Error(
          absl::StrCat("expected the settings of a model inside the object model, as "
                       "in {\"model\": {\"",
                       key, "\": ...}}, found '", key, "' beside it"));
  return absl::OkStatus();
}

FailureOr<OwningOpRef<ModuleOp>> mlir::hydra::parseConfig(StringRef text, StringRef source,
                                                          MLIRContext &context) {
  loadDialects(context);
  SourceMap map(text, source, context);
  auto document = ::hydra::JsonDocument::Parse(toView(text), toView(source));
  if (!document.ok())
    return fail(map.emit(document.status()));
  ::hydra::JsonView root = document->root();
  ConfigReader reader(root);
  // Golden files say what was computed, config.json beside weights what hubs look for.
  for (absl::string_view key :
       {"model", "cases", "name", "run", "loss", "derived", "no_grad", "margin", "tolerance",
        "optimizer", "architectures", "model_type", "torch_dtype", "transformers_version"})
    reader.ignore(key);
  std::optional<::hydra::JsonView> model = root.Find("model"), cases = root.Find("cases");
  if (absl::Status status = reader.finish(); !status.ok()) {
    if (absl::Status misplaced = findMisplacedKey(root, reader); !misplaced.ok())
      return fail(map.emit(misplaced));
    return fail(map.emit(status));
  }
  if (!model == !cases)
    return fail(
        map.emit(root.Error("expected one of the keys model (settings of a model) and cases "
                            "(settings of attention modules), found " +
                            std::string(model ? "both" : "neither"))));

  Location location = map.location(model.value_or(root).offset());
  OwningOpRef<ModuleOp> module = ModuleOp::create(map.location(0));
  absl::Status status;
  if (model) {
    absl::StatusOr<ModelConfig> config = readModelConfig(*model);
    status = config.status();
    if (config.ok())
      appendModel(*module, *config, location);
  } else {
    status = appendAttentionCases(*module, *cases, map);
  }
  if (!status.ok())
    return fail(map.emit(status));
  if (failed(verify(*module)))
    return failure();
  return module;
}

FailureOr<OwningOpRef<ModuleOp>> mlir::hydra::loadSpec(StringRef path, MLIRContext &context) {
  SourceMap map("", path, context);
  bool standardInput = path == "-", config = path.ends_with(".json");
  if (path.ends_with(".hydra"))
    return fail(map.emit(::hydra::InputError(kArtifactProblem)));
  if (!standardInput && !config && !path.ends_with(".mlir"))
    return fail(map.emit(::hydra::InputError(
        "expected a model spec, a file that ends in .mlir or .json, or - for standard input")));
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path, /*IsText=*/true);
  if (!buffer)
    return fail(map.emit(::hydra::InputError(
        "cannot read the model spec: " + buffer.getError().message() + "; check the path")));
  StringRef text = (*buffer)->getBuffer();
  if (isBinary(text))
    return fail(map.emit(::hydra::InputError(kBinaryProblem)));
  if (text.size() > kMaxSpecBytes)
    return fail(map.emit(::hydra::InputError(absl::StrCat(
        "expected a model spec of at most ", kMaxSpecBytes, " bytes, found ", text.size()))));
  if (standardInput)
    config = text.ltrim().starts_with("{") && !text.ltrim().starts_with("{-#");
  StringRef source = standardInput ? "<stdin>" : path;
  return config ? parseConfig(text, source, context) : parseSpec(text, source, context);
}
