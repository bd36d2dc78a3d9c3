// Reading golden files; the comparison is in golden_compare.cc.
#include "runtime/diagnostics/golden.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace hydra {
namespace {

template <typename T>
absl::StatusOr<NumericTensor> Widen(const TensorView& tensor) {
  HYDRA_ASSIGN_OR_RETURN(std::vector<T> values, tensor.Copy<T>());
  return NumericTensor{tensor.shape, std::vector<double>(values.begin(), values.end())};
}

absl::StatusOr<std::optional<double>> OptionalNumber(JsonView object, absl::string_view key) {
  std::optional<JsonView> member = object.Find(key);
  if (!member || member->is_null()) return std::optional<double>();
  HYDRA_ASSIGN_OR_RETURN(double value, member->Double());
  return std::optional<double>(value);
}

}  // namespace

absl::StatusOr<NumericTensor> ToNumeric(const TensorView& tensor) {
  switch (tensor.dtype) {
    case DType::kF32:
      return Widen<float>(tensor);
    case DType::kF64:
      return Widen<double>(tensor);
    case DType::kI32:
      return Widen<int32_t>(tensor);
    case DType::kI64:
      return Widen<int64_t>(tensor);
    default:
      return InputError(
          absl::StrCat("tensor ", tensor.name, ": expected F32, F64, I32 or I64 in a golden file"));
  }
}

absl::StatusOr<Golden> Golden::Open(const std::string& path) {
  Golden golden;
  HYDRA_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(path));
  golden.file_.emplace(std::move(file));
  const auto& metadata = golden.file_->metadata();
  auto format = metadata.find("format");
  if (format == metadata.end() || format->second != "hydra-golden-1")
    return InputError(absl::StrCat(path, ": expected metadata format = hydra-golden-1, found ",
                                   format == metadata.end() ? "none" : format->second,
                                   "; this is no golden file"));
  auto config = metadata.find("config");
  if (config == metadata.end())
    return InputError(absl::StrCat(path, ": the metadata has no `config`"));
  golden.config_text_ = config->second;
  if (auto spec = metadata.find("spec"); spec != metadata.end()) golden.spec_text_ = spec->second;
  HYDRA_ASSIGN_OR_RETURN(JsonDocument document,
                         JsonDocument::Parse(golden.config_text_, absl::StrCat(path, " config")));
  golden.config_.emplace(std::move(document));
  HYDRA_RETURN_IF_ERROR(golden.ReadConfig());
  return golden;
}

absl::Status Golden::ReadConfig() {
  JsonView root = config_->root();
  HYDRA_ASSIGN_OR_RETURN(JsonView tolerance, root.Get("tolerance"));
  HYDRA_ASSIGN_OR_RETURN(tolerance_.out, OptionalNumber(tolerance, "out"));
  HYDRA_ASSIGN_OR_RETURN(tolerance_.loss, OptionalNumber(tolerance, "loss"));
  HYDRA_ASSIGN_OR_RETURN(tolerance_.grad, OptionalNumber(tolerance, "grad"));
  HYDRA_ASSIGN_OR_RETURN(tolerance_.step, OptionalNumber(tolerance, "step"));
  HYDRA_ASSIGN_OR_RETURN(tolerance_.final_of_update, OptionalNumber(tolerance, "final_of_update"));
  if (std::optional<JsonView> cases = root.Find("cases")) return ReadCases(*cases);

  if (root.Find("optimizer")) {
    while (file_->Find(absl::StrCat("in.tokens.", trajectory_steps_))) ++trajectory_steps_;
    if (trajectory_steps_ == 0) {
      return InputError(absl::StrCat(
          path(), ": expected in.tokens.0, since it configures an optimizer, found none"));
    }
  }
  HYDRA_ASSIGN_OR_RETURN(auto shape, ShapeOf(trajectory_steps_ > 0 ? "in.tokens.0" : "in.tokens"));
  cases_.push_back({"", shape[0], shape[1]});
  HYDRA_ASSIGN_OR_RETURN(JsonView run, root.Get("run"));
  HYDRA_ASSIGN_OR_RETURN(JsonView training, run.Get("training"));
  HYDRA_ASSIGN_OR_RETURN(training_, training.Bool());
  HYDRA_ASSIGN_OR_RETURN(JsonView derived, root.Get("derived"));
  HYDRA_ASSIGN_OR_RETURN(aux_loss_weight_, OptionalNumber(derived, "aux_loss_weight"));
  if (trajectory_steps_ > 0) return absl::OkStatus();  // it says nothing of gradients
  HYDRA_ASSIGN_OR_RETURN(JsonView no_grad, root.Get("no_grad"));
  HYDRA_ASSIGN_OR_RETURN(std::vector<JsonView> names, no_grad.Array());
  for (JsonView name : names) {
    HYDRA_ASSIGN_OR_RETURN(absl::string_view text, name.String());
    no_grad_.emplace_back(text);
  }
  return absl::OkStatus();
}

absl::Status Golden::ReadCases(JsonView cases) {
  HYDRA_ASSIGN_OR_RETURN(std::vector<JsonView> list, cases.Array());
  for (JsonView item : list) {
    HYDRA_ASSIGN_OR_RETURN(JsonView prefix, item.Get("prefix"));
    HYDRA_ASSIGN_OR_RETURN(absl::string_view text, prefix.String());
    HYDRA_ASSIGN_OR_RETURN(auto shape, ShapeOf(absl::StrCat(text, "in.x")));
    cases_.push_back({std::string(text), shape[0], shape[1]});
  }
  if (cases_.empty()) return cases.Expected("at least one case");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int64_t>> Golden::ShapeOf(const std::string& name) const {
  HYDRA_ASSIGN_OR_RETURN(const TensorView* tensor, file_->Get(name));
  if (tensor->shape.size() < 2)
    return InputError(absl::StrCat(path(), ": tensor ", name, ": expected [batch, sequence, ...]"));
  return tensor->shape;
}

bool Golden::routed() const {
  return std::any_of(
      file_->tensors().begin(), file_->tensors().end(),
      [](const TensorView& tensor) { return absl::StartsWith(tensor.name, "route."); });
}

}  // namespace hydra
