#include "runtime/diagnostics/verify_names.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace hydra {

std::string FunctionOfCase(const GoldenCase& item) {
  if (item.prefix.empty()) return "";
  return absl::StrCat("attention_", absl::StripSuffix(item.prefix, "."));
}

std::string BindingOfTensor(absl::string_view name) {
  if (name == "in.dy") return "input/cotangent.y";
  if (absl::ConsumePrefix(&name, "in.")) return absl::StrCat("input/", name);
  if (absl::ConsumePrefix(&name, "param.")) return absl::StrCat("parameter/", name);
  return "";
}

std::string TensorOfBinding(absl::string_view binding) {
  if (absl::ConsumePrefix(&binding, "gradient/")) return absl::StrCat("grad.", binding);
  if (!absl::ConsumePrefix(&binding, "output/")) return "";
  if (binding == "gradient.x") return "grad_in.x";
  if (absl::ConsumePrefix(&binding, "gradient.")) return absl::StrCat("grad.", binding);
  absl::ConsumePrefix(&binding, "probe.");
  if (absl::StartsWith(binding, "loss.") || absl::StartsWith(binding, "route.") ||
      absl::StartsWith(binding, "label."))
    return std::string(binding);
  if (absl::StartsWith(binding, "block.") || absl::StartsWith(binding, "moe.") ||
      binding == "logits" || binding == "y")
    return absl::StrCat("out.", binding);
  return "";
}

void StackCalls(NumericTensors& computed) {
  NumericTensors stacked;
  for (const auto& [first, tensor] : computed) {
    absl::string_view whole = first;
    if (!absl::StartsWith(whole, "route.mod.") || !absl::ConsumeSuffix(&whole, ".0")) continue;
    NumericTensor calls{tensor.shape, {}};
    calls.shape.insert(calls.shape.begin(), 0);
    for (auto call = computed.find(first); call != computed.end();
         call = computed.find(absl::StrCat(whole, ".", calls.shape[0]))) {
      const std::vector<double>& values = call->second.values;
      calls.values.insert(calls.values.end(), values.begin(), values.end());
      ++calls.shape[0];
    }
    stacked.emplace(whole, std::move(calls));
  }
  computed.merge(stacked);
}

void CompleteLosses(const Golden& golden, NumericTensors& computed) {
  if (golden.is_module()) return;
  if (!golden.training() && !computed.count("loss.total") && computed.count("loss.ce"))
    computed.emplace("loss.total", computed.at("loss.ce"));
  for (const TensorView& tensor : golden.file().tensors())
    if (absl::StartsWith(tensor.name, "loss.") && tensor.name != "loss.ce" &&
        tensor.name != "loss.total")
      computed.try_emplace(tensor.name, NumericTensor{{}, {0.0}});
}

}  // namespace hydra
