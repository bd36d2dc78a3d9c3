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
  generate::GenerateOptions options;
};

absl::StatusOr<int> Generate(const GenerateFlags& flags, bool json) {
  HYDRA_RETURN_IF_ERROR(generate::CheckSamplingOptions(flags.options.sampling));
  HYDRA_ASSIGN_OR_RETURN(ModelRequest request, flags.model.ToRequest());
  request.entries = {"extend@1x64", "extend@1x1"};
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(request));
  HYDRA_RETURN_IF_ERROR(LoadWeights(model, flags.weights, flags.options.sampling.seed));
  std::string name = flags.tokenizer;
  if (name.empty() && model.checkpoint) name = model.checkpoint->run().tokenizer;
  if (name.empty()) name = "byte";
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<data::Tokenizer> tokenizer,
                         data::MakeTokenizer(name));
  if (tokenizer->vocab_size() < model.artifact->info().vocab_size) {
    PrintWarning(absl::StrCat("the model has ", model.artifact->info().vocab_size,
                              " tokens, the tokenizer ", name, " knows ", tokenizer->vocab_size(),
                              "; a sampled one may have no text"));
  }
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<generate::ExecutorDecodeEngine> engine,
                         generate::ExecutorDecodeEngine::Create(model.executor()));
  // The prompt comes out with the first piece: a refused one leaves standard output empty.
  bool begun = false;
  const auto emit = [&](absl::string_view piece) {
    if (json) return;
    if (!begun) std::fwrite(flags.prompt.data(), 1, flags.prompt.size(), stdout);
    begun = true;
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
  };
  HYDRA_ASSIGN_OR_RETURN(
      const generate::Generation result,
      generate::Generate(*engine, *tokenizer, flags.prompt, flags.options, emit));
  emit("\n");
  const double decoded = static_cast<double>(result.tokens.size());
  if (json) {
    PrintJson({{"prompt", flags.prompt},
               {"text", result.text},
               {"tokens", result.tokens},
               {"stop_reason", std::string(generate::StopReasonName(result.reason))},
               {"prompt_tokens", result.prompt_tokens},
               {"prompt_seconds", JsonNumber(result.prompt_seconds)},
               {"decode_seconds", JsonNumber(result.decode_seconds)},
               {"tokens_per_second", JsonNumber(decoded / result.decode_seconds)}});
  }
  if (result.reason == generate::StopReason::kCacheFull) {
    PrintWarning(absl::StrCat("the decoding cache of ", engine->cache_len(),
                              " positions is full; compile with a larger --cache"));
  }
  return 0;
}

}  // namespace

void AddGenerate(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("generate", "Continue a text");
  auto flags = std::make_shared<GenerateFlags>();
  flags->model.Declare(*command, "checkpoint, run directory, artifact or model spec");
  generate::GenerateOptions& options = flags->options;
  command->add_option("--prompt", flags->prompt, "the text to continue")->required();
  command->add_option("--tokens", options.max_tokens, "tokens to write")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--temperature", options.sampling.temperature, "0: the most likely token")
      ->capture_default_str();
  command->add_option("--top-k", options.sampling.top_k, "keep the K most likely; 0: all")
      ->capture_default_str();
  command->add_option("--top-p", options.sampling.top_p, "keep this much probability")
      ->capture_default_str();
  command->add_option("--stop", options.stop, "end before this text");
  command->add_option("--seed", options.sampling.seed, "seed of the choices")
      ->capture_default_str();
  command->add_option("--weights", flags->weights, "safetensors file to use instead");
  command->add_option("--tokenizer", flags->tokenizer, "tokenizer; default: the checkpoint's");
  command->add_flag("--json", session.json, "print the result as JSON");
  command->callback([&session, flags] {
    session.action = [&session, flags] { return Generate(*flags, session.json); };
  });
}

}  // namespace hydra::tools
