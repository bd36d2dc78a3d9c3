// hydra-run data: texts to data directories, and tokenizers.
#include <cstdio>
#include <memory>

#include "runtime/data/dataset.h"
#include "runtime/data/text_source.h"
#include "runtime/data/tokenizer.h"
#include "runtime/data/tokenizer/bpe_trainer.h"
#include "runtime/data/tokenizer/tokenizer_json.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/output_guard.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {
namespace {

struct TextFlags {
  data::TextOptions options;
  int64_t shard_tokens = int64_t{1} << 26;
};

struct TokenizerFlags {
  std::vector<std::string> files;
  std::string output;
  std::vector<std::string> special;
  int64_t vocab_size = 8192;
  bool force = false;
};

absl::StatusOr<int> PrepareText(const TextFlags& flags, bool json) {
  data::TextOptions options = flags.options;
  options.shard_tokens = static_cast<uint64_t>(flags.shard_tokens);
  HYDRA_ASSIGN_OR_RETURN(const data::TextSummary summary, data::PrepareText(options));
  if (json) {
    PrintJson({{"out", options.out},
               {"bytes", summary.bytes},
               {"documents", summary.documents},
               {"train_tokens", summary.train_tokens},
               {"validation_tokens", summary.validation_tokens},
               {"fingerprint", summary.fingerprint}});
  } else {
    std::printf("%s: %s bytes, %s tokens for training, %s held out\n", options.out.c_str(),
                WithCommas(static_cast<int64_t>(summary.bytes)).c_str(),
                WithCommas(static_cast<int64_t>(summary.train_tokens)).c_str(),
                WithCommas(static_cast<int64_t>(summary.validation_tokens)).c_str());
  }
  return 0;
}

bool IsTokenizerJson(const std::string& path) {
  const auto tokenizer = data::MakeTokenizer(path);
  return tokenizer.ok() && (*tokenizer)->name() == data::kTokenizerJson;
}

absl::StatusOr<int> TrainTokenizer(const TokenizerFlags& flags, bool json) {
  const int64_t words = flags.vocab_size - static_cast<int64_t>(flags.special.size());
  if (words < 256) {
    return UsageError(absl::StrCat("--vocab-size: expected at least 256, one token per byte, and ",
                                   flags.special.size(), " for --special, found ",
                                   flags.vocab_size));
  }
  HYDRA_RETURN_IF_ERROR(
      CheckOutput(flags.output, FileKind{"a tokenizer.json", IsTokenizerJson}, flags.force));
  data::WordCounter counter;
  for (const std::string& path : flags.files) {
    HYDRA_ASSIGN_OR_RETURN(data::TextSource source, data::TextSource::Open(path));
    for (;;) {
      HYDRA_ASSIGN_OR_RETURN(const absl::string_view piece, source.Read());
      if (piece.empty()) break;
      HYDRA_RETURN_IF_ERROR(Annotate(counter.Append(piece), source.name()));
    }
    HYDRA_RETURN_IF_ERROR(Annotate(counter.Finish(), source.name()));
  }
  const data::BpeTable table = data::TrainBpe(counter.counts(), words);
  std::vector<data::AddedToken> special;
  for (const std::string& text : flags.special) {
    special.push_back({.content = text,
                       .id = static_cast<int32_t>(table.tokens.size() + special.size()),
                       .special = true});
  }
  const std::string contents = data::TokenizerJsonText(table, special);
  // What cannot be read again is not written: a special text that is a token already, say.
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<data::Tokenizer> tokenizer,
                         data::ParseTokenizer(data::kTokenizerJson, contents, flags.output));
  HYDRA_RETURN_IF_ERROR(WriteFileAtomically(flags.output, contents));
  if (json) {
    PrintJson({{"out", flags.output},
               {"vocab_size", tokenizer->vocab_size()},
               {"merges", table.merges.size()},
               {"words", counter.counts().size()}});
  } else {
    std::printf("%s: byte-level BPE of %s tokens, from %s different words\n", flags.output.c_str(),
                WithCommas(tokenizer->vocab_size()).c_str(),
                WithCommas(static_cast<int64_t>(counter.counts().size())).c_str());
  }
  return 0;
}

void DeclareText(Command& command, const std::shared_ptr<TextFlags>& flags) {
  data::TextOptions& options = flags->options;
  command.RequiredText("--out", options.out, "directory to make");
  command.Flag("--force", options.force, "replace a data directory; never one with other files");
  command.Text("--tokenizer", options.tokenizer,
               "byte, or a file: tokenizer.json of byte-level BPE, or a SentencePiece model");
  command.Number("--validation-fraction", options.validation_fraction, {.least = 0, .most = 0.999},
                 "share held out, from the end");
  command.Integer("--shard-tokens", flags->shard_tokens, {.least = 1},
                  "tokens per file of the directory");
  command.Run([flags](bool json) { return PrepareText(*flags, json); });
}

}  // namespace

void AddData(CommandLine& line) {
  Command command = line.Add("data", "Make data directories and tokenizers");
  Command text = command.Subcommand("text", "Tokenize text files");
  auto texts = std::make_shared<TextFlags>();
  text.Positionals("files", texts->options.files,
                   "text files, joined in this order; -: standard input");
  DeclareText(text, texts);

  Command jsonl = command.Subcommand("jsonl", "Tokenize documents of JSON Lines");
  auto documents = std::make_shared<TextFlags>();
  documents->options.format = data::TextFormat::kJsonl;
  jsonl.Positionals("files", documents->options.files,
                    "files of one JSON object per line; -: standard input");
  jsonl.Text("--field", documents->options.field, "member that holds a document's text");
  DeclareText(jsonl, documents);

  Command tokenizer = command.Subcommand("tokenizer", "Train a byte-level BPE tokenizer");
  auto training = std::make_shared<TokenizerFlags>();
  tokenizer.Positionals("files", training->files, "text files; -: standard input");
  tokenizer.RequiredText("-o,--output", training->output, "tokenizer.json to write");
  tokenizer.Integer("--vocab-size", training->vocab_size, {.least = 256, .most = 1 << 24},
                    "tokens at most");
  tokenizer.Texts("--special", training->special, "TEXT",
                  "a text that is one token, such as \"<|endoftext|>\"; several are several");
  tokenizer.Flag("--force", training->force, "replace a tokenizer.json");
  tokenizer.Run([training](bool json) { return TrainTokenizer(*training, json); });
}

}  // namespace hydra::tools
