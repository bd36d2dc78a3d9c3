#include "runtime/app/measure.h"

#include <algorithm>
#include <memory>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "runtime/app/random_batches.h"
#include "runtime/base/philox.h"
#include "runtime/exec/variant_choice.h"

namespace hydra::app {

std::vector<EntryRequest> EntriesOf(const artifact::ArtifactInfo& info) {
  std::vector<EntryRequest> entries;
  for (const artifact::EntryInfo& entry : info.entries) {
    if (entry.name == "apply") continue;
    entries.push_back({.name = entry.name == "accumulate" ? "train" : entry.name,
                       .batch = entry.batch,
                       .seq = entry.seq});
  }
  const auto key = [](const EntryRequest& entry) {
    return std::tie(entry.name, entry.batch, entry.seq);
  };
  std::sort(entries.begin(), entries.end(),
            [&](const auto& a, const auto& b) { return key(a) < key(b); });
  entries.erase(std::unique(entries.begin(), entries.end(),
                            [&](const auto& a, const auto& b) { return key(a) == key(b); }),
                entries.end());
  return entries;
}

namespace {

std::string Label(const EntryRequest& entry) {
  return entry.batch == 0 ? entry.name : entry.Text();
}

std::string VariantOf(const Model& model, absl::string_view entry, const MeasureOptions& options) {
  if (!options.phase.variant.empty()) return options.phase.variant;
  return std::string(VariantForUse(model.artifact->info(), entry));
}

absl::Status ReadRouting(Launch& launch, const artifact::EntryInfo& entry, Measurement& result) {
  for (const artifact::NamedBuffer* buffer : entry.Results()) {
    const absl::string_view name = buffer->name;
    if (!absl::StartsWith(name, "route.")) continue;
    if (absl::EndsWith(name, ".tokens")) {
      HYDRA_ASSIGN_OR_RETURN(const std::vector<int32_t> counts,
                             launch.ReadOutput<int32_t>(buffer->name));
      result.routing[buffer->name].assign(counts.begin(), counts.end());
    } else if (name == "route.mlp.flops") {
      HYDRA_ASSIGN_OR_RETURN(const std::vector<float> flops,
                             launch.ReadOutput<float>(buffer->name));
      result.routing[buffer->name].assign(flops.begin(), flops.end());
    }
  }
  return absl::OkStatus();
}

absl::Status Time(Launch& launch, const artifact::EntryInfo& entry, const MeasureOptions& options,
                  Measurement& result) {
  for (int64_t i = 0; i < options.warmup; ++i) HYDRA_RETURN_IF_ERROR(launch.Run());
  for (int64_t i = 0; i < options.steps; ++i) {
    HYDRA_RETURN_IF_ERROR(launch.Run());
    result.seconds.push_back(launch.seconds());
  }
  std::sort(result.seconds.begin(), result.seconds.end());
  result.flops = launch.flops();
  result.graphs = launch.graph_use();
  result.fetched_bytes = launch.fetched_bytes();
  HYDRA_RETURN_IF_ERROR(ReadRouting(launch, entry, result));
  if (!options.profile) return absl::OkStatus();
  HYDRA_ASSIGN_OR_RETURN(result.profile, launch.Profile());
  return absl::OkStatus();
}

absl::StatusOr<Measurement> MeasureStep(Model& model, const EntryRequest& wanted,
                                        const MeasureOptions& options, int64_t micro_batches) {
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<train::ExecutorEngine> engine,
                         train::ExecutorEngine::Create(
                             model.executor(), {.batch = wanted.batch,
                                                .seq = wanted.seq,
                                                .micro_batches = micro_batches,
                                                .variant = VariantOf(model, "accumulate", options),
                                                .profile = options.profile}));
  for (const auto& [name, value] : options.phase.controls) {
    if (const auto control = engine->FindControl(name)) engine->SetControl(*control, value);
  }
  HYDRA_RETURN_IF_ERROR(StepOnRandomTokens(*engine));
  Measurement result;
  result.tokens = wanted.batch * wanted.seq * micro_batches;
  HYDRA_RETURN_IF_ERROR(Time(*engine->step_launch(), engine->accumulate_entry(), options, result));
  return result;
}

absl::StatusOr<Measurement> MeasureAlone(Model& model, const EntryRequest& wanted,
                                         const MeasureOptions& options) {
  const std::string variant = VariantOf(model, wanted.name, options);
  const artifact::EntryInfo* entry = nullptr;
  std::vector<std::string> present;
  for (const EntryRequest& other : EntriesOf(model.artifact->info())) {
    present.push_back(Label(other));
  }
  for (const artifact::EntryInfo& candidate : model.artifact->info().entries) {
    const bool same = candidate.name == wanted.name && candidate.batch == wanted.batch &&
                      candidate.seq == wanted.seq && candidate.variant == variant;
    if (same && entry == nullptr) entry = &candidate;
  }
  if (entry == nullptr) {
    return UsageError(absl::StrCat("--entry: expected one of ", absl::StrJoin(present, ", "),
                                   ", found '", wanted.Text(),
                                   "'; choose one of these or compile the model with it"));
  }
  LaunchOptions launch_options;
  launch_options.record.profile = options.profile;
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<Launch> launch,
                         model.executor().Prepare(*entry, launch_options));
  HYDRA_ASSIGN_OR_RETURN(ControlBlock control, ControlBlock::Create(model.artifact->info()));
  for (const auto& [name, value] : options.phase.controls) control.Set(name, value);
  HYDRA_RETURN_IF_ERROR(model.executor().WriteControl(control));
  for (const artifact::NamedBuffer& input : entry->inputs) {
    if (input.type == hal::ElementType::kF32) {
      // Not zeros: pages that nobody wrote are all one page, and reading it is reading a cache.
      HYDRA_ASSIGN_OR_RETURN(const InputSlot<float> slot, launch->FindInput<float>(input.name));
      HYDRA_ASSIGN_OR_RETURN(const absl::Span<float> values, launch->Stage(slot));
      Philox(0, 0).FillUniform(0, -1.0f, 1.0f, values);
      continue;
    }
    if (input.type != hal::ElementType::kI32) continue;
    HYDRA_ASSIGN_OR_RETURN(const InputSlot<int32_t> slot, launch->FindInput<int32_t>(input.name));
    HYDRA_ASSIGN_OR_RETURN(const absl::Span<int32_t> values, launch->Stage(slot));
    if (input.name == "count") {
      std::fill(values.begin(), values.end(), static_cast<int32_t>(wanted.seq));
    } else if (input.name == "position") {
      // The middle of the cache: neither the cheapest nor the dearest token.
      const int64_t middle =
          std::max<int64_t>(0, model.artifact->info().cache_len - wanted.seq) / 2;
      std::fill(values.begin(), values.end(), static_cast<int32_t>(middle));
    } else if (absl::EndsWith(input.name, "_expert")) {
      std::fill(values.begin(), values.end(), -1);  // none
    } else if (input.name == "tokens" || input.name == "targets") {
      RandomTokens(model.artifact->info().vocab_size, 0, values);
    }
  }
  Measurement result;
  result.tokens = wanted.batch * wanted.seq;
  HYDRA_RETURN_IF_ERROR(Time(*launch, *entry, options, result));
  return result;
}

}  // namespace

absl::StatusOr<Measurement> MeasureEntry(Model& model, const EntryRequest& entry,
                                         const MeasureOptions& options, int64_t micro_batches) {
  absl::StatusOr<Measurement> measurement = entry.name == "train"
                                                ? MeasureStep(model, entry, options, micro_batches)
                                                : MeasureAlone(model, entry, options);
  if (measurement.ok()) measurement->label = Label(entry);
  return measurement;
}

absl::StatusOr<RunForecast> ForecastRun(Model& model, train::ExecutorEngine& engine,
                                        uint64_t seed) {
  HYDRA_RETURN_IF_ERROR(engine.InitializeParameters(seed));
  HYDRA_RETURN_IF_ERROR(StepOnRandomTokens(engine));
  Launch& step = *engine.step_launch();
  HYDRA_RETURN_IF_ERROR(step.Run());
  return RunForecast{.memory = model.executor().MemoryReport(),
                     .resident = MeasureResidentBytes(),
                     .tokens = engine.batch() * engine.seq() * engine.micro_batches(),
                     .flops = step.flops(),
                     .seconds = step.seconds()};
}

}  // namespace hydra::app
