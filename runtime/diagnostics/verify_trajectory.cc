#include "runtime/diagnostics/verify_trajectory.h"

#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/diagnostics/verify_device.h"
#include "runtime/diagnostics/verify_selections.h"
#include "runtime/exec/session.h"
#include "runtime/train/schedule.h"

namespace hydra {
namespace {

// config.optimizer, as the control block wants it.
struct OptimizerValues {
  train::Schedule schedule;
  double weight_decay = 0, clip = 0;

  std::vector<GoldenScalar> Controls(int64_t step) const {
    // The clip limit is fixed and no norm counts as a spike.
    return {{"lr", schedule.LearningRate(step)},
            {"weight_decay", weight_decay},
            {"clip_min", clip},
            {"clip_max", clip},
            {"clip_factor", 0},
            {"clip_ema_decay", 0},
            {"spike_norm", 1e30},
            {"spike_lr_factor", 1}};
  }
};

absl::StatusOr<OptimizerValues> ReadOptimizer(const Golden& golden) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView optimizer, golden.config().Get("optimizer"));
  const auto number = [&](absl::string_view key) -> absl::StatusOr<double> {
    HYDRA_ASSIGN_OR_RETURN(const JsonView member, optimizer.Get(key));
    return member.Double();
  };
  HYDRA_ASSIGN_OR_RETURN(const JsonView steps_member, optimizer.Get("max_steps"));
  HYDRA_ASSIGN_OR_RETURN(const int64_t steps, steps_member.Int(1));
  HYDRA_ASSIGN_OR_RETURN(const double max_lr, number("max_lr"));
  HYDRA_ASSIGN_OR_RETURN(const double min_lr, number("min_lr"));
  HYDRA_ASSIGN_OR_RETURN(
      train::Schedule schedule,
      train::Schedule::Create({.steps = steps, .max_lr = max_lr, .min_lr = min_lr}));
  OptimizerValues values{schedule};
  HYDRA_ASSIGN_OR_RETURN(values.weight_decay, number("weight_decay"));
  HYDRA_ASSIGN_OR_RETURN(values.clip, number("clip"));
  return values;
}

class TrajectoryRunner {
 public:
  static absl::StatusOr<TrajectoryRunner> Open(const Golden& golden, const GoldenRun& run,
                                               const std::string& path,
                                               const VerifyOptions& options, bool validate,
                                               StepSelections& selections) {
    HYDRA_ASSIGN_OR_RETURN(Session session, OpenSession(path, options, validate));
    HYDRA_ASSIGN_OR_RETURN(ControlBlock control, ControlBlock::Create(session.info()));
    HYDRA_ASSIGN_OR_RETURN(OptimizerValues optimizer, ReadOptimizer(golden));
    return TrajectoryRunner(golden, run, std::move(session), std::move(control),
                            std::move(optimizer), selections);
  }

  // Everything the file expects, under its names.
  absl::StatusOr<NumericTensors> Run() {
    HYDRA_RETURN_IF_ERROR(WriteStart());
    for (int64_t n = 0; n < golden_.trajectory_steps(); ++n) HYDRA_RETURN_IF_ERROR(Step(n));
    HYDRA_RETURN_IF_ERROR(ReadEnd());
    return std::move(computed_);
  }

 private:
  TrajectoryRunner(const Golden& golden, const GoldenRun& run, Session session,
                   ControlBlock control, OptimizerValues optimizer, StepSelections& selections)
      : golden_(golden),
        run_(run),
        session_(std::move(session)),
        control_(std::move(control)),
        optimizer_(std::move(optimizer)),
        selections_(selections) {}

  Executor& executor() { return session_.executor(); }

