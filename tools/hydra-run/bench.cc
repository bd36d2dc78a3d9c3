// hydra-run bench: times entries of a model on random tokens.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/app/measure.h"
#include "runtime/app/phase_in_use.h"
#include "runtime/app/profile_file.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/ledger.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"
#include "tools/hydra-run/graph_report.h"
#include "tools/hydra-run/model_flags.h"

namespace hydra::tools {
namespace {

struct BenchFlags {
  ModelFlags model;
  std::vector<std::string> entries;  // as given with --entry
  std::string weights;
  app::MeasureOptions measure;
  std::optional<int64_t> at_step;
  // "": no profile; "true": printed; else the file to write it to.
  std::string profile;
  bool perf_map = false;
};

absl::StatusOr<EntryRequest> ParseEntry(const std::string& text) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('@', 1));
  const std::pair<std::string, std::string> sizes =
      absl::StrSplit(parts.second, absl::MaxSplits('x', 1));
  EntryRequest entry{.name = parts.first, .batch_chosen = true, .seq_chosen = true};
  if (entry.name.empty() || !absl::SimpleAtoi(sizes.first, &entry.batch) ||
      !absl::SimpleAtoi(sizes.second, &entry.seq) || entry.batch < 1 || entry.seq < 1) {
    return UsageError(
        absl::StrCat("--entry: expected NAME@BxS, e.g. train@8x256, found '", text, "'"));
  }
  return entry;
}

// The dearest commands, by entry, kind and kernel; warm-up runs are among those timed.
void PrintProfile(const app::Measurement& measurement) {
  std::map<std::tuple<std::string, std::string, std::string>, double> sums;
  double total = 0;
  uint64_t runs = 0;
  for (const ProfileRow& row : measurement.profile) {
    sums[{row.entry, row.kind, row.kernel}] += row.seconds;
    total += row.seconds;
    runs = std::max(runs, row.runs);
  }
  std::vector<std::pair<double, std::tuple<std::string, std::string, std::string>>> rows;
  for (const auto& [key, seconds] : sums) rows.emplace_back(seconds, key);
  std::sort(rows.rbegin(), rows.rend());
  Table table({"share", "ms per run", "entry", "kind", "kernel"}, "rrlll");
  for (size_t i = 0; i < std::min<size_t>(rows.size(), 25); ++i) {
    const auto& [entry, kind, kernel] = rows[i].second;
    table.Add({absl::StrFormat("%.1f %%", 100 * rows[i].first / total),
               absl::StrFormat("%.3f", 1e3 * rows[i].first / static_cast<double>(runs)), entry,
               kind, kernel});
  }
  std::printf("\n%s\n%s", measurement.label.c_str(), table.Text().c_str());
}

Json ToJson(const app::Measurement& measurement) {
  Json json{{"entry", measurement.label},
            {"tokens", measurement.tokens},
            {"flops", measurement.flops},
            {"runs", measurement.seconds.size()},
            {"median_seconds", measurement.median()},
            {"min_seconds", measurement.seconds.front()},
            {"max_seconds", measurement.seconds.back()},
            {"tokens_per_second", static_cast<double>(measurement.tokens) / measurement.median()}};
  json["graph"] = GraphJson(measurement.graphs);
  json["fetched_bytes"] = measurement.fetched_bytes;
  Json profile = Json::array();
  for (const ProfileRow& row : measurement.profile) {
    profile.push_back({{"entry", row.entry},
                       {"scope", row.scope},
                       {"kind", row.kind},
                       {"kernel", row.kernel},
                       {"runs", row.runs},
                       {"seconds", row.seconds}});
  }
  if (!profile.empty()) json["profile"] = std::move(profile);
  if (!measurement.routing.empty()) json["routing"] = measurement.routing;
  return json;
}

absl::Status WriteProfile(const std::string& path, const Model& model,
                          const std::vector<app::Measurement>& measurements) {
  const artifact::Artifact& artifact = *model.artifact;
  const app::Profile head{.artifact = app::ArtifactId(artifact),
                          .model = artifact.info().model,
                          .device = model.device().description(),
                          .isa_level = model.executor().isa_level(),
                          .workers = model.device().capabilities().workers};
  std::optional<Ledger> ledger;
  const auto section = artifact.Section(artifact::SectionKind::kLedger);
  if (!section.empty()) {
    HYDRA_ASSIGN_OR_RETURN(
        ledger, ParseLedger(absl::string_view(reinterpret_cast<const char*>(section.data()),
                                              section.size()),
                            artifact.path()));
  }
  return WriteFileAtomically(
      path, app::ProfileTrace(head, artifact.info(), ledger ? &*ledger : nullptr, measurements));
}

