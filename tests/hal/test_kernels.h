// The kernels that the conformance suite runs. Every driver brings them in its own form under these
// names; for the cpu they are functions of the test program.
#ifndef HYDRA_TESTS_HAL_TEST_KERNELS_H_
#define HYDRA_TESTS_HAL_TEST_KERNELS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/hal/device.h"

namespace hydra::hal {

// Index of each kernel in what LoadTestKernels gives.
enum TestKernel : uint32_t {
  // args: counts i32[items]; adds scalar 0 to each item.
  kCountKernel,
  // args: in f32[items], out f32[items]; out = 2 in, by way of 4 KiB of scratch per worker, so that
  // sharing it between workers would show.
  kDoubleKernel,
  // args: out f32; writes 1 to the element at index scalar 0, wherever that is.
  kPokeKernel,
  // args: in f32[items], out f32[items].
  kCopyKernel,
  // args: out f32[1]; works for about scalar 0 microseconds, then adds 1.
  kSlowKernel,
};

// Bytes of scratch per worker that the kernels need.
inline constexpr uint64_t kTestScratchBytes = 4096;

// FailedPrecondition for a device that has no form of them.
absl::StatusOr<std::unique_ptr<Executable>> LoadTestKernels(Device& device);

}  // namespace hydra::hal

#endif  // HYDRA_TESTS_HAL_TEST_KERNELS_H_
