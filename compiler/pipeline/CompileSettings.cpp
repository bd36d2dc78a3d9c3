#include "compiler/pipeline/CompileSettings.h"

#include "dialects/hydra/RoutingModes.h"
#include "dialects/target/Architecture.h"
#include "passes/fusion/FusionPolicy.h"
#include "runtime/base/did_you_mean.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace mlir::hydra;

static Error expected(const Twine &what, StringRef found) {
  return createStringError("expected " + what + ", found '" + found + "'");
}

static Error readChoice(StringRef text, ArrayRef<StringRef> choices, std::string &into) {
  if (!is_contained(choices, text)) {
    std::vector<std::string> names(choices.begin(), choices.end());
    return createStringError(
        "expected " + join(choices, ", ") + ", found '" + text + "'" +
        ::hydra::DidYouMeanAmong(absl::string_view(text.data(), text.size()), names));
  }
  into = text.str();
  return Error::success();
}

static Error readPositive(StringRef text, const Twine &what, int64_t &into) {
  int64_t number = 0;
  if (text.getAsInteger(10, number) || number < 1)
    return expected(what + " of at least 1", text);
  into = number;
  return Error::success();
}

static Error readTarget(StringRef text, CompileOptions &options) {
  return readChoice(text, {"cpu", kCuda, "sim"}, options.target);
}

// Which of them the target has is known when all settings are read.
static Error readArch(StringRef text, CompileOptions &options) {
  if (!findGpuFacts(text))
    if (Error error = checkCpuLevel(text))
      return error;
  options.architectures.push_back(text.str());
  return Error::success();
}

Error mlir::hydra::checkCompileSettings(const CompileOptions &options) {
  for (const std::string &name : options.architectures)
    if (Error error = options.target == kCuda ? checkGpuArchitecture(name) : checkCpuLevel(name))
      return createStringError("--arch: " + toString(std::move(error)));
  return Error::success();
}

static Error readPrecision(StringRef text, CompileOptions &options) {
  return readChoice(text, {"f32", kBfloat16}, options.precision);
}

static Error readEntry(StringRef text, CompileOptions &options) {
  Expected<EntryRequest> entry = parseEntryRequest(text);
  if (!entry)
    return entry.takeError();
  if (is_contained(options.entries, *entry))
    return expected("every entry once", text);
  options.entries.push_back(*entry);
  return Error::success();
}

static Error readNoFuse(StringRef text, CompileOptions &options) {
  if (Error error = FusionSwitches::check(text))
    return error;
  options.noFuse.push_back(text.str());
  return Error::success();
}

static Error readText(StringRef text, const Twine &what, std::string &into) {
  if (text.empty())
    return expected(what, text);
  into = text.str();
  return Error::success();
}

static json::Value list(ArrayRef<std::string> items) { return json::Array(items); }

static json::Value writeEntries(const CompileOptions &options) {
  json::Array entries;
  for (const EntryRequest &entry : options.entries)
    entries.push_back(entry.str());
  return entries;
}

