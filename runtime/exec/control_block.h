// The control values of an artifact as one block of bytes, written to the device as a whole.
#ifndef HYDRA_RUNTIME_EXEC_CONTROL_BLOCK_H_
#define HYDRA_RUNTIME_EXEC_CONTROL_BLOCK_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/artifact/artifact.h"

namespace hydra {

// Writes `value` as an element of `type` to the start of `target`: rounded for floats, clamped for
// integers. An input error for bf16.
absl::Status StoreScalar(hal::ElementType type, double value, absl::Span<uint8_t> target);

// Fills `target`, of the buffer's size, with the buffer's initial value.
absl::Status FillInitial(const artifact::NamedBuffer& buffer, absl::Span<uint8_t> target);

// Value type; borrows the artifact's table. Set allocates nothing.
class ControlBlock {
 public:
  // Every value as the artifact starts it.
  static absl::StatusOr<ControlBlock> Create(const artifact::ArtifactInfo& info);

  // For Set; nullopt if the program has no such value.
  std::optional<size_t> Find(absl::string_view name) const;
  // `index` from Find. Every element of the value is set.
  void Set(size_t index, double value);
  // By name; false if the program has no such value.
  bool Set(absl::string_view name, double value);

  absl::Span<const uint8_t> bytes() const { return bytes_; }

 private:
  explicit ControlBlock(const std::vector<artifact::NamedBuffer>& values) : values_(&values) {}

  const std::vector<artifact::NamedBuffer>* values_;
  std::vector<uint8_t> bytes_;  // the control region
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_EXEC_CONTROL_BLOCK_H_
