// hydra-run bisect: the first op of a training step whose result is not finite.
#include <cmath>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "runtime/app/bisect_run.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"
#include "tools/hydra-run/model_flags.h"

namespace hydra::tools {
namespace {

struct BisectFlags {
  ModelFlags model;
  std::optional<int64_t> step;
  app::BisectRequest request;
};

Json ToJson(const ValueStatistics& value) {
  return {{"values", value.values},      {"nan", value.nans},  {"infinite", value.infinities},
          {"least", value.least},        {"most", value.most}, {"mean", value.mean},
          {"first_bad", value.first_bad}};
}

Json ToJson(const std::vector<WatchedValue>& values) {
  Json list = Json::array();
  for (const WatchedValue& value : values) {
    list.push_back(
        {{"name", value.name}, {"before", ToJson(value.before)}, {"after", ToJson(value.after)}});
  }
  return list;
}

Json ToJson(const std::optional<WatchFinding>& finding, int64_t micro_batch) {
  if (!finding) return nullptr;
  return {{"op", finding->op},
          {"scope", finding->scope},
          {"location", finding->location},
          {"source", finding->source},
          {"kernel", finding->kernel},
          {"entry", finding->entry},
          {"number", finding->number},
          {"micro_batch", micro_batch < 0 ? Json(nullptr) : Json(micro_batch)},
          {"operands", ToJson(finding->operands)},
          {"results", ToJson(finding->results)}};
}

void PrintFinding(const char* what, const WatchFinding& finding, int64_t micro_batch) {
  std::printf("\n%s\n  op         %s of %s%s%s\n", what, finding.op.c_str(), finding.scope.c_str(),
              finding.location.empty() ? "" : ", ", finding.location.c_str());
  if (!finding.source.empty()) std::printf("  written    %s\n", finding.source.c_str());
  std::printf("  ran as     op %lld of %s%s%s", static_cast<long long>(finding.number),
              finding.entry.c_str(), finding.kernel.empty() ? "" : ", kernel ",
              finding.kernel.c_str());
  if (micro_batch >= 0) std::printf(", micro-batch %lld", static_cast<long long>(micro_batch));
  std::printf("\n");
  for (const WatchedValue& value : finding.operands) {
    std::printf("  operand    %s: %s\n", value.name.c_str(), value.after.Text().c_str());
  }
  for (const WatchedValue& value : finding.results) {
    std::printf("  result     %s: %s\n", value.name.c_str(), value.after.Text().c_str());
  }
}

void PrintReport(const app::BisectReport& report, double limit) {
  std::printf("step %lld%s%s, %s ops, %s\n", static_cast<long long>(report.step),
              report.run_id.empty() ? "" : " of ", report.run_id.c_str(),
              WithCommas(report.replay.ops).c_str(),
              report.unfused ? "compiled without fusion" : "as compiled");
  for (const auto& [name, statistics] : report.already) {
    std::printf("not finite before the step: %s: %s\n", name.c_str(), statistics.Text().c_str());
  }
  if (report.replay.outlying) {
    PrintFinding(absl::StrFormat("first result beyond %g", limit).c_str(), *report.replay.outlying,
                 report.replay.outlying_micro_batch);
  }
  if (!report.replay.not_finite) {
    std::printf("every result of the step is finite\n");
    return;
  }
  PrintFinding("first result that is not finite", *report.replay.not_finite,
               report.replay.micro_batch);
  if (!report.position) return;
  std::printf(
      "  first at   sequence %lld, position %lld of the batch: token %d, target %d (if rows of the "
      "result are tokens)\n",
      static_cast<long long>(report.position->sequence),
      static_cast<long long>(report.position->position), report.position->token,
      report.position->target);
}

absl::StatusOr<int> Bisect(const BisectFlags& flags, bool json) {
  // A validated device forgets unwritten memory at every launch, and here an op is a launch.
  if (flags.model.validate) {
    return UsageError("--validate has no meaning where ops run one by one; drop it");
  }
  app::BisectRequest request = flags.request;
  HYDRA_ASSIGN_OR_RETURN(request.model, flags.model.ToRequest());
  request.step = flags.step;
  const double limit = request.limit;
  HYDRA_ASSIGN_OR_RETURN(const app::BisectReport report, app::BisectRun(std::move(request)));
  if (json) {
    Json already = Json::array();
    for (const auto& [name, statistics] : report.already) {
      already.push_back({{"name", name}, {"value", ToJson(statistics)}});
    }
    Json position = nullptr;
    if (report.position) {
      position = {{"row", report.position->row},
                  {"sequence", report.position->sequence},
                  {"position", report.position->position},
                  {"token", report.position->token},
                  {"target", report.position->target}};
    }
    PrintJson({{"run", report.run_id},
               {"step", report.step},
               {"unfused", report.unfused},
               {"ops", report.replay.ops},
               {"not_finite_before", std::move(already)},
               {"not_finite", ToJson(report.replay.not_finite, report.replay.micro_batch)},
               {"outlying", ToJson(report.replay.outlying, report.replay.outlying_micro_batch)},
               {"position", std::move(position)}});
  } else {
    PrintReport(report, limit);
  }
  return report.replay.not_finite ? 0 : 1;
}

}  // namespace

void AddBisect(CommandLine& line) {
  Command command = line.Add("bisect", "The first op of a step whose result is not finite");
  auto flags = std::make_shared<BisectFlags>();
  flags->model.Declare(command, "bisect", "checkpoint or run directory; or a model, with --weights",
                       {"batch", "seq", "accum", "seed"});
  command.Text("-d,--data", flags->request.data, "data directory; of a run, the one it has");
  command.Text("--weights", flags->request.weights, "safetensors file to use instead");
  command.Integer("--step", flags->step, {.least = 0},
                  "take batch and schedule of this step; without it, of the checkpoint's next one");
  command.Number("--limit", flags->request.limit, {.least = 0, .above = true},
                 "name the first result beyond this magnitude, too");
  for (const char* key : {"batch", "seq", "accum", "seed"})
    flags->model.DeclareSetting(command, key);
  command.Flag("--as-compiled", flags->request.as_compiled,
               "replay the artifact as it is, rather than the model compiled without fusion");
  command.Run([flags](bool json) { return Bisect(*flags, json); });
}

}  // namespace hydra::tools
