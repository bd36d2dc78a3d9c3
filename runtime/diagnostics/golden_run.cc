#include "runtime/diagnostics/golden_run.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace hydra {
namespace {

// Members of one object of the configuration, with the first error kept.
class Reader {
 public:
  explicit Reader(JsonView object) : object_(object) {}

  bool Bool(absl::string_view key) {
    return Take<bool>(key, [](JsonView value) { return value.Bool(); });
  }
  int64_t Int(absl::string_view key) {
    return Take<int64_t>(key, [](JsonView value) { return value.Int(); });
  }
  double Number(absl::string_view key) {
    return Take<double>(key, [](JsonView value) { return value.Double(); });
  }
  absl::Status status() const { return status_; }

 private:
  template <typename Value, typename Read>
  Value Take(absl::string_view key, Read read) {
    absl::StatusOr<JsonView> member = object_.Get(key);
    if (member.ok()) {
      absl::StatusOr<Value> value = read(*member);
      if (value.ok()) return *value;
      status_.Update(value.status());
    }
    status_.Update(member.status());
    return Value();
  }

  JsonView object_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<GoldenRun> GoldenRun::Read(const Golden& golden) {
  GoldenRun result;
  // Those with a spec of their own route nothing.
  if (!golden.spec_text().empty()) return result;
  HYDRA_RETURN_IF_ERROR(result.ReadModel(golden.config()));
  HYDRA_ASSIGN_OR_RETURN(const JsonView run, golden.config().Get("run"));
  HYDRA_RETURN_IF_ERROR(result.ReadCurriculum(run));
  HYDRA_RETURN_IF_ERROR(result.ReadBaseline(run));
  HYDRA_ASSIGN_OR_RETURN(const JsonView loss, golden.config().Get("loss"));
  Reader weights(loss);
  result.ponder_ = weights.Number("ponder");
  result.teacher_ = weights.Number("teacher");
  result.advantage_ = weights.Number("advantage");
  result.balance_weight_ = golden.aux_loss_weight().value_or(0);
  HYDRA_RETURN_IF_ERROR(weights.status());
  return result;
}

absl::Status GoldenRun::ReadModel(JsonView config) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView member, config.Get("model"));
  HYDRA_ASSIGN_OR_RETURN(const JsonView kind, member.Get("kind"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view kind_text, kind.String());
  routed_ = kind_text == "hydra";
  if (!routed_) return absl::OkStatus();
  Reader model(member);
  static_mode_ = model.Bool("static_routing_mode");
  model_.adaptive = model.Bool("adaptive");
  // Blocks 0 < i < N-1 have a depth router.
  model_.depth_selection =
      !static_mode_ && model.Number("mod_capacity") > 0 && model.Int("n_mor_blocks") > 2;
  model_.mor_warmup = model.Int("mor_warmup");
  curriculum_.depth.mlp_warmup = model.Int("mod_mlp_warmup");
  model_.experts_start_silent = model.Bool("moe_identity_init");
  model_.expert_warmup = model.Int("moe_warmup_steps");
  model_.forced_routing_steps = model.Int("moe_forced_routing_steps");
  model_.teacher_until_step = model.Int("moe_teacher_until_step");
  HYDRA_RETURN_IF_ERROR(model.status());
  HYDRA_ASSIGN_OR_RETURN(const JsonView derived, config.Get("derived"));
  HYDRA_ASSIGN_OR_RETURN(const JsonView placement, derived.Get("moe_placement"));
  model_.experts = placement.size() > 0;
  return absl::OkStatus();
}

absl::Status GoldenRun::ReadCurriculum(JsonView member) {
  Reader run(member);
  step_ = run.Int("step");
  ponder_step_ = run.Int("ponder_step");
  forced_expert_ = run.Int("forced_expert");
  teacher_expert_ = run.Int("teacher_expert");
  HYDRA_ASSIGN_OR_RETURN(const JsonView rampup, member.Get("mor_rampup_steps"));
  if (!rampup.is_null()) {
    curriculum_.recursion = train::RecursionCurriculum{.enable_step = run.Int("mor_enable_step"),
                                                       .rampup_steps = run.Int("mor_rampup_steps")};
  }
  return run.status();
}

absl::Status GoldenRun::ReadBaseline(JsonView run) {
  double ema = 0, var = 1, steps = 0, known = 0;
  HYDRA_ASSIGN_OR_RETURN(const JsonView member, run.Get("baseline"));
  if (!member.is_null()) {
    Reader baseline(member);
    ema = baseline.Number("ema");
    var = baseline.Number("var");
    steps = static_cast<double>(baseline.Int("step"));
    known = baseline.Bool("initialized") ? 1 : 0;
    HYDRA_RETURN_IF_ERROR(baseline.status());
  }
  control_state_ = {{"loss_ema", ema},
                    {"loss_variance", var},
                    {"loss_steps", steps},
                    {"loss_initialized", known}};
  return absl::OkStatus();
}

std::vector<std::string> GoldenRun::CompileFlags(int64_t steps) const {
  if (!routed_) return {};
  std::vector<std::string> variants;
  for (int64_t i = 0; i < steps; ++i) {
    std::string variant(PhaseOf(step_ + i).variant);
    if (std::count(variants.begin(), variants.end(), variant) == 0)
      variants.push_back(std::move(variant));
  }
  // Without a phase that routes, the program is that of fixed depth.
  if (variants == std::vector<std::string>{"fixed"} && !static_mode_) return {"--routing=fixed"};
  std::vector<std::string> flags = {static_mode_ ? "--routing=static" : "--routing=dynamic"};
  for (const std::string& variant : variants) flags.push_back("--variant=" + variant);
  return flags;
}

std::vector<GoldenScalar> GoldenRun::Controls(int64_t step) const {
  std::vector<GoldenScalar> values = {{"loss_scale", 1},
                                      {"mod_aux_weight", balance_weight_},
                                      {"ponder_weight", ponder_},
                                      {"moe_teacher_weight", teacher_}};
  for (const auto& [name, value] : PhaseOf(step).Controls(advantage_))
    values.push_back({name, value});
  return values;
}

std::vector<GoldenScalar> GoldenRun::Inputs(int64_t step) const {
  const int64_t teacher = PhaseOf(step).teacher ? teacher_expert_ : -1;
  return {{"forced_expert", static_cast<double>(forced_expert_)},
          {"teacher_expert", static_cast<double>(teacher)}};
}

}  // namespace hydra
