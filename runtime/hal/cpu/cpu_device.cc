#include "runtime/hal/cpu/cpu_device.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/status.h"
#include "runtime/hal/cpu/command_list.h"
#include "runtime/hal/cpu/isa.h"
#include "runtime/hal/cpu/kernel_image.h"
#include "runtime/hal/cpu/matmul_primitive.h"
#include "runtime/hal/cpu/memory.h"
#include "runtime/hal/cpu/recorder.h"
#include "runtime/hal/cpu/thread_pool.h"

namespace hydra::hal::cpu {
namespace {

constexpr uint64_t kKeptEvents = 64;

int AvailableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

class CpuDevice final : public Device {
 public:
  CpuDevice(int threads, std::unique_ptr<MatmulContext> matmul)
      : account_(std::make_shared<MemoryAccount>()),
        levels_(SupportedIsaLevels()),
        matmul_(std::move(matmul)),
        pool_(threads, MatmulContext::PrepareThread) {
    memory_.tiles.resize(threads);
  }

  absl::string_view name() const override { return "cpu"; }
  std::string description() const override {
    return absl::StrCat(ProcessorName(), ", ", thread_count(), " threads, ",
                        levels_.empty() ? "no supported level" : levels_.front());
  }
  const std::vector<std::string>& isa_levels() const override { return levels_; }
  int thread_count() const override { return pool_.thread_count(); }

  absl::StatusOr<std::unique_ptr<Buffer>> Allocate(uint64_t bytes,
                                                   absl::string_view purpose) override {
    return HostBuffer::Create(bytes, purpose, account_);
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
    if (std::find(levels_.begin(), levels_.end(), isa_level) == levels_.end()) {
      return InputError(absl::StrCat(
          "kernels for ", isa_level, " do not run on this processor, which has: ",
          levels_.empty() ? "none of the levels" : absl::StrJoin(levels_, ", "),
          levels_.empty() ? "" : absl::StrCat("; compile with --arch=", levels_.front())));
    }
    return KernelImage::FromCode(code, entries);
  }
  absl::StatusOr<std::unique_ptr<Executable>> LoadKernelFunctions(
      absl::Span<const NamedKernelFunction> functions) override {
    return KernelImage::FromFunctions(functions);
  }

  absl::StatusOr<std::unique_ptr<CommandList>> Record(
      const Executable& executable, absl::Span<const Recording> recordings) override {
    const auto* image = dynamic_cast<const KernelImage*>(&executable);
    if (image == nullptr) {
      return FailureError("the executable was loaded by another kind of device");
    }
    Recorder recorder(*image, thread_count(),
                      [this](const MatmulShape& shape) { return FindPrimitive(shape); });
    HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<CpuCommandList> list, recorder.Record(recordings));
    HYDRA_RETURN_IF_ERROR(Grow(recorder.workspace_bytes(), recorder.staging_bytes()));
    return list;
  }

  absl::StatusOr<Event> Submit(CommandList& list) override {
    auto* own = dynamic_cast<CpuCommandList*>(&list);
    if (own == nullptr) {
      return FailureError("the list was recorded by another kind of device");
    }
    MatmulContext::PrepareThread();  // the submitting thread is worker 0, and may be a new one
    const auto start = std::chrono::steady_clock::now();
    absl::Status status = own->Run(pool_, memory_);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (!status.ok()) return status;
    ++submitted_;
    seconds_[submitted_ % kKeptEvents] = elapsed.count();
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

  std::vector<MemoryUse> memory_use() const override { return account_->uses(); }

 private:
  static absl::Status CheckRange(const Buffer& buffer, uint64_t offset, uint64_t bytes) {
    if (offset <= buffer.bytes() && bytes <= buffer.bytes() - offset) return absl::OkStatus();
    return FailureError(absl::StrCat("bytes [", offset, ", ", offset + bytes, ") of a buffer of ",
                                     buffer.bytes(), " bytes"));
  }

  absl::StatusOr<const MatmulPrimitive*> FindPrimitive(const MatmulShape& shape) {
    auto found = primitives_.find(shape);
    if (found == primitives_.end()) {
      HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<MatmulPrimitive> primitive,
                             MatmulPrimitive::Create(*matmul_, shape));
      found = primitives_.emplace(shape, std::move(primitive)).first;
    }
    return found->second.get();
  }

  // One workspace serves every list: lists run one after the other, and read the addresses when
  // they run.
  absl::Status Grow(uint64_t workspace_bytes, uint64_t staging_bytes) {
    workspace_bytes = std::max(workspace_bytes, workspace_bytes_);
    staging_bytes = std::max(staging_bytes, staging_bytes_);
    if (workspace_bytes == workspace_bytes_ && staging_bytes == staging_bytes_) {
      return absl::OkStatus();
    }
    const uint64_t first = (workspace_bytes + 63) / 64 * 64;
    const uint64_t stride = first + (staging_bytes + 63) / 64 * 64;
    workspace_.reset();
    HYDRA_ASSIGN_OR_RETURN(workspace_, HostBuffer::Create(stride * pool_.thread_count(),
                                                          "matmul workspace", account_));
    for (size_t i = 0; i < memory_.tiles.size(); ++i) {
      uint8_t* base = workspace_->host_data() + i * stride;
      memory_.tiles[i] = {base, reinterpret_cast<float*>(base + first)};
    }
    workspace_bytes_ = workspace_bytes;
    staging_bytes_ = staging_bytes;
    return absl::OkStatus();
  }

  std::shared_ptr<MemoryAccount> account_;
  std::vector<std::string> levels_;
  std::unique_ptr<MatmulContext> matmul_;
  std::map<MatmulShape, std::unique_ptr<MatmulPrimitive>> primitives_;
  std::unique_ptr<HostBuffer> workspace_;
  uint64_t workspace_bytes_ = 0, staging_bytes_ = 0;
  WorkerMemory memory_;
  uint64_t submitted_ = 0;
  double seconds_[kKeptEvents] = {};
  ThreadPool pool_;  // last: its threads end before what they use
};

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> CreateCpuDevice(int threads) {
  if (threads < 0 || threads > 1024) {
    return UsageError(absl::StrCat("threads must be 0 (all) to 1024, found ", threads));
  }
  if (threads == 0) threads = AvailableProcessors();
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<MatmulContext> matmul, MatmulContext::Create(threads));
  return std::make_unique<CpuDevice>(threads, std::move(matmul));
}

}  // namespace hydra::hal::cpu
