#include "runtime/diagnostics/verify_device.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/diagnostics/verify_names.h"
#include "runtime/exec/session.h"

namespace hydra {
namespace {

// What one run of an artifact gave.
struct DeviceRun {
  NumericTensors values;      // under golden names, with the case prefix
  NumericTensors parameters;  // after one optimizer step; empty without training
};

absl::StatusOr<NumericTensor> ReadBuffer(const artifact::NamedBuffer& buffer, Launch& launch) {
  NumericTensor tensor{buffer.shape, {}};
  if (buffer.type == hal::ElementType::kI32) {
    HYDRA_ASSIGN_OR_RETURN(auto values, launch.Output<int32_t>(buffer.name));
    tensor.values.assign(values.begin(), values.end());
  } else {
    HYDRA_ASSIGN_OR_RETURN(auto values, launch.Output<float>(buffer.name));
    tensor.values.assign(values.begin(), values.end());
  }
  return tensor;
}

template <typename T>
absl::Status CopyInto(absl::Span<T> target, const TensorView& source) {
  HYDRA_ASSIGN_OR_RETURN(std::vector<T> values, source.Copy<T>());
  if (values.size() != target.size())
    return InputError(absl::StrCat("tensor ", source.name, ": the program has ", target.size(),
                                   " elements, the golden file ", values.size()));
  std::copy(values.begin(), values.end(), target.begin());
  return absl::OkStatus();
}

const artifact::EntryInfo* FindByName(const artifact::ArtifactInfo& info, absl::string_view name) {
  for (const artifact::EntryInfo& entry : info.entries)
    if (entry.name == name) return &entry;
  return nullptr;
}

// One artifact, opened on a device, for one case of a golden file.
class CaseRunner {
 public:
  static absl::StatusOr<CaseRunner> Open(const std::string& path, const VerifyOptions& options) {
    SessionOptions session;
    session.device = options.target;
    session.threads = options.threads;
    session.validate = true;
    HYDRA_ASSIGN_OR_RETURN(Session opened, Session::Open(path, session));
    return CaseRunner(std::move(opened));
  }

  // Writes the golden's weights and inputs, runs entry `name`, and collects what it computed.
  absl::StatusOr<NumericTensors> Run(const Golden& golden, const GoldenCase& item,
                                     const std::string& name) {
    const artifact::EntryInfo* entry = FindByName(executor().info(), name);
    if (!entry) return InputError(absl::StrCat("the artifact has no entry ", name));
    HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<Launch> launch, executor().Prepare(*entry));
    HYDRA_RETURN_IF_ERROR(WriteTensors(golden, item, *entry, *launch));
    HYDRA_RETURN_IF_ERROR(SetControl("loss_scale", 1));
    HYDRA_RETURN_IF_ERROR(SetControl("mod_aux_weight", golden.aux_loss_weight().value_or(0)));
    HYDRA_RETURN_IF_ERROR(launch->Run());

    NumericTensors computed;
    for (const artifact::NamedBuffer& buffer : entry->outputs) {
      std::string known = TensorOfBinding("output/" + buffer.name);
      if (known.empty()) continue;
      HYDRA_ASSIGN_OR_RETURN(NumericTensor values, ReadBuffer(buffer, *launch));
      computed.insert_or_assign(item.prefix + known, std::move(values));
    }
    if (name == "accumulate")
      for (const artifact::ParameterInfo& parameter : executor().info().parameters) {
        if (!parameter.gradient) continue;
        HYDRA_ASSIGN_OR_RETURN(auto values, executor().Gradient<float>(parameter.name));
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
    for (const auto& [name, value] : values) HYDRA_RETURN_IF_ERROR(SetControl(name, value));
    HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<Launch> launch, executor().Prepare(*entry));
    HYDRA_RETURN_IF_ERROR(launch->Run());
    NumericTensors parameters;
    for (const artifact::ParameterInfo& parameter : executor().info().parameters) {
      HYDRA_ASSIGN_OR_RETURN(auto values, executor().Parameter<float>(parameter.name));
      parameters.emplace(parameter.name,
                         NumericTensor{parameter.buffer.shape, {values.begin(), values.end()}});
    }
    return parameters;
  }

 private:
  // Control values exist only where the program uses them.
  absl::Status SetControl(absl::string_view name, double value) {
    for (const artifact::NamedBuffer& buffer : executor().info().control)
      if (buffer.name == name) {
        HYDRA_ASSIGN_OR_RETURN(auto span, executor().Control<float>(name));
        span[0] = static_cast<float>(value);
      }
    return absl::OkStatus();
  }

