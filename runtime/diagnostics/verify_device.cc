#include "runtime/diagnostics/verify_device.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/diagnostics/verify_names.h"
#include "runtime/diagnostics/verify_selections.h"
#include "runtime/exec/session.h"

namespace hydra {
namespace {

absl::StatusOr<NumericTensor> ReadBuffer(const artifact::NamedBuffer& buffer, Launch& launch) {
  NumericTensor tensor{buffer.shape, {}};
  if (buffer.type == hal::ElementType::kI32) {
    HYDRA_ASSIGN_OR_RETURN(auto values, launch.ReadOutput<int32_t>(buffer.name));
    tensor.values.assign(values.begin(), values.end());
  } else {
    HYDRA_ASSIGN_OR_RETURN(auto values, launch.ReadOutput<float>(buffer.name));
    tensor.values.assign(values.begin(), values.end());
  }
  return tensor;
}

const artifact::EntryInfo* FindByName(const artifact::ArtifactInfo& info, absl::string_view name) {
  for (const artifact::EntryInfo& entry : info.entries)
    if (entry.name == name) return &entry;
  return nullptr;
}

// One artifact, opened on a device, for one case of a golden file.
class CaseRunner {
 public:
  // `validate`: under the checks of runtime/hal/validation, or as it is shipped.
  static absl::StatusOr<CaseRunner> Open(const std::string& path, const VerifyOptions& options,
                                         const Selections& selections, bool validate) {
    HYDRA_ASSIGN_OR_RETURN(Session opened, OpenSession(path, options, validate));
    HYDRA_ASSIGN_OR_RETURN(ControlBlock control, ControlBlock::Create(opened.info()));
    return CaseRunner(std::move(opened), std::move(control), selections);
  }

  // Writes the golden's weights, inputs and state, runs entry `name`, and collects what it
  // computed.
  absl::StatusOr<NumericTensors> Run(const Golden& golden, const std::optional<GoldenRun>& run,
                                     const GoldenCase& item, const std::string& name) {
    const artifact::EntryInfo* entry = FindByName(executor().info(), name);
    if (!entry) return InputError(absl::StrCat("the artifact has no entry ", name));
    HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<Launch> launch, executor().Prepare(*entry));
    HYDRA_RETURN_IF_ERROR(WriteTensors(golden, run, item, *entry, *launch));
    HYDRA_RETURN_IF_ERROR(launch->StageControl(control_));
    HYDRA_RETURN_IF_ERROR(launch->Run());

    NumericTensors computed;
    for (const artifact::NamedBuffer* buffer : entry->Results()) {
      std::string known = TensorOfBinding("output/" + buffer->name);
      if (known.empty()) continue;
      HYDRA_ASSIGN_OR_RETURN(NumericTensor values, ReadBuffer(*buffer, *launch));
      computed.insert_or_assign(item.prefix + known, std::move(values));
    }
    if (name == "accumulate") HYDRA_RETURN_IF_ERROR(ReadGradients(computed));
    StackCalls(computed);
    CompleteLosses(golden, computed);
    return computed;
  }

  // One optimizer step on the accumulated gradients; the parameters afterwards.
  absl::StatusOr<NumericTensors> Apply() {
    const artifact::EntryInfo* entry = FindByName(executor().info(), "apply");
    if (!entry) return InputError("the artifact has no entry apply");
    // A step that clips nothing: limits of model.md 13, no spike rule.
    const std::pair<const char*, double> values[] = {
        {"lr", 1e-3},       {"weight_decay", 0.1},    {"clip_min", 50},     {"clip_max", 3000},
        {"clip_factor", 2}, {"clip_ema_decay", 0.05}, {"spike_norm", 1e30}, {"spike_lr_factor", 1}};
    for (const auto& [name, value] : values) control_.Set(name, value);
    HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<Launch> launch, executor().Prepare(*entry));
    HYDRA_RETURN_IF_ERROR(launch->StageControl(control_));
    HYDRA_RETURN_IF_ERROR(launch->Run());
    NumericTensors parameters;
    for (const artifact::ParameterInfo& parameter : executor().info().parameters) {
      HYDRA_ASSIGN_OR_RETURN(auto values, executor().Read<float>(parameter.buffer));
      parameters.emplace(parameter.name,
                         NumericTensor{parameter.buffer.shape, {values.begin(), values.end()}});
    }
    return parameters;
  }

