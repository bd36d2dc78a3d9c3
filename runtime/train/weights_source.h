// Weights as other programs leave them: one safetensors file, or several with an index, under the
// names of a PyTorch state dict, its wrappers and its older versions (model.md 2, end).
#ifndef HYDRA_RUNTIME_TRAIN_WEIGHTS_SOURCE_H_
#define HYDRA_RUNTIME_TRAIN_WEIGHTS_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/dtype.h"
#include "runtime/base/status.h"
#include "runtime/io/safetensors.h"

namespace hydra::train {

// A tensor under the name that it has today.
struct SourceTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  // In the files; several are rows of one tensor, in this order (a projection that was kept in
  // parts).
  std::vector<const TensorView*> parts;

  uint64_t bytes() const;
  // Fills `to`, which has bytes() bytes. Errors are those of TensorView::ReadBytes.
  absl::Status ReadBytes(absl::Span<uint8_t> to) const;
};

// Immutable; movable; thread-safe to read.
class WeightsSource {
 public:
  // A .safetensors file; an index (*.safetensors.index.json) with its files beside it; or a
  // directory that has model.safetensors.index.json or model.safetensors. Names are today's:
  // without `module.` and `_orig_mod.`, projections in parts joined, buffers that are no parameters
  // left out. kInput names the file, and the tensor that an index or two names disagree on.
  static absl::StatusOr<WeightsSource> Open(const std::string& path);

  // A file of our own, under its names as they are. The file must outlive the result.
  static WeightsSource Exactly(const SafetensorsFile& file);
  // The same with the translation of names.
  static absl::StatusOr<WeightsSource> Of(const SafetensorsFile& file);

  const std::vector<SourceTensor>& tensors() const { return tensors_; }
  // Nullptr if there is none.
  const SourceTensor* Find(absl::string_view name) const;
  // For messages.
  const std::string& name() const { return name_; }
  // The files that were opened, in order.
  const std::vector<std::string>& files() const { return paths_; }
  // Buffers of the model's training that were left out.
  const std::vector<std::string>& left_out() const { return left_out_; }

 private:
  WeightsSource() = default;
  absl::Status Add(const SafetensorsFile& file);
  absl::Status Translate();
  void Index();

  std::string name_;
  std::vector<std::string> paths_;
  std::vector<std::unique_ptr<const SafetensorsFile>> owned_;
  std::vector<SourceTensor> tensors_;
  std::vector<std::string> left_out_;
  absl::flat_hash_map<std::string, size_t> index_;
};

// The name that a tensor of a state dict has today: wrappers and old spellings translated.
std::string CurrentTensorName(absl::string_view name);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_WEIGHTS_SOURCE_H_
