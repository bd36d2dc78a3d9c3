// The sizes that model.md 13 names, with what the trainer's defaults take from them.
#ifndef HYDRA_RUNTIME_TRAIN_MODEL_SIZE_H_
#define HYDRA_RUNTIME_TRAIN_MODEL_SIZE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/status.h"

namespace hydra::train {

struct ModelSize {
  std::string name;         // "100M"; of a model outside the table: its count, "1.4M"
  double max_lr = 0;        // lr_max
  double grad_clip = 0;     // starts the moving norm
  bool from_table = false;  // the estimate fixed per size, rather than the model's true count
  double millions = 0;      // P of the rule for lr_max; 0 where the table states lr_max itself
};

// The row called `size` ("100M"; case does not matter), or for "auto" the row that the model is
// named after ("hydra_100m", "hydra-100M"), else the rule for its true number of parameters:
// lr_max = 1e-4 / sqrt(P / 100) with P in millions. A usage error for an unknown size.
absl::StatusOr<ModelSize> FindModelSize(absl::string_view size, absl::string_view model,
                                        int64_t parameters);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_MODEL_SIZE_H_
