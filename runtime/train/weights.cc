#include "runtime/train/weights.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "runtime/base/did_you_mean.h"
#include "runtime/train/weights_conversion.h"

namespace hydra::train {
namespace {

std::string Shape(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

bool Fits(DType found, DType expected, ElementTypes types) {
  if (found == expected) return true;
  return types == ElementTypes::kConvertible && expected == DType::kF32 && IsFloat(found);
}

// The tensors of one parameter, under its name first; all have its shape and a type that fits.
absl::StatusOr<std::vector<const SourceTensor*>> Candidates(const WeightsSource& file,
                                                            const StateTensor& expected,
                                                            const std::vector<std::string>& names,
                                                            ElementTypes types) {
  std::vector<const SourceTensor*> found;
  for (const std::string& name : names) {
    const SourceTensor* tensor = file.Find(name);
    if (tensor == nullptr) continue;
    if (!Fits(tensor->dtype, expected.dtype, types) || tensor->shape != expected.shape) {
      return InputError(absl::StrCat(
          file.name(), ": tensor '", tensor->name, "': expected ", DTypeName(expected.dtype), " ",
          Shape(expected.shape), ", found ", DTypeName(tensor->dtype), " ", Shape(tensor->shape)));
    }
    found.push_back(tensor);
  }
  return found;
}

// Whether two tensors have the same bytes, read piece by piece.
absl::StatusOr<bool> SameBytes(const SourceTensor& a, const SourceTensor& b) {
  if (a.dtype != b.dtype || a.bytes() != b.bytes()) return false;
  std::vector<uint8_t> left(a.bytes()), right(b.bytes());
  HYDRA_RETURN_IF_ERROR(a.ReadBytes(absl::MakeSpan(left)));
  HYDRA_RETURN_IF_ERROR(b.ReadBytes(absl::MakeSpan(right)));
  return left == right;
}

// Values that the program would keep once must not differ: dropping one of them would be silent.
absl::Status CheckSameValues(const WeightsSource& file,
                             const std::vector<const SourceTensor*>& tensors) {
  for (size_t i = 1; i < tensors.size(); ++i) {
    HYDRA_ASSIGN_OR_RETURN(const bool same, SameBytes(*tensors[i], *tensors[0]));
    if (same) continue;
    return InputError(absl::StrCat(
        file.name(), ": tensors '", tensors[0]->name, "' and '", tensors[i]->name,
        "' are one parameter of this model (tied), expected equal values, found different ones; "
        "untie them in the model, or remove one from the file"));
  }
  return absl::OkStatus();
}

// All that is missing and all that is too much, in one message.
absl::Status Mismatch(const WeightsSource& file, const std::vector<std::string>& missing,
                      const std::vector<std::string>& unexpected,
                      const std::set<std::string>& known) {
  if (missing.empty() && unexpected.empty()) return absl::OkStatus();
  std::string message = file.name();
  if (!missing.empty()) {
    std::vector<std::string> names;
    for (const SourceTensor& other : file.tensors()) names.push_back(other.name);
    absl::StrAppend(&message, ": expected ", missing.size() == 1 ? "a tensor '" : "tensors '",
                    absl::StrJoin(missing, "', '"), "', found none",
                    DidYouMeanAmong(missing.front(), names));
  }
  if (!unexpected.empty()) {
    absl::StrAppend(
        &message, missing.empty() ? ": " : "; ", unexpected.size() == 1 ? "tensor '" : "tensors '",
        absl::StrJoin(unexpected, "', '"), unexpected.size() == 1 ? "' belongs" : "' belong",
        " to no parameter of the model", DidYouMeanAmong(unexpected.front(), known),
        "; was the file made for another model?");
  }
  return InputError(message);
}

// Checks everything before the first write, so that a bad file leaves the parameters untouched.
absl::StatusOr<std::vector<const SourceTensor*>> Match(const WeightsSource& file,
                                                       absl::Span<const StateTensor> tensors,
                                                       const TensorAliases& aliases,
                                                       ElementTypes types) {
  std::vector<const SourceTensor*> found;
  std::vector<std::string> missing;
  std::set<std::string> known;
  for (size_t i = 0; i < tensors.size(); ++i) {
    std::vector<std::string> names = aliases(i);
    names.insert(names.begin(), tensors[i].name);
    known.insert(names.begin(), names.end());
    HYDRA_ASSIGN_OR_RETURN(const std::vector<const SourceTensor*> candidates,
                           Candidates(file, tensors[i], names, types));
    HYDRA_RETURN_IF_ERROR(CheckSameValues(file, candidates));
    if (candidates.empty()) {
      missing.push_back(tensors[i].name);
    } else {
      found.push_back(candidates.front());
    }
  }
  std::vector<std::string> unexpected;
  for (const SourceTensor& tensor : file.tensors()) {
    if (!known.contains(tensor.name)) unexpected.push_back(tensor.name);
  }
  HYDRA_RETURN_IF_ERROR(Mismatch(file, missing, unexpected, known));
  return found;
}

}  // namespace

absl::StatusOr<FileDigest> SaveTensors(AtomicFile file, absl::string_view format,
                                       absl::Span<const StateTensor> tensors,
                                       const ReadTensor& read) {
  std::vector<TensorSpec> specs;
  for (const StateTensor& tensor : tensors) {
    specs.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  HYDRA_ASSIGN_OR_RETURN(
      SafetensorsWriter writer,
      SafetensorsWriter::Create(std::move(file), {{"format", std::string(format)}}, specs));
  std::vector<uint8_t> bytes;
  // In the order of the file, so that its hash needs no second pass.
  for (const size_t i : writer.layout()) {
    bytes.resize(StateBytes(tensors[i]));
    HYDRA_RETURN_IF_ERROR(read(i, absl::MakeSpan(bytes)));
    HYDRA_RETURN_IF_ERROR(writer.Append(tensors[i].name, bytes));
  }
  HYDRA_RETURN_IF_ERROR(writer.Finish());
  return writer.Digest();
}

absl::Status LoadTensors(const WeightsSource& file, absl::Span<const StateTensor> tensors,
                         const TensorAliases& aliases, ElementTypes types,
                         const WriteTensor& write) {
  HYDRA_ASSIGN_OR_RETURN(const std::vector<const SourceTensor*> found,
                         Match(file, tensors, aliases, types));
  std::vector<uint8_t> bytes;
  std::vector<float> values;
  for (size_t i = 0; i < found.size(); ++i) {
    bytes.resize(found[i]->bytes());
    HYDRA_RETURN_IF_ERROR(found[i]->ReadBytes(absl::MakeSpan(bytes)));
    if (found[i]->dtype == tensors[i].dtype) {
      HYDRA_RETURN_IF_ERROR(write(i, bytes));
      continue;
    }
    values.resize(StateBytes(tensors[i]) / sizeof(float));
    if (const std::optional<size_t> bad =
            ConvertToFloat(found[i]->dtype, bytes, absl::MakeSpan(values))) {
      return InputError(absl::StrCat(file.name(), ": tensor '", found[i]->name, "': element ", *bad,
                                     " of type ", DTypeName(found[i]->dtype),
                                     " is larger than any F32 number"));
    }
    HYDRA_RETURN_IF_ERROR(
        write(i, absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(values.data()),
                                     values.size() * sizeof(float))));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> LoadWeights(const WeightsSource& file, TrainEngine& engine) {
  const absl::Span<const StateTensor> parameters = engine.state(StateKind::kParameters);
  HYDRA_RETURN_IF_ERROR(LoadTensors(
      file, parameters, [&](size_t index) { return engine.aliases(index); },
      ElementTypes::kConvertible,
      [&](size_t index, absl::Span<const uint8_t> bytes) {
        return engine.WriteState(StateKind::kParameters, index, bytes);
      }));
  return std::count_if(file.tensors().begin(), file.tensors().end(),
                       [](const SourceTensor& tensor) { return tensor.dtype != DType::kF32; });
}

absl::StatusOr<std::string> FindNonFiniteParameter(TrainEngine& engine) {
  const absl::Span<const StateTensor> parameters = engine.state(StateKind::kParameters);
  std::vector<float> values;
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].dtype != DType::kF32) continue;
    values.resize(StateBytes(parameters[i]) / sizeof(float));
    HYDRA_RETURN_IF_ERROR(engine.ReadState(
        StateKind::kParameters, i,
        absl::MakeSpan(reinterpret_cast<uint8_t*>(values.data()), values.size() * sizeof(float))));
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
      return parameters[i].name;
    }
  }
  return std::string();
}

}  // namespace hydra::train
