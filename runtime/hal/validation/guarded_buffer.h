// A buffer between two red zones.
#ifndef HYDRA_RUNTIME_HAL_VALIDATION_GUARDED_BUFFER_H_
#define HYDRA_RUNTIME_HAL_VALIDATION_GUARDED_BUFFER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/hal/device.h"

namespace hydra::hal {

class GuardedBuffer final : public Buffer {
 public:
  // Bytes of each red zone.
  static constexpr uint64_t kZone = 4096;

  static absl::StatusOr<std::unique_ptr<GuardedBuffer>> Create(Device& device, uint64_t bytes,
                                                               absl::string_view purpose);

  uint64_t bytes() const override { return bytes_; }

  // The buffer of the wrapped device; this one's first byte is its byte kZone.
  Buffer& inner() { return *inner_; }
  const Buffer& inner() const { return *inner_; }

  // OK if both zones are as they were made; otherwise which byte changed, and what it holds.
  absl::Status Check(Device& device) const;

 private:
  GuardedBuffer() = default;

  std::unique_ptr<Buffer> inner_;
  uint64_t bytes_ = 0;
  std::string purpose_;
};

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_VALIDATION_GUARDED_BUFFER_H_
