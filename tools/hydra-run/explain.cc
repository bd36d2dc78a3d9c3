// hydra-run explain: the fusion decisions that an artifact carries, how two artifacts differ, and
// predicted times of kernels beside measured ones.
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "runtime/app/fusion_graph.h"
#include "runtime/app/kernel_times.h"
#include "runtime/app/machine_facts.h"
#include "runtime/app/profile_file.h"
#include "runtime/artifact/artifact.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/ledger.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {
namespace {

struct Options {
  std::string path, old, format = "text";
  std::string profile, facts, fit;  // files
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

absl::StatusOr<int> ExplainTimes(const Options& options, bool json) {
  if (!options.old.empty() || options.format != "text") {
    return UsageError(
        "--profile shows measured times as text, or as JSON with --json; drop --diff "
        "and --format");
  }
  if (!options.facts.empty() && !options.fit.empty()) {
    return UsageError("--facts reads what --fit writes; give one of them");
  }
  HYDRA_ASSIGN_OR_RETURN(const app::Profile profile, app::ReadProfile(options.profile));
  HYDRA_ASSIGN_OR_RETURN(const auto artifact, artifact::Artifact::Open(options.path));
  if (profile.artifact != app::ArtifactId(*artifact)) {
    return InputError(absl::StrCat(options.profile, ": expected a profile of ", options.path, " (",
                                   app::ArtifactId(*artifact), "), found one of artifact ",
                                   profile.artifact, "; run `hydra-run bench ", options.path,
                                   " --profile=FILE`"));
  }
  HYDRA_ASSIGN_OR_RETURN(const std::string text, LedgerJson(options.path));
  HYDRA_ASSIGN_OR_RETURN(const Ledger ledger, ParseLedger(text, options.path));
  app::KernelTimes times = app::JoinTimes(profile, ledger);
  if (times.kernels.empty()) {
    return InputError(absl::StrCat(options.profile,
                                   ": expected commands of kernels that the ledger of ",
                                   options.path, " knows, found none; compile and measure again"));
  }
  app::MachineFacts facts;
  if (!options.facts.empty()) {
    HYDRA_ASSIGN_OR_RETURN(facts, app::ReadMachineFacts(options.facts));
  }
  if (!options.fit.empty()) {
    facts = app::FitMachineFacts(times.Measured(), profile.workers);
    HYDRA_RETURN_IF_ERROR(WriteFileAtomically(options.fit, app::MachineFactsJson(facts)));
  }
  app::Predict(facts, profile.workers, times);
  if (json) {
    PrintJson(app::KernelTimesJson(profile, times));
  } else {
    std::printf("%s", app::KernelTimesText(profile, times).c_str());
  }
  return 0;
}

absl::StatusOr<int> Explain(const Options& options, bool json) {
  if (!options.profile.empty()) return ExplainTimes(options, json);
  if (!options.facts.empty() || !options.fit.empty()) {
    return UsageError(
        "--facts and --fit have no effect without --profile=FILE, the times that they "
        "are about");
  }
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
  command.Text("--profile", options->profile,
               "what `hydra-run bench --profile=FILE` wrote: measured times of kernels beside "
               "predicted ones");
  command.Text("--facts", options->facts,
               "machine facts to predict with; default: round figures of a server core");
  command.Text("--fit", options->fit, "fit machine facts to the profile and write them here");
  command.Run([options](bool json) { return Explain(*options, json); });
}

}  // namespace hydra::tools
