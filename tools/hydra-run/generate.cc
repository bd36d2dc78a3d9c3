// hydra-run generate: continues texts with a model.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "runtime/app/artifact_facts.h"
#include "runtime/app/phase_in_use.h"
#include "runtime/data/tokenizer.h"
#include "runtime/generate/executor_decode_engine.h"
#include "runtime/generate/generator.h"
#include "runtime/io/posix_file.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"
#include "tools/hydra-run/graph_report.h"
#include "tools/hydra-run/model_flags.h"

namespace hydra::tools {
namespace {

struct GenerateFlags {
  ModelFlags model;
  std::vector<std::string> prompts;
  std::string prompts_file;
  std::string prompt_file;
  std::string weights;
  std::string tokenizer;
  int64_t seed = 0;
  int64_t rows = 0;
  std::optional<int64_t> at_step;
  generate::GenerateOptions options;
};

constexpr uint64_t kLargestFile = uint64_t{1} << 30;

// A whole file, or standard input.
absl::StatusOr<std::string> ReadPrompt(const std::string& path) {
  if (path != "-") return ReadWholeFile(path, kLargestFile);
  std::string text;
  char piece[1 << 16];
  while (const size_t got = std::fread(piece, 1, sizeof(piece), stdin)) {
    text.append(piece, got);
    if (text.size() > kLargestFile) {
      return InputError(absl::StrCat("standard input: expected a prompt of at most ", kLargestFile,
                                     " bytes, found more"));
    }
  }
  if (std::ferror(stdin) != 0) return InputError("standard input: cannot be read");
  return text;
}

// The prompts of the command line, that of --prompt-file, then those of --prompts, one per line.
absl::StatusOr<std::vector<std::string>> CollectPrompts(const GenerateFlags& flags) {
  std::vector<std::string> prompts = flags.prompts;
  if (!flags.prompt_file.empty()) {
    HYDRA_ASSIGN_OR_RETURN(std::string text, ReadPrompt(flags.prompt_file));
    // An editor's newline at the end is none of the text.
    if (absl::EndsWith(text, "\n")) text.pop_back();
    if (text.empty()) {
      return InputError(
          absl::StrCat(flags.prompt_file == "-" ? "standard input" : flags.prompt_file,
                       ": expected a prompt, found nothing"));
    }
    prompts.push_back(std::move(text));
  }
  if (flags.prompts_file.empty()) {
    if (!prompts.empty()) return prompts;
    return UsageError(
        "expected --prompt TEXT, --prompt-file FILE or --prompts FILE, found none of them");
  }
  HYDRA_ASSIGN_OR_RETURN(std::string text, ReadWholeFile(flags.prompts_file, kLargestFile));
  if (absl::EndsWith(text, "\n")) text.pop_back();
  int64_t line = 0;
  for (const absl::string_view prompt : absl::StrSplit(text, '\n')) {
    ++line;
    if (prompt.empty()) {
      return InputError(absl::StrCat(flags.prompts_file, ":", line,
                                     ": expected a prompt on every line, found an empty line"));
    }
    prompts.emplace_back(prompt);
  }
  return prompts;
}

// Writes prompts and texts in the order of the prompts: the first that is not complete as it grows,
// those behind it when their turn comes. A prompt comes out with its text's first piece, so that
// refused ones leave standard output empty.
class TextPrinter final : public generate::TextObserver {
 public:
  explicit TextPrinter(const std::vector<std::string>& prompts) : texts_(prompts.size()) {
    for (size_t i = 0; i < prompts.size(); ++i) texts_[i].pending = prompts[i];
  }

  void Text(size_t prompt, absl::string_view piece) override {
    absl::StrAppend(&texts_[prompt].pending, piece);
    texts_[prompt].begun = true;
    Print();
  }
  void End(size_t prompt) override {
    texts_[prompt].pending.push_back('\n');
    texts_[prompt].begun = texts_[prompt].ended = true;
    Print();
  }

 private:
  struct Pending {
    std::string pending;
    bool begun = false, ended = false;
  };

