#include "tools/hydra-opt/CommandLine.h"

#include "dialects/target/Architecture.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace llvm;
using namespace mlir::hydra;

// LLVM's code generator registers options of its own under some of our names (stop-after); ours
// win.
static llvm::StringRef claim(llvm::StringRef name) {
  auto &registered = cl::getRegisteredOptions();
  if (auto other = registered.find(name); other != registered.end())
    other->second->removeArgument();
  return name;
}

CommandLine::CommandLine()
    : category("HYDRA compile options",
               "Giving any of these compiles the model through the stages "
               "model, routing, autodiff, precision, remat, fusion, plan."),
      target("target", cl::desc("cpu (default); cuda and sim are not built in"), cl::init("cpu"),
             cl::cat(category)),
      routing("routing",
              cl::desc("fixed, static or dynamic (default: what the spec says, else dynamic)"),
              cl::cat(category)),
      precision("precision", cl::desc("f32 (default)"), cl::init("f32"), cl::cat(category)),
      stopAfter(claim("stop-after"), cl::desc("print the program after this stage"),
                cl::cat(category)),
      probe("probe", cl::desc("glob of named intermediates and raw gradients that become outputs"),
            cl::cat(category)),
      inputs("inputs", cl::desc("safetensors file with tensors KIND/NAME for --interpret"),
             cl::cat(category)),
      interpretAs("interpret-as", cl::desc("f32 (default) or f64"), cl::init("f32"),
                  cl::cat(category)),
      function("function", cl::desc("compile only this function of a spec without a model"),
               cl::cat(category)),
      archHelp(cpuArchitectureNames() + " (default native); repeatable, all in one artifact"),
      arch("arch", cl::desc(archHelp), cl::cat(category)),
      entries("entry", cl::desc("NAME@BxS with NAME train, eval or extend; repeatable"),
              cl::cat(category)),
      cache("cache", cl::desc("positions of the decoding cache"), cl::init(0), cl::cat(category)),
      interpret("interpret",
                cl::desc("run the program after --stop-after on --inputs; -o takes the results"),
                cl::cat(category)) {}

bool CommandLine::anyGiven() const {
  auto given = [](const cl::Option &flag) { return flag.getNumOccurrences() > 0; };
  return given(target) || given(routing) || given(precision) || given(stopAfter) || given(probe) ||
         given(inputs) || given(interpretAs) || given(function) || given(arch) || given(entries) ||
         given(cache) || given(interpret);
}

static Error expectOneOf(StringRef flag, StringRef value, ArrayRef<StringRef> choices) {
  if (is_contained(choices, value))
    return Error::success();
  return createStringError("--" + flag + ": expected " + join(choices, ", ") + ", found '" + value +
                           "'");
}

Expected<CompileOptions> CommandLine::compileOptions() const {
  if (Error error = expectOneOf("target", target, {"cpu"}))
    return joinErrors(std::move(error),
                      createStringError("this build generates code for the CPU only"));
  if (Error error = expectOneOf("routing", routing, {"fixed", "static", "dynamic", ""}))
    return std::move(error);
  if (Error error = expectOneOf("precision", precision, {"f32"}))
    return std::move(error);
  if (Error error = expectOneOf("interpret-as", interpretAs, {"f32", "f64"}))
    return std::move(error);
  CompileOptions options;
  options.target = target;
  options.routing = routing;
  options.precision = precision;
  options.probe = probe;
  if (cache < 0)
    return createStringError("--cache: expected a number of positions, found " +
                             std::to_string(cache));
  options.cacheLength = cache;
  for (const std::string &level : arch) {
    if (Error error = checkCpuLevel(level))
      return createStringError("--arch: " + toString(std::move(error)));
    options.architectures.push_back(level);
  }
  for (const std::string &text : entries) {
    Expected<EntryShape> entry = parseEntryShape(text);
    if (!entry)
      return entry.takeError();
    options.entries.push_back(*entry);
  }
  return options;
}

Expected<Stage> CommandLine::lastStage() const {
  return stopAfter.empty() ? Expected<Stage>(Stage::plan) : parseStage(stopAfter);
}
