// One GPU: its context, the one stream that everything runs on, and the submissions in flight.
// Shared by the device, its buffers and its lists, which may go in any order.
#ifndef HYDRA_RUNTIME_HAL_CUDA_CUDA_CONTEXT_H_
#define HYDRA_RUNTIME_HAL_CUDA_CUDA_CONTEXT_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/hal/cuda/driver_library.h"
#include "runtime/hal/host_buffer.h"

namespace hydra::hal::cuda {

class CudaContext {
 public:
  // Submissions whose end is remembered; more than that in flight wait.
  static constexpr uint64_t kKept = 64;

  // A GPU as the driver counts them (CUDA_VISIBLE_DEVICES chooses). `driver` must stay. Input
  // errors: there is none, or it is older than compute capability 8.0.
  static absl::StatusOr<std::shared_ptr<CudaContext>> Create(const Driver& driver,
                                                             DeviceNumber number = 0);
  ~CudaContext();
  CudaContext(const CudaContext&) = delete;
  CudaContext& operator=(const CudaContext&) = delete;

  const Driver& driver() const { return driver_; }
  const DriverApi& api() const { return driver_.api; }
  Context context() const { return context_; }
  Stream stream() const { return stream_; }
  const std::string& gpu_name() const { return name_; }
  int capability() const { return capability_; }  // 10 x major + minor
  int multiprocessors() const { return multiprocessors_; }
  uint64_t total_bytes() const { return total_bytes_; }
  MemoryAccount& account() { return account_; }

  // To be called first by every function that a caller's thread enters: makes the context current.
  absl::Status Enter();
  absl::Status Check(Result result, absl::string_view call) {
    return cuda::Check(driver_, result, call);
  }
  // The same for work of a submission: the first error stays, and nothing is started after it.
  absl::Status CheckWork(Result result, absl::string_view call);
  const absl::Status& status() const { return status_; }

  // Submissions: Begin and End enclose what is put on the stream. Begin waits for submission
  // number - kKept.
  absl::StatusOr<uint64_t> Begin();
  absl::Status End(uint64_t number);
  uint64_t submitted() const { return submitted_; }
  // Returns when the submission and all before it are done, with the first error so far.
  absl::Status Await(uint64_t number);
  // Everything that was ever put on the stream.
  absl::Status Drain();
  // Duration of a finished submission of the last kKept; negative for others.
  double Seconds(uint64_t number);

 private:
  explicit CudaContext(const Driver& driver) : driver_(driver) {}
  absl::Status Start(DeviceNumber number);

  const Driver& driver_;
  DeviceNumber device_ = 0;
  Context context_ = nullptr;
  Stream stream_ = nullptr;
  std::array<Event, kKept> begin_{}, end_{};
  std::string name_;
  int capability_ = 0, multiprocessors_ = 0;
  uint64_t total_bytes_ = 0;
  MemoryAccount account_;
  uint64_t submitted_ = 0, done_ = 0;
  absl::Status status_;
};

}  // namespace hydra::hal::cuda

#endif  // HYDRA_RUNTIME_HAL_CUDA_CUDA_CONTEXT_H_
