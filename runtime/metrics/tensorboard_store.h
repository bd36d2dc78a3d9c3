// The run as TensorBoard reads it: scalars of every step and evaluation in
// DIRECTORY/events.out.tfevents.N.hydra, a file for every start, since readers give up on a file
// behind a record that a crash has torn. A run that goes on from an earlier step says so in its
// file, and TensorBoard drops what it had of later steps.
#ifndef HYDRA_RUNTIME_METRICS_TENSORBOARD_STORE_H_
#define HYDRA_RUNTIME_METRICS_TENSORBOARD_STORE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/metrics/append_file.h"
#include "runtime/metrics/row_store.h"

namespace hydra::metrics {

class TensorboardStore final : public RowStore {
 public:
  // `directory` is made when the first file is.
  TensorboardStore(std::string directory, RunInfo info);
  const std::string& path() const override { return path_; }
  absl::Status Write(absl::Span<const Row> rows) override;
  std::optional<std::string> TakeLoss() override;
  absl::Status End() override;

 private:
  absl::Status Open();

  const std::string directory_;
  const RunInfo info_;
  std::string path_;
  AppendFile file_;
  std::optional<std::string> loss_;
};

// CRC-32C of `bytes` as the records of the format hold it: rotated, with a constant added. For
// tests.
uint32_t MaskedCrc32c(absl::string_view bytes);

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_TENSORBOARD_STORE_H_
