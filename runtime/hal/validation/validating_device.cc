#include "runtime/hal/validation/validating_device.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/hal/validation/checked_list.h"
#include "runtime/hal/validation/guarded_buffer.h"

namespace hydra::hal {
namespace {

constexpr uint64_t kKeptTimes = 64;

class ValidatingDevice final : public Device {
 public:
  explicit ValidatingDevice(std::unique_ptr<Device> inner)
      : inner_(std::move(inner)), capabilities_(inner_->capabilities()) {
    capabilities_.graphs = false;
    capabilities_.conditional_nodes = false;
    capabilities_.asynchronous_host = false;
    capabilities_.command_profile = true;
  }

  absl::string_view name() const override { return inner_->name(); }
  std::string description() const override {
    return absl::StrCat(inner_->description(), ", validated");
  }
  const Capabilities& capabilities() const override { return capabilities_; }
  const std::vector<std::string>& isa_levels() const override { return inner_->isa_levels(); }
  std::vector<RuntimeFact> RuntimeFacts() const override { return inner_->RuntimeFacts(); }

  absl::StatusOr<std::unique_ptr<Buffer>> Allocate(uint64_t bytes,
                                                   absl::string_view purpose) override {
    return GuardedBuffer::Create(*inner_, bytes, purpose);
  }

  absl::Status Read(const Buffer& buffer, uint64_t offset, absl::Span<uint8_t> target) override {
    HYDRA_RETURN_IF_ERROR(CheckRange(buffer, offset, target.size()));
    return inner_->Read(static_cast<const GuardedBuffer&>(buffer).inner(),
                        GuardedBuffer::kZone + offset, target);
  }
  absl::Status Write(Buffer& buffer, uint64_t offset, absl::Span<const uint8_t> source) override {
    HYDRA_RETURN_IF_ERROR(CheckRange(buffer, offset, source.size()));
    return inner_->Write(static_cast<GuardedBuffer&>(buffer).inner(), GuardedBuffer::kZone + offset,
                         source);
  }
  absl::Status Fill(Buffer& buffer, uint64_t offset, uint64_t bytes, uint8_t value) override {
    HYDRA_RETURN_IF_ERROR(CheckRange(buffer, offset, bytes));
    return inner_->Fill(static_cast<GuardedBuffer&>(buffer).inner(), GuardedBuffer::kZone + offset,
                        bytes, value);
  }

  absl::StatusOr<std::unique_ptr<Executable>> LoadKernels(
      absl::string_view isa_level, absl::Span<const uint8_t> code,
      absl::Span<const KernelEntry> entries) override {
    return inner_->LoadKernels(isa_level, code, entries);
  }
  absl::StatusOr<std::unique_ptr<Executable>> LoadKernelFunctions(
      absl::Span<const NamedKernelFunction> functions) override {
    return inner_->LoadKernelFunctions(functions);
  }

  absl::StatusOr<std::unique_ptr<CommandList>> Record(const Executable& executable,
                                                      absl::Span<const Recording> recordings,
                                                      absl::Span<const Slot> slots,
                                                      const RecordOptions& options) override {
    return CheckedList::Record(*inner_, executable, recordings, slots, options);
  }

  absl::StatusOr<Ticket> Submit(CommandList& list) override {
    auto* checked = dynamic_cast<CheckedList*>(&list);
    if (checked == nullptr) {
      return FailureError("the list was not recorded by this validated device");
    }
    HYDRA_RETURN_IF_ERROR(first_error_);
    const Ticket ticket{++submitted_};
    absl::StatusOr<double> seconds = checked->Run(ticket);
    if (seconds.ok()) {
      seconds_[submitted_ % kKeptTimes] = *seconds;
    } else {
      first_error_ = seconds.status();
    }
    return ticket;
  }

  absl::Status Await(Ticket ticket) override {
    // Nothing runs after an error, so it belongs to the last submission.
    if (ticket.sequence < submitted_) return absl::OkStatus();
    if (ticket.sequence == submitted_) return first_error_;
    return FailureError(
        absl::StrCat("ticket ", ticket.sequence, " was never given; the last is ", submitted_));
  }

  absl::StatusOr<double> Seconds(Ticket ticket) const override {
    if (ticket.sequence == 0 || ticket.sequence > submitted_ ||
        submitted_ - ticket.sequence >= kKeptTimes) {
      return FailureError(absl::StrCat("no time is kept for submission ", ticket.sequence,
                                       "; the last one is ", submitted_));
    }
    return seconds_[ticket.sequence % kKeptTimes];
  }

  std::vector<MemoryUse> memory_use() const override { return inner_->memory_use(); }
  AvailableMemory available_memory() const override { return inner_->available_memory(); }

 private:
  static absl::Status CheckRange(const Buffer& buffer, uint64_t offset, uint64_t bytes) {
    if (dynamic_cast<const GuardedBuffer*>(&buffer) == nullptr) {
      return FailureError("the buffer belongs to another device");
    }
    if (offset <= buffer.bytes() && bytes <= buffer.bytes() - offset) return absl::OkStatus();
    return FailureError(absl::StrCat("bytes [", offset, ", ", offset + bytes, ") of a buffer of ",
                                     buffer.bytes(), " bytes"));
  }

  std::unique_ptr<Device> inner_;
  Capabilities capabilities_;
  absl::Status first_error_;
  uint64_t submitted_ = 0;
  double seconds_[kKeptTimes] = {};
};

}  // namespace

std::unique_ptr<Device> WithValidation(std::unique_ptr<Device> device) {
  return std::make_unique<ValidatingDevice>(std::move(device));
}

}  // namespace hydra::hal
