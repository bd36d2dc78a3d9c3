// hydra-run bench: times entries of a model on random tokens.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "runtime/train/executor_engine.h"
#include "tools/hydra-run/bench_batches.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"
#include "tools/hydra-run/model_flags.h"

namespace hydra::tools {
namespace {

struct BenchFlags {
  ModelFlags model;
  std::vector<std::string> entries;
  int64_t steps = 20;
  int64_t warmup = 3;
  bool profile = false;
};

struct Shape {
  std::string name;
  int64_t batch = 0, seq = 0;
};

struct Measurement {
  std::string label;
  int64_t tokens = 0;
  uint64_t flops = 0;
  std::vector<double> seconds;  // sorted
  std::vector<ProfileRow> profile;

  double median() const { return seconds[seconds.size() / 2]; }
};

absl::StatusOr<Shape> ParseEntry(const std::string& text) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('@', 1));
  const std::pair<std::string, std::string> sizes =
      absl::StrSplit(parts.second, absl::MaxSplits('x', 1));
  Shape shape{.name = parts.first};
  if (shape.name.empty() || !absl::SimpleAtoi(sizes.first, &shape.batch) ||
      !absl::SimpleAtoi(sizes.second, &shape.seq) || shape.batch < 1 || shape.seq < 1) {
    return UsageError(
        absl::StrCat("--entry expects NAME@BxS, e.g. train@8x256, found '", text, "'"));
  }
  return shape;
}

// Everything an artifact offers, in the words of --entry.
std::vector<std::string> EntriesOf(const artifact::ArtifactInfo& info) {
  std::vector<std::string> entries;
  for (const artifact::EntryInfo& entry : info.entries) {
    if (entry.name == "apply") continue;
    const std::string name = entry.name == "accumulate" ? "train" : entry.name;
    entries.push_back(absl::StrCat(name, "@", entry.batch, "x", entry.seq));
  }
  std::sort(entries.begin(), entries.end());
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  return entries;
}

absl::Status Time(Launch& launch, const BenchFlags& flags, Measurement& result) {
  for (int64_t i = 0; i < flags.warmup; ++i) HYDRA_RETURN_IF_ERROR(launch.Run());
  launch.set_profiling(flags.profile);
  for (int64_t i = 0; i < flags.steps; ++i) {
    HYDRA_RETURN_IF_ERROR(launch.Run());
    result.seconds.push_back(launch.seconds());
  }
  std::sort(result.seconds.begin(), result.seconds.end());
  result.flops = launch.flops();
  if (flags.profile) result.profile = launch.Profile();
  return absl::OkStatus();
}

absl::StatusOr<Measurement> MeasureStep(Model& model, const Shape& shape, const BenchFlags& flags,
                                        int64_t micro_batches) {
  HYDRA_ASSIGN_OR_RETURN(
      const std::unique_ptr<train::ExecutorEngine> engine,
      train::ExecutorEngine::Create(
          *model.executor,
          {.batch = shape.batch, .seq = shape.seq, .micro_batches = micro_batches, .variant = ""}));
  HYDRA_RETURN_IF_ERROR(FillWithRandomTokens(*engine));
  Measurement result;
  result.tokens = shape.batch * shape.seq * micro_batches;
  HYDRA_RETURN_IF_ERROR(Time(*engine->step_launch(), flags, result));
  return result;
}

absl::StatusOr<Measurement> MeasureEntry(Model& model, const Shape& shape,
                                         const BenchFlags& flags) {
  // Of any variant: the first one stands for the entry.
  std::string variant;
  for (const artifact::EntryInfo& entry : model.artifact->info().entries) {
    if (entry.name != shape.name) continue;
    variant = entry.variant;
    break;
  }
  HYDRA_ASSIGN_OR_RETURN(const artifact::EntryInfo* entry,
                         model.executor->FindEntry(shape.name, shape.batch, shape.seq, variant));
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<Launch> launch, model.executor->Prepare(*entry));
  for (const artifact::NamedBuffer& input : entry->inputs) {
    if (input.type != hal::ElementType::kI32) continue;
    HYDRA_ASSIGN_OR_RETURN(const absl::Span<int32_t> values, launch->Input<int32_t>(input.name));
    if (input.name == "count") {
      std::fill(values.begin(), values.end(), static_cast<int32_t>(shape.seq));
    } else if (input.name == "position") {
      // The middle of the cache: neither the cheapest nor the dearest token.
      const int64_t middle = std::max<int64_t>(0, model.artifact->info().cache_len - shape.seq) / 2;
      std::fill(values.begin(), values.end(), static_cast<int32_t>(middle));
    } else {
      RandomTokens(model.artifact->info().vocab_size, 0, values);
    }
  }
  Measurement result;
  result.tokens = shape.batch * shape.seq;
  HYDRA_RETURN_IF_ERROR(Time(*launch, flags, result));
  return result;
}

