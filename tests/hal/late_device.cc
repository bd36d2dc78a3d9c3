// The late device: a queue, a thread that is slow to start, rings that are poisoned.
#include "tests/hal/late_device.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/hal/slot_ring.h"

namespace hydra::hal {
namespace {

constexpr int kPoison = 0xcd;
constexpr uint64_t kKeptTimes = 64;

// How late a submission starts: sometimes not at all, sometimes long after the caller went on.
std::chrono::microseconds Delay(uint64_t sequence) {
  return std::chrono::microseconds((sequence * 7919) % 5 * 400);
}

class LateList;

// What runs later, in order.
class Worker {
 public:
  Worker(Device& device, Permits* permits)
      : device_(device), permits_(permits), thread_([this] { Loop(); }) {}
  ~Worker() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  uint64_t pushed() const { return pushed_; }
  void Push(LateList* list, size_t entry) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      waiting_.push_back({++pushed_, list, entry});
    }
    changed_.notify_all();
  }
  absl::Status Await(uint64_t sequence) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return done_ >= sequence; });
    return failed_ != 0 && failed_ <= sequence ? error_ : absl::OkStatus();
  }
  absl::Status status() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return error_;
  }
  absl::StatusOr<double> Seconds(uint64_t sequence) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = seconds_.find(sequence);
    if (found != seconds_.end()) return found->second;
    return FailureError(absl::StrCat("no time is kept for submission ", sequence));
  }

 private:
  struct Item {
    uint64_t sequence;
    LateList* list;
    size_t entry;
  };

  void Loop();

  Device& device_;
  Permits* permits_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> waiting_;
  std::map<uint64_t, double> seconds_;
  uint64_t pushed_ = 0, done_ = 0, failed_ = 0;
  absl::Status error_;
  bool stop_ = false;
  std::thread thread_;
};

class LateBuffer final : public Buffer {
 public:
  LateBuffer(std::unique_ptr<Buffer> inner, std::shared_ptr<Worker> worker)
      : inner_(std::move(inner)), worker_(std::move(worker)) {}
  ~LateBuffer() override { worker_->Await(worker_->pushed()).IgnoreError(); }
  uint64_t bytes() const override { return inner_->bytes(); }
  Buffer& inner() const { return *inner_; }

 private:
  std::unique_ptr<Buffer> inner_;
  std::shared_ptr<Worker> worker_;
};

class LateList final : public CommandList {
 public:
  LateList(std::shared_ptr<Worker> worker, SlotRing ring, std::unique_ptr<CommandList> inner,
           size_t depth)
      : worker_(std::move(worker)),
        ring_(std::move(ring)),
        inner_(std::move(inner)),
        memory_(ring_.bytes(), kPoison),
        entry_bytes_(ring_.bytes() / depth) {
    ring_.UseMemory(memory_.data());
  }
  ~LateList() override { worker_->Await(worker_->pushed()).IgnoreError(); }

  absl::StatusOr<absl::Span<uint8_t>> Stage(size_t slot, uint32_t piece) override {
    HYDRA_RETURN_IF_ERROR(worker_->Await(ring_.blocker()));
    return ring_.Stage(slot, piece);
  }
  absl::StatusOr<absl::Span<const uint8_t>> Fetch(Ticket ticket, size_t slot,
                                                  uint32_t piece) override {
    HYDRA_ASSIGN_OR_RETURN(const size_t entry, ring_.Find(ticket));
    HYDRA_RETURN_IF_ERROR(worker_->Await(ticket.sequence));
    return ring_.Output(entry, slot, piece);
  }
  absl::Span<const Segment> segments() const override { return inner_->segments(); }
  const std::vector<CommandProfile>& profile() const override { return inner_->profile(); }

  SlotRing& ring() { return ring_; }

  // On the worker's thread.
  absl::StatusOr<double> Run(Device& device, size_t entry) {
    HYDRA_RETURN_IF_ERROR(ring_.TakeStaged(
        entry, [&](Buffer& buffer, uint64_t offset, absl::Span<const uint8_t> bytes) {
          auto& inner = static_cast<LateBuffer&>(buffer).inner();
          return device.Write(inner, offset, bytes);
        }));
    // Everything the caller still holds of this entry is from before.
    std::fill_n(memory_.begin() + static_cast<int64_t>(entry * entry_bytes_), entry_bytes_,
                kPoison);
    HYDRA_ASSIGN_OR_RETURN(const Ticket ticket, device.Submit(*inner_));
    HYDRA_RETURN_IF_ERROR(device.Await(ticket));
    HYDRA_RETURN_IF_ERROR(ring_.GiveOutputs(
        entry, [&](const Buffer& buffer, uint64_t offset, absl::Span<uint8_t> bytes) {
          return device.Read(static_cast<const LateBuffer&>(buffer).inner(), offset, bytes);
        }));
    return device.Seconds(ticket);
  }

 private:
  std::shared_ptr<Worker> worker_;
  SlotRing ring_;
  std::unique_ptr<CommandList> inner_;
  std::vector<uint8_t> memory_;
  size_t entry_bytes_;
};

