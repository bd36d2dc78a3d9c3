#include "runtime/diagnostics/verify_device.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/diagnostics/verify_names.h"
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

absl::StatusOr<Session> OpenSession(const std::string& path, const VerifyOptions& options,
                                    bool validate) {
  SessionOptions session;
  session.device = options.target;
  session.threads = options.threads;
  session.validate = validate;
  return Session::Open(path, session);
}

// One artifact, opened on a device, for one case of a golden file.
class CaseRunner {
 public:
  // `validate`: under the checks of runtime/hal/validation, or as it is shipped.
  static absl::StatusOr<CaseRunner> Open(const std::string& path, const VerifyOptions& options,
                                         bool validate) {
    HYDRA_ASSIGN_OR_RETURN(
        Session opened, options.open ? options.open(path) : OpenSession(path, options, validate));
    HYDRA_ASSIGN_OR_RETURN(ControlBlock control, ControlBlock::Create(opened.info()));
    return CaseRunner(std::move(opened), std::move(control));
  }

  // Writes the golden's weights and inputs, runs entry `name`, and collects what it computed.
  absl::StatusOr<NumericTensors> Run(const Golden& golden, const GoldenCase& item,
                                     const std::string& name) {
    const artifact::EntryInfo* entry = FindByName(executor().info(), name);
    if (!entry) return InputError(absl::StrCat("the artifact has no entry ", name));
    HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<Launch> launch, executor().Prepare(*entry));
    HYDRA_RETURN_IF_ERROR(WriteTensors(golden, item, *entry, *launch));
    // Control values exist only where the program uses them.
    control_.Set("loss_scale", 1);
    control_.Set("mod_aux_weight", golden.aux_loss_weight().value_or(0));
    HYDRA_RETURN_IF_ERROR(launch->StageControl(control_));
    HYDRA_RETURN_IF_ERROR(launch->Run());

    NumericTensors computed;
    for (const artifact::NamedBuffer* buffer : entry->Results()) {
      std::string known = TensorOfBinding("output/" + buffer->name);
      if (known.empty()) continue;
      HYDRA_ASSIGN_OR_RETURN(NumericTensor values, ReadBuffer(*buffer, *launch));
      computed.insert_or_assign(item.prefix + known, std::move(values));
    }
    if (name == "accumulate")
      for (const artifact::ParameterInfo& parameter : executor().info().parameters) {
        if (!parameter.gradient) continue;
        HYDRA_ASSIGN_OR_RETURN(auto values, executor().Read<float>(*parameter.gradient));
        computed.emplace("grad." + parameter.name,
                         NumericTensor{parameter.buffer.shape, {values.begin(), values.end()}});
      }
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
  absl::Status WriteTensors(const Golden& golden, const GoldenCase& item,
                            const artifact::EntryInfo& entry, Launch& launch) {
    std::set<std::string> given;  // names of parameters and inputs
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
    for (const artifact::NamedBuffer& input : entry.inputs)
      HYDRA_RETURN_IF_ERROR(require("input", "in", input.name));
    return absl::OkStatus();
  }

  CaseRunner(Session session, ControlBlock control)
      : session_(std::move(session)), control_(std::move(control)) {}
  Executor& executor() { return session_.executor(); }

  Session session_;
  ControlBlock control_;
};

// Fails `verdict` at the first value of `found` that is missing or other bits in `expected`. `what`
// and `why` finish the message: "VALUE of NAME differs ...".
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

absl::StatusOr<CaseRun> RunCase(CaseRunner& runner, const Golden& golden, const GoldenCase& item,
                                const std::string& entry, bool evaluate, bool step) {
  CaseRun run;
  HYDRA_ASSIGN_OR_RETURN(run.values, runner.Run(golden, item, entry));
  if (evaluate) {
    HYDRA_ASSIGN_OR_RETURN(NumericTensors evaluated, runner.Run(golden, item, "eval"));
    run.evaluation["out.logits"] = std::move(evaluated["out.logits"]);
  }
  if (step) {
    HYDRA_ASSIGN_OR_RETURN(run.parameters, runner.Apply());
  }
  return run;
}

}  // namespace

absl::StatusOr<VerifyReport> VerifyOnDevice(const Golden& golden, const VerifyOptions& options,
                                            const std::string& spec,
                                            const std::vector<std::string>& entries) {
  const std::string probed_path = options.work_directory + "/probed.hydra";
  const std::string shipped_path = options.work_directory + "/shipped.hydra";
  VerifyReport report;
  VerifyCheck shipped_check{options.target + " without probes", {}};
  VerifyCheck plain_check{options.target + " as shipped", {}};
  shipped_check.verdict.pass = plain_check.verdict.pass = true;
  for (const GoldenCase& item : golden.cases()) {
    std::vector<std::string> common = {spec, "--target=" + options.target,
                                       "--precision=" + options.precision,
                                       "--arch=" + options.arch};
    common.insert(common.end(), entries.begin(), entries.end());
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
    bool extra_eval = golden.training() && !golden.is_module();
    if (extra_eval) without.push_back(absl::StrCat("--entry=eval@", item.batch, "x", item.seq));
    without.insert(without.end(), {"-o", shipped_path});

    HYDRA_RETURN_IF_ERROR(Annotate(options.hydra_opt(with_probes), "compiling with probes"));
    HYDRA_RETURN_IF_ERROR(Annotate(options.hydra_opt(without), "compiling"));
    const bool step = golden.training() && !golden.is_module();
    HYDRA_ASSIGN_OR_RETURN(CaseRunner probed, CaseRunner::Open(probed_path, options, true));
    HYDRA_ASSIGN_OR_RETURN(CaseRunner shipped, CaseRunner::Open(shipped_path, options, true));
    HYDRA_ASSIGN_OR_RETURN(CaseRunner plain, CaseRunner::Open(shipped_path, options, false));
    HYDRA_ASSIGN_OR_RETURN(CaseRun seen, RunCase(probed, golden, item, name, false, step));
    HYDRA_ASSIGN_OR_RETURN(CaseRun checked, RunCase(shipped, golden, item, name, extra_eval, step));
    HYDRA_ASSIGN_OR_RETURN(CaseRun bare, RunCase(plain, golden, item, name, extra_eval, step));
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
  }
  RequireSomething(golden, shipped_check.verdict);
  RequireSomething(golden, plain_check.verdict);
  GoldenScope scope;
  scope.gradients = golden.training();
  report.checks.push_back({options.target, CompareWithGolden(golden, report.computed, scope)});
  report.checks.push_back(std::move(shipped_check));
  report.checks.push_back(std::move(plain_check));
  for (const VerifyCheck& check : report.checks) report.pass = report.pass && check.verdict.pass;
  return report;
}

}  // namespace hydra
