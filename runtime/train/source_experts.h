// Experts by the source of the data: which expert a micro-batch asks for while experts are forced,
// and which one the teacher names (model.md 9).
#ifndef HYDRA_RUNTIME_TRAIN_SOURCE_EXPERTS_H_
#define HYDRA_RUNTIME_TRAIN_SOURCE_EXPERTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/data/batches.h"

namespace hydra::train {

class SourceExperts {
 public:
  // `map` is SOURCE:EXPERT,...; a source is named as data.json has it, or by its file name without
  // folders and extension. A usage error says what is wrong with the text, or lists the sources.
  static absl::StatusOr<SourceExperts> Create(absl::string_view map,
                                              const std::vector<data::SourceRange>& sources);

  bool empty() const { return experts_.empty(); }
  // Of micro-batch `micro` of a step; -1 if its rows are from several sources, or from one without
  // an expert.
  int32_t ExpertOf(const data::TrainingBatches& batches, int64_t step, int64_t micro) const;

 private:
  std::vector<int32_t> experts_;  // by source, -1: none; empty: no source has one
};

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_SOURCE_EXPERTS_H_
