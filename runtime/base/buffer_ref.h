// Arithmetic on BufferRefs: what bytes they cover, and whether two of them share one.
#ifndef HYDRA_RUNTIME_BASE_BUFFER_REF_H_
#define HYDRA_RUNTIME_BASE_BUFFER_REF_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "runtime/base/command.h"

namespace hydra::hal {

using RegionSizes = std::array<uint64_t, kRegionCount>;

// Lower-case names as in artifact.fbs.
absl::string_view RegionName(Region region);
absl::string_view ElementTypeName(ElementType type);
uint64_t ElementBytes(ElementType type);

// "arena[64, 128)", with rows "arena[64, 128) in rows of 16 every 32".
std::string Describe(const BufferRef& ref);

// Rows of a reference that was checked; 1 if it is contiguous.
inline uint64_t RowCount(const BufferRef& ref) {
  return ref.pitch == 0 ? 1 : (ref.bytes - ref.row_bytes) / ref.pitch + 1;
}
// Bytes that belong to a checked reference, gaps between rows left out.
inline uint64_t PayloadBytes(const BufferRef& ref) {
  return ref.pitch == 0 ? ref.bytes : RowCount(ref) * ref.row_bytes;
}

// True if the two references share a byte, where they stand in the first iteration.
bool Overlap(const BufferRef& a, const BufferRef& b);
// True if they share a byte in some iteration of `iterations` in which each moves by its step. May
// say true of references with rows that move apart at different speeds and only interleave.
bool OverlapInRepeat(const BufferRef& a, const BufferRef& b, uint64_t iterations);

// OK if `ref` is well formed and lies in its region, which may not be scratch: that is handed to
// kernels, never named. InvalidArgument with what was expected and found.
absl::Status CheckRef(const BufferRef& ref, const RegionSizes& region_bytes);
// The same in every iteration of a RepeatCommand; `iterations` 0 stands for outside of any, where a
// reference may not move.
absl::Status CheckRefInRepeat(const BufferRef& ref, const RegionSizes& region_bytes,
                              uint64_t iterations);

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_BASE_BUFFER_REF_H_
