#include "runtime/hal/kernel_image.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
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
    image->functions_.push_back(reinterpret_cast<KernelFunction>(
        reinterpret_cast<uintptr_t>(image->pages_) + entry.offset));
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

KernelImage::~KernelImage() {
  if (pages_ != nullptr) munmap(pages_, page_bytes_);
}

}  // namespace hydra::hal
