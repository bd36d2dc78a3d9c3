#include "runtime/diagnostics/verify.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/diagnostics/verify_device.h"
#include "runtime/diagnostics/verify_names.h"
#include "runtime/io/atomic_file.h"

namespace hydra {
namespace {

// Copies the golden's inputs under the names of the program; one file for all cases.
absl::Status WriteInputs(const Golden& golden, const std::string& path) {
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
  float loss_scale = 1, aux_weight = static_cast<float>(golden.aux_loss_weight().value_or(0));
  auto scalar = [&](const char* name, const float& value) {
    views.push_back(
        {name, DType::kF32, {}, {reinterpret_cast<const uint8_t*>(&value), sizeof(float)}});
  };
  scalar("control/loss_scale", loss_scale);
  scalar("control/mod_aux_weight", aux_weight);
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
  CompleteLosses(golden, computed);
  return computed;
}

absl::StatusOr<VerifyReport> VerifyByInterpreter(const Golden& golden, const VerifyOptions& options,
                                                 const std::string& spec,
                                                 const std::vector<std::string>& entries) {
  const std::string inputs = options.work_directory + "/inputs.safetensors";
  const std::string results = options.work_directory + "/results.safetensors";
  HYDRA_RETURN_IF_ERROR(WriteInputs(golden, inputs));
  VerifyReport report;
  // Stages that have passes and leave values; hydra-opt refuses the others by name.
  for (const char* stage : {"model", "routing", "autodiff", "fusion"}) {
    std::vector<std::string> arguments = {spec,          absl::StrCat("--stop-after=", stage),
                                          "--interpret", "--inputs=" + inputs,
                                          "-o",          results};
    arguments.insert(arguments.end(), entries.begin(), entries.end());
    HYDRA_RETURN_IF_ERROR(
        Annotate(options.hydra_opt(arguments), absl::StrCat("interpreting after stage ", stage)));
    HYDRA_ASSIGN_OR_RETURN(report.computed, ReadResults(golden, results));
    GoldenScope scope;
    bool before_autodiff =
        absl::string_view(stage) == "model" || absl::string_view(stage) == "routing";
    scope.gradients = golden.training() && !before_autodiff;
    VerifyCheck check{absl::StrCat("interpreter after ", stage),
                      CompareWithGolden(golden, report.computed, scope)};
    report.pass = report.pass && check.verdict.pass;
    report.checks.push_back(std::move(check));
  }
  return report;
}

}  // namespace

absl::StatusOr<VerifyReport> VerifyGolden(const Golden& golden, const VerifyOptions& options) {
  const std::string spec = options.work_directory + "/config.json";
  HYDRA_RETURN_IF_ERROR(WriteFileAtomically(spec, golden.config_text()));
  std::vector<std::string> entries;
  if (!golden.is_module()) {
    const GoldenCase& item = golden.cases().front();
    entries.push_back(absl::StrCat(golden.training() ? "--entry=train@" : "--entry=eval@",
                                   item.batch, "x", item.seq));
  }
  if (options.target == "interpreter") return VerifyByInterpreter(golden, options, spec, entries);
  return VerifyOnDevice(golden, options, spec, entries);
}

}  // namespace hydra