  void Print() {
    for (; next_ < texts_.size() && texts_[next_].begun; ++next_) {
      std::string& pending = texts_[next_].pending;
      std::fwrite(pending.data(), 1, pending.size(), stdout);
      pending.clear();
      if (!texts_[next_].ended) break;
    }
    std::fflush(stdout);
  }

  std::vector<Pending> texts_;
  size_t next_ = 0;  // the first that is not printed to its end
};

class NoObserver final : public generate::TextObserver {
 public:
  void Text(size_t, absl::string_view) override {}
  void End(size_t) override {}
};

void PrintReport(const std::vector<std::string>& prompts,
                 const std::vector<generate::Generation>& results, const Model& model,
                 const std::string& variant, const generate::ExecutorDecodeEngine& engine,
                 double seconds) {
  Json texts = Json::array();
  size_t tokens = 0;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const generate::Generation& result = results[i];
    tokens += result.tokens.size();
    texts.push_back({{"prompt", prompts[i]},
                     {"text", result.text},
                     {"tokens", result.tokens},
                     {"stop_reason", std::string(generate::StopReasonName(result.reason))},
                     {"prompt_tokens", result.prompt_tokens},
                     {"prompt_seconds", result.prompt_seconds},
                     {"decode_seconds", result.decode_seconds}});
  }
  PrintJson({{"device", model.device().description()},
             {"variant", variant},
             {"mod_rule", app::SelectionRuleOf(*model.artifact, "extend")},
             {"rows", engine.rows()},
             {"graph", GraphJson(engine.graph_use())},
             {"fetched_bytes_per_token", engine.fetched_bytes()},
             {"results", texts},
             {"seconds", seconds},
             {"tokens_per_second", static_cast<double>(tokens) / seconds}});
}

// How fast the texts came, beside them.
void PrintSpeed(const std::vector<generate::Generation>& results, double seconds) {
  size_t tokens = 0;
  int64_t prompt_tokens = 0;
  for (const generate::Generation& result : results) {
    tokens += result.tokens.size();
    prompt_tokens += result.prompt_tokens;
  }
  PrintNote(absl::StrFormat("%s prompt tokens read, %s tokens written in %.2f s: %.1f tokens/s",
                            WithCommas(prompt_tokens), WithCommas(static_cast<int64_t>(tokens)),
                            seconds, static_cast<double>(tokens) / seconds));
}

// The one that was asked for, else the checkpoint's, else bytes.
absl::StatusOr<std::unique_ptr<data::Tokenizer>> OpenTokenizer(const GenerateFlags& flags,
                                                               const Model& model) {
  if (!flags.tokenizer.empty()) return data::MakeTokenizer(flags.tokenizer);
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<data::Tokenizer> own, model.OpenTokenizer());
  if (own != nullptr) return own;
  return data::MakeTokenizer(data::kByteTokenizer);
}

