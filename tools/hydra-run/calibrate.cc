// hydra-run calibrate: thresholds with which depth routing selects without later tokens.
#include "runtime/app/calibrate.h"

#include <cstdio>
#include <memory>
#include <optional>

#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"
#include "tools/hydra-run/model_flags.h"

namespace hydra::tools {
namespace {

absl::StatusOr<int> RunCalibrate(app::CalibrateRequest request, int64_t threads, bool json) {
  request.threads = static_cast<int>(threads);
  request.notices = ConsoleNotices();
  HYDRA_ASSIGN_OR_RETURN(const app::Calibration result, app::Calibrate(request));
  if (json) {
    PrintJson({{"checkpoint", result.checkpoint},
               {"variant", result.thresholds.variant},
               {"tokens", result.tokens},
               {"thresholds", result.thresholds.values}});
    return 0;
  }
  std::printf("%s: %zu thresholds of variant %s, from %s tokens\n", result.checkpoint.c_str(),
              result.thresholds.values.size(), result.thresholds.variant.c_str(),
              WithCommas(result.tokens).c_str());
  return 0;
}

}  // namespace

void AddCalibrate(CommandLine& line) {
  Command command = line.Add(
      "calibrate", "Thresholds of depth routing for --mod-rule=threshold, kept in CHECKPOINT");
  auto request = std::make_shared<app::CalibrateRequest>();
  auto threads = std::make_shared<int64_t>(0);
  command.Positional("checkpoint", request->checkpoint, "checkpoint or run directory");
  command.RequiredText("--data", request->data, "data directory, whose training tokens are run");
  command.Integer("--batches", request->batches, {.least = 0}, "batches to run; 0: all");
  DeclareAtStep(command, request->at_step);
  command.Integer("--threads", *threads, {.least = 0, .most = 4096},
                  "worker threads; 0: one per processor");
  command.Run([request, threads](bool json) { return RunCalibrate(*request, *threads, json); });
}

}  // namespace hydra::tools
