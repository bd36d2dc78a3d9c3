#include "runtime/diagnostics/verify.h"

#include <deque>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/diagnostics/golden_run.h"
#include "runtime/diagnostics/verify_device.h"
#include "runtime/diagnostics/verify_names.h"
#include "runtime/diagnostics/verify_selections.h"
#include "runtime/diagnostics/verify_trajectory.h"
#include "runtime/io/atomic_file.h"

namespace hydra {
namespace {

// Copies the golden's inputs under the names of the program; one file for all cases.
absl::Status WriteInputs(const Golden& golden, const std::optional<GoldenRun>& run,
                         const Selections& selections, const std::string& path) {
  std::vector<TensorView> views;
  for (const GoldenCase& item : golden.cases()) {
    std::string prefix = FunctionOfCase(item);
    if (!prefix.empty()) prefix += ":";
    for (const TensorView& tensor : golden.file().tensors()) {
      absl::string_view name = tensor.name;
      if (!absl::ConsumePrefix(&name, item.prefix)) continue;
      std::string binding = BindingOfTensor(name);
      if (binding.empty()) continue;
      TensorView view = tensor;
      view.name = prefix + binding;
      views.push_back(view);
    }
  }
  selections.AddInputs(views);
  std::deque<float> numbers;
  std::deque<int32_t> integers;
  const auto add = [&](absl::string_view kind, const GoldenScalar& scalar) {
    const void* value = &numbers.emplace_back(static_cast<float>(scalar.value));
    const bool integer = kind == "input/";
    if (integer) value = &integers.emplace_back(static_cast<int32_t>(scalar.value));
    views.push_back({absl::StrCat(kind, scalar.name),
                     integer ? DType::kI32 : DType::kF32,
                     {},
                     {static_cast<const uint8_t*>(value), sizeof(float)}});
  };
  if (run) {
    for (const GoldenScalar& scalar : run->Controls(run->first_step())) add("control/", scalar);
    for (const GoldenScalar& scalar : run->control_state()) add("control_state/", scalar);
    for (const GoldenScalar& scalar : run->Inputs(run->first_step())) add("input/", scalar);
  } else {
    add("control/", {"loss_scale", 1});
  }
  return WriteSafetensors(path, {}, views);
}

absl::StatusOr<NumericTensors> ReadResults(const Golden& golden, const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(path));
  NumericTensors computed;
  for (const TensorView& tensor : file.tensors()) {
    for (const GoldenCase& item : golden.cases()) {
      absl::string_view name = tensor.name;
      std::string function = FunctionOfCase(item);
      if (!function.empty() && !absl::ConsumePrefix(&name, function + ":")) continue;
      std::string known = TensorOfBinding(name);
      if (known.empty()) continue;
      HYDRA_ASSIGN_OR_RETURN(NumericTensor values, ToNumeric(tensor));
      computed.emplace(item.prefix + known, std::move(values));
    }
  }
  StackCalls(computed);
  CompleteLosses(golden, computed);
  return computed;
}

absl::StatusOr<VerifyReport> VerifyByInterpreter(const Golden& golden, const VerifyOptions& options,
                                                 const std::optional<GoldenRun>& run,
                                                 const std::string& spec,
                                                 const std::vector<std::string>& entries) {
  const std::string inputs = options.work_directory + "/inputs.safetensors";
  const std::string results = options.work_directory + "/results.safetensors";
  Selections selections;
  HYDRA_RETURN_IF_ERROR(WriteInputs(golden, run, selections, inputs));
  VerifyReport report;
  // Stages that leave values.
  bool is_rounded = false;
  for (const absl::string_view stage :
       {"model", "routing", "autodiff", "precision", "remat", "fusion"}) {
    const bool is_precision = stage == "precision";
    // In float32 the stage has nothing to do.
    if (is_precision && !options.bf16()) continue;
    if (is_precision && golden.routed()) {
      // What was computed so far was float32.
      selections = Selections::Of(report.computed);
      HYDRA_RETURN_IF_ERROR(WriteInputs(golden, run, selections, inputs));
    }
    is_rounded = is_rounded || is_precision;
    // Before stage routing a model has no variants: it is interpreted at fixed depth.
    const bool is_model = stage == "model";
    if (is_model && run && run->PhaseOf(run->first_step()).variant != "fixed") continue;
    std::vector<std::string> arguments = {spec,          absl::StrCat("--stop-after=", stage),
                                          "--interpret", "--inputs=" + inputs,
                                          "-o",          results};
    arguments.insert(arguments.end(), entries.begin(), entries.end());
    if (is_rounded) arguments.push_back("--precision=bf16");
    if (stage == "fusion")
      for (const std::string& setting : options.settings) arguments.push_back("--set=" + setting);
    if (run && !is_model) {
      const std::vector<std::string> flags = run->CompileFlags();
      arguments.insert(arguments.end(), flags.begin(), flags.end());
    }
    const std::vector<std::string> injected = selections.CompileFlags();
    arguments.insert(arguments.end(), injected.begin(), injected.end());
    HYDRA_RETURN_IF_ERROR(
        Annotate(options.hydra_opt(arguments), absl::StrCat("interpreting after stage ", stage)));
    HYDRA_ASSIGN_OR_RETURN(report.computed, ReadResults(golden, results));
    selections.AddTo(report.computed);
    GoldenScope scope;
    const bool before_autodiff = is_model || stage == "routing";
    scope.gradients = golden.training() && !before_autodiff;
    scope.bf16 = is_rounded;
    VerifyCheck check{absl::StrCat("interpreter after ", stage),
                      CompareWithGolden(golden, report.computed, scope)};
    report.pass = report.pass && check.verdict.pass;
    report.checks.push_back(std::move(check));
  }
  return report;
}

}  // namespace

absl::StatusOr<VerifyReport> VerifyGolden(const Golden& golden, const VerifyOptions& options) {
  const bool is_spec = !golden.spec_text().empty();
  const std::string spec = options.work_directory + (is_spec ? "/spec.mlir" : "/config.json");
  HYDRA_RETURN_IF_ERROR(
      WriteFileAtomically(spec, is_spec ? golden.spec_text() : golden.config_text()));
  std::vector<std::string> entries;
  std::optional<GoldenRun> run;
  if (!golden.is_module()) {
    HYDRA_ASSIGN_OR_RETURN(run, GoldenRun::Read(golden));
    const GoldenCase& item = golden.cases().front();
    entries.push_back(absl::StrCat(golden.training() ? "--entry=train@" : "--entry=eval@",
                                   item.batch, "x", item.seq));
  }
  if (golden.trajectory_steps() > 0) {
    return options.target == "interpreter" ? InterpretTrajectory(golden, options, *run, spec)
                                           : VerifyTrajectory(golden, options, *run, spec);
  }
  if (options.target == "interpreter")
    return VerifyByInterpreter(golden, options, run, spec, entries);
  return VerifyOnDevice(golden, options, run, spec, entries);
}

}  // namespace hydra
