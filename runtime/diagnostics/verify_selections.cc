#include "runtime/diagnostics/verify_selections.h"

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace hydra {
namespace {

bool IsSelection(absl::string_view name) {
  if (absl::StartsWith(name, "label.")) return true;
  return absl::StartsWith(name, "route.") &&
         (absl::EndsWith(name, ".depth") || absl::StrContains(name, ".index"));
}

}  // namespace

Selections Selections::Of(const NumericTensors& computed) {
  Selections result;
  for (const auto& [name, tensor] : computed) {
    if (absl::StartsWith(name, "route.mor.") && absl::EndsWith(name, ".prob"))
      result.probabilities_.emplace(name, tensor);
    if (!IsSelection(name)) continue;
    result.selected_.emplace(name, tensor);
    // All calls of a block together have no name in the program.
    if (computed.count(absl::StrCat(name, ".0")) != 0) continue;
    result.values_.emplace(name, std::vector<int32_t>(tensor.values.begin(), tensor.values.end()));
  }
  return result;
}

std::vector<std::string> Selections::CompileFlags() const {
  std::vector<std::string> flags;
  for (const auto& [name, values] : values_) flags.push_back(absl::StrCat("--inject=", name));
  return flags;
}

void Selections::AddInputs(std::vector<TensorView>& views) const {
  for (const auto& [name, values] : values_) {
    views.push_back(
        {absl::StrCat("input/inject.", name),
         DType::kI32,
         selected_.at(name).shape,
         {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(int32_t)}});
  }
}

absl::Status Selections::SetInputs(const artifact::EntryInfo& entry, Launch& launch) const {
  for (const artifact::NamedBuffer& input : entry.inputs) {
    absl::string_view name = input.name;
    if (!absl::ConsumePrefix(&name, "inject.")) continue;
    const auto found = values_.find(std::string(name));
    if (found == values_.end()) {
      return InputError(
          absl::StrCat("no selection for input ", input.name, " of entry ", entry.name));
    }
    HYDRA_RETURN_IF_ERROR(launch.SetInput<int32_t>(input.name, found->second));
  }
  return absl::OkStatus();
}

void Selections::AddTo(NumericTensors& computed) const {
  computed.insert(selected_.begin(), selected_.end());
  // An evaluation rounds them to depths and does nothing else with them.
  computed.insert(probabilities_.begin(), probabilities_.end());
}

std::vector<std::string> CompileFlags(const StepSelections& steps) {
  std::set<std::string> names;
  for (const Selections& selections : steps) {
    for (const std::string& flag : selections.CompileFlags()) names.insert(flag);
  }
  return {names.begin(), names.end()};
}

}  // namespace hydra
