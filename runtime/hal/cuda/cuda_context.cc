#include "runtime/hal/cuda/cuda_context.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/hal/cuda/gpu_listing.h"

namespace hydra::hal::cuda {

absl::StatusOr<std::shared_ptr<CudaContext>> CudaContext::Create(const Driver& driver,
                                                                 DeviceNumber number) {
  std::shared_ptr<CudaContext> context(new CudaContext(driver));
  HYDRA_RETURN_IF_ERROR(context->Start(number));
  return context;
}

absl::Status CudaContext::Start(DeviceNumber number) {
  int count = 0;
  const Result counted = driver_.api.cuDeviceGetCount(&count);
  if (counted != kNoDevice) HYDRA_RETURN_IF_ERROR(Check(counted, "cuDeviceGetCount"));
  if (count <= number) {
    return InputError(
        "device cuda: the NVIDIA driver is there and shows no GPU; does nvidia-smi list one, and "
        "does CUDA_VISIBLE_DEVICES name it?");
  }
  HYDRA_ASSIGN_OR_RETURN(const Gpu gpu, DescribeGpu(driver_, number));
  if (const std::string why = WhyNot(gpu); !why.empty()) {
    return InputError(absl::StrCat("device cuda: ", gpu.name, ": ", why));
  }
  name_ = gpu.name;
  capability_ = gpu.capability;
  multiprocessors_ = gpu.multiprocessors;
  total_bytes_ = gpu.bytes;
  const DriverApi& api = driver_.api;
  HYDRA_RETURN_IF_ERROR(Check(api.cuDeviceGet(&device_, number), "cuDeviceGet"));
  HYDRA_RETURN_IF_ERROR(
      Check(api.cuDevicePrimaryCtxRetain(&context_, device_), "cuDevicePrimaryCtxRetain"));
  HYDRA_RETURN_IF_ERROR(Enter());
  HYDRA_RETURN_IF_ERROR(Check(api.cuStreamCreate(&stream_, kStreamNonBlocking), "cuStreamCreate"));
  for (std::array<Event, kKept>* events : {&begin_, &end_}) {
    for (Event& event : *events) {
      HYDRA_RETURN_IF_ERROR(Check(api.cuEventCreate(&event, kEventDefault), "cuEventCreate"));
    }
  }
  return absl::OkStatus();
}

CudaContext::~CudaContext() {
  if (context_ == nullptr) return;
  const DriverApi& api = driver_.api;
  api.cuCtxSetCurrent(context_);
  if (stream_ != nullptr) {
    api.cuStreamSynchronize(stream_);
    for (std::array<Event, kKept>* events : {&begin_, &end_}) {
      for (Event event : *events) {
        if (event != nullptr) api.cuEventDestroy_v2(event);
      }
    }
    api.cuStreamDestroy_v2(stream_);
  }
  api.cuDevicePrimaryCtxRelease_v2(device_);
}

absl::Status CudaContext::Enter() {
  return Check(driver_.api.cuCtxSetCurrent(context_), "cuCtxSetCurrent");
}

absl::Status CudaContext::CheckWork(Result result, absl::string_view call) {
  if (result != kSuccess && status_.ok()) status_ = Check(result, call);
  return status_;
}

absl::StatusOr<uint64_t> CudaContext::Begin() {
  HYDRA_RETURN_IF_ERROR(status_);
  const uint64_t number = submitted_ + 1;
  if (number > kKept) HYDRA_RETURN_IF_ERROR(Await(number - kKept));
  HYDRA_RETURN_IF_ERROR(
      CheckWork(driver_.api.cuEventRecord(begin_[number % kKept], stream_), "cuEventRecord"));
  submitted_ = number;
  return number;
}

absl::Status CudaContext::End(uint64_t number) {
  return CheckWork(driver_.api.cuEventRecord(end_[number % kKept], stream_), "cuEventRecord");
}

absl::Status CudaContext::Await(uint64_t number) {
  if (number <= done_) return status_;
  HYDRA_RETURN_IF_ERROR(
      CheckWork(driver_.api.cuEventSynchronize(end_[number % kKept]), "the work of a submission"));
  done_ = number;
  return absl::OkStatus();
}

absl::Status CudaContext::Drain() {
  HYDRA_RETURN_IF_ERROR(
      CheckWork(driver_.api.cuStreamSynchronize(stream_), "the work on the stream"));
  done_ = submitted_;
  return absl::OkStatus();
}

double CudaContext::Seconds(uint64_t number) {
  if (number == 0 || number > done_ || submitted_ - number >= kKept) return -1;
  float milliseconds = 0;
  const Result result =
      driver_.api.cuEventElapsedTime(&milliseconds, begin_[number % kKept], end_[number % kKept]);
  return result == kSuccess ? static_cast<double>(milliseconds) / 1e3 : -1;
}

}  // namespace hydra::hal::cuda
