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

void AddData(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("data", "Make data directories");
  command->require_subcommand(1);
  CLI::App* text = command->add_subcommand("text", "Tokenize text files");
  auto options = std::make_shared<data::TextOptions>();
  text->add_option("files", options->files, "text files, joined in this order")->required();
  text->add_option("--out", options->out, "directory to make")->required();
  text->add_flag("--force", options->force, "replace a data directory; never one with other files");
  text->add_option("--tokenizer", options->tokenizer, "byte")->capture_default_str();
  text->add_option("--validation-fraction", options->validation_fraction,
                   "share held out, from the end")
      ->capture_default_str();
  text->add_flag("--json", session.json, "print the result as JSON");
  text->callback([&session, options] {
    session.action = [&session, options] { return PrepareText(*options, session.json); };
  });
}

}  // namespace hydra::tools
