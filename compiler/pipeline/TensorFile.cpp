#include "compiler/pipeline/TensorFile.h"

#include "runtime/io/safetensors.h"

using namespace mlir::hydra;

template <typename T>
static absl::StatusOr<TensorValue> widen(const ::hydra::TensorView &view, ElementKind kind) {
  HYDRA_ASSIGN_OR_RETURN(std::vector<T> values, view.Copy<T>());
  return TensorValue(kind, view.shape, std::vector<double>(values.begin(), values.end()));
}

static absl::StatusOr<TensorValue> toTensorValue(const ::hydra::TensorView &view) {
  switch (view.dtype) {
  case ::hydra::DType::kF32:
    return widen<float>(view, ElementKind::f32);
  case ::hydra::DType::kF64:
    return widen<double>(view, ElementKind::f64);
  case ::hydra::DType::kI32:
    return widen<int32_t>(view, ElementKind::i32);
  case ::hydra::DType::kI64: {
    HYDRA_ASSIGN_OR_RETURN(TensorValue value, widen<int64_t>(view, ElementKind::i32));
    for (double element : value.elements())
      if (element < INT32_MIN || element > INT32_MAX)
        return ::hydra::InputError(absl::StrCat("tensor ", view.name,
                                                ": expected integers in the range of i32, found ",
                                                static_cast<int64_t>(element)));
    return value;
  }
  default:
    return ::hydra::InputError(
        absl::StrCat("tensor ", view.name, ": expected type F32, F64, I32 or I64"));
  }
}

absl::StatusOr<NamedTensors> mlir::hydra::readTensorFile(const std::string &path) {
  HYDRA_ASSIGN_OR_RETURN(::hydra::SafetensorsFile file, ::hydra::SafetensorsFile::Open(path));
  NamedTensors tensors;
  for (const ::hydra::TensorView &view : file.tensors()) {
    absl::StatusOr<TensorValue> value = toTensorValue(view);
    if (!value.ok())
      return ::hydra::Annotate(value.status(), path);
    tensors.emplace(view.name, *std::move(value));
  }
  return tensors;
}

template <typename T> static std::vector<uint8_t> narrow(const TensorValue &tensor) {
  std::vector<uint8_t> bytes(tensor.size() * sizeof(T));
  for (int64_t i = 0; i < tensor.size(); ++i) {
    T element = static_cast<T>(tensor[i]);
    std::memcpy(bytes.data() + i * sizeof(T), &element, sizeof(T));
  }
  return bytes;
}

absl::Status mlir::hydra::writeTensorFile(const std::string &path, const NamedTensors &tensors,
                                          bool wide) {
  std::vector<::hydra::TensorSpec> specs;
  auto typeOf = [&](const TensorValue &tensor) {
    if (tensor.kind() == ElementKind::i32)
      return ::hydra::DType::kI32;
    return wide ? ::hydra::DType::kF64 : ::hydra::DType::kF32;
  };
  for (const auto &[name, tensor] : tensors)
    specs.push_back({name, typeOf(tensor), {tensor.shape().begin(), tensor.shape().end()}});
  HYDRA_ASSIGN_OR_RETURN(::hydra::SafetensorsWriter writer,
                         ::hydra::SafetensorsWriter::Create(path, {}, specs));
  for (const auto &[name, tensor] : tensors) {
    std::vector<uint8_t> bytes = tensor.kind() == ElementKind::i32 ? narrow<int32_t>(tensor)
                                 : wide                            ? narrow<double>(tensor)
                                                                   : narrow<float>(tensor);
    HYDRA_RETURN_IF_ERROR(writer.Append(name, bytes));
  }
  return writer.Finish();
}
