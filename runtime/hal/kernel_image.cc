#include "runtime/hal/kernel_image.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "runtime/base/status.h"

namespace hydra::hal {

absl::StatusOr<std::unique_ptr<KernelImage>> KernelImage::FromCode(
    const CpuLevel& level, absl::Span<const uint8_t> code, absl::Span<const KernelEntry> entries) {
  for (const KernelEntry& entry : entries) {
    if (entry.offset >= code.size()) {
      return InputError(absl::StrCat("kernel ", entry.name, " starts at byte ", entry.offset,
                                     " of ", code.size(),
                                     " bytes of code; compile the model again"));
    }
  }
  std::unique_ptr<KernelImage> image(new KernelImage(level));
  if (!code.empty()) {
    const uint64_t bytes = (code.size() + 4095) / 4096 * 4096;
    void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
      return OutOfMemoryError(
          absl::StrCat("no memory for ", bytes, " bytes of kernels: ", std::strerror(errno)));
    }
    image->pages_ = pages;
    image->page_bytes_ = bytes;
    std::memcpy(pages, code.data(), code.size());
    // Running off the end stops at a breakpoint instead of decoding zeros.
    std::memset(static_cast<uint8_t*>(pages) + code.size(), 0xcc, bytes - code.size());
    if (mprotect(pages, bytes, PROT_READ | PROT_EXEC) != 0) {
      return FailureError(absl::StrCat("the system refuses to make ", bytes,
                                       " bytes of kernels executable: ", std::strerror(errno),
                                       "; allow executable anonymous memory"));
    }
  }
  for (const KernelEntry& entry : entries) {
    image->functions_.push_back(
        reinterpret_cast<KernelFunction>(static_cast<uint8_t*>(image->pages_) + entry.offset));
    image->names_.push_back(entry.name);
  }
  return image;
}

std::unique_ptr<KernelImage> KernelImage::FromFunctions(
    const CpuLevel& level, absl::Span<const NamedKernelFunction> functions) {
  std::unique_ptr<KernelImage> image(new KernelImage(level));
  for (const NamedKernelFunction& kernel : functions) {
    image->functions_.push_back(kernel.function);
    image->names_.push_back(kernel.name);
  }
  return image;
}

absl::Status KernelImage::AppendToPerfMap() const {
  std::vector<std::pair<uintptr_t, absl::string_view>> starts;
  for (size_t i = 0; i < functions_.size(); ++i) {
    starts.emplace_back(reinterpret_cast<uintptr_t>(functions_[i]), names_[i]);
  }
  std::sort(starts.begin(), starts.end());
  std::string text;
  for (size_t i = 0; i < starts.size(); ++i) {
    const uintptr_t end = i + 1 < starts.size() ? starts[i + 1].first
                                                : reinterpret_cast<uintptr_t>(pages_) + page_bytes_;
    absl::StrAppendFormat(&text, "%x %x %s\n", starts[i].first, end - starts[i].first,
                          starts[i].second);
  }
  const std::string path = absl::StrCat("/tmp/perf-", getpid(), ".map");
  std::ofstream file(path, std::ios::app);
  file << text << std::flush;
  if (!file)
    return FailureError(absl::StrCat(path, ": cannot write the names of kernels for perf"));
  return absl::OkStatus();
}

KernelImage::~KernelImage() {
  if (pages_ != nullptr) munmap(pages_, page_bytes_);
}

}  // namespace hydra::hal
