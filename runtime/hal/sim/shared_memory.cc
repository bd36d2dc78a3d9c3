#include "runtime/hal/sim/shared_memory.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace hydra::hal::sim {
namespace {

constexpr uint32_t kWarp = 32;
constexpr uint8_t kPoison = 0xff;  // NaN in every floating-point type

}  // namespace

void SharedMemory::Poison() {
  std::fill_n(bytes_.begin(), touched_, kPoison);
  std::fill_n(shadow_.begin(), touched_, Shadow());
  touched_ = 0;
}

bool SharedMemory::Contains(const void* address) const {
  const auto* at = static_cast<const uint8_t*>(address);
  return at >= bytes_.data() && at < bytes_.data() + bytes_.size();
}

bool SharedMemory::Ordered(const Accessor& earlier, const Accessor& now) {
  if (earlier.thread == kNobody || earlier.thread == now.thread) return true;
  if (earlier.block_barriers != now.block_barriers) return true;
  return earlier.thread / kWarp == now.thread / kWarp && earlier.warp_barriers != now.warp_barriers;
}

std::string SharedMemory::Access(const void* address, uint64_t bytes, bool write,
                                 const Accessor& who) {
  const auto first = static_cast<uint64_t>(static_cast<const uint8_t*>(address) - bytes_.data());
  touched_ = std::max(touched_, first + bytes);
  for (uint64_t i = first; i < first + bytes; ++i) {
    Shadow& shadow = shadow_[i];
    if (!Ordered(shadow.writer, who)) {
      return absl::StrCat("thread ", who.thread, write ? " writes" : " reads", " byte ", i,
                          " of shared memory, which thread ", shadow.writer.thread,
                          " wrote, and no barrier lies between");
    }
    if (write) {
      for (const Accessor& reader : shadow.readers) {
        if (!Ordered(reader, who)) {
          return absl::StrCat("thread ", who.thread, " writes byte ", i,
                              " of shared memory, which thread ", reader.thread,
                              " read, and no barrier lies between");
        }
      }
      shadow.writer = who;
      continue;
    }
    if (shadow.writer.thread == kNobody) {
      return absl::StrCat("thread ", who.thread, " reads byte ", i,
                          " of shared memory, which no thread of the block wrote");
    }
    // A slot of this thread, or one that a barrier made free; two others are enough.
    for (Accessor& reader : shadow.readers) {
      if (!Ordered(reader, who)) continue;
      reader = who;
      break;
    }
  }
  return "";
}

}  // namespace hydra::hal::sim