 private:
  // Gradients of the parameters that have one after this run (model.md 13).
  absl::Status ReadGradients(NumericTensors& computed) {
    HYDRA_ASSIGN_OR_RETURN(const std::vector<int32_t> present,
                           executor().Read<int32_t>(hal::Region::kOptimizer, "present"));
    const std::vector<artifact::ParameterInfo>& parameters = executor().info().parameters;
    for (size_t i = 0; i < parameters.size(); ++i) {
      const artifact::ParameterInfo& parameter = parameters[i];
      if (!parameter.gradient || present[i] == 0) continue;
      HYDRA_ASSIGN_OR_RETURN(auto values, executor().Read<float>(*parameter.gradient));
      computed.emplace("grad." + parameter.name,
                       NumericTensor{parameter.buffer.shape, {values.begin(), values.end()}});
    }
    return absl::OkStatus();
  }

  // Scalars exist only where the program uses them.
  absl::Status WriteScalars(const GoldenRun& run, const artifact::EntryInfo& entry, Launch& launch,
                            std::set<std::string>& given) {
    for (const auto& [name, value] : run.Controls(run.first_step())) control_.Set(name, value);
    for (const GoldenScalar& scalar : run.control_state()) {
      if (!executor().Find(hal::Region::kControlState, scalar.name).ok()) continue;
      const float value = static_cast<float>(scalar.value);
      HYDRA_RETURN_IF_ERROR(executor().Write<float>(hal::Region::kControlState, scalar.name,
                                                    absl::MakeConstSpan(&value, 1)));
    }
    for (const GoldenScalar& scalar : run.Inputs(run.first_step())) {
      const auto has_name = [&](const auto& input) { return input.name == scalar.name; };
      if (std::none_of(entry.inputs.begin(), entry.inputs.end(), has_name)) continue;
      const int32_t value = static_cast<int32_t>(scalar.value);
      HYDRA_RETURN_IF_ERROR(launch.SetInput<int32_t>(scalar.name, absl::MakeConstSpan(&value, 1)));
      given.insert("input " + scalar.name);
    }
    return absl::OkStatus();
  }

  absl::Status WriteTensors(const Golden& golden, const std::optional<GoldenRun>& run,
                            const GoldenCase& item, const artifact::EntryInfo& entry,
                            Launch& launch) {
    std::set<std::string> given;  // names of parameters and inputs
    if (run) HYDRA_RETURN_IF_ERROR(WriteScalars(*run, entry, launch, given));
    for (const TensorView& tensor : golden.file().tensors()) {
      absl::string_view name = tensor.name;
      if (!absl::ConsumePrefix(&name, item.prefix)) continue;
      std::string binding = BindingOfTensor(name);
      absl::string_view key = binding;
      if (absl::ConsumePrefix(&key, "parameter/")) {
        HYDRA_ASSIGN_OR_RETURN(std::vector<float> values, tensor.Copy<float>());
        HYDRA_RETURN_IF_ERROR(
            Annotate(executor().Write<float>(hal::Region::kParameters, key, values), tensor.name));
        HYDRA_ASSIGN_OR_RETURN(const artifact::ParameterInfo* parameter,
                               executor().FindParameter(key));
        given.insert("parameter " + parameter->name);
      } else if (absl::ConsumePrefix(&key, "input/")) {
        auto input = std::find_if(entry.inputs.begin(), entry.inputs.end(),
                                  [&](const auto& buffer) { return buffer.name == key; });
        if (input == entry.inputs.end()) continue;
        given.insert("input " + input->name);
        if (input->type == hal::ElementType::kI32) {
          HYDRA_ASSIGN_OR_RETURN(std::vector<int32_t> values, tensor.Copy<int32_t>());
          HYDRA_RETURN_IF_ERROR(Annotate(launch.SetInput<int32_t>(key, values), tensor.name));
        } else {
          HYDRA_ASSIGN_OR_RETURN(std::vector<float> values, tensor.Copy<float>());
          HYDRA_RETURN_IF_ERROR(Annotate(launch.SetInput<float>(key, values), tensor.name));
        }
      }
    }
    HYDRA_RETURN_IF_ERROR(selections_.SetInputs(entry, launch));
    return RequireAll(golden, item, entry, given);
  }

  // What the file does not give would silently be zero.
  absl::Status RequireAll(const Golden& golden, const GoldenCase& item,
                          const artifact::EntryInfo& entry, const std::set<std::string>& given) {
    const auto require = [&](absl::string_view kind, absl::string_view golden_kind,
                             const std::string& name) -> absl::Status {
      if (given.contains(absl::StrCat(kind, " ", name))) return absl::OkStatus();
      return InputError(absl::StrCat(golden.path(), ": expected tensor ", item.prefix, golden_kind,
                                     ".", name, ", which its configuration needs, found none"));
    };
    for (const artifact::ParameterInfo& parameter : executor().info().parameters)
      HYDRA_RETURN_IF_ERROR(require("parameter", "param", parameter.name));
    for (const artifact::NamedBuffer& input : entry.inputs) {
      if (selections_.empty() || !absl::StartsWith(input.name, "inject."))
        HYDRA_RETURN_IF_ERROR(require("input", "in", input.name));
    }
    return absl::OkStatus();
  }

