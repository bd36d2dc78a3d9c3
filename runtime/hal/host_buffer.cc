#include "runtime/hal/host_buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal {
namespace {

constexpr uint64_t kHugePage = uint64_t{2} << 20;
constexpr uint64_t kSmallPage = 4096;

uint64_t RoundUp(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

// Maps `bytes` (a multiple of the small page) at a multiple of the huge page.
uint8_t* MapAligned(uint64_t bytes) {
  const uint64_t padded = bytes + kHugePage;
  void* base = mmap(nullptr, padded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return nullptr;
  const auto start = reinterpret_cast<uint64_t>(base);
  const uint64_t aligned = RoundUp(start, kHugePage);
  if (aligned > start) munmap(base, aligned - start);
  const uint64_t tail = start + padded - (aligned + bytes);
  if (tail > 0) munmap(reinterpret_cast<void*>(aligned + bytes), tail);
  auto* data = reinterpret_cast<uint8_t*>(aligned);
  // Advice only: without huge pages everything works, with more page faults.
  (void)madvise(data, bytes, MADV_HUGEPAGE);
  return data;
}

}  // namespace

size_t MemoryAccount::Find(absl::string_view purpose) {
  for (size_t i = 0; i < uses_.size(); ++i) {
    if (uses_[i].purpose == purpose) return i;
  }
  uses_.push_back({std::string(purpose), 0});
  return uses_.size() - 1;
}

absl::StatusOr<std::unique_ptr<HostBuffer>> HostBuffer::Create(
    uint64_t bytes, absl::string_view purpose, std::shared_ptr<MemoryAccount> account,
    std::shared_ptr<SubmissionQueue> queue) {
  std::unique_ptr<HostBuffer> buffer(new HostBuffer);
  const bool mapped = bytes >= kHugePage;
  constexpr uint64_t kLimit = uint64_t{1}
                              << 46;  // beyond any address space; keeps sums from wrapping
  const uint64_t obtained = bytes > kLimit ? bytes : RoundUp(bytes, mapped ? kSmallPage : 64);
  if (bytes > 0 && bytes <= kLimit) {
    buffer->data_ =
        mapped ? MapAligned(obtained) : static_cast<uint8_t*>(std::aligned_alloc(64, obtained));
  }
  if (bytes > 0 && buffer->data_ == nullptr) {
    return OutOfMemoryError(
        absl::StrCat("no memory for ", purpose, ": ", bytes,
                     " bytes asked for; use a smaller batch, sequence or model"));
  }
  if (bytes > 0 && !mapped) std::memset(buffer->data_, 0, obtained);
  buffer->bytes_ = bytes;
  buffer->obtained_ = obtained;
  buffer->mapped_ = mapped;
  buffer->purpose_ = account->Find(purpose);
  account->Add(buffer->purpose_, static_cast<int64_t>(obtained));
  buffer->account_ = std::move(account);
  buffer->queue_ = std::move(queue);
  return buffer;
}

HostBuffer::~HostBuffer() {
  if (queue_ != nullptr) queue_->Drain();
  if (account_ != nullptr) account_->Add(purpose_, -static_cast<int64_t>(obtained_));
  if (data_ == nullptr) return;
  if (mapped_) {
    munmap(data_, obtained_);
  } else {
    std::free(data_);
  }
}

}  // namespace hydra::hal
