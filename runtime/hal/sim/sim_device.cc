#include "runtime/hal/sim/sim_device.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/cpu_detection.h"
#include "runtime/base/cpu_level.h"
#include "runtime/base/gpu_launch.h"
#include "runtime/base/status.h"
#include "runtime/hal/host_buffer.h"
#include "runtime/hal/kernel_image.h"
#include "runtime/hal/sim/command_list.h"
#include "runtime/hal/sim/simulator.h"
#include "runtime/hal/submission_queue.h"

namespace hydra::hal::sim {
namespace {

class SimDevice final : public Device {
 public:
  SimDevice()
      : account_(std::make_shared<MemoryAccount>()),
        queue_(std::make_shared<SubmissionQueue>()),
        levels_(RunnableLevels(HostCpu())) {
    capabilities_.asynchronous_host = true;
    capabilities_.kernel_functions = true;
    capabilities_.command_profile = true;
    capabilities_.matmul_types = {ElementType::kF32, ElementType::kBf16};
    capabilities_.scratch_parts = kGpuScratchParts;
  }
  ~SimDevice() override { queue_->Stop(); }

  absl::Status Start() {
    return queue_->Start(&RunSubmission, this, [] {});
  }

  absl::string_view name() const override { return "sim"; }
  std::string description() const override {
    return absl::StrCat("a simulated CUDA device on ", ProcessorName(HostCpu()), ", ",
                        levels_.empty() ? "no supported level" : levels_.front());
  }
  const Capabilities& capabilities() const override { return capabilities_; }
  const std::vector<std::string>& isa_levels() const override { return levels_; }
  // Nothing but the artifact: sums have one order, and no library takes part.
  std::vector<RuntimeFact> RuntimeFacts() const override { return {}; }

  absl::StatusOr<std::unique_ptr<Buffer>> Allocate(uint64_t bytes,
                                                   absl::string_view purpose) override {
    return HostBuffer::Create(bytes, purpose, account_, queue_);
  }
  absl::Status Read(const Buffer& buffer, uint64_t offset, absl::Span<uint8_t> target) override {
    HYDRA_ASSIGN_OR_RETURN(const uint8_t* data, Access(buffer, offset, target.size()));
    if (!target.empty()) std::memcpy(target.data(), data, target.size());
    return absl::OkStatus();
  }
  absl::Status Write(Buffer& buffer, uint64_t offset, absl::Span<const uint8_t> source) override {
    HYDRA_ASSIGN_OR_RETURN(uint8_t* data, Access(buffer, offset, source.size()));
    if (!source.empty()) std::memcpy(data, source.data(), source.size());
    return absl::OkStatus();
  }
  absl::Status Fill(Buffer& buffer, uint64_t offset, uint64_t bytes, uint8_t value) override {
    HYDRA_ASSIGN_OR_RETURN(uint8_t* data, Access(buffer, offset, bytes));
    if (bytes > 0) std::memset(data, value, bytes);
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<Executable>> LoadKernels(
      absl::string_view isa_level, absl::Span<const uint8_t> code,
      absl::Span<const KernelEntry> entries) override {
    const CpuLevel* level = FindCpuLevel(isa_level);
    const std::string why_not = level == nullptr ? absl::StrCat("the levels are ", CpuLevelNames())
                                                 : WhyNot(*level, HostCpu());
    if (!why_not.empty()) {
      return InputError(absl::StrCat("simulated kernels for ", isa_level,
                                     " do not run on this processor: ", why_not,
                                     "; compile with --target=sim --arch=native"));
    }
    return KernelImage::FromCode(*level, code, entries);
  }
  absl::StatusOr<std::unique_ptr<Executable>> LoadKernelFunctions(
      absl::Span<const NamedKernelFunction> functions) override {
    return KernelImage::FromFunctions(CpuLevels().front(), functions);
  }

  absl::StatusOr<std::unique_ptr<CommandList>> Record(const Executable& executable,
                                                      absl::Span<const Recording> recordings,
                                                      absl::Span<const Slot> slots,
                                                      const RecordOptions& options) override {
    const auto* image = dynamic_cast<const KernelImage*>(&executable);
    if (image == nullptr) {
      return FailureError("the executable was loaded by another kind of device");
    }
    for (const Recording& recording : recordings) {
      for (const RegionBinding& region : recording.regions) {
        if (region.buffer != nullptr) HYDRA_RETURN_IF_ERROR(DataOf(*region.buffer).status());
      }
    }
    for (const Slot& slot : slots) {
      if (slot.buffer != nullptr) HYDRA_RETURN_IF_ERROR(DataOf(*slot.buffer).status());
    }
    HYDRA_ASSIGN_OR_RETURN(SlotRing ring, SlotRing::Create(slots, options));
    HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<HostBuffer> memory,
                           HostBuffer::Create(ring.bytes(), "staging rings", account_, nullptr));
    return SimCommandList::Create(*image, recordings, queue_, std::move(ring), std::move(memory),
                                  options);
  }

