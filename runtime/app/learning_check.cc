#include "runtime/app/learning_check.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "runtime/app/run_history.h"
#include "runtime/metrics/routing_report.h"

namespace hydra::app {
namespace {

using Points = absl::Span<const std::pair<double, double>>;

constexpr double kDiverged = 0.5;       // nats above the lowest average
constexpr double kOverfitted = 0.02;    // of the best held-out loss
constexpr double kRateIsDown = 0.1;     // of the largest rate
constexpr double kOftenClipped = 0.5;   // of the steps
constexpr double kLowAdvantage = -0.1;  // nats

double MeanOf(Points points) {
  double sum = 0, count = 0;
  for (const auto& [step, value] : points) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++count;
  }
  return count > 0 ? sum / count : std::nan("");
}

// By least squares; nothing with fewer than 3 finite points.
std::optional<double> SlopeOf(Points points) {
  double n = 0, x = 0, y = 0;
  for (const auto& [step, value] : points) {
    if (!std::isfinite(value)) continue;
    ++n;
    x += step;
    y += value;
  }
  if (n < 3) return std::nullopt;
  double xx = 0, xy = 0;
  for (const auto& [step, value] : points) {
    if (!std::isfinite(value)) continue;
    xx += (step - x / n) * (step - x / n);
    xy += (step - x / n) * (value - y / n);
  }
  return xx > 0 ? std::optional(xy / xx) : std::nullopt;
}

Points Last(const StepSeries& series, int64_t window) {
  const size_t count = std::min(series.size(), static_cast<size_t>(window));
  return Points(series).last(count);
}

void FindPlateau(const LearningRequest& request, const StepSeries& loss, LearningReport& report) {
  const size_t window = static_cast<size_t>(request.window);
  if (loss.size() < window) return;
  report.slope = SlopeOf(Last(loss, request.window));
  for (size_t first = 0; first + window <= loss.size(); ++first) {
    if (loss[first].first < static_cast<double>(request.plateau_from)) continue;
    const std::optional<double> slope = SlopeOf(Points(loss).subspan(first, window));
    if (!slope || std::abs(*slope) > request.plateau_slope) continue;
    report.plateau = static_cast<int64_t>(loss[first].first);
    return;
  }
}

void CompareHeldOut(const RunHistory& history, LearningReport& report) {
  for (const auto& [data, losses] : history.evaluations) {
    HeldOut held_out{.data = data};
    for (const auto& [step, loss] : losses) {
      if (!std::isfinite(loss)) continue;
      held_out.step = static_cast<int64_t>(step);
      held_out.loss = loss;
      if (held_out.best_step == 0 || loss < held_out.best) {
        held_out.best = loss;
        held_out.best_step = held_out.step;
      }
    }
    if (held_out.best_step == 0) continue;
    const auto about = std::find_if(
        history.loss_average.begin(), history.loss_average.end(),
        [&](const auto& point) { return point.first >= static_cast<double>(held_out.step); });
    if (about != history.loss_average.end()) held_out.gap = held_out.loss - about->second;
    if (held_out.loss > held_out.best * (1 + kOverfitted)) {
      report.findings.push_back(
          {absl::StrCat("held-out loss of ", data),
           absl::StrFormat("%.4f in step %d, %.4f in step %d: what is learned since does not carry "
                           "over",
                           held_out.loss, held_out.step, held_out.best, held_out.best_step),
           "more or other data, fewer steps, a higher weight_decay; --set keep_best=true keeps the "
           "best checkpoint"});
    }
    report.held_out.push_back(std::move(held_out));
  }
}

void JudgeLoss(const LearningRequest& request, const RunHistory& history, LearningReport& report) {
  const auto add = [&](std::string place, std::string problem, const char* advice) {
    report.findings.push_back({std::move(place), std::move(problem), advice});
  };
  const bool long_enough = report.slope.has_value();
  if (report.not_finite > 0) {
    add("loss", absl::StrFormat("not finite in %d steps", report.not_finite),
        "`hydra-run bisect RUN` names the first op that made such a value");
  }
  if (!std::isfinite(report.last_loss)) return;
  const double average = history.loss_average.back().second;
  if (average > report.lowest_loss + kDiverged) {
    add("loss",
        absl::StrFormat("an average of %.4f at the end, %.4f above the lowest: the run diverges",
                        average, average - report.lowest_loss),
        "go on from an earlier checkpoint (train --branch) with a lower learning rate or "
        "grad_clip");
  } else if (long_enough && report.last_loss >= report.first_loss) {
    add("loss",
        absl::StrFormat("%.4f in the last %d steps, %.4f in the first: nothing was learned",
                        report.last_loss, report.window, report.first_loss),
        "raise or lower the learning rate; look into a step with `hydra-run diag flow`");
  }
  if (!long_enough || std::abs(*report.slope) > request.plateau_slope) return;
  double largest = 0;
  for (const auto& [step, rate] : history.rate) largest = std::max(largest, rate);
  if (!history.rate.empty() && history.rate.back().second <= kRateIsDown * largest) {
    report.notes.push_back(
        "the loss is flat, and the learning rate has come down: the run is at "
        "its end");
    return;
  }
  add("loss",
      absl::StrFormat("flat: %.2g nats per step in the last %d steps, a fall of more than %g "
                      "expected",
                      *report.slope, request.window, request.plateau_slope),
      "another learning rate, a larger batch or model; is the model at the limit of its data?");
}

// Terms of the loss, and what may puzzle about them.
void JudgeTerms(const RunHistory& history, LearningReport& report) {
  for (const auto& [name, series] : history.terms) {
    report.terms.push_back({name, MeanOf(Last(series, report.window))});
    if (name == "advantage" && report.terms.back().mean < kLowAdvantage) {
      report.notes.push_back(
          "the loss lies below the cross-entropy: its term `advantage` is "
          "negative where recursion helps");
    }
  }
  const Points raw = Last(history.norm, report.window);
  const Points clipped = Last(history.norm_clipped, report.window);
  int64_t count = 0;
  for (size_t i = 0; i < std::min(raw.size(), clipped.size()); ++i) {
    count += clipped[i].second < raw[i].second * (1 - 1e-6);
  }
  if (!raw.empty()) report.clipped = static_cast<double>(count) / static_cast<double>(raw.size());
  if (report.clipped > kOftenClipped) {
    report.notes.push_back(absl::StrFormat(
        "gradients are clipped in %.0f %% of the last steps: the learning rate says little there",
        100 * report.clipped));
  }
}

template <typename Rows>
void JudgeRouters(const char* router, const char* advice, const Rows& rows,
                  LearningReport& report) {
  for (const auto& row : rows) {
    const std::string status = row.Status();
    if (status == "OK" || status == "DISABLED_PRE_ENABLE") continue;
    report.findings.push_back({absl::StrCat(router, " of layer ", row.layer),
                               absl::StrCat(status, ": ", metrics::ExplainStatus(status)),
                               absl::StrCat(advice, "; `hydra-run db routing RUN` shows it all")});
  }
}

absl::Status JudgeRouting(const LearningRequest& request, LearningReport& report) {
  HYDRA_ASSIGN_OR_RETURN(
      const metrics::RoutingReport routing,
      metrics::ReadRouting(
          {.database = (std::filesystem::path(request.run) / "training.db").string(),
           .run = report.run_id,
           .last = request.window}));
  JudgeRouters("depth routing", "raise mod_aux_weight", routing.rows.mod, report);
  JudgeRouters("recursion", "raise ponder_weight, or let recursion begin later (mor_enable_step)",
               routing.rows.mor, report);
  JudgeRouters("experts", "raise moe_aux_weight", routing.rows.moe, report);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LearningReport> CheckLearning(const LearningRequest& request) {
  HYDRA_ASSIGN_OR_RETURN(const RunHistory history, ReadHistory(request.run));
  LearningReport report{.run_id = history.run_id,
                        .model = history.model,
                        .steps = static_cast<int64_t>(history.loss.size()),
                        .last_step = history.last_step,
                        .tokens = history.tokens};
  // Of a short run, the first and the last quarter.
  const size_t most = std::max<size_t>(1, history.loss.size() / 4);
  report.window = static_cast<int64_t>(std::min(most, static_cast<size_t>(request.window)));
  report.first_loss = MeanOf(Points(history.loss).first(static_cast<size_t>(report.window)));
  report.last_loss = MeanOf(Last(history.loss, report.window));
  report.lowest_loss = history.loss_average.back().second;
  for (const auto& [step, loss] : history.loss_average) {
    if (std::isfinite(loss)) report.lowest_loss = std::min(report.lowest_loss, loss);
  }
  for (const auto& [step, loss] : history.loss) report.not_finite += !std::isfinite(loss);
  FindPlateau(request, history.loss, report);
  JudgeLoss(request, history, report);
  CompareHeldOut(history, report);
  JudgeTerms(history, report);
  if (!history.routing.empty()) HYDRA_RETURN_IF_ERROR(JudgeRouting(request, report));
  return report;
}

}  // namespace hydra::app
