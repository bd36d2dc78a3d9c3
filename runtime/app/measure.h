// How fast a loaded model is, and what a run of it would take: what `bench` and `train --dry-run`
// report.
#ifndef HYDRA_RUNTIME_APP_MEASURE_H_
#define HYDRA_RUNTIME_APP_MEASURE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/app/model.h"
#include "runtime/app/resident_bytes.h"
#include "runtime/base/status.h"
#include "runtime/exec/launch.h"
#include "runtime/exec/memory_regions.h"
#include "runtime/train/executor_engine.h"
#include "runtime/train/phase_for_use.h"
#include "runtime/train/settings.h"

namespace hydra::app {

struct MeasureOptions {
  int64_t steps = 20;  // measured runs
  int64_t warmup = 3;  // runs before them
  bool profile = false;
  train::PhaseForUse phase = {};  // which programs; an empty variant: as VariantForUse names it
};

struct Measurement {
  std::string label;  // "train@8x256"
  int64_t tokens = 0;
  uint64_t flops = 0;
  std::vector<double> seconds;  // of the measured runs, sorted
  std::vector<ProfileRow> profile;
  GraphUse graphs = {};        // of a run
  uint64_t fetched_bytes = 0;  // handed to the host by every run
  // What routers did in the last run (docs/contracts.md, "Phases"): counts route.*.tokens and
  // route.mlp.flops, of the first micro-batch.
  std::map<std::string, std::vector<double>> routing;

  double median() const { return seconds[seconds.size() / 2]; }
};

// Everything an artifact offers, each once whatever its variants. A function that is no entry of a
// model has shape 0x0.
std::vector<EntryRequest> EntriesOf(const artifact::ArtifactInfo& info);

// Times one entry on random tokens; of `train`, a whole step of `micro_batches`, of `accumulate`
// its forward and backward half alone. A usage error if the artifact has no such entry. The weights
// stay as they are.
absl::StatusOr<Measurement> MeasureEntry(Model& model, const EntryRequest& entry,
                                         const MeasureOptions& options, int64_t micro_batches);

// Sizes, work and expected speed of a run that is not started.
struct RunForecast {
  std::vector<MemoryLine> memory;
  ResidentBytes resident;
  int64_t tokens = 0;  // of one step
  uint64_t flops = 0;
  double seconds = 0;  // of one step
};

// Runs two steps on random tokens and times the second: the first touches memory for the first
// time.
absl::StatusOr<RunForecast> ForecastRun(Model& model, train::ExecutorEngine& engine, uint64_t seed);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_MEASURE_H_