  CaseRunner(Session session, ControlBlock control, const Selections& selections)
      : session_(std::move(session)), control_(std::move(control)), selections_(selections) {}
  Executor& executor() { return session_.executor(); }

  Session session_;
  ControlBlock control_;
  const Selections& selections_;
};

// A verdict over nothing is no verdict.
void RequireSomething(const Golden& golden, GoldenVerdict& verdict) {
  if (verdict.compared > 0) return;
  verdict.pass = false;
  if (verdict.problem.empty())
    verdict.problem = absl::StrCat(golden.path(), ": nothing was compared");
}

// What one run of a case gives: the values of its entry, and after training those of an evaluation
// and the parameters after one optimizer step.
struct CaseRun {
  NumericTensors values, evaluation, parameters;
};

absl::StatusOr<CaseRun> RunCase(CaseRunner& runner, const Golden& golden,
                                const std::optional<GoldenRun>& run, const GoldenCase& item,
                                const std::string& entry, bool evaluate, bool step) {
  CaseRun result;
  HYDRA_ASSIGN_OR_RETURN(result.values, runner.Run(golden, run, item, entry));
  if (evaluate) {
    HYDRA_ASSIGN_OR_RETURN(NumericTensors evaluated, runner.Run(golden, run, item, "eval"));
    result.evaluation["out.logits"] = std::move(evaluated["out.logits"]);
  }
  if (step) {
    HYDRA_ASSIGN_OR_RETURN(result.parameters, runner.Apply());
  }
  return result;
}

}  // namespace

absl::StatusOr<Session> OpenSession(const std::string& path, const VerifyOptions& options,
                                    bool validate) {
  if (options.open) return options.open(path);
  SessionOptions session;
  session.device = options.target;
  session.threads = options.threads;
  session.validate = validate;
  return Session::Open(path, session);
}

void RequireSame(const NumericTensors& expected, const NumericTensors& found,
                 absl::string_view what, absl::string_view why, GoldenVerdict& verdict) {
  for (const auto& [name, tensor] : found) {
    auto other = expected.find(name);
    const bool known = other != expected.end();
    if (known) ++verdict.compared;
    if (known && tensor.values.size() == other->second.values.size() &&
        std::memcmp(tensor.values.data(), other->second.values.data(),
                    tensor.values.size() * sizeof(double)) == 0)
      continue;
    verdict.pass = false;
    if (verdict.problem.empty())
      verdict.problem =
          absl::StrCat(name, ": ", what, known ? " differs " : " has no counterpart ", why);
  }
}

namespace {

// The golden's selections as the program in float32 makes them, and how that program compares.
absl::StatusOr<VerifyCheck> SelectInFloat32(const Golden& golden, const VerifyOptions& options,
                                            const std::optional<GoldenRun>& run,
                                            const std::string& spec,
                                            const std::vector<std::string>& entries,
                                            Selections& selections) {
  const std::string path = options.work_directory + "/selecting.hydra";
  std::vector<std::string> arguments = {
      spec, "--target=" + options.target, "--arch=" + options.arch, "--probe=*", "-o", path};
  arguments.insert(arguments.end(), entries.begin(), entries.end());
  const std::vector<std::string> flags = run->CompileFlags();
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  HYDRA_RETURN_IF_ERROR(Annotate(options.hydra_opt(arguments), "compiling in float32"));
  HYDRA_ASSIGN_OR_RETURN(CaseRunner runner, CaseRunner::Open(path, options, selections, true));
  HYDRA_ASSIGN_OR_RETURN(
      const NumericTensors computed,
      runner.Run(golden, run, golden.cases().front(), golden.training() ? "accumulate" : "eval"));
  selections = Selections::Of(computed);
  GoldenScope scope;
  scope.gradients = golden.training();
  return VerifyCheck{options.target + " in float32", CompareWithGolden(golden, computed, scope)};
}

}  // namespace

