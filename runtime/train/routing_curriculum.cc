#include "runtime/train/routing_curriculum.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace hydra::train {
namespace {

// Of the moving cross-entropy that decides (model.md 11).
constexpr double kAverageFactor = 0.05;

// Whether the recursion routers are told the step (model.md 15, Q1).
bool RouterKnowsStep(absl::string_view rules) {
  if (rules == "corrected") return true;
  for (absl::string_view rule : absl::StrSplit(rules, ','))
    if (absl::StripAsciiWhitespace(rule) == "Q1") return true;
  return false;
}

// Settings that do nothing for a program without the part they speak of.
absl::Status RefuseWithoutEffect(const Settings& settings, const EngineFacts& facts) {
  const PhaseModel& model = facts.phases;
  struct Part {
    bool present;
    absl::string_view name;
    std::vector<absl::string_view> keys;
  };
  const Part parts[] = {
      {model.adaptive,
       "adaptive recursion",
       {"mor_enable_step", "mor_enable_fraction", "mor_enable_min_steps", "mor_rampup_steps",
        "mor_enable_loss", "mor_advantage_weight"}},
      {model.adaptive && RouterKnowsStep(facts.rules),
       "recursion routers that know the step (rule Q1), without which the ponder loss is 0",
       {"mor_warmup_steps", "ponder_weight"}},
      {model.depth_selection, "depth routing that selects", {"mod_warmup_steps"}},
      {model.experts, "experts", {"moe_warmup_steps"}}};
  for (const Part& part : parts) {
    if (part.present) continue;
    for (absl::string_view key : part.keys) {
      // What every run has without being asked is no request.
      if (!settings.given(key) || settings.Text(key) == FindSetting(key)->initial) continue;
      return UsageError(absl::StrCat("setting '", key, "' has no effect: the program of ",
                                     facts.model, " has no ", part.name,
                                     "; leave it out, or train a model that has, with "
                                     "--routing=dynamic"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RoutingCurriculum> RoutingCurriculum::Create(const Settings& settings,
                                                            const EngineFacts& facts) {
  HYDRA_RETURN_IF_ERROR(RefuseWithoutEffect(settings, facts));
  RoutingCurriculum result(facts.phases);
  // So that a step allocates nothing: record_lag is at most 1024.
  constexpr size_t kMostSteps = 1024 + 2;
  result.averages_.reserve(kMostSteps);
  result.ReadSettings(settings, facts);
  return result;
}

absl::StatusOr<RoutingCurriculum> RoutingCurriculum::Create(const Settings& settings,
                                                            const TrainEngine& engine) {
  HYDRA_ASSIGN_OR_RETURN(RoutingCurriculum result, Create(settings, engine.facts()));
  const auto controls = Phase().Controls();
  for (size_t i = 0; i < controls.size(); ++i)
    result.controls_[i] = engine.FindControl(controls[i].first);
  return result;
}

void RoutingCurriculum::ReadSettings(const Settings& settings, const EngineFacts& facts) {
  const auto unless_auto = [&](absl::string_view key, int64_t& value) {
    if (!settings.automatic(key)) value = settings.Integer(key);
  };
  const int64_t steps = settings.Integer("steps");
  chooses_variant_ = model_.routes() && settings.Text("variant").empty();
  router_knows_step_ = RouterKnowsStep(facts.rules);
  advantage_weight_ = settings.Number("mor_advantage_weight");
  model_.mor_warmup = PonderWarmup(steps);
  unless_auto("mor_warmup_steps", model_.mor_warmup);
  unless_auto("mod_warmup_steps", model_.mod_warmup);
  unless_auto("moe_warmup_steps", model_.expert_warmup);
  curriculum_.depth.mlp_warmup = model_.mod_warmup;
  choice_ = {.max_steps = steps,
             .enable_fraction = settings.Number("mor_enable_fraction"),
             .enable_min_steps = settings.Integer("mor_enable_min_steps")};
  if (!settings.automatic("mor_enable_step"))
    choice_.enable_step = settings.Integer("mor_enable_step");
  RecursionCurriculum recursion = ChooseRecursionCurriculum(choice_);
  unless_auto("mor_rampup_steps", recursion.rampup_steps);
  curriculum_.recursion = recursion;
  // A start that is given is the start.
  early_loss_ = choice_.enable_step ? 0 : settings.Number("mor_enable_loss");
}

double RoutingCurriculum::AverageFor(int64_t step, const StepRecord* visible) {
  while (!averages_.empty() && averages_.back().step >= step) averages_.pop_back();
  double average = averages_.empty() ? 0 : averages_.back().ce;
  if (visible != nullptr) {
    average =
        average == 0 ? visible->ce : (1 - kAverageFactor) * average + kAverageFactor * visible->ce;
    const int64_t lag = step - visible->step;
    while (!averages_.empty() && averages_.front().step < step - lag)
      averages_.erase(averages_.begin());
  }
  averages_.push_back({step, average});
  return average;
}

void RoutingCurriculum::DecideEarlyStart(int64_t step, const StepRecord* visible) {
  // Where recursion cannot start early there is nothing to remember.
  if (!model_.adaptive || early_loss_ <= 0 || started_early_) return;
  const double average = AverageFor(step, visible);
  const std::optional<RecursionCurriculum> early =
      EarlyRecursion(*curriculum_.recursion, choice_, step, average, early_loss_);
  if (!early) return;
  curriculum_.recursion = *early;
  started_early_ = step;
  averages_.clear();
}

Phase RoutingCurriculum::PhaseOf(int64_t step) const {
  return PhaseAt(model_, curriculum_, step, router_knows_step_ ? step : 0);
}

absl::Status RoutingCurriculum::Prepare(int64_t step, const StepRecord* visible,
                                        TrainEngine& engine) {
  DecideEarlyStart(step, visible);
  return Use(PhaseOf(step), engine);
}

absl::Status RoutingCurriculum::Use(const Phase& phase, TrainEngine& engine) const {
  if (chooses_variant_) HYDRA_RETURN_IF_ERROR(engine.UseVariant(phase.variant));
  engine.UseTeacher(phase.teacher);
  const auto controls = phase.Controls(advantage_weight_);
  for (size_t i = 0; i < controls.size(); ++i)
    if (controls_[i]) engine.SetControl(*controls_[i], controls[i].second);
  return absl::OkStatus();
}

std::vector<std::string> RoutingCurriculum::Describe() const {
  if (!model_.routes() || !chooses_variant_) return {};
  std::vector<std::string> parts;
  if (model_.adaptive) {
    const RecursionCurriculum& recursion = *curriculum_.recursion;
    parts.push_back(absl::StrFormat("recursion from step %d, ramp over %d steps",
                                    recursion.enable_step + 1, recursion.rampup_steps));
    if (early_loss_ > 0 && !started_early_)
      absl::StrAppendFormat(&parts.back(), " (from step %d below a loss of %g)",
                            choice_.enable_min_steps + 1, early_loss_);
  }
  if (model_.depth_selection)
    parts.push_back(absl::StrFormat("depth from step %d", model_.mod_warmup + 1));
  if (model_.experts)
    parts.push_back(model_.experts_start_silent
                        ? absl::StrFormat("experts joining over %d steps", model_.expert_warmup)
                        : std::string("experts from step 1"));
  return {absl::StrCat("routing: ", absl::StrJoin(parts, "; "))};
}

JsonValue RoutingCurriculum::Save() const {
  JsonValue averages = JsonValue::array();
  for (const Average& average : averages_)
    averages.push_back({{"step", average.step}, {"ce", average.ce}});
  JsonValue state = {{"averages", std::move(averages)}};
  // Step and settings say the rest.
  if (started_early_) state["started_early"] = *started_early_;
  return state;
}

absl::Status RoutingCurriculum::Restore(const JsonView& state, int64_t) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView list, state.Get("averages"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> items, list.Array());
  averages_.clear();
  for (const JsonView& item : items) {
    Average average;
    HYDRA_ASSIGN_OR_RETURN(const JsonView step, item.Get("step"));
    HYDRA_ASSIGN_OR_RETURN(average.step, step.Int(0));
    HYDRA_ASSIGN_OR_RETURN(const JsonView ce, item.Get("ce"));
    HYDRA_ASSIGN_OR_RETURN(average.ce, ce.Double());
    averages_.push_back(average);
  }
  started_early_.reset();
  const std::optional<JsonView> early = state.Find("started_early");
  if (!early) return absl::OkStatus();
  HYDRA_ASSIGN_OR_RETURN(started_early_, early->Int(0));
  curriculum_.recursion = EarlyStart(choice_, *started_early_);
  return absl::OkStatus();
}

}  // namespace hydra::train
