// Fuzz entry of model.safetensors.index.json: tensors come from files beside it, or it is refused.
#include <cstdlib>
#include <string>
#include <vector>

#include "runtime/io/safetensors.h"
#include "runtime/train/weights_source.h"
#include "tests/io/fuzz_directory.h"
#include "tests/io/fuzz_entries.h"

namespace hydra {
namespace {

constexpr char kIndex[] = "model.safetensors.index.json";

// Two files of weights, called a and b.
bool WriteWeights(const FuzzDirectory& directory) {
  const std::vector<uint8_t> data(24, 0x3C);
  const std::vector<TensorView> a = {
      {"layers.0.norm.weight", DType::kF32, {6}, data},
      {"layers.0.attention.o_proj.weight", DType::kF16, {3, 4}, data}};
  const std::vector<TensorView> b = {{"module.norm.weight", DType::kBF16, {12}, data}};
  return WriteSafetensors(directory / "a.safetensors", {}, a).ok() &&
         WriteSafetensors(directory / "b.safetensors", {}, b).ok();
}

}  // namespace

bool Fuzz_weights_index(const uint8_t* data, size_t size) {
  static const FuzzDirectory directory;
  static const bool made = WriteWeights(directory);
  if (!made) std::abort();
  directory.Write(kIndex, {reinterpret_cast<const char*>(data), size});
  const auto source = train::WeightsSource::Open(directory / kIndex);
  if (!source.ok()) {
    if (source.status().message().empty()) std::abort();
    return false;
  }
  for (const train::SourceTensor& tensor : source->tensors()) {
    if (source->Find(tensor.name) == nullptr) std::abort();
    std::vector<uint8_t> bytes(tensor.bytes());
    if (!tensor.ReadBytes(absl::MakeSpan(bytes)).ok()) std::abort();
  }
  return true;
}

}  // namespace hydra
