#include "runtime/train/weights.h"

#include <set>

#include "absl/strings/str_join.h"
#include "runtime/base/did_you_mean.h"

namespace hydra::train {
namespace {

std::string Shape(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// Checks everything before the first write, so that a bad file leaves the parameters untouched.
absl::StatusOr<std::vector<const TensorView*>> Match(const SafetensorsFile& file,
                                                     absl::Span<const StateTensor> tensors,
                                                     const TensorAliases& aliases) {
  std::vector<const TensorView*> found;
  std::set<std::string> known;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const StateTensor& expected = tensors[i];
    const TensorView* tensor = file.Find(expected.name);
    known.insert(expected.name);
    for (const std::string& alias : aliases(i)) {
      known.insert(alias);
      if (tensor == nullptr) tensor = file.Find(alias);
    }
    if (tensor == nullptr) {
      std::vector<std::string> names;
      for (const TensorView& other : file.tensors()) names.push_back(other.name);
      return InputError(absl::StrCat(file.source(), ": expected a tensor '", expected.name,
                                     "', found none", DidYouMeanAmong(expected.name, names)));
    }
    if (tensor->dtype != expected.dtype || tensor->shape != expected.shape) {
      return InputError(absl::StrCat(
          file.source(), ": tensor '", tensor->name, "': expected ", DTypeName(expected.dtype), " ",
          Shape(expected.shape), ", found ", DTypeName(tensor->dtype), " ", Shape(tensor->shape)));
    }
    found.push_back(tensor);
  }
  for (const TensorView& tensor : file.tensors()) {
    if (known.contains(tensor.name)) continue;
    return InputError(absl::StrCat(file.source(), ": tensor '", tensor.name, "' ",
                                   Shape(tensor.shape), " belongs to no parameter of the model",
                                   DidYouMeanAmong(tensor.name, known),
                                   "; was the file made for another model?"));
  }
  return found;
}

}  // namespace

absl::Status SaveTensors(const std::string& path, absl::string_view format,
                         absl::Span<const StateTensor> tensors, const ReadTensor& read) {
  std::vector<TensorSpec> specs;
  for (const StateTensor& tensor : tensors) {
    specs.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  HYDRA_ASSIGN_OR_RETURN(SafetensorsWriter writer,
                         SafetensorsWriter::Create(path, {{"format", std::string(format)}}, specs));
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < tensors.size(); ++i) {
    bytes.resize(StateBytes(tensors[i]));
    HYDRA_RETURN_IF_ERROR(read(i, absl::MakeSpan(bytes)));
    HYDRA_RETURN_IF_ERROR(writer.Append(tensors[i].name, bytes));
  }
  return writer.Finish();
}

absl::Status LoadTensors(const SafetensorsFile& file, absl::Span<const StateTensor> tensors,
                         const TensorAliases& aliases, const WriteTensor& write) {
  HYDRA_ASSIGN_OR_RETURN(const std::vector<const TensorView*> found, Match(file, tensors, aliases));
  for (size_t i = 0; i < found.size(); ++i) {
    HYDRA_RETURN_IF_ERROR(write(i, found[i]->bytes));
  }
  return absl::OkStatus();
}

}  // namespace hydra::train
