#include "tools/hydra-opt/CommandLine.h"

#include "runtime/base/did_you_mean.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Regex.h"

using namespace llvm;
using namespace mlir::hydra;

// LLVM's code generator registers options of its own under some of our names (stop-after); ours
// win.
static StringRef claim(StringRef name) {
  auto &registered = cl::getRegisteredOptions();
  if (auto other = registered.find(name); other != registered.end())
    other->second->removeArgument();
  return name;
}

// Flags are lasting: LLVM keeps the characters of a name, not a copy.
static StringRef flagName(const CompileSetting &setting) {
  static StringMap<std::string> names;
  std::string &name = names[setting.key];
  name = setting.key.str();
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

CommandLine::CommandLine()
    : settingsCategory("What is compiled", "Each one also as --set KEY=VALUE."),
      resultCategory("What comes out"),
      set(claim("set"), cl::desc("any of the settings above by its key, e.g. --set cache=512"),
          cl::value_desc("KEY=VALUE"), cl::cat(settingsCategory)),
      outputFile(claim("o"),
                 cl::desc("FILE.hydra: an artifact for hydra-run; else text (default: - )"),
                 cl::value_desc("FILE"), cl::init("-"), cl::cat(resultCategory)),
      stopAfter(claim("stop-after"), cl::value_desc("STAGE"), cl::cat(resultCategory)),
      explain(claim("explain"), cl::ValueOptional,
              cl::desc("fusion decisions instead of the program: text (default), json, html"),
              cl::value_desc("FORMAT"), cl::cat(resultCategory)),
      inputs(claim("inputs"), cl::desc("safetensors with tensors KIND/NAME for --interpret"),
             cl::value_desc("FILE"), cl::cat(resultCategory)),
      interpretAs(claim("interpret-as"),
                  cl::desc("f32 (default): every result is rounded to it; f64: none is"),
                  cl::value_desc("TYPE"), cl::init("f32"), cl::cat(resultCategory)),
      kernelCache(claim("kernel-cache"),
                  cl::desc("on (default): keep compiled kernels in $XDG_CACHE_HOME/hydra; off"),
                  cl::value_desc("MODE"), cl::init("on"), cl::cat(resultCategory)),
      interpret(claim("interpret"),
                cl::desc("run the program after --stop-after on --inputs; -o takes the results"),
                cl::cat(resultCategory)),
      facts(claim("facts"), cl::desc("the model's sizes as JSON; reads MODEL and compiles nothing"),
            cl::cat(resultCategory)),
      inputFiles(cl::Positional, cl::value_desc("MODEL"), cl::cat(resultCategory)) {
  std::vector<StringRef> names;
  for (const StageInfo &info : allStages())
    names.push_back(info.name);
  static std::string stages;
  stages = "the last: " + join(names, ", ") + " (default)";
  stopAfter.setDescription(stages);
  for (const CompileSetting &setting : compileSettings()) {
    settingFlags.push_back(std::make_unique<cl::list<std::string>>(
        claim(flagName(setting)), cl::desc(setting.help), cl::value_desc(setting.value),
        cl::cat(settingsCategory)));
  }
}

// The messages of LLVM's parser, one a line, in our words.
static std::string inOurWords(StringRef text) {
  std::string result;
  SmallVector<StringRef> lines;
  text.split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (StringRef line : lines) {
    // PROGRAM: MESSAGE
    StringRef message = line.split(": ").second;
    SmallVector<StringRef> parts;
    if (Regex("^Did you mean").match(message))
      continue;
    if (!result.empty())
      result += "\nhydra-opt: error: ";
    if (Regex("Unknown command line argument '([^']*)'").match(message, &parts)) {
      StringRef found = parts[1].split('=').first;
      std::vector<std::string> flags;
      for (const auto &[name, flag] : cl::getRegisteredOptions())
        flags.push_back((name.size() > 1 ? "--" : "-") + name.str());
      std::sort(flags.begin(), flags.end());
      result += "expected a flag, found '" + found.str() + "'" +
                ::hydra::DidYouMeanAmong(found.str(), flags) + "; hydra-opt --help lists the flags";
    } else {
      result += message.rtrim(" .").str() + "; see hydra-opt --help";
    }
  }
  return result;
}

Error CommandLine::parse(ArrayRef<char *> arguments) {
  std::string errors;
  raw_string_ostream stream(errors);
  if (!cl::ParseCommandLineOptions(static_cast<int>(arguments.size()), arguments.data(),
                                   "HYDRA model compiler\n", &stream))
    return createStringError(inOurWords(errors));
  if (inputFiles.size() > 1)
    return createStringError("expected one MODEL, found '" + inputFiles[0] + "' and '" +
                             inputFiles[1] + "'; flags take their value behind a =");
  return Error::success();
}

HelpPage CommandLine::help() const {
  HelpPage page;
  page.summary = "compiles a model spec";
  page.command = "hydra-opt MODEL [-o FILE] [flags]";
  page.operands = "MODEL: .mlir, .json, or - for standard input";
  page.examples = {
      "hydra-opt models/hydra-nano.mlir -o nano.hydra",
      "hydra-opt nano.mlir --entry=train@8x256 --entry=extend@1x1 --cache=512 -o nano.hydra",
      "hydra-opt nano.mlir --stop-after=routing --mlir-print-ir-after-all",
      "hydra-opt nano.mlir --interpret --inputs=in.safetensors -o out.safetensors",
      "hydra-opt nano.mlir --pass-pipeline='builtin.module(hydra-materialize-params)'"};
  auto row = [](const cl::Option &flag) {
    bool isLong = flag.ArgStr.size() > 1;
    std::string left = (isLong ? "--" : "-") + flag.ArgStr.str();
    if (!flag.ValueStr.empty())
      left += (isLong ? "=" : " ") + flag.ValueStr.str();
    return std::pair(left, flag.HelpStr.str());
  };
  HelpPage::Section compiled{settingsCategory.getName().str(),
                             "each also as --set KEY=VALUE, with _ for - in the key; * repeatable",
                             {}};
  for (const auto &[setting, flag] : zip_equal(compileSettings(), settingFlags)) {
    std::string left = ("--" + flag->ArgStr + "=" + setting.value).str();
    compiled.flags.emplace_back(setting.repeatable ? left + " *" : left, setting.help);
  }
  compiled.flags.push_back(row(set));
  HelpPage::Section result{resultCategory.getName().str(), "", {}};
  for (const cl::Option *flag :
       std::initializer_list<const cl::Option *>{&outputFile, &stopAfter, &explain, &interpret,
                                                 &inputs, &interpretAs, &kernelCache, &facts})
    result.flags.push_back(row(*flag));
  result.flags.emplace_back("--help", "this page; --help-hidden: every flag of MLIR and LLVM");
  result.flags.emplace_back("--man", "the same for man(1)");
  result.flags.emplace_back("--version", "the build id, which every artifact carries");
  page.sections = {std::move(compiled), std::move(result)};
  page.ending = {
      "Without any of these flags hydra-opt is mlir-opt with the hydra and plan dialects: "
      "passes by",
      "hand, --mlir-timing, ... Exit codes: 0 success, 1 the program cannot be compiled, "
      "2 usage,",
      "3 bad or missing spec."};
  return page;
}

bool CommandLine::compiles() const {
  auto isGiven = [](const cl::Option &flag) { return flag.getNumOccurrences() > 0; };
  return llvm::any_of(settingFlags, [&](const auto &flag) { return isGiven(*flag); }) ||
         isGiven(set) || isGiven(stopAfter) || isGiven(explain) || isGiven(inputs) ||
         isGiven(interpretAs) || isGiven(kernelCache) || isGiven(interpret) || isGiven(facts) ||
         toArtifact() || StringRef(input()).ends_with(".json") ||
         StringRef(input()).ends_with(".hydra");
}

bool CommandLine::toArtifact() const { return StringRef(outputFile).ends_with(".hydra"); }

Expected<std::vector<CommandLine::Assignment>> CommandLine::assignments() const {
  std::vector<Assignment> all;
  for (const auto &[setting, flag] : zip_equal(compileSettings(), settingFlags))
    for (const std::string &value : *flag)
      all.push_back({"--" + flag->ArgStr.str(), setting.key.str(), value});
  for (const std::string &text : set) {
    auto [key, value] = StringRef(text).split('=');
    if (key.size() == text.size())
      return createStringError("--set: expected KEY=VALUE, found '" + text + "'");
    Expected<const CompileSetting *> setting = findCompileSetting(key);
    if (!setting)
      return createStringError("--set: " + toString(setting.takeError()));
    all.push_back({"--set " + key.str(), key.str(), value.str()});
  }
  return all;
}

bool CommandLine::given(StringRef setting) const {
  Expected<std::vector<Assignment>> all = assignments();
  if (!all)
    return consumeError(all.takeError()), false;
  return llvm::any_of(*all, [&](const Assignment &one) { return one.key == setting; });
}

Expected<CompileOptions> CommandLine::compileOptions() const {
  Expected<std::vector<Assignment>> all = assignments();
  if (!all)
    return all.takeError();
  CompileOptions options;
  StringMap<const Assignment *> seen;
  for (const Assignment &one : *all) {
    const CompileSetting &setting = *cantFail(findCompileSetting(one.key));
    const Assignment *&earlier = seen[one.key];
    if (earlier && !setting.repeatable)
      return createStringError("expected one value of " + one.key + ", found " + earlier->flag +
                               " with '" + earlier->value + "' and " + one.flag + " with '" +
                               one.value + "'; drop one of them");
    earlier = &one;
    if (Error error = setting.read(one.value, options))
      return createStringError(one.flag + ": " + toString(std::move(error)));
  }
  if (Error error = checkCompileSettings(options))
    return error;
  return options;
}

Expected<Stage> CommandLine::lastStage() const {
  if (stopAfter.getNumOccurrences() == 0)
    return interpret ? Stage::fusion : Stage::plan;
  Expected<Stage> stage = parseStage(stopAfter);
  if (!stage)
    return createStringError("--stop-after: " + toString(stage.takeError()));
  if (interpret && *stage == Stage::plan)
    return createStringError("--interpret: expected --stop-after=fusion or an earlier stage, found "
                             "plan, which holds commands and no values");
  return stage;
}

Error CommandLine::checkEffects() const {
  bool stops = stopAfter.getNumOccurrences() > 0;
  Expected<std::vector<Assignment>> all = assignments();
  if (!all)
    return all.takeError();
  if (facts) {
    std::string other = stops          ? "--stop-after"
                        : interpret    ? "--interpret"
                        : toArtifact() ? "-o " + outputFile
                        : all->empty() ? ""
                                       : all->front().flag;
    if (!other.empty())
      return createStringError(other + " has no effect beside --facts, which compiles nothing; "
                                       "drop one of the two");
  }
  if (toArtifact() && (stops || interpret))
    return createStringError("-o " + outputFile + ": an artifact needs all stages; drop " +
                             (stops ? "--stop-after" : "--interpret") + ", or write another file");
  if (interpret && inputs.empty())
    return createStringError("--interpret: expected --inputs=FILE.safetensors with tensors "
                             "KIND/NAME, found none");
  if (interpret && outputFile == "-")
    return createStringError(
        "--interpret: expected -o FILE.safetensors for the results, found none");
  for (const cl::Option *flag :
       {static_cast<const cl::Option *>(&inputs), static_cast<const cl::Option *>(&interpretAs)})
    if (!interpret && flag->getNumOccurrences() > 0)
      return createStringError("--" + flag->ArgStr +
                               " has no effect without --interpret; add it, or drop the flag");
  if (std::string format = explains(); !format.empty()) {
    if (format != "text" && format != "json" && format != "html")
      return createStringError("--explain: expected text, json or html, found '" + format + "'");
    if (stops || interpret || toArtifact())
      return createStringError("--explain gives out the decisions in place of the program; drop " +
                               std::string(stops       ? "--stop-after"
                                           : interpret ? "--interpret"
                                                       : "-o " + outputFile));
  }
  if (kernelCache != "on" && kernelCache != "off")
    return createStringError("--kernel-cache: expected on or off, found '" + kernelCache + "'");
  if (kernelCache.getNumOccurrences() > 0 && !toArtifact())
    return createStringError("--kernel-cache acts on generated code only and has no effect here; "
                             "write an artifact (-o FILE.hydra), or drop the flag");
  if (interpretAs != "f32" && interpretAs != "f64")
    return createStringError("--interpret-as: expected f32 or f64, found '" + interpretAs + "'");
  Expected<Stage> last = lastStage();
  if (!last)
    return last.takeError();
  for (const Assignment &one : *all) {
    const CompileSetting &setting = *cantFail(findCompileSetting(one.key));
    // An entry says how the interpreter runs the model tier, too.
    if (interpret && one.key == "entry")
      continue;
    if (!setting.from && !toArtifact())
      return createStringError(one.flag + " acts on generated code only and has no effect here; "
                                          "write an artifact (-o FILE.hydra), or drop the flag");
    if (setting.from && *setting.from > *last)
      return createStringError(one.flag + " acts from stage " + stageInfo(*setting.from).name +
                               " on and has no effect here; drop it, or stop later than after " +
                               stageInfo(*last).name);
  }
  return Error::success();
}
