// hydra-run data: text files to data directories.
#include <cstdio>
#include <memory>

#include "runtime/data/dataset.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {
namespace {

absl::StatusOr<int> PrepareText(const data::TextOptions& options, bool json) {
  HYDRA_ASSIGN_OR_RETURN(const data::TextSummary summary, data::PrepareText(options));
  if (json) {
    PrintJson({{"out", options.out},
               {"bytes", summary.bytes},
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

}  // namespace

void AddData(CommandLine& line) {
  Command command = line.Add("data", "Make data directories");
  Command text = command.Subcommand("text", "Tokenize text files");
  auto options = std::make_shared<data::TextOptions>();
  text.Positionals("files", options->files, "text files, joined in this order");
  text.RequiredText("--out", options->out, "directory to make");
  text.Flag("--force", options->force, "replace a data directory; never one with other files");
  text.Text("--tokenizer", options->tokenizer, "how text becomes token ids", {"byte"});
  text.Number("--validation-fraction", options->validation_fraction, {.least = 0, .most = 0.999},
              "share held out, from the end");
  text.Run([options](bool json) { return PrepareText(*options, json); });
}

}  // namespace hydra::tools
