#include "runtime/base/buffer_ref.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal {
namespace {

using Wide = __int128;  // extents of hostile files must not wrap

// Rows of equal pitch never meet if their columns, seen as arcs of a circle of one pitch, are
// apart: a row may begin anywhere in the matrix it belongs to.
bool DisjointColumns(const BufferRef& a, const BufferRef& b) {
  if (a.pitch == 0 || a.pitch != b.pitch) return false;
  const uint64_t pitch = a.pitch;
  const uint64_t distance = (b.offset % pitch + pitch - a.offset % pitch) % pitch;
  return distance >= a.row_bytes && distance + b.row_bytes <= pitch;
}

}  // namespace

absl::string_view RegionName(Region region) {
  static constexpr const char* kNames[kRegionCount] = {
      "arena",  "parameters", "gradients", "optimizer", "control", "control_state", "cache",
      "inputs", "outputs",    "constants", "scratch",   "record",  "derived"};
  const auto index = static_cast<size_t>(region);
  return index < kRegionCount ? kNames[index] : "invalid";
}

absl::string_view ElementTypeName(ElementType type) {
  static constexpr const char* kNames[] = {"f32", "i32", "bf16", "f64", "u8"};
  const auto index = static_cast<size_t>(type);
  return index < 5 ? kNames[index] : "invalid";
}

uint64_t ElementBytes(ElementType type) {
  switch (type) {
    case ElementType::kF32:
    case ElementType::kI32:
      return 4;
    case ElementType::kBf16:
      return 2;
    case ElementType::kF64:
      return 8;
    case ElementType::kU8:
      return 1;
  }
  return 1;
}

std::string Describe(const BufferRef& ref) {
  std::string text =
      absl::StrCat(RegionName(ref.region), "[", ref.offset, ", ", ref.offset + ref.bytes, ")");
  if (ref.pitch != 0) absl::StrAppend(&text, " in rows of ", ref.row_bytes, " every ", ref.pitch);
  if (ref.repeat_step != 0) absl::StrAppend(&text, " moving by ", ref.repeat_step);
  return text;
}

bool Overlap(const BufferRef& a, const BufferRef& b) {
  return a.region == b.region && a.bytes > 0 && b.bytes > 0 && a.offset < b.offset + b.bytes &&
         b.offset < a.offset + a.bytes && !DisjointColumns(a, b);
}

bool OverlapInRepeat(const BufferRef& a, const BufferRef& b, uint64_t iterations) {
  if (iterations <= 1 || a.repeat_step == b.repeat_step) return Overlap(a, b);
  if (a.region != b.region || a.bytes == 0 || b.bytes == 0) return false;
  // The distance from a to b grows by `speed`; they meet while it lies between `low` and `high`.
  Wide distance = Wide{b.offset} - Wide{a.offset};
  Wide speed = Wide{b.repeat_step} - Wide{a.repeat_step};
  if (a.pitch != 0 && speed % static_cast<Wide>(a.pitch) == 0 && DisjointColumns(a, b)) {
    return false;
  }
  Wide low = -Wide{b.bytes}, high = Wide{a.bytes};
  if (speed < 0) {
    distance = -distance;
    speed = -speed;
    const Wide old_low = low;
    low = -high;
    high = -old_low;
  }
  Wide first = 0;  // iteration whose distance exceeds `low`
  if (distance <= low) first = (low - distance) / speed + 1;
  return first < static_cast<Wide>(iterations) && distance + first * speed < high;
}

absl::Status CheckRef(const BufferRef& ref, const RegionSizes& region_bytes) {
  const auto index = static_cast<size_t>(ref.region);
  if (index >= kRegionCount) {
    return FailureError(
        absl::StrCat("region number ", index, ", expected less than ", kRegionCount));
  }
  if (ref.region == Region::kScratch) {
    return FailureError("scratch is handed to kernels and cannot be named");
  }
  const uint64_t size = region_bytes[index];
  if (ref.offset > size || ref.bytes > size - ref.offset) {
    return FailureError(absl::StrCat(Describe(ref), " exceeds region ", RegionName(ref.region),
                                     " of ", size, " bytes"));
  }
  if (ref.pitch == 0
          ? ref.row_bytes != 0
          : ref.row_bytes == 0 || ref.row_bytes > ref.pitch || ref.bytes < ref.row_bytes ||
                (ref.bytes - ref.row_bytes) % ref.pitch != 0) {
    return FailureError(absl::StrCat(RegionName(ref.region), "[", ref.offset, ", ",
                                     ref.offset + ref.bytes, ") has rows of ", ref.row_bytes,
                                     " bytes every ", ref.pitch,
                                     "; expected rows that fit their pitch and fill the range"));
  }
  return absl::OkStatus();
}

absl::Status CheckRefInRepeat(const BufferRef& ref, const RegionSizes& region_bytes,
                              uint64_t iterations) {
  HYDRA_RETURN_IF_ERROR(CheckRef(ref, region_bytes));
  if (ref.repeat_step == 0) return absl::OkStatus();
  if (iterations == 0) {
    return FailureError(absl::StrCat(Describe(ref), " moves, but is not inside a repeat"));
  }
  const Wide last = Wide{ref.offset} + Wide{ref.repeat_step} * static_cast<Wide>(iterations - 1);
  const Wide room = Wide{region_bytes[static_cast<size_t>(ref.region)]} - Wide{ref.bytes};
  if (last < 0 || last > room) {
    return FailureError(
        absl::StrCat(Describe(ref), " leaves its region within ", iterations, " iterations"));
  }
  return absl::OkStatus();
}

}  // namespace hydra::hal
