#include "runtime/train/initialize.h"

#include <vector>

#include "runtime/base/hash.h"
#include "runtime/base/philox.h"

namespace hydra::train {

uint64_t StateBytes(const StateTensor& tensor) {
  uint64_t elements = 1;
  for (const int64_t dimension : tensor.shape) elements *= static_cast<uint64_t>(dimension);
  return elements * DTypeSize(tensor.dtype);
}

absl::Status InitializeParameters(TrainEngine& engine, uint64_t seed) {
  const absl::Span<const StateTensor> parameters = engine.state(StateKind::kParameters);
  std::vector<float> values;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const StateTensor& parameter = parameters[i];
    if (parameter.dtype != DType::kF32) {
      return absl::UnimplementedError(absl::StrCat("parameter ", parameter.name, " is stored as ",
                                                   DTypeName(parameter.dtype),
                                                   ", expected F32 master weights"));
    }
    values.resize(StateBytes(parameter) / sizeof(float));
    const Initializer how = engine.initializer(i);
    if (how.normal) {
      const Philox random(seed, Hash64(absl::StrCat("init:", parameter.name)));
      random.FillNormal(0, 0.0f, static_cast<float>(how.value * how.scale), absl::MakeSpan(values));
    } else {
      values.assign(values.size(), static_cast<float>(how.value * how.scale));
    }
    HYDRA_RETURN_IF_ERROR(
        engine.WriteState(StateKind::kParameters, i,
                          absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(values.data()),
                                              values.size() * sizeof(float))));
  }
  return absl::OkStatus();
}

}  // namespace hydra::train