absl::StatusOr<VerifyReport> VerifyOnDevice(const Golden& golden, const VerifyOptions& options,
                                            const std::optional<GoldenRun>& run,
                                            const std::string& spec,
                                            const std::vector<std::string>& entries) {
  const std::string probed_path = options.work_directory + "/probed.hydra";
  const std::string shipped_path = options.work_directory + "/shipped.hydra";
  VerifyReport report;
  Selections selections;
  if (options.bf16() && golden.routed()) {
    HYDRA_ASSIGN_OR_RETURN(VerifyCheck single,
                           SelectInFloat32(golden, options, run, spec, entries, selections));
    report.checks.push_back(std::move(single));
  }
  VerifyCheck shipped_check{options.target + " without probes", {}};
  VerifyCheck plain_check{options.target + " as shipped", {}};
  shipped_check.verdict.pass = plain_check.verdict.pass = true;
  for (const GoldenCase& item : golden.cases()) {
    std::vector<std::string> common = {spec, "--target=" + options.target,
                                       "--precision=" + options.precision,
                                       "--arch=" + options.arch};
    common.insert(common.end(), entries.begin(), entries.end());
    for (const std::string& setting : options.settings) common.push_back("--set=" + setting);
    if (run) {
      const std::vector<std::string> flags = run->CompileFlags();
      common.insert(common.end(), flags.begin(), flags.end());
    }
    const std::vector<std::string> injected = selections.CompileFlags();
    common.insert(common.end(), injected.begin(), injected.end());
    std::string name = golden.training() ? "accumulate" : "eval";
    if (golden.is_module()) {
      name = FunctionOfCase(item);
      common.push_back("--function=" + name);
    }
    std::vector<std::string> with_probes = common, without = common;
    // A module alone has no named intermediate values; its results are outputs anyway.
    if (!golden.is_module()) with_probes.push_back("--probe=*");
    with_probes.insert(with_probes.end(), {"-o", probed_path});
    // Training does not output logits; an evaluation entry beside it does.
    // Not where noise makes training another function than evaluation.
    const bool noisy = golden.file().Find("in.moe_noise.0") != nullptr;
    const bool extra_eval = golden.training() && !golden.is_module() && !noisy;
    if (extra_eval) without.push_back(absl::StrCat("--entry=eval@", item.batch, "x", item.seq));
    without.insert(without.end(), {"-o", shipped_path});

    HYDRA_RETURN_IF_ERROR(Annotate(options.hydra_opt(with_probes), "compiling with probes"));
    HYDRA_RETURN_IF_ERROR(Annotate(options.hydra_opt(without), "compiling"));
    const bool step = golden.training() && !golden.is_module();
    HYDRA_ASSIGN_OR_RETURN(CaseRunner probed,
                           CaseRunner::Open(probed_path, options, selections, true));
    HYDRA_ASSIGN_OR_RETURN(CaseRunner shipped,
                           CaseRunner::Open(shipped_path, options, selections, true));
    HYDRA_ASSIGN_OR_RETURN(CaseRunner plain,
                           CaseRunner::Open(shipped_path, options, selections, false));
    HYDRA_ASSIGN_OR_RETURN(CaseRun seen, RunCase(probed, golden, run, item, name, false, step));
    HYDRA_ASSIGN_OR_RETURN(CaseRun checked,
                           RunCase(shipped, golden, run, item, name, extra_eval, step));
    HYDRA_ASSIGN_OR_RETURN(CaseRun bare, RunCase(plain, golden, run, item, name, extra_eval, step));
    constexpr absl::string_view kProbes =
        "in the program with probes; values must not depend on what is observed";
    GoldenVerdict& by_probes = shipped_check.verdict;
    RequireSame(seen.values, checked.values, "the value", kProbes, by_probes);
    RequireSame(seen.values, checked.evaluation, "the value", kProbes, by_probes);
    RequireSame(seen.parameters, checked.parameters, "the updated parameter", kProbes, by_probes);
    constexpr absl::string_view kChecks =
        "under validation; values must not depend on being checked";
    GoldenVerdict& by_checks = plain_check.verdict;
    RequireSame(checked.values, bare.values, "the value", kChecks, by_checks);
    RequireSame(checked.evaluation, bare.evaluation, "the value", kChecks, by_checks);
    RequireSame(checked.parameters, bare.parameters, "the updated parameter", kChecks, by_checks);
    report.computed.merge(seen.values);
    selections.AddTo(report.computed);
  }
  RequireSomething(golden, shipped_check.verdict);
  RequireSomething(golden, plain_check.verdict);
  GoldenScope scope;
  scope.gradients = golden.training();
  scope.bf16 = options.bf16();
  report.checks.push_back({options.target, CompareWithGolden(golden, report.computed, scope)});
  report.checks.push_back(std::move(shipped_check));
  report.checks.push_back(std::move(plain_check));
  for (const VerifyCheck& check : report.checks) report.pass = report.pass && check.verdict.pass;
  return report;
}

}  // namespace hydra
