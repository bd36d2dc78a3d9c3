// hydra-run diag: what is wrong with a model or a run. Each tool prints what it looked at, then
// what it found; its exit code is 1 if there is a finding.
#include <cmath>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/app/flow_check.h"
#include "runtime/app/learning_check.h"
#include "runtime/app/weight_check.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"
#include "tools/hydra-run/model_flags.h"

namespace hydra::tools {
namespace {

std::string Short(double value) { return absl::StrFormat("%.3g", value); }
std::string Loss(double value) { return absl::StrFormat("%.4f", value); }
Json OrNull(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

Json ToJson(const FloatStatistics& values) {
  return {{"values", values.values},       {"not_finite", values.not_finite},
          {"zeros", values.zeros},         {"least", values.least},
          {"most", values.most},           {"mean", values.mean},
          {"deviation", values.deviation}, {"norm", values.norm}};
}

Json ToJson(const std::vector<app::Finding>& findings) {
  Json list = Json::array();
  for (const app::Finding& finding : findings) {
    list.push_back(
        {{"place", finding.place}, {"problem", finding.problem}, {"advice", finding.advice}});
  }
  return list;
}

int PrintFindings(const std::vector<app::Finding>& findings) {
  for (const app::Finding& finding : findings) {
    std::printf("\n%s: %s\n  what to do: %s\n", finding.place.c_str(), finding.problem.c_str(),
                finding.advice.c_str());
  }
  std::printf("\n%s\n", findings.empty() ? "nothing found"
                        : findings.size() == 1
                            ? "1 finding"
                            : absl::StrCat(findings.size(), " findings").c_str());
  return findings.empty() ? 0 : 1;
}

// diag weights

void PrintWeights(const app::WeightReport& report) {
  std::printf("%s", report.path.c_str());
  if (report.step) std::printf(", step %s", WithCommas(*report.step).c_str());
  std::printf("\n\n");
  Table tensors({"tensor", "shape", "mean", "deviation", "largest", "norm"}, "llrrrr");
  for (const app::CheckedTensor& tensor : report.tensors) {
    const FloatStatistics& values = tensor.values;
    tensors.Add({tensor.name, absl::StrCat("[", absl::StrJoin(tensor.shape, ", "), "]"),
                 Short(values.mean), Short(values.deviation), Short(values.magnitude()),
                 Short(values.norm)});
  }
  std::printf("%s\n", tensors.Text().c_str());
  Table parts({"part", "tensors", "values", "mean norm"}, "lrrr");
  for (const app::WeightPart& part : report.parts) {
    parts.Add({part.name, absl::StrCat(part.tensors), WithCommas(part.values), Short(part.norm)});
  }
  std::printf("%s", parts.Text().c_str());
  if (report.experts.empty()) return;
  Table experts({"experts of", "experts", "divergence"}, "lrr");
  for (const app::ExpertWeights& layer : report.experts) {
    experts.Add({layer.layer, absl::StrCat(layer.experts), Short(layer.divergence)});
  }
  std::printf("\n%s", experts.Text().c_str());
  if (report.expert_ratio) {
    std::printf("experts over MLPs, norms of first matrices: %s\n",
                Short(*report.expert_ratio).c_str());
  }
}

Json ToJson(const app::WeightReport& report) {
  Json tensors = Json::array(), parts = Json::array(), experts = Json::array();
  for (const app::CheckedTensor& tensor : report.tensors) {
    tensors.push_back(
        {{"name", tensor.name}, {"shape", tensor.shape}, {"values", ToJson(tensor.values)}});
  }
  for (const app::WeightPart& part : report.parts) {
    parts.push_back({{"name", part.name},
                     {"tensors", part.tensors},
                     {"values", part.values},
                     {"norm", part.norm}});
  }
  for (const app::ExpertWeights& layer : report.experts) {
    experts.push_back(
        {{"layer", layer.layer}, {"experts", layer.experts}, {"divergence", layer.divergence}});
  }
  return {{"path", report.path},
          {"step", report.step ? Json(*report.step) : Json(nullptr)},
          {"tensors", std::move(tensors)},
          {"parts", std::move(parts)},
          {"experts", std::move(experts)},
          {"divergence", OrNull(report.divergence)},
          {"expert_ratio", OrNull(report.expert_ratio)},
          {"findings", ToJson(report.findings)}};
}

// Experts of several checkpoints: whether they part.
void PrintTrend(const std::vector<app::WeightReport>& reports) {
  if (reports.size() < 2 || !reports.front().divergence) return;
  Table table({"weights", "step", "divergence of experts", "change"}, "lrrr");
  std::optional<double> before;
  for (const app::WeightReport& report : reports) {
    if (!report.divergence) continue;
    table.Add({report.path, report.step ? WithCommas(*report.step) : "", Loss(*report.divergence),
               before ? absl::StrFormat("%+.4f", *report.divergence - *before) : ""});
    before = report.divergence;
  }
  std::printf("\n%s", table.Text().c_str());
}

absl::StatusOr<int> Weights(const std::vector<std::string>& paths, bool json) {
  std::vector<app::WeightReport> reports;
  std::vector<app::Finding> findings;
  for (const std::string& path : paths) {
    HYDRA_ASSIGN_OR_RETURN(app::WeightReport report, app::CheckWeights(path, ConsoleNotices()));
    for (app::Finding finding : report.findings) {
      if (paths.size() > 1) finding.place = absl::StrCat(path, ": ", finding.place);
      findings.push_back(std::move(finding));
    }
    reports.push_back(std::move(report));
  }
  if (json) {
    Json list = Json::array();
    for (const app::WeightReport& report : reports) list.push_back(ToJson(report));
    PrintJson({{"healthy", findings.empty()}, {"weights", std::move(list)}});
    return findings.empty() ? 0 : 1;
  }
  for (size_t i = 0; i < reports.size(); ++i) {
    if (i > 0) std::printf("\n");
    PrintWeights(reports[i]);
  }
  PrintTrend(reports);
  return PrintFindings(findings);
}

// diag flow

void PrintFlow(const app::FlowReport& report) {
  std::printf("%s%s, %lld sequences of %lld tokens %s, %s\n", report.model.c_str(),
              report.variant.empty() ? "" : absl::StrCat(", ", report.variant).c_str(),
              static_cast<long long>(report.batch), static_cast<long long>(report.seq),
              report.data.empty() ? "drawn at random" : absl::StrCat("of ", report.data).c_str(),
              report.trained ? "trained weights" : "initial weights");
  if (report.loss) {
    std::printf("loss %s nats per token; a model that knows nothing has %s\n",
                Loss(*report.loss).c_str(), Loss(report.guess).c_str());
  }
  Table outputs({"output", "mean", "deviation", "least", "most", "change"}, "lrrrrr");
  for (const app::FlowOutput& output : report.outputs) {
    const FloatStatistics& values = output.values;
    outputs.Add({output.name, Short(values.mean), Short(values.deviation), Short(values.least),
                 Short(values.most), output.change ? Short(*output.change) : ""});
  }
  std::printf("\n%s\n", outputs.Text().c_str());
  Table parts({"part", "tensors", "no part", "mean |gradient|", "largest norm", "mean |update|"},
              "lrrrrr");
  for (const app::FlowPart& part : report.parts) {
    parts.Add({part.name, absl::StrCat(part.parameters),
               part.without_gradient > 0 ? absl::StrCat(part.without_gradient) : "",
               Short(part.mean_magnitude), Short(part.largest_norm), Short(part.update)});
  }
  std::printf("%s", parts.Text().c_str());
}

Json ToJson(const app::FlowReport& report) {
  Json outputs = Json::array(), parts = Json::array();
  for (const app::FlowOutput& output : report.outputs) {
    outputs.push_back({{"name", output.name},
                       {"values", ToJson(output.values)},
                       {"change", OrNull(output.change)}});
  }
  for (const app::FlowPart& part : report.parts) {
    parts.push_back({{"name", part.name},
                     {"parameters", part.parameters},
                     {"without_gradient", part.without_gradient},
                     {"not_finite", part.not_finite},
                     {"mean_gradient", part.mean_magnitude},
                     {"largest_norm", part.largest_norm},
                     {"update", OrNull(part.update)}});
  }
  return {{"healthy", report.findings.empty()},
          {"model", report.model},
          {"variant", report.variant},
          {"data", report.data},
          {"batch", report.batch},
          {"seq", report.seq},
          {"trained", report.trained},
          {"loss", OrNull(report.loss)},
          {"guess", report.guess},
          {"outputs", std::move(outputs)},
          {"parts", std::move(parts)},
          {"findings", ToJson(report.findings)}};
}

struct FlowFlags {
  ModelFlags model;
  app::FlowRequest request;
};

absl::StatusOr<int> Flow(const FlowFlags& flags, bool json) {
  app::FlowRequest request = flags.request;
  HYDRA_ASSIGN_OR_RETURN(request.model, flags.model.ToRequest());
  HYDRA_ASSIGN_OR_RETURN(const app::FlowReport report, app::CheckFlow(std::move(request)));
  if (json) {
    PrintJson(ToJson(report));
    return report.findings.empty() ? 0 : 1;
  }
  PrintFlow(report);
  return PrintFindings(report.findings);
}

// diag learning

void PrintLearning(const app::LearningReport& report) {
  std::printf("run %s of %s: %s steps, the last is %s; %s tokens\n", report.run_id.c_str(),
              report.model.c_str(), WithCommas(report.steps).c_str(),
              WithCommas(report.last_step).c_str(), WithCommas(report.tokens).c_str());
  std::printf("loss %s in the first %s steps, %s in the last, lowest average %s (perplexity %s)\n",
              Loss(report.first_loss).c_str(), WithCommas(report.window).c_str(),
              Loss(report.last_loss).c_str(), Loss(report.lowest_loss).c_str(),
              Short(std::exp(report.last_loss)).c_str());
  if (report.slope)
    std::printf("slope of the last window %s nats per step\n", Short(*report.slope).c_str());
  if (report.plateau) {
    std::printf("the first flat window begins in step %s\n", WithCommas(*report.plateau).c_str());
  }
  if (!report.terms.empty()) {
    Table terms({"term", "mean of the last steps"}, "lr");
    for (const app::LossTerm& term : report.terms) terms.Add({term.name, Loss(term.mean)});
    std::printf("\n%s", terms.Text().c_str());
  }
  if (!report.held_out.empty()) {
    Table held_out({"held-out data", "step", "loss", "over training", "best", "in step"}, "lrrrrr");
    for (const app::HeldOut& row : report.held_out) {
      held_out.Add({row.data, WithCommas(row.step), Loss(row.loss), Loss(row.gap), Loss(row.best),
                    WithCommas(row.best_step)});
    }
    std::printf("\n%s", held_out.Text().c_str());
  }
  for (const std::string& note : report.notes) std::printf("\n%s\n", note.c_str());
}

Json ToJson(const app::LearningReport& report) {
  Json terms = Json::object(), held_out = Json::array();
  for (const app::LossTerm& term : report.terms) terms[term.name] = OrNull(term.mean);
  for (const app::HeldOut& row : report.held_out) {
    held_out.push_back({{"data", row.data},
                        {"step", row.step},
                        {"loss", row.loss},
                        {"gap", row.gap},
                        {"best", row.best},
                        {"best_step", row.best_step}});
  }
  return {{"healthy", report.findings.empty()},
          {"run", report.run_id},
          {"model", report.model},
          {"steps", report.steps},
          {"last_step", report.last_step},
          {"tokens", report.tokens},
          {"window", report.window},
          {"first_loss", OrNull(report.first_loss)},
          {"last_loss", OrNull(report.last_loss)},
          {"lowest_loss", OrNull(report.lowest_loss)},
          {"slope", OrNull(report.slope)},
          {"plateau", report.plateau ? Json(*report.plateau) : Json(nullptr)},
          {"steps_not_finite", report.not_finite},
          {"clipped", report.clipped},
          {"terms", std::move(terms)},
          {"held_out", std::move(held_out)},
          {"notes", Json(report.notes)},
          {"findings", ToJson(report.findings)}};
}

absl::StatusOr<int> Learning(const app::LearningRequest& request, bool json) {
  HYDRA_ASSIGN_OR_RETURN(const app::LearningReport report, app::CheckLearning(request));
  if (json) {
    PrintJson(ToJson(report));
    return report.findings.empty() ? 0 : 1;
  }
  PrintLearning(report);
  return PrintFindings(report.findings);
}

void AddWeights(Command& diag) {
  Command command = diag.Subcommand(
      "weights", "Weights that are not finite, constant or too large; how far experts have parted");
  auto paths = std::make_shared<std::vector<std::string>>();
  command.Positionals("weights", *paths,
                      "checkpoints, run directories or safetensors files, oldest first");
  command.Run([paths](bool json) { return Weights(*paths, json); });
}

void AddFlow(Command& diag) {
  Command command = diag.Subcommand(
      "flow", "One step looked into: outputs of blocks, gradients, updates of every part");
  auto flags = std::make_shared<FlowFlags>();
  flags->model.Declare(command, "diag flow", "checkpoint, run directory, artifact or model spec",
                       {"batch", "seq", "seed"});
  command.Text("-d,--data", flags->request.data,
               "data directory; of a run, the one it has; else tokens are drawn at random");
  command.Text("--weights", flags->request.weights,
               "safetensors file of the weights; default: the checkpoint's, else initial values");
  DeclareAtStep(command, flags->request.at_step);
  for (const char* key : {"batch", "seq", "seed"}) flags->model.DeclareSetting(command, key);
  command.Run([flags](bool json) { return Flow(*flags, json); });
}

void AddLearning(Command& diag) {
  Command command = diag.Subcommand(
      "learning", "Whether a run learns: plateaus, divergence, held-out loss, routers");
  auto request = std::make_shared<app::LearningRequest>();
  command.Positional("run", request->run, "run directory; also while it trains");
  command.Integer("--window", request->window, {.least = 3}, "steps that are looked at together");
  command.Integer("--plateau-from", request->plateau_from, {.least = 0},
                  "no plateau begins before this step");
  command.Number("--plateau-slope", request->plateau_slope, {.least = 0},
                 "nats per step; a window whose loss changes less is flat");
  command.Run([request](bool json) { return Learning(*request, json); });
}

}  // namespace

void AddDiag(CommandLine& line) {
  Command diag = line.Add("diag", "What is wrong with a model or a run");
  AddWeights(diag);
  AddFlow(diag);
  AddLearning(diag);
}

}  // namespace hydra::tools