  absl::StatusOr<Ticket> Submit(CommandList& list) override {
    auto* own = dynamic_cast<SimCommandList*>(&list);
    if (own == nullptr) return FailureError("the list was recorded by another kind of device");
    HYDRA_RETURN_IF_ERROR(queue_->Await(own->ring().blocker()));
    HYDRA_RETURN_IF_ERROR(queue_->status());
    const Ticket ticket{queue_->pushed() + 1};
    queue_->Push(own, own->ring().Close(ticket));
    return ticket;
  }
  absl::Status Await(Ticket ticket) override {
    if (ticket.sequence <= queue_->pushed()) return queue_->Await(ticket.sequence);
    return FailureError(absl::StrCat("ticket ", ticket.sequence, " was never given; the last is ",
                                     queue_->pushed()));
  }
  absl::StatusOr<double> Seconds(Ticket ticket) const override {
    const double seconds = queue_->Seconds(ticket.sequence);
    if (seconds >= 0) return seconds;
    return FailureError(absl::StrCat("no time is kept for submission ", ticket.sequence,
                                     "; the last one is ", queue_->pushed()));
  }

  std::vector<MemoryUse> memory_use() const override { return account_->uses(); }
  AvailableMemory available_memory() const override { return FindAvailableMemory(); }

 private:
  static absl::Status RunSubmission(void* context, void* item, uint64_t entry) {
    return static_cast<SimCommandList*>(item)->Run(entry,
                                                   static_cast<SimDevice*>(context)->simulator_);
  }
  static absl::StatusOr<uint8_t*> DataOf(const Buffer& buffer) {
    const auto* own = dynamic_cast<const HostBuffer*>(&buffer);
    if (own != nullptr) return own->data();
    return FailureError("the buffer belongs to another kind of device");
  }
  // The bytes of a range once every submission is done.
  absl::StatusOr<uint8_t*> Access(const Buffer& buffer, uint64_t offset, uint64_t bytes) {
    HYDRA_ASSIGN_OR_RETURN(uint8_t* data, DataOf(buffer));
    if (offset > buffer.bytes() || bytes > buffer.bytes() - offset) {
      return FailureError(absl::StrCat("bytes [", offset, ", ", offset + bytes, ") of a buffer of ",
                                       buffer.bytes(), " bytes"));
    }
    HYDRA_RETURN_IF_ERROR(queue_->Await(queue_->pushed()));
    return data + offset;
  }

  std::shared_ptr<MemoryAccount> account_;
  std::shared_ptr<SubmissionQueue> queue_;  // buffers and lists wait for it
  std::vector<std::string> levels_;
  Capabilities capabilities_;
  Simulator simulator_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> CreateSimDevice() {
  auto device = std::make_unique<SimDevice>();
  HYDRA_RETURN_IF_ERROR(device->Start());
  return device;
}

}  // namespace hydra::hal::sim
