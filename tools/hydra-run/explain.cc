// hydra-run explain: the fusion decisions that an artifact carries, and how two artifacts differ.
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "runtime/app/fusion_graph.h"
#include "runtime/artifact/artifact.h"
#include "runtime/io/ledger.h"
#include "tools/hydra-run/commands.h"

namespace hydra::tools {
namespace {

struct Options {
  std::string path, old, format = "text";
};

absl::StatusOr<std::string> LedgerJson(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(const auto artifact, artifact::Artifact::Open(path));
  const auto section = artifact->Section(artifact::SectionKind::kLedger);
  if (section.empty()) {
    return InputError(absl::StrCat(path,
                                   ": expected an artifact with a fusion ledger, found one "
                                   "without; compile its spec again"));
  }
  return std::string(reinterpret_cast<const char*>(section.data()), section.size());
}

absl::StatusOr<int> Explain(const Options& options, bool json) {
  HYDRA_ASSIGN_OR_RETURN(const std::string text, LedgerJson(options.path));
  if (json) {
    std::printf("%s", text.c_str());
    return 0;
  }
  HYDRA_ASSIGN_OR_RETURN(const Ledger ledger, ParseLedger(text, options.path));
  if (options.format == "dot") {
    HYDRA_ASSIGN_OR_RETURN(const auto artifact, artifact::Artifact::Open(options.path));
    HYDRA_ASSIGN_OR_RETURN(const app::FusionGraph graph, app::GraphOfArtifact(*artifact));
    std::printf("%s", app::GraphDot(graph).c_str());
    return 0;
  }
  std::string report;
  if (!options.old.empty()) {
    HYDRA_ASSIGN_OR_RETURN(const std::string old_text, LedgerJson(options.old));
    HYDRA_ASSIGN_OR_RETURN(const Ledger old, ParseLedger(old_text, options.old));
    report = LedgerDiff(old, ledger);
    if (report.empty()) report = "The two decide the same.\n";
  } else {
    report = options.format == "html" ? LedgerHtml(ledger) : LedgerText(ledger);
  }
  std::printf("%s", report.c_str());
  return 0;
}

}  // namespace

void AddExplain(CommandLine& line) {
  Command command = line.Add("explain", "Which ops run together, which do not, and why");
  auto options = std::make_shared<Options>();
  command.Positional("file", options->path, "artifact");
  command.Text("--diff", options->old, "an older artifact: what is decided otherwise");
  command.Text("--format", options->format,
               "how it is shown; dot: a block as a graph, for graphviz", {"text", "html", "dot"});
  command.Run([options](bool json) { return Explain(*options, json); });
}

}  // namespace hydra::tools