  absl::Status WriteStart() {
    for (const artifact::ParameterInfo& parameter : executor().info().parameters) {
      HYDRA_ASSIGN_OR_RETURN(const TensorView* tensor,
                             golden_.file().Get("param." + parameter.name));
      HYDRA_ASSIGN_OR_RETURN(const std::vector<float> values, tensor->Copy<float>());
      HYDRA_RETURN_IF_ERROR(
          Annotate(executor().Write<float>(parameter.buffer, values), tensor->name));
    }
    for (const GoldenScalar& scalar : run_.control_state()) {
      const float value = static_cast<float>(scalar.value);
      HYDRA_RETURN_IF_ERROR(executor().Write<float>(hal::Region::kControlState, scalar.name,
                                                    absl::MakeConstSpan(&value, 1)));
    }
    return absl::OkStatus();
  }

  absl::Status Step(int64_t n) {
    const int64_t step = run_.first_step() + n;
    const GoldenCase& shape = golden_.cases().front();
    HYDRA_ASSIGN_OR_RETURN(
        const artifact::EntryInfo* accumulate,
        executor().FindEntry("accumulate", shape.batch, shape.seq, run_.PhaseOf(step).variant));
    HYDRA_ASSIGN_OR_RETURN(const artifact::EntryInfo* apply, executor().FindEntry("apply", 0, 0));
    HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<Launch> launch,
                           executor().PrepareStep(*accumulate, 1, *apply));
    for (const char* input : {"tokens", "targets"}) {
      HYDRA_ASSIGN_OR_RETURN(const TensorView* tensor,
                             golden_.file().Get(absl::StrCat("in.", input, ".", n)));
      HYDRA_ASSIGN_OR_RETURN(const std::vector<int32_t> values, tensor->Copy<int32_t>());
      HYDRA_RETURN_IF_ERROR(Annotate(launch->SetInput<int32_t>(input, values), tensor->name));
    }
    const bool selects = selections_.size() <= static_cast<size_t>(n);
    if (!selects) HYDRA_RETURN_IF_ERROR(selections_[n].SetInputs(*accumulate, *launch));
    for (const auto& [name, value] : run_.Controls(step)) control_.Set(name, value);
    for (const auto& [name, value] : optimizer_.Controls(step)) control_.Set(name, value);
    HYDRA_RETURN_IF_ERROR(launch->StageControl(control_));
    HYDRA_RETURN_IF_ERROR(launch->Run());
    if (selects) HYDRA_RETURN_IF_ERROR(ReadSelections(*accumulate, *launch));
    return ReadStep(n, *launch);
  }

  // Of a program whose selections are outputs; none otherwise.
  absl::Status ReadSelections(const artifact::EntryInfo& entry, Launch& launch) {
    NumericTensors selected;
    for (const artifact::NamedBuffer* buffer : entry.Results()) {
      absl::string_view name = buffer->name;
      if (buffer->type != hal::ElementType::kI32 || !absl::ConsumePrefix(&name, "probe.")) continue;
      HYDRA_ASSIGN_OR_RETURN(const std::vector<int32_t> values,
                             launch.ReadOutput<int32_t>(buffer->name, 0));
      selected.emplace(name, NumericTensor{buffer->shape, {values.begin(), values.end()}});
    }
    selections_.push_back(Selections::Of(selected));
    return absl::OkStatus();
  }

  // A term that the variant does not have is an empty sum.
  absl::Status ReadStep(int64_t n, Launch& launch) {
    const std::string prefix = absl::StrCat("step.", n, ".");
    for (const TensorView& tensor : golden_.file().tensors()) {
      absl::string_view what = tensor.name;
      if (!absl::ConsumePrefix(&what, prefix)) continue;
      const bool of_apply = what == "grad_norm" || what == "lr";
      const std::string name = of_apply         ? std::string(what)
                               : what == "loss" ? std::string("loss.total")
                                                : absl::StrCat("loss.", what);
      const absl::StatusOr<std::vector<float>> value =
          launch.ReadOutput<float>(name, of_apply ? 1 : 0);
      if (!value.ok() && (of_apply || what == "loss" || what == "ce")) return value.status();
      computed_[tensor.name] = NumericTensor{{}, {value.ok() ? (*value)[0] : 0.0}};
    }
    return absl::OkStatus();
  }

  absl::Status ReadEnd() {
    for (const artifact::ParameterInfo& parameter : executor().info().parameters) {
      HYDRA_ASSIGN_OR_RETURN(const std::vector<float> values,
                             executor().Read<float>(parameter.buffer));
      computed_["final." + parameter.name] =
          NumericTensor{parameter.buffer.shape, {values.begin(), values.end()}};
    }
    constexpr std::pair<const char*, const char*> kBaseline[] = {
        {"loss_ema", "ema"}, {"loss_variance", "var"}, {"loss_steps", "step"}};
    for (const auto& [state, name] : kBaseline) {
      HYDRA_ASSIGN_OR_RETURN(const std::vector<float> value,
                             executor().Read<float>(hal::Region::kControlState, state));
      computed_[absl::StrCat("baseline.", name)] = NumericTensor{{}, {value[0]}};
    }
    return absl::OkStatus();
  }

  const Golden& golden_;
  const GoldenRun& run_;
  Session session_;
  ControlBlock control_;
  OptimizerValues optimizer_;
  StepSelections& selections_;
  NumericTensors computed_;
};

}  // namespace

