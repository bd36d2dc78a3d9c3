// The cuda driver: NVIDIA GPUs. A recorded list is one graph of kernels, copies and fills; a
// submission is what was staged, one launch, and what is handed out, on one stream.
#include "runtime/hal/cuda/cuda_device.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/base/gpu_architecture.h"
#include "runtime/base/gpu_launch.h"
#include "runtime/base/status.h"
#include "runtime/hal/cuda/command_list.h"
#include "runtime/hal/cuda/gpu_listing.h"
#include "runtime/hal/cuda_driver.h"

namespace hydra::hal {
namespace cuda {

CudaDevice::CudaDevice(std::shared_ptr<CudaContext> context)
    : context_(std::move(context)), levels_(RunnableCode(context_->capability())) {
  capabilities_.graphs = true;
  capabilities_.asynchronous_host = true;
  capabilities_.command_profile = true;
  capabilities_.scratch_parts = kGpuScratchParts;
}

std::string CudaDevice::description() const {
  return absl::StrFormat(
      "%s, compute capability %d.%d, %.1f GB, driver for CUDA %s", context_->gpu_name(),
      context_->capability() / 10, context_->capability() % 10,
      static_cast<double>(context_->total_bytes()) / 1e9, context_->driver().VersionText());
}

std::vector<RuntimeFact> CudaDevice::RuntimeFacts() const {
  return {{"GPU", absl::StrCat(context_->gpu_name(), ", ", context_->multiprocessors(),
                               " multiprocessors")},
          // It compiles PTX.
          {"NVIDIA driver", absl::StrCat("CUDA ", context_->driver().VersionText())}};
}

absl::StatusOr<std::unique_ptr<Buffer>> CudaDevice::Allocate(uint64_t bytes,
                                                             absl::string_view purpose) {
  HYDRA_RETURN_IF_ERROR(context_->Enter());
  return CudaBuffer::Create(bytes, purpose, context_);
}

absl::Status CudaDevice::Read(const Buffer& buffer, uint64_t offset, absl::Span<uint8_t> target) {
  HYDRA_ASSIGN_OR_RETURN(const DevicePointer from, Access(buffer, offset, target.size()));
  if (target.empty()) return absl::OkStatus();
  HYDRA_RETURN_IF_ERROR(context_->CheckWork(
      context_->api().cuMemcpyDtoHAsync_v2(target.data(), from, target.size(), context_->stream()),
      "cuMemcpyDtoHAsync"));
  return context_->Drain();
}

absl::Status CudaDevice::Write(Buffer& buffer, uint64_t offset, absl::Span<const uint8_t> source) {
  HYDRA_ASSIGN_OR_RETURN(const DevicePointer to, Access(buffer, offset, source.size()));
  if (source.empty()) return absl::OkStatus();
  HYDRA_RETURN_IF_ERROR(context_->CheckWork(
      context_->api().cuMemcpyHtoDAsync_v2(to, source.data(), source.size(), context_->stream()),
      "cuMemcpyHtoDAsync"));
  return context_->Drain();
}

absl::Status CudaDevice::Fill(Buffer& buffer, uint64_t offset, uint64_t bytes, uint8_t value) {
  HYDRA_ASSIGN_OR_RETURN(const DevicePointer to, Access(buffer, offset, bytes));
  if (bytes == 0) return absl::OkStatus();
  return context_->CheckWork(context_->api().cuMemsetD8Async(to, value, bytes, context_->stream()),
                             "cuMemsetD8Async");
}

absl::StatusOr<std::unique_ptr<Executable>> CudaDevice::LoadKernels(
    absl::string_view isa_level, absl::Span<const uint8_t> code,
    absl::Span<const KernelEntry> entries) {
  if (std::find(levels_.begin(), levels_.end(), isa_level) == levels_.end()) {
    return InputError(absl::StrCat("code for ", isa_level, " does not run on ",
                                   context_->gpu_name(), ", which runs ",
                                   absl::StrJoin(levels_, ", ")));
  }
  HYDRA_RETURN_IF_ERROR(context_->Enter());
  return CudaModule::Load(isa_level, code, entries, context_);
}

absl::StatusOr<std::unique_ptr<Executable>> CudaDevice::LoadKernelFunctions(
    absl::Span<const NamedKernelFunction>) {
  return FailureError("device cuda runs no functions of this program");
}

absl::StatusOr<std::unique_ptr<CommandList>> CudaDevice::Record(
    const Executable& executable, absl::Span<const Recording> recordings,
    absl::Span<const Slot> slots, const RecordOptions& options) {
  const auto* own = dynamic_cast<const CudaExecutable*>(&executable);
  if (own == nullptr || &own->context() != context_.get()) {
    return FailureError("the executable was loaded by another device");
  }
  HYDRA_RETURN_IF_ERROR(context_->Enter());
  return CudaCommandList::Create(*own, recordings, slots, options, context_);
}

absl::StatusOr<Ticket> CudaDevice::Submit(CommandList& list) {
  auto* own = dynamic_cast<CudaCommandList*>(&list);
  if (own == nullptr || &own->context() != context_.get()) {
    return FailureError("the list was recorded by another device");
  }
  HYDRA_RETURN_IF_ERROR(context_->Enter());
  return own->Submit();
}

absl::Status CudaDevice::Await(Ticket ticket) {
  if (ticket.sequence > context_->submitted()) {
    return FailureError(absl::StrCat("ticket ", ticket.sequence, " was never given; the last is ",
                                     context_->submitted()));
  }
  HYDRA_RETURN_IF_ERROR(context_->Enter());
  return context_->Await(ticket.sequence);
}

absl::StatusOr<double> CudaDevice::Seconds(Ticket ticket) const {
  const double seconds = context_->Enter().ok() ? context_->Seconds(ticket.sequence) : -1;
  if (seconds >= 0) return seconds;
  return FailureError(absl::StrCat("no time is kept for submission ", ticket.sequence,
                                   "; the last one is ", context_->submitted()));
}

AvailableMemory CudaDevice::available_memory() const {
  size_t free = 0, total = 0;
  const bool known =
      context_->Enter().ok() && context_->api().cuMemGetInfo_v2(&free, &total) == kSuccess;
  return {known ? free : UINT64_MAX, absl::StrCat("the memory of ", context_->gpu_name())};
}

absl::StatusOr<DevicePointer> CudaDevice::Access(const Buffer& buffer, uint64_t offset,
                                                 uint64_t bytes) {
  const auto* own = dynamic_cast<const CudaBuffer*>(&buffer);
  if (own == nullptr || &own->context() != context_.get()) {
    return FailureError("the buffer belongs to another device");
  }
  if (offset > buffer.bytes() || bytes > buffer.bytes() - offset) {
    return FailureError(absl::StrCat("bytes [", offset, ", ", offset + bytes, ") of a buffer of ",
                                     buffer.bytes(), " bytes"));
  }
  HYDRA_RETURN_IF_ERROR(context_->Enter());
  HYDRA_RETURN_IF_ERROR(context_->Drain());
  return own->address() + offset;
}

}  // namespace cuda

absl::StatusOr<std::unique_ptr<Device>> CreateCudaDevice(const DeviceOptions& options) {
  if (options.threads > 1) {
    return UsageError("device cuda has no worker threads; leave --threads out");
  }
  HYDRA_ASSIGN_OR_RETURN(const cuda::Driver* driver, cuda::OpenDriver());
  HYDRA_ASSIGN_OR_RETURN(std::shared_ptr<cuda::CudaContext> context,
                         cuda::CudaContext::Create(*driver));
  return std::make_unique<cuda::CudaDevice>(std::move(context));
}

std::vector<GpuFinding> FindGpus() {
  const absl::StatusOr<const cuda::Driver*> driver = cuda::OpenDriver();
  if (!driver.ok()) return {};
  const absl::StatusOr<std::vector<cuda::Gpu>> gpus = cuda::ListGpus(**driver);
  std::vector<GpuFinding> found;
  if (!gpus.ok()) return {{"GPUs", std::string(gpus.status().message()), "", false}};
  for (const cuda::Gpu& gpu : *gpus) {
    GpuFinding& finding = found.emplace_back();
    finding.name = gpu.name;
    finding.detail = cuda::WhyNot(gpu);
    finding.supported = finding.detail.empty();
    if (!finding.supported) continue;
    const GpuArchitecture* architecture = FindGpuArchitecture(gpu.capability);
    if (architecture != nullptr) finding.architecture = architecture->name;
    finding.detail = absl::StrFormat(
        "compute capability %d.%d, %d multiprocessors, %.1f GB; %s", gpu.capability / 10,
        gpu.capability % 10, gpu.multiprocessors, static_cast<double>(gpu.bytes) / 1e9,
        architecture == nullptr ? "runs PTX, which its driver compiles"
                                : absl::StrCat("best compiled with --arch=", architecture->name));
  }
  return found;
}

std::optional<GpuFinding> GpuInUse() {
  std::vector<GpuFinding> found = FindGpus();
  if (found.empty() || !found.front().supported) return std::nullopt;
  return std::move(found.front());
}

}  // namespace hydra::hal