  absl::Status WriteTensors(const Golden& golden, const GoldenCase& item,
                            const artifact::EntryInfo& entry, Launch& launch) {
    for (const TensorView& tensor : golden.file().tensors()) {
      absl::string_view name = tensor.name;
      if (!absl::ConsumePrefix(&name, item.prefix)) continue;
      std::string binding = BindingOfTensor(name);
      absl::string_view key = binding;
      if (absl::ConsumePrefix(&key, "parameter/")) {
        HYDRA_ASSIGN_OR_RETURN(auto target, executor().Parameter<float>(key));
        HYDRA_RETURN_IF_ERROR(CopyInto<float>(target, tensor));
      } else if (absl::ConsumePrefix(&key, "input/")) {
        auto input = std::find_if(entry.inputs.begin(), entry.inputs.end(),
                                  [&](const auto& buffer) { return buffer.name == key; });
        if (input == entry.inputs.end()) continue;
        if (input->type == hal::ElementType::kI32) {
          HYDRA_ASSIGN_OR_RETURN(auto target, launch.Input<int32_t>(key));
          HYDRA_RETURN_IF_ERROR(CopyInto<int32_t>(target, tensor));
        } else {
          HYDRA_ASSIGN_OR_RETURN(auto target, launch.Input<float>(key));
          HYDRA_RETURN_IF_ERROR(CopyInto<float>(target, tensor));
        }
      }
    }
    return absl::OkStatus();
  }

  explicit CaseRunner(Session session) : session_(std::move(session)) {}
  Executor& executor() { return session_.executor(); }

  Session session_;
};

// Fails `verdict` at the first value of `shipped` that is not the same bits in `probed`.
void RequireSame(const NumericTensors& probed, const NumericTensors& shipped,
                 absl::string_view what, GoldenVerdict& verdict) {
  for (const auto& [name, tensor] : shipped) {
    auto other = probed.find(name);
    if (other == probed.end()) continue;
    ++verdict.compared;
    if (tensor.values.size() == other->second.values.size() &&
        std::memcmp(tensor.values.data(), other->second.values.data(),
                    tensor.values.size() * sizeof(double)) == 0)
      continue;
    verdict.pass = false;
    if (verdict.problem.empty())
      verdict.problem = absl::StrCat(name, ": ", what,
                                     " differs between the program with probes and the one "
                                     "without; values must not depend on what is observed");
  }
}

}  // namespace

absl::StatusOr<VerifyReport> VerifyOnDevice(const Golden& golden, const VerifyOptions& options,
                                            const std::string& spec,
                                            const std::vector<std::string>& entries) {
  const std::string probed_path = options.work_directory + "/probed.hydra";
  const std::string shipped_path = options.work_directory + "/shipped.hydra";
  VerifyReport report;
  VerifyCheck shipped_check{options.target + " without probes", {}};
  shipped_check.verdict.pass = true;
  for (const GoldenCase& item : golden.cases()) {
    std::vector<std::string> common = {spec, "--target=" + options.target,
                                       "--precision=" + options.precision};
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
    HYDRA_ASSIGN_OR_RETURN(CaseRunner probed, CaseRunner::Open(probed_path, options));
    HYDRA_ASSIGN_OR_RETURN(CaseRunner shipped, CaseRunner::Open(shipped_path, options));
    HYDRA_ASSIGN_OR_RETURN(NumericTensors seen, probed.Run(golden, item, name));
    HYDRA_ASSIGN_OR_RETURN(NumericTensors plain, shipped.Run(golden, item, name));
    RequireSame(seen, plain, "the value", shipped_check.verdict);
    if (extra_eval) {
      HYDRA_ASSIGN_OR_RETURN(NumericTensors evaluated, shipped.Run(golden, item, "eval"));
      NumericTensors logits;
      logits["out.logits"] = evaluated["out.logits"];
      RequireSame(seen, logits, "the value", shipped_check.verdict);
      HYDRA_ASSIGN_OR_RETURN(NumericTensors probed_step, probed.Apply());
      HYDRA_ASSIGN_OR_RETURN(NumericTensors shipped_step, shipped.Apply());
      RequireSame(probed_step, shipped_step, "the updated parameter", shipped_check.verdict);
    }
    report.computed.merge(seen);
  }
  GoldenScope scope;
  scope.gradients = golden.training();
  report.checks.push_back({options.target, CompareWithGolden(golden, report.computed, scope)});
  report.checks.push_back(std::move(shipped_check));
  for (const VerifyCheck& check : report.checks) report.pass = report.pass && check.verdict.pass;
  return report;
}

}  // namespace hydra