// The dearest commands, by entry, kind and kernel.
void PrintProfile(const Measurement& measurement) {
  std::map<std::tuple<std::string, std::string, std::string>, double> sums;
  double total = 0;
  for (const ProfileRow& row : measurement.profile) {
    sums[{row.entry, row.kind, row.kernel}] += row.seconds;
    total += row.seconds;
  }
  std::vector<std::pair<double, std::tuple<std::string, std::string, std::string>>> rows;
  for (const auto& [key, seconds] : sums) rows.emplace_back(seconds, key);
  std::sort(rows.rbegin(), rows.rend());
  Table table({"share", "ms per run", "entry", "kind", "kernel"}, "rrlll");
  const double runs = static_cast<double>(measurement.seconds.size());
  for (size_t i = 0; i < std::min<size_t>(rows.size(), 25); ++i) {
    const auto& [entry, kind, kernel] = rows[i].second;
    table.Add({absl::StrFormat("%.1f %%", 100 * rows[i].first / total),
               absl::StrFormat("%.3f", 1e3 * rows[i].first / runs), entry, kind, kernel});
  }
  std::printf("\n%s\n%s", measurement.label.c_str(), table.Text().c_str());
}

Json ToJson(const Measurement& measurement) {
  Json json{{"entry", measurement.label},
            {"tokens", measurement.tokens},
            {"flops", measurement.flops},
            {"runs", measurement.seconds.size()},
            {"median_seconds", measurement.median()},
            {"min_seconds", measurement.seconds.front()},
            {"max_seconds", measurement.seconds.back()},
            {"tokens_per_second",
             JsonNumber(static_cast<double>(measurement.tokens) / measurement.median())}};
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
  return json;
}

absl::StatusOr<int> Bench(const BenchFlags& flags, bool json) {
  HYDRA_ASSIGN_OR_RETURN(ModelRequest request, flags.model.ToRequest());
  request.entries = flags.entries.empty() ? std::vector<std::string>{"train@8x256"} : flags.entries;
  std::vector<Shape> shapes;
  for (const std::string& entry : flags.entries) {
    HYDRA_ASSIGN_OR_RETURN(shapes.emplace_back(), ParseEntry(entry));
  }
  request.micro_batches = std::max<int64_t>(1, request.settings.Integer("accum"));
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(request));
  if (shapes.empty()) {
    for (const std::string& entry : EntriesOf(model.artifact->info())) {
      HYDRA_ASSIGN_OR_RETURN(shapes.emplace_back(), ParseEntry(entry));
    }
  }
  HYDRA_RETURN_IF_ERROR(model.executor->InitializeParameters(0));
  std::vector<Measurement> measurements;
  for (const Shape& shape : shapes) {
    absl::StatusOr<Measurement> measurement =
        shape.name == "train" ? MeasureStep(model, shape, flags, request.micro_batches)
                              : MeasureEntry(model, shape, flags);
    if (!measurement.ok()) return measurement.status();
    measurement->label = absl::StrCat(shape.name, "@", shape.batch, "x", shape.seq);
    measurements.push_back(*std::move(measurement));
  }
  if (json) {
    Json entries = Json::array();
    for (const Measurement& measurement : measurements) entries.push_back(ToJson(measurement));
    PrintJson({{"model", model.artifact->info().model},
               {"device", model.device->description()},
               {"isa_level", model.executor->isa_level()},
               {"accum", request.micro_batches},
               {"entries", std::move(entries)}});
    return 0;
  }
  Table table({"entry", "median ms", "min ms", "tokens/s", "GFLOP/s"}, "lrrrr");
  for (const Measurement& m : measurements) {
    table.Add({m.label, absl::StrFormat("%.3f", 1e3 * m.median()),
               absl::StrFormat("%.3f", 1e3 * m.seconds.front()),
               WithCommas(static_cast<int64_t>(static_cast<double>(m.tokens) / m.median())),
               absl::StrFormat("%.1f", static_cast<double>(m.flops) / m.median() / 1e9)});
  }
  std::printf("%s, %s\n%s", model.artifact->info().model.c_str(),
              model.device->description().c_str(), table.Text().c_str());
  for (const Measurement& measurement : measurements) {
    if (!measurement.profile.empty()) PrintProfile(measurement);
  }
  return 0;
}

}  // namespace

void AddBench(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("bench", "Time entries on random tokens");
  auto flags = std::make_shared<BenchFlags>();
  flags->model.Declare(*command, "artifact, checkpoint or model spec");
  command->add_option("--entry", flags->entries, "NAME@BxS (repeatable); default: all")
      ->allow_extra_args(false);
  command->add_option("--steps", flags->steps, "measured runs")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--warmup", flags->warmup, "runs before measuring")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("--profile", flags->profile, "time every command too");
  flags->model.DeclareSetting(*command, "--accum", "accum");
  command->add_flag("--json", session.json, "print the result as JSON");
  command->callback([&session, flags] {
    session.action = [&session, flags] { return Bench(*flags, session.json); };
  });
}

}  // namespace hydra::tools
