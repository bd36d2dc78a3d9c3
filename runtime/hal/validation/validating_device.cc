#include "runtime/hal/validation/validating_device.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/hal/validation/checked_list.h"
#include "runtime/hal/validation/guarded_buffer.h"

namespace hydra::hal {
namespace {

constexpr uint64_t kKeptEvents = 64;

class ValidatingDevice final : public Device {
 public:
  explicit ValidatingDevice(std::unique_ptr<Device> inner) : inner_(std::move(inner)) {}

  absl::string_view name() const override { return inner_->name(); }
  std::string description() const override {
    return absl::StrCat(inner_->description(), ", validated");
  }
  const std::vector<std::string>& isa_levels() const override { return inner_->isa_levels(); }
  int thread_count() const override { return inner_->thread_count(); }

  absl::StatusOr<std::unique_ptr<Buffer>> Allocate(uint64_t bytes,
                                                   absl::string_view purpose) override {
    return GuardedBuffer::Create(*inner_, bytes, purpose);
  }

  absl::Status Read(Buffer& buffer, uint64_t offset, absl::Span<uint8_t> target) override {
    HYDRA_RETURN_IF_ERROR(CheckRange(buffer, offset, target.size()));
    if (!target.empty()) std::memcpy(target.data(), buffer.host_data() + offset, target.size());
    return absl::OkStatus();
  }
  absl::Status Write(Buffer& buffer, uint64_t offset, absl::Span<const uint8_t> source) override {
    HYDRA_RETURN_IF_ERROR(CheckRange(buffer, offset, source.size()));
    if (!source.empty()) std::memcpy(buffer.host_data() + offset, source.data(), source.size());
    return absl::OkStatus();
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

  absl::StatusOr<std::unique_ptr<CommandList>> Record(
      const Executable& executable, absl::Span<const Recording> recordings) override {
    return CheckedList::Record(*inner_, executable, recordings);
  }

  absl::StatusOr<Event> Submit(CommandList& list) override {
    auto* checked = dynamic_cast<CheckedList*>(&list);
    if (checked == nullptr) {
      return FailureError("the list was not recorded by this validated device");
    }
    HYDRA_ASSIGN_OR_RETURN(const double seconds, checked->Run(*inner_));
    ++submitted_;
    seconds_[submitted_ % kKeptEvents] = seconds;
    return Event{submitted_};
  }

  absl::Status Wait(Event event) override {
    if (event.sequence <= submitted_) return absl::OkStatus();
    return FailureError(
        absl::StrCat("event ", event.sequence, " was never submitted; the last is ", submitted_));
  }

  absl::StatusOr<double> Seconds(Event event) const override {
    if (event.sequence == 0 || event.sequence > submitted_ ||
        submitted_ - event.sequence >= kKeptEvents) {
      return FailureError(
          absl::StrCat("no time is kept for event ", event.sequence, "; the last is ", submitted_));
    }
    return seconds_[event.sequence % kKeptEvents];
  }

  std::vector<MemoryUse> memory_use() const override { return inner_->memory_use(); }

 private:
  static absl::Status CheckRange(const Buffer& buffer, uint64_t offset, uint64_t bytes) {
    if (offset <= buffer.bytes() && bytes <= buffer.bytes() - offset) return absl::OkStatus();
    return FailureError(absl::StrCat("bytes [", offset, ", ", offset + bytes, ") of a buffer of ",
                                     buffer.bytes(), " bytes"));
  }

  std::unique_ptr<Device> inner_;
  uint64_t submitted_ = 0;
  double seconds_[kKeptEvents] = {};
};

}  // namespace

std::unique_ptr<Device> WithValidation(std::unique_ptr<Device> device) {
  return std::make_unique<ValidatingDevice>(std::move(device));
}

}  // namespace hydra::hal