absl::StatusOr<int> Bench(const BenchFlags& flags, bool json) {
  HYDRA_ASSIGN_OR_RETURN(ModelRequest request, flags.model.ToRequest());
  for (const std::string& entry : flags.entries) {
    HYDRA_ASSIGN_OR_RETURN(request.entries.emplace_back(), ParseEntry(entry));
  }
  if (flags.entries.empty()) request.entries = {EntryRequest::Of("train", 0, 0)};
  request.micro_batches = request.settings.Integer("accum");
  request.perf_map = flags.perf_map;
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(request));
  const std::vector<EntryRequest> entries =
      flags.entries.empty() ? app::EntriesOf(model.artifact->info()) : request.entries;
  if (request.settings.given("accum") &&
      absl::c_none_of(entries, [](const EntryRequest& entry) { return entry.name == "train"; })) {
    return UsageError(
        "--accum has no effect: it counts micro-batches of train entries, and none "
        "is measured; drop it or add --entry=train@BxS");
  }
  if (flags.weights.empty() && !model.checkpoint) {
    HYDRA_RETURN_IF_ERROR(model.executor().InitializeParameters(0));
  } else {
    HYDRA_RETURN_IF_ERROR(app::LoadWeights(model, flags.weights, 0));
  }
  app::MeasureOptions measure = flags.measure;
  measure.profile = !flags.profile.empty();
  const std::string& first = entries.front().name;
  HYDRA_ASSIGN_OR_RETURN(
      measure.phase,
      app::PhaseInUse(model, first == "train" ? "accumulate" : first, flags.at_step));
  std::vector<app::Measurement> measurements;
  for (const EntryRequest& entry : entries) {
    HYDRA_ASSIGN_OR_RETURN(measurements.emplace_back(),
                           app::MeasureEntry(model, entry, measure, request.micro_batches));
  }
  for (const app::Measurement& measurement : measurements) {
    WarnOfFallbacks(measurement.label, measurement.graphs);
  }
  if (measure.profile && flags.profile != "true") {
    HYDRA_RETURN_IF_ERROR(WriteProfile(flags.profile, model, measurements));
  }
  if (json) {
    Json list = Json::array();
    for (const app::Measurement& measurement : measurements) list.push_back(ToJson(measurement));
    PrintJson({{"model", model.artifact->info().model},
               {"device", model.device().description()},
               {"isa_level", model.executor().isa_level()},
               {"accum", request.micro_batches},
               {"variant", measure.phase.variant},
               {"entries", std::move(list)}});
    return 0;
  }
  Table table({"entry", "median ms", "min ms", "tokens/s", "GFLOP/s"}, "lrrrr");
  for (const app::Measurement& m : measurements) {
    table.Add({m.label, absl::StrFormat("%.3f", 1e3 * m.median()),
               absl::StrFormat("%.3f", 1e3 * m.seconds.front()),
               WithCommas(static_cast<int64_t>(static_cast<double>(m.tokens) / m.median())),
               absl::StrFormat("%.1f", static_cast<double>(m.flops) / m.median() / 1e9)});
  }
  std::printf("%s, %s\n%s", model.artifact->info().model.c_str(),
              model.device().description().c_str(), table.Text().c_str());
  for (const app::Measurement& measurement : measurements) {
    if (measurement.graphs.parts.empty()) continue;
    std::printf("%s: %s\n", measurement.label.c_str(), measurement.graphs.Describe().c_str());
  }
  for (const app::Measurement& measurement : measurements) {
    if (!measurement.profile.empty()) PrintProfile(measurement);
  }
  return 0;
}

}  // namespace

void AddBench(CommandLine& line) {
  Command command = line.Add("bench", "Time entries on random tokens");
  auto flags = std::make_shared<BenchFlags>();
  flags->model.Declare(command, "bench", "artifact, checkpoint or model spec", {"accum"});
  flags->model.DeclareGraph(command);
  command.Texts("--entry", flags->entries, "NAME@BxS",
                "entry to time (repeatable), of an artifact also accumulate@BxS, a training step "
                "without the optimizer; default: all that the artifact has");
  command.Text("--weights", flags->weights,
               "safetensors file of the weights; default: the checkpoint's, else initial values");
  command.Integer("--steps", flags->measure.steps, {.least = 1, .most = 10'000'000},
                  "measured runs");
  command.Integer("--warmup", flags->measure.warmup, {.least = 0}, "runs before measuring");
  DeclareAtStep(command, flags->at_step);
  command.FlagOrText("--profile", flags->profile,
                     "time every command too; with =FILE, write the times as a Chrome trace, which "
                     "`hydra-run explain --profile` reads");
  command.Flag("--perf-map", flags->perf_map, "name the kernels for perf(1), in /tmp/perf-PID.map");
  flags->model.DeclareSetting(command, "accum");
  command.Run([flags](bool json) { return Bench(*flags, json); });
}

}  // namespace hydra::tools