absl::StatusOr<VerifyReport> VerifyTrajectory(const Golden& golden, const VerifyOptions& options,
                                              const GoldenRun& run, const std::string& spec) {
  const GoldenCase& shape = golden.cases().front();
  const std::string path = options.work_directory + "/trajectory.hydra";
  const auto compile = [&](const std::string& precision, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {
        spec, "--target=" + options.target, "--precision=" + precision, "--arch=" + options.arch,
        absl::StrCat("--entry=train@", shape.batch, "x", shape.seq)};
    const std::vector<std::string> flags = run.CompileFlags(golden.trajectory_steps());
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    for (const std::string& setting : options.settings) arguments.push_back("--set=" + setting);
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.insert(arguments.end(), {"-o", path});
    return Annotate(options.hydra_opt(arguments), "compiling");
  };

  VerifyReport report;
  StepSelections selections;
  std::vector<std::string> injected;
  if (options.bf16()) {
    HYDRA_RETURN_IF_ERROR(compile("f32", {"--probe=*"}));
    HYDRA_ASSIGN_OR_RETURN(TrajectoryRunner single,
                           TrajectoryRunner::Open(golden, run, path, options, true, selections));
    HYDRA_ASSIGN_OR_RETURN(const NumericTensors computed, single.Run());
    report.checks.push_back(
        {options.target + " in float32", CompareTrajectory(golden, computed, false)});
    injected = CompileFlags(selections);
  }
  HYDRA_RETURN_IF_ERROR(compile(options.precision, injected));
  // In float32 nothing is probed, so that there is nothing to select.
  HYDRA_ASSIGN_OR_RETURN(TrajectoryRunner checked,
                         TrajectoryRunner::Open(golden, run, path, options, true, selections));
  HYDRA_ASSIGN_OR_RETURN(report.computed, checked.Run());
  report.checks.push_back(
      {options.target, CompareTrajectory(golden, report.computed, options.bf16())});
  HYDRA_ASSIGN_OR_RETURN(TrajectoryRunner plain,
                         TrajectoryRunner::Open(golden, run, path, options, false, selections));
  HYDRA_ASSIGN_OR_RETURN(const NumericTensors shipped, plain.Run());
  VerifyCheck same{options.target + " as shipped", {}};
  same.verdict.pass = true;
  RequireSame(report.computed, shipped, "the value",
              "under validation; values must not depend on being checked", same.verdict);
  report.checks.push_back(std::move(same));
  for (const VerifyCheck& check : report.checks) report.pass = report.pass && check.verdict.pass;
  return report;
}

absl::StatusOr<std::vector<GoldenScalar>> OptimizerControls(const Golden& golden, int64_t step) {
  HYDRA_ASSIGN_OR_RETURN(const OptimizerValues values, ReadOptimizer(golden));
  return values.Controls(step);
}

}  // namespace hydra
