// The optimizer steps of a golden trajectory, one run of the interpreter each.
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/diagnostics/verify_selections.h"
#include "runtime/diagnostics/verify_trajectory.h"
#include "runtime/io/safetensors.h"

namespace hydra {
namespace {

// What goes from one step to the next.
bool IsState(absl::string_view name) {
  return absl::StartsWith(name, "parameter/") || absl::StartsWith(name, "optimizer/") ||
         absl::StartsWith(name, "control_state/");
}

class InterpretedTrajectory {
 public:
  InterpretedTrajectory(const Golden& golden, const VerifyOptions& options, const GoldenRun& run,
                        std::string spec, std::string stage, StepSelections& selections)
      : golden_(golden),
        options_(options),
        run_(run),
        spec_(std::move(spec)),
        stage_(std::move(stage)),
        selections_(selections) {}

  // Everything the file expects, under its names.
  absl::StatusOr<NumericTensors> Run() {
    for (int64_t n = 0; n < golden_.trajectory_steps(); ++n) {
      HYDRA_RETURN_IF_ERROR(
          Annotate(Step(n), absl::StrCat("interpreting step ", n, " after stage ", stage_)));
    }
    HYDRA_RETURN_IF_ERROR(ReadEnd());
    return std::move(computed_);
  }

 private:
  // The last stage of a program in bf16.
  bool is_rounded() const { return options_.bf16() && stage_ == "fusion"; }

  std::string Path(int64_t n) const {
    return absl::StrCat(options_.work_directory, "/step-", n, ".safetensors");
  }

  absl::Status WriteInputs(int64_t n, const std::string& path) {
    const int64_t step = run_.first_step() + n;
    std::vector<TensorView> views;
    std::deque<float> numbers;
    std::deque<int32_t> integers;
    const auto add = [&](absl::string_view kind, const GoldenScalar& scalar) {
      const bool integer = kind == "input/";
      const void* value =
          integer
              ? static_cast<const void*>(&integers.emplace_back(static_cast<int32_t>(scalar.value)))
              : &numbers.emplace_back(static_cast<float>(scalar.value));
      views.push_back({absl::StrCat(kind, scalar.name),
                       integer ? DType::kI32 : DType::kF32,
                       {},
                       {static_cast<const uint8_t*>(value), sizeof(float)}});
    };
    for (const char* input : {"tokens", "targets"}) {
      HYDRA_ASSIGN_OR_RETURN(const TensorView* tensor,
                             golden_.file().Get(absl::StrCat("in.", input, ".", n)));
      views.push_back(*tensor);
      views.back().name = absl::StrCat("input/", input);
    }
    for (const GoldenScalar& scalar : run_.Inputs(step)) add("input/", scalar);
    if (is_rounded()) selections_[n].AddInputs(views);
    for (const GoldenScalar& scalar : run_.Controls(step)) add("control/", scalar);
    HYDRA_ASSIGN_OR_RETURN(const std::vector<GoldenScalar> optimizer,
                           OptimizerControls(golden_, step));
    for (const GoldenScalar& scalar : optimizer) add("control/", scalar);
    if (n > 0) {
      for (const auto& [name, tensor] : state_) views.push_back(tensor);
      return WriteSafetensors(path, {}, views);
    }
    int64_t parameters = 0;
    for (const TensorView& tensor : golden_.file().tensors()) {
      absl::string_view name = tensor.name;
      if (!absl::ConsumePrefix(&name, "param.")) continue;
      TensorView view = tensor;
      view.name = absl::StrCat("parameter/", name);
      state_[view.name] = view;
      views.push_back(std::move(view));
      ++parameters;
    }
    // Step counts and moments begin at zero; the counts ask for the optimizer.
    const std::vector<int32_t> counts(static_cast<size_t>(parameters), 0);
    views.push_back(
        {"optimizer/steps",
         DType::kI32,
         {parameters},
         {reinterpret_cast<const uint8_t*>(counts.data()), counts.size() * sizeof(int32_t)}});
    for (const GoldenScalar& scalar : run_.control_state()) add("control_state/", scalar);
    // As on a device: the file's limit of the norm is fixed, and the average begins at zero.
    add("control_state/", GoldenScalar{"grad_norm_ema", 0});
    return WriteSafetensors(path, {}, views);
  }