void Worker::Loop() {
  for (;;) {
    Item item;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      item = waiting_.front();
      waiting_.pop_front();
    }
    if (permits_ != nullptr) permits_->acquire();
    std::this_thread::sleep_for(Delay(item.sequence));
    absl::StatusOr<double> seconds =
        failed_ == 0 ? item.list->Run(device_, item.entry) : absl::StatusOr<double>(0.0);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!seconds.ok()) {
        failed_ = item.sequence;
        error_ = seconds.status();
      }
      seconds_[item.sequence] = seconds.value_or(0.0);
      seconds_.erase(item.sequence - std::min(item.sequence, kKeptTimes));
      done_ = item.sequence;
    }
    changed_.notify_all();
  }
}

class LateDevice final : public Device {
 public:
  LateDevice(std::unique_ptr<Device> inner, Permits* permits)
      : inner_(std::move(inner)),
        capabilities_(inner_->capabilities()),
        worker_(std::make_shared<Worker>(*inner_, permits)) {
    capabilities_.asynchronous_host = true;
  }

  absl::string_view name() const override { return inner_->name(); }
  std::string description() const override { return absl::StrCat(inner_->description(), ", late"); }
  const Capabilities& capabilities() const override { return capabilities_; }
  const std::vector<std::string>& isa_levels() const override { return inner_->isa_levels(); }
  std::vector<RuntimeFact> RuntimeFacts() const override { return inner_->RuntimeFacts(); }

  absl::StatusOr<std::unique_ptr<Buffer>> Allocate(uint64_t bytes,
                                                   absl::string_view purpose) override {
    HYDRA_RETURN_IF_ERROR(Settle());
    HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<Buffer> inner, inner_->Allocate(bytes, purpose));
    return std::make_unique<LateBuffer>(std::move(inner), worker_);
  }
  absl::Status Read(const Buffer& buffer, uint64_t offset, absl::Span<uint8_t> target) override {
    HYDRA_RETURN_IF_ERROR(Settle());
    HYDRA_ASSIGN_OR_RETURN(Buffer * own, Inner(&buffer));
    return inner_->Read(*own, offset, target);
  }
  absl::Status Write(Buffer& buffer, uint64_t offset, absl::Span<const uint8_t> source) override {
    HYDRA_RETURN_IF_ERROR(Settle());
    HYDRA_ASSIGN_OR_RETURN(Buffer * own, Inner(&buffer));
    return inner_->Write(*own, offset, source);
  }
  absl::Status Fill(Buffer& buffer, uint64_t offset, uint64_t bytes, uint8_t value) override {
    HYDRA_RETURN_IF_ERROR(Settle());
    HYDRA_ASSIGN_OR_RETURN(Buffer * own, Inner(&buffer));
    return inner_->Fill(*own, offset, bytes, value);
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
    HYDRA_RETURN_IF_ERROR(Settle());
    std::vector<Recording> inner(recordings.begin(), recordings.end());
    for (Recording& recording : inner) {
      for (RegionBinding& region : recording.regions) {
        if (region.buffer == nullptr) continue;
        HYDRA_ASSIGN_OR_RETURN(region.buffer, Inner(region.buffer));
      }
    }
    HYDRA_ASSIGN_OR_RETURN(SlotRing ring, SlotRing::Create(slots, options));
    HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<CommandList> list,
                           inner_->Record(executable, inner, {}, options));
    return std::make_unique<LateList>(worker_, std::move(ring), std::move(list),
                                      static_cast<size_t>(options.ring));
  }

  absl::StatusOr<Ticket> Submit(CommandList& list) override {
    auto* own = dynamic_cast<LateList*>(&list);
    if (own == nullptr) return FailureError("a list of another device");
    HYDRA_RETURN_IF_ERROR(worker_->Await(own->ring().blocker()));
    HYDRA_RETURN_IF_ERROR(worker_->status());
    const Ticket ticket{worker_->pushed() + 1};
    worker_->Push(own, own->ring().Close(ticket));
    return ticket;
  }
  absl::Status Await(Ticket ticket) override {
    if (ticket.sequence <= worker_->pushed()) return worker_->Await(ticket.sequence);
    return FailureError(absl::StrCat("ticket ", ticket.sequence, " is unknown"));
  }
  absl::StatusOr<double> Seconds(Ticket ticket) const override {
    return worker_->Seconds(ticket.sequence);
  }
  std::vector<MemoryUse> memory_use() const override { return inner_->memory_use(); }
  AvailableMemory available_memory() const override { return inner_->available_memory(); }

 private:
  absl::Status Settle() { return worker_->Await(worker_->pushed()); }
  static absl::StatusOr<Buffer*> Inner(const Buffer* buffer) {
    const auto* own = dynamic_cast<const LateBuffer*>(buffer);
    if (own != nullptr) return &own->inner();
    return FailureError("a buffer of another device");
  }

  std::unique_ptr<Device> inner_;
  Capabilities capabilities_;
  std::shared_ptr<Worker> worker_;  // its thread uses inner_; lists and buffers wait for it
};

}  // namespace

std::unique_ptr<Device> MakeLateDevice(std::unique_ptr<Device> inner, Permits* permits) {
  return std::make_unique<LateDevice>(std::move(inner), permits);
}

}  // namespace hydra::hal
