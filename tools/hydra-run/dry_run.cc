#include "tools/hydra-run/dry_run.h"

#include <cstdio>

#include "absl/strings/str_format.h"
#include "runtime/app/measure.h"
#include "runtime/app/run_plan.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {

namespace {

// For a GPU that is not here.
absl::StatusOr<int> PlanOnly(app::TrainRun& run, bool json) {
  const train::Settings& settings = run.settings();
  const int64_t accum = settings.Integer("accum");
  HYDRA_ASSIGN_OR_RETURN(const app::RunPlan plan,
                         app::PlanRunOnGpu(*run.model().artifact, settings.Integer("batch"),
                                           settings.Integer("seq"), static_cast<int>(accum)));
  const std::string& model = run.model().artifact->info().model;
  uint64_t planned = 0;
  Json memory = Json::array();
  Table table({"memory", "planned"}, "lr");
  for (const MemoryLine& line : plan.memory) {
    planned += line.planned;
    table.Add({line.purpose, HumanBytes(line.planned)});
    memory.push_back({{"purpose", line.purpose}, {"planned", line.planned}});
  }
  table.Add({"total", HumanBytes(planned)});
  if (json) {
    PrintJson({{"model", model},
               {"device", nullptr},
               {"parameters", plan.parameters},
               {"batch", plan.batch},
               {"seq", plan.seq},
               {"accum", accum},
               {"planned_bytes", planned},
               {"memory", std::move(memory)},
               {"flops_per_step", plan.flops},
               {"settings", settings.RunValues()}});
    return 0;
  }
  std::printf("model        %s, %s parameters\n", model.c_str(),
              WithCommas(plan.parameters).c_str());
  std::printf("step         %d x %d tokens, %d micro-batches: %.3f GFLOP\n",
              static_cast<int>(plan.batch), static_cast<int>(plan.seq), static_cast<int>(accum),
              static_cast<double>(plan.flops) / 1e9);
  std::printf("%s", table.Text().c_str());
  std::printf("speed        not known: this machine has no GPU to measure it on\n");
  return 0;
}

}  // namespace

absl::StatusOr<int> DryRun(app::TrainRun& run, bool json) {
  if (!run.model().session) return PlanOnly(run, json);
  const train::Settings& settings = run.settings();
  train::ExecutorEngine& engine = run.engine();
  HYDRA_ASSIGN_OR_RETURN(const app::RunForecast forecast,
                         app::ForecastRun(run.model(), engine, settings.Integer("seed")));
  const double seconds = forecast.seconds;
  const uint64_t flops = forecast.flops;
  const int64_t tokens = forecast.tokens;
  const int64_t steps = settings.Integer("steps");
  uint64_t planned = 0, obtained = 0;
  Json memory = Json::array();
  Table table({"memory", "planned", "obtained"}, "lrr");
  for (const MemoryLine& line : forecast.memory) {
    planned += line.planned;
    obtained += line.obtained;
    table.Add({line.purpose, HumanBytes(line.planned), HumanBytes(line.obtained)});
    memory.push_back(
        {{"purpose", line.purpose}, {"planned", line.planned}, {"obtained", line.obtained}});
  }
  table.Add({"total", HumanBytes(planned), HumanBytes(obtained)});
  const app::ResidentBytes& resident = forecast.resident;
  const double tokens_per_second = static_cast<double>(tokens) / seconds;
  if (json) {
    PrintJson({{"model", engine.facts().model},
               {"device", run.model().device().description()},
               {"parameters", engine.facts().parameter_count},
               {"batch", engine.batch()},
               {"seq", engine.seq()},
               {"accum", engine.micro_batches()},
               {"planned_bytes", planned},
               {"obtained_bytes", obtained},
               {"memory", std::move(memory)},
               {"resident_bytes", resident.current},
               {"peak_resident_bytes", resident.peak},
               {"flops_per_step", flops},
               {"seconds_per_step", seconds},
               {"tokens_per_second", tokens_per_second},
               {"seconds", seconds * static_cast<double>(steps)},
               {"settings", settings.RunValues()}});
    return 0;
  }
  std::printf("model        %s, %s parameters\n", engine.facts().model.c_str(),
              WithCommas(engine.facts().parameter_count).c_str());
  std::printf("step         %d x %d tokens, %d micro-batches: %s tokens, %.3f GFLOP\n",
              static_cast<int>(engine.batch()), static_cast<int>(engine.seq()),
              static_cast<int>(engine.micro_batches()), WithCommas(tokens).c_str(),
              static_cast<double>(flops) / 1e9);
  std::printf("%s", table.Text().c_str());
  std::printf("process      %s resident, %s at most (code, artifact and libraries included)\n",
              HumanBytes(resident.current).c_str(), HumanBytes(resident.peak).c_str());
  std::printf("speed        %s tokens/s, %.1f ms per step (one step measured), %s for %s steps\n",
              WithCommas(static_cast<int64_t>(tokens_per_second)).c_str(), seconds * 1e3,
              HumanSeconds(seconds * static_cast<double>(steps)).c_str(),
              WithCommas(steps).c_str());
  return 0;
}

}  // namespace hydra::tools