absl::StatusOr<int> Generate(const GenerateFlags& flags, bool json) {
  HYDRA_ASSIGN_OR_RETURN(const std::vector<std::string> prompts, CollectPrompts(flags));
  HYDRA_ASSIGN_OR_RETURN(ModelRequest request, flags.model.ToRequest());
  request.entries = DecodingEntries(request.settings, flags.rows);
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(request));
  HYDRA_RETURN_IF_ERROR(LoadWeights(model, flags.weights, static_cast<uint64_t>(flags.seed)));
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<data::Tokenizer> tokenizer,
                         OpenTokenizer(flags, model));
  if (tokenizer->vocab_size() < model.artifact->info().vocab_size) {
    PrintWarning(absl::StrCat("the model has ", model.artifact->info().vocab_size,
                              " tokens, the tokenizer ", tokenizer->name(), " has text for ",
                              tokenizer->vocab_size(), " of them; the others are never chosen"));
  }
  HYDRA_ASSIGN_OR_RETURN(const train::PhaseForUse phase,
                         app::PhaseInUse(model, "extend", flags.at_step));
  const std::string rule = app::SelectionRuleOf(*model.artifact, "extend");
  HYDRA_ASSIGN_OR_RETURN(
      const std::unique_ptr<generate::ExecutorDecodeEngine> engine,
      generate::ExecutorDecodeEngine::Create(model.executor(), phase.variant, rule == "recompute"));
  HYDRA_RETURN_IF_ERROR(engine->SetControls(phase.controls));
  if (flags.rows != 0 && engine->rows() != flags.rows) {
    return UsageError(absl::StrCat("--rows ", flags.rows, ": the artifact decodes ", engine->rows(),
                                   " sequences at once; compile it with --entry=extend@",
                                   flags.rows, "x64 --entry=extend@", flags.rows,
                                   "x1, or drop --rows"));
  }
  generate::GenerateOptions options = flags.options;
  options.sampling.seed = static_cast<uint64_t>(flags.seed);
  TextPrinter printer(prompts);
  NoObserver silent;
  const auto start = std::chrono::steady_clock::now();
  HYDRA_ASSIGN_OR_RETURN(
      const std::vector<generate::Generation> results,
      generate::Generate(*engine, *tokenizer, prompts, options,
                         json ? static_cast<generate::TextObserver&>(silent) : printer));
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  WarnOfFallbacks("a token", engine->graph_use());
  if (json) {
    PrintReport(prompts, results, model, phase.variant, *engine, elapsed.count());
  } else {
    PrintSpeed(results, elapsed.count());
  }
  const bool full = std::any_of(results.begin(), results.end(), [](const auto& result) {
    return result.reason == generate::StopReason::kCacheFull;
  });
  if (full) {
    PrintWarning(absl::StrCat("the decoding cache of ", engine->cache_len(), " positions is full",
                              engine->cache_len() < engine->max_seq_len()
                                  ? absl::StrCat("; compile with --cache=", engine->max_seq_len())
                                  : ", and the model takes no longer texts"));
  }
  return 0;
}

}  // namespace

void AddGenerate(CommandLine& line) {
  Command command = line.Add("generate", "Continue texts");
  auto flags = std::make_shared<GenerateFlags>();
  flags->model.Declare(command, "generate",
                       "checkpoint, run directory, bundle, artifact or model spec", {});
  flags->model.DeclareGraph(command);
  generate::GenerateOptions& options = flags->options;
  command.Texts("-p,--prompt", flags->prompts, "TEXT",
                "the text to continue; several are decoded together, each as if alone");
  command.Text("-f,--prompt-file", flags->prompt_file,
               "file that is a prompt as a whole; - for standard input");
  command.Text("--prompts", flags->prompts_file, "file of further prompts, one per line");
  command.Integer(
      "--rows", flags->rows, {.least = 0, .most = 1024},
      "sequences decoded at once, where MODEL has to be compiled; 0: the artifact's, or 1");
  command.Integer("-n,--tokens", options.max_tokens, {.least = 0}, "tokens to write");
  command.Number("--temperature", options.sampling.temperature, {.least = 0},
                 "spread of the choices; 0: the most likely token");
  command.Integer("--top-k", options.sampling.top_k, {.least = 0},
                  "keep the K most likely; 0: all");
  command.Number("--top-p", options.sampling.top_p, {.least = 0, .most = 1, .above = true},
                 "keep this much probability");
  command.Number("--repeat-penalty", options.sampling.repeat_penalty, {.least = 0, .above = true},
                 "above 1: what the text has already is less likely");
  command.Text("--stop", options.stop, "end before this text");
  command.Integer("--seed", flags->seed, {.least = 0}, "seed of the choices");
  DeclareAtStep(command, flags->at_step);
  command.Text("--weights", flags->weights, "safetensors file to use instead");
  command.Text(
      "--tokenizer", flags->tokenizer,
      "byte, or a file: tokenizer.json or a SentencePiece model; default: the checkpoint's, else "
      "byte");
  command.Run([flags](bool json) { return Generate(*flags, json); });
}

}  // namespace hydra::tools