  absl::Status Step(int64_t n) {
    const std::string inputs = options_.work_directory + "/inputs.safetensors";
    HYDRA_RETURN_IF_ERROR(WriteInputs(n, inputs));
    const GoldenCase& shape = golden_.cases().front();
    std::vector<std::string> arguments = {
        spec_,
        "--stop-after=" + stage_,
        "--interpret",
        "--inputs=" + inputs,
        "-o",
        Path(n),
        absl::StrCat("--entry=train@", shape.batch, "x", shape.seq)};
    if (is_rounded()) {
      arguments.push_back("--precision=bf16");
      const std::vector<std::string> injected = selections_[n].CompileFlags();
      arguments.insert(arguments.end(), injected.begin(), injected.end());
    }
    if (stage_ == "fusion")
      for (const std::string& setting : options_.settings) arguments.push_back("--set=" + setting);
    const std::string variant(run_.PhaseOf(run_.first_step() + n).variant);
    for (const std::string& flag : run_.CompileFlags(golden_.trajectory_steps())) {
      if (!absl::StartsWith(flag, "--variant=")) arguments.push_back(flag);
    }
    arguments.push_back("--variant=" + variant);
    HYDRA_RETURN_IF_ERROR(options_.hydra_opt(arguments));
    HYDRA_ASSIGN_OR_RETURN(SafetensorsFile results, SafetensorsFile::Open(Path(n)));
    results_.push_back(std::move(results));
    for (const TensorView& tensor : results_.back().tensors()) {
      if (IsState(tensor.name)) state_[tensor.name] = tensor;
    }
    if (!is_rounded()) HYDRA_RETURN_IF_ERROR(ReadSelections());
    return ReadStep(n);
  }

  absl::Status ReadSelections() {
    NumericTensors selected;
    for (const TensorView& tensor : results_.back().tensors()) {
      absl::string_view name = tensor.name;
      if (tensor.dtype != DType::kI32 || !absl::ConsumePrefix(&name, "output/probe.")) continue;
      HYDRA_ASSIGN_OR_RETURN(NumericTensor values, ToNumeric(tensor));
      selected.emplace(name, std::move(values));
    }
    selections_.push_back(Selections::Of(selected));
    return absl::OkStatus();
  }

  // A term that the variant does not have is an empty sum.
  absl::Status ReadStep(int64_t n) {
    const std::string prefix = absl::StrCat("step.", n, ".");
    for (const TensorView& expected : golden_.file().tensors()) {
      absl::string_view what = expected.name;
      if (!absl::ConsumePrefix(&what, prefix)) continue;
      const bool of_apply = what == "grad_norm" || what == "lr";
      const std::string name = of_apply         ? std::string(what)
                               : what == "loss" ? std::string("loss.total")
                                                : absl::StrCat("loss.", what);
      const auto found = results_.back().Find("output/" + name);
      if (!found && (of_apply || what == "loss" || what == "ce")) {
        return InputError(absl::StrCat("the program has no output ", name));
      }
      NumericTensor value{{}, {0.0}};
      if (found) {
        HYDRA_ASSIGN_OR_RETURN(value, ToNumeric(*found));
      }
      computed_[expected.name] = std::move(value);
    }
    return absl::OkStatus();
  }

  absl::Status ReadEnd() {
    constexpr std::pair<const char*, const char*> kBaseline[] = {
        {"loss_ema", "ema"}, {"loss_variance", "var"}, {"loss_steps", "step"}};
    for (const auto& [key, tensor] : state_) {
      absl::string_view name = key;
      if (!absl::ConsumePrefix(&name, "parameter/")) continue;
      HYDRA_ASSIGN_OR_RETURN(computed_[absl::StrCat("final.", name)], ToNumeric(tensor));
    }
    for (const auto& [state, name] : kBaseline) {
      const auto found = state_.find(absl::StrCat("control_state/", state));
      if (found == state_.end()) return InputError(absl::StrCat("no step left ", state));
      HYDRA_ASSIGN_OR_RETURN(computed_[absl::StrCat("baseline.", name)], ToNumeric(found->second));
    }
    return absl::OkStatus();
  }

  const Golden& golden_;
  const VerifyOptions& options_;
  const GoldenRun& run_;
  std::string spec_, stage_;
  StepSelections& selections_;               // of the first stage, in float32
  std::deque<SafetensorsFile> results_;      // of every step
  std::map<std::string, TensorView> state_;  // views of the last that had it
  NumericTensors computed_;
};

}  // namespace

absl::StatusOr<VerifyReport> InterpretTrajectory(const Golden& golden, const VerifyOptions& options,
                                                 const GoldenRun& run, const std::string& spec) {
  VerifyReport report;
  StepSelections selections;
  for (const absl::string_view stage : {"autodiff", "fusion"}) {
    HYDRA_ASSIGN_OR_RETURN(
        report.computed,
        InterpretedTrajectory(golden, options, run, spec, std::string(stage), selections).Run());
    const bool is_rounded = options.bf16() && stage == "fusion";
    report.checks.push_back({absl::StrCat("interpreter after ", stage),
                             CompareTrajectory(golden, report.computed, is_rounded)});
    report.pass = report.pass && report.checks.back().verdict.pass;
  }
  return report;
}

}  // namespace hydra