ArrayRef<CompileSetting> mlir::hydra::compileSettings() {
  static const CompileSetting table[] = {
      {"entry", "NAME@BxS",
       "train, eval, extend (default: train@8x512 eval@8x512 extend@1x64 extend@1x1)",
       /*repeatable=*/true, Stage::routing, readEntry, writeEntries},
      {"cache", "N", "positions of the decoding cache (default: max_seq_len, at most 2048)", false,
       Stage::routing,
       [](StringRef text, CompileOptions &options) {
         return readPositive(text, "a number of positions", options.cacheLength);
       },
       [](const CompileOptions &options) { return json::Value(options.cacheLength); }},
      {"function", "NAME", "of a spec without a model, compile only this function (default: all)",
       false, Stage::model,
       [](StringRef text, CompileOptions &options) {
         return readText(text, "the name of a function", options.function);
       },
       [](const CompileOptions &options) { return json::Value(options.function); }},
      {"target", "DEVICE", "cpu (default), cuda; sim, a simulated CUDA device", false, Stage::plan,
       readTarget, [](const CompileOptions &options) { return json::Value(options.target); }},
      // The architectures of cuda are in the manual; no line of the help holds both lists.
      {"arch", "LEVEL", cpuArchitectureNames() + "; cuda: sm_NN",
       // Candidates of fusion are judged by the facts of the weakest level.
       /*repeatable=*/true, Stage::fusion, readArch,
       [](const CompileOptions &options) { return list(options.architectures); }},
      {"routing", "MODE", "fixed, static or dynamic (default: what the spec says, else dynamic)",
       false, Stage::routing,
       [](StringRef text, CompileOptions &options) {
         return readChoice(text, {"fixed", "static", "dynamic"}, options.routing);
       },
       [](const CompileOptions &options) { return json::Value(options.routing); }},
      {"variant", "NAME", "program of a phase, e.g. adaptive_mod (default: all of the mode)",
       /*repeatable=*/true, Stage::routing,
       [](StringRef text, CompileOptions &options) {
         return readText(text, "the name of a variant", options.variants.emplace_back());
       },
       [](const CompileOptions &options) { return list(options.variants); }},
      {"mod_rule", "RULE",
       "depth routing in extend (default prefix) and, if given, in eval: see docs", false,
       Stage::routing,
       [](StringRef text, CompileOptions &options) {
         SmallVector<StringRef> rules(std::begin(kSelectionRules), std::end(kSelectionRules));
         return readChoice(text, rules, options.modRule);
       },
       [](const CompileOptions &options) { return json::Value(options.modRule); }},
      {"precision", "TYPE", "f32 (default); bf16 for operands of matmuls only", false,
       Stage::precision, readPrecision,
       [](const CompileOptions &options) { return json::Value(options.precision); }},
      {"loss_chunk", "ROWS", "rows of logits that exist at once in a loss (default: by cost)",
       false, Stage::remat,
       [](StringRef text, CompileOptions &options) {
         return readPositive(text, "a number of rows", options.lossChunk);
       },
       [](const CompileOptions &options) { return json::Value(options.lossChunk); }},
      {"memory_budget", "BYTES",
       "bound of planned memory; what is too much is recomputed (default: none)", false,
       Stage::remat,
       [](StringRef text, CompileOptions &options) {
         return readPositive(text, "a number of bytes", options.memoryBudget);
       },
       [](const CompileOptions &options) { return json::Value(options.memoryBudget); }},
      {"probe", "GLOB", "named intermediates (block.0) and gradient.NAME become outputs",
       /*repeatable=*/true, Stage::autodiff,
       [](StringRef text, CompileOptions &options) {
         return readText(text, "a glob pattern", options.probes.emplace_back());
       },
       [](const CompileOptions &options) { return list(options.probes); }},
      {"inject", "GLOB", "named intermediates (route.mor.0.depth) become inputs inject.NAME",
       /*repeatable=*/true, Stage::routing,
       [](StringRef text, CompileOptions &options) {
         return readText(text, "a glob pattern", options.injected.emplace_back());
       },
       [](const CompileOptions &options) { return list(options.injected); }},
      {"fusion", "MODE", "on (default); off: every primitive is a kernel of its own", false,
       Stage::fusion,
       [](StringRef text, CompileOptions &options) {
         return readChoice(text, {"on", "off"}, options.fusion);
       },
       [](const CompileOptions &options) { return json::Value(options.fusion); }},
      {"no_fuse", "WHAT",
       "not merged: a code (EDGE, ...), scope (glob), FILE:LINE, HYDRA_DISABLE_*",
       /*repeatable=*/true, Stage::fusion, readNoFuse,
       [](const CompileOptions &options) { return list(options.noFuse); }},
      {"bucket_bytes", "N", "gradient bytes that one collective adds at most (default: 25 MiB)",
       false, Stage::plan,
       [](StringRef text, CompileOptions &options) {
         return readPositive(text, "a number of bytes", options.bucketBytes);
       },
       [](const CompileOptions &options) { return json::Value(options.bucketBytes); }},
  };
  return table;
}

Expected<const CompileSetting *> mlir::hydra::findCompileSetting(StringRef key) {
  std::vector<std::string> keys;
  for (const CompileSetting &setting : compileSettings()) {
    if (setting.key == key)
      return &setting;
    keys.push_back(setting.key.str());
  }
  return createStringError(
      "expected a compile setting, one of " + join(keys, ", ") + ", found '" + key + "'" +
      ::hydra::DidYouMeanAmong(absl::string_view(key.data(), key.size()), keys));
}

json::Object mlir::hydra::settingsObject(const CompileOptions &options) {
  json::Object settings;
  for (const CompileSetting &setting : compileSettings())
    settings[setting.key] = setting.write(options);
  return settings;
}
