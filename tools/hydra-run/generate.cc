// hydra-run generate: continues a text with a model.
#include <cstdio>
#include <memory>

#include "runtime/data/tokenizer.h"
#include "runtime/generate/executor_decode_engine.h"
#include "runtime/generate/generator.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"
#include "tools/hydra-run/model_flags.h"

namespace hydra::tools {
namespace {

struct GenerateFlags {
  ModelFlags model;
  std::string prompt;
  std::string weights;
  std::string tokenizer;
  int64_t seed = 0;
  generate::GenerateOptions options;
};

absl::StatusOr<int> Generate(const GenerateFlags& flags, bool json) {
  HYDRA_ASSIGN_OR_RETURN(ModelRequest request, flags.model.ToRequest());
  request.entries = DecodingEntries();
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(request));
  HYDRA_RETURN_IF_ERROR(LoadWeights(model, flags.weights, static_cast<uint64_t>(flags.seed)));
  std::string name = flags.tokenizer;
  if (name.empty() && model.checkpoint) name = model.checkpoint->run().tokenizer;
  if (name.empty()) name = "byte";
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<data::Tokenizer> tokenizer,
                         data::MakeTokenizer(name));
  if (tokenizer->vocab_size() < model.artifact->info().vocab_size) {
    PrintWarning(absl::StrCat("the model has ", model.artifact->info().vocab_size,
                              " tokens, the tokenizer ", name, " has text for ",
                              tokenizer->vocab_size(), " of them; the others are never chosen"));
  }
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<generate::ExecutorDecodeEngine> engine,
                         generate::ExecutorDecodeEngine::Create(model.executor()));
  generate::GenerateOptions options = flags.options;
  options.sampling.seed = static_cast<uint64_t>(flags.seed);
  // The prompt comes out with the first piece: a refused one leaves standard output empty.
  bool begun = false;
  const auto emit = [&](absl::string_view piece) {
    if (json) return;
    if (!begun) std::fwrite(flags.prompt.data(), 1, flags.prompt.size(), stdout);
    begun = true;
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
  };
  HYDRA_ASSIGN_OR_RETURN(const generate::Generation result,
                         generate::Generate(*engine, *tokenizer, flags.prompt, options, emit));
  emit("\n");
  const double decoded = static_cast<double>(result.tokens.size());
  if (json) {
    PrintJson({{"prompt", flags.prompt},
               {"text", result.text},
               {"device", model.device().description()},
               {"tokens", result.tokens},
               {"stop_reason", std::string(generate::StopReasonName(result.reason))},
               {"prompt_tokens", result.prompt_tokens},
               {"prompt_seconds", result.prompt_seconds},
               {"decode_seconds", result.decode_seconds},
               {"tokens_per_second", decoded / result.decode_seconds}});
  }
  if (result.reason == generate::StopReason::kCacheFull) {
    PrintWarning(absl::StrCat("the decoding cache of ", engine->cache_len(), " positions is full",
                              engine->cache_len() < engine->max_seq_len()
                                  ? absl::StrCat("; compile with --cache=", engine->max_seq_len())
                                  : ", and the model takes no longer texts"));
  }
  return 0;
}

}  // namespace

void AddGenerate(CommandLine& line) {
  Command command = line.Add("generate", "Continue a text");
  auto flags = std::make_shared<GenerateFlags>();
  flags->model.Declare(command, "generate", "checkpoint, run directory, artifact or model spec",
                       {});
  generate::GenerateOptions& options = flags->options;
  command.RequiredText("--prompt", flags->prompt, "the text to continue");
  command.Integer("--tokens", options.max_tokens, {.least = 0}, "tokens to write");
  command.Number("--temperature", options.sampling.temperature, {.least = 0},
                 "spread of the choices; 0: the most likely token");
  command.Integer("--top-k", options.sampling.top_k, {.least = 0},
                  "keep the K most likely; 0: all");
  command.Number("--top-p", options.sampling.top_p, {.least = 0, .most = 1, .above = true},
                 "keep this much probability");
  command.Text("--stop", options.stop, "end before this text");
  command.Integer("--seed", flags->seed, {.least = 0}, "seed of the choices");
  command.Text("--weights", flags->weights, "safetensors file to use instead");
  command.Text("--tokenizer", flags->tokenizer, "tokenizer; default: the checkpoint's, else byte");
  command.Run([flags](bool json) { return Generate(*flags, json); });
}

}  // namespace hydra::tools
