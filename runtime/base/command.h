// Device commands: the executable form of an artifact's command lists. One to one with
// runtime/artifact/artifact.fbs and the plan dialect. Plain data; thread-compatible.
// It lives in base so that the artifact reader and the devices share it without seeing each other.
#ifndef HYDRA_RUNTIME_BASE_COMMAND_H_
#define HYDRA_RUNTIME_BASE_COMMAND_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace hydra::hal {

// Same order and values as artifact.fbs Region.
enum class Region : uint8_t {
  kArena,
  kParameters,
  kGradients,
  kOptimizer,
  kControl,
  kControlState,
  kCache,
  kInputs,
  kOutputs,
  kConstants,
  kScratch,
  kRecord,
  kDerived,
};
inline constexpr int kRegionCount = 13;

enum class ElementType : uint8_t { kF32, kI32, kBf16, kF64, kU8 };

// Bytes of a region, from the region's start: a range, or rows of a matrix.
//   pitch == 0   the contiguous range [offset, offset + bytes); row_bytes is 0
//   otherwise    rows of row_bytes, at most pitch, at multiples of pitch from offset on:
//                bytes = (rows - 1) * pitch + row_bytes. Two such references of one region and
//                pitch whose columns are disjoint do not overlap.
// Inside a RepeatCommand, offset grows by repeat_step per iteration of the innermost one around it.
struct BufferRef {
  Region region = Region::kArena;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t row_bytes = 0;
  uint64_t pitch = 0;
  int64_t repeat_step = 0;

  bool operator==(const BufferRef&) const = default;
};

// What a kernel is handed beside its buffers. Read at fixed offsets by generated code.
struct KernelContext {
  const int64_t* scalars;  // the KernelCommand's scalars: integers, or the bits of doubles
  void* scratch;   // this worker's scratch region, 64-byte aligned; null where it has no bytes
  int64_t worker;  // number of the worker
  const void* intrinsics;  // thread operations of the sim target; null on every other
};

// Calling convention of generated kernels, the same for every kernel of the cpu target.
//   args        pointers to the KernelCommand's buffers, in order
//   context     valid during the call
//   begin, end  half-open range of work items to do
// A kernel calls nothing, keeps no state, and may run concurrently on disjoint ranges. Counts and
// control values are read from memory.
using KernelFunction = void (*)(void* const* args, const KernelContext* context, int64_t begin,
                                int64_t end);

// How a device with blocks of threads starts a kernel. Every extent is at least 1.
struct LaunchGeometry {
  std::array<uint32_t, 3> grid = {1, 1, 1}, block = {1, 1, 1}, cluster = {1, 1, 1};
  uint64_t shared_bytes = 0;

  bool operator==(const LaunchGeometry&) const = default;
};

struct KernelCommand {
  uint32_t kernel = 0;
  std::vector<BufferRef> args;
  std::vector<int64_t> scalars;
  uint64_t items = 0;
  uint64_t grain = 1;
  std::optional<LaunchGeometry> geometry = std::nullopt;  // absent for cpu

  bool operator==(const KernelCommand&) const = default;
};

// How a matrix is stored: rows in order, or in the layout that a derived buffer was made in.
enum class MatrixLayout : uint8_t { kPlain, kPacked };

// C[m,n] (+)= op(A) op(B), row-major; see artifact.fbs for every field. Products and sums are f32.
// `rows` is read when the command runs and clamped to [0, m] (or [0, k] with rows_bound_k): tiles
// of C at or beyond it are skipped, rows of the contraction at or beyond it never influence C, even
// where they hold NaN. `offsets` cuts the rows into groups the same way: product g takes rows
// [offsets[g], offsets[g+1]), each clamped to [0, m] (or k) and to the one before.
struct MatmulCommand {
  BufferRef a, b, c;
  uint64_t m = 0, n = 0, k = 0;
  uint64_t lda = 0, ldb = 0, ldc = 0;
  bool transpose_a = false, transpose_b = false, accumulate = false;
  uint64_t tile_m = 0, tile_n = 0;
  std::optional<BufferRef> rows;  // i32
  bool rows_bound_k = false;
  ElementType a_type = ElementType::kF32, b_type = ElementType::kF32, c_type = ElementType::kF32;
  uint64_t groups = 1, group_a = 0, group_b = 0, group_c = 0;
  std::optional<BufferRef> offsets;  // i32[groups + 1]
  uint64_t k_slice = 0;              // 0: the contraction is not sliced
  MatrixLayout b_layout = MatrixLayout::kPlain;

  bool operator==(const MatmulCommand&) const = default;
};

// Both hold the same number of bytes, rows of equal size where both have rows; the places are the
// same or disjoint.
struct CopyCommand {
  BufferRef source, target;

  bool operator==(const CopyCommand&) const = default;
};
// Made of 4-byte words.
struct FillCommand {
  BufferRef target;
  uint32_t pattern = 0;

  bool operator==(const FillCommand&) const = default;
};
enum class CollectiveKind : uint8_t { kAllReduceSum };
struct CollectiveCommand {
  CollectiveKind kind = CollectiveKind::kAllReduceSum;
  BufferRef buffer;
  ElementType type = ElementType::kF32;

  bool operator==(const CollectiveCommand&) const = default;
};

struct Command;
using CommandSequence = std::vector<Command>;
// Runs cases[value], value an i32 at `selector`; negative runs the first case, too large the last.
struct SwitchCommand {
  BufferRef selector;
  std::vector<CommandSequence> cases;

  bool operator==(const SwitchCommand&) const = default;
};
struct CaptureCommand {
  CommandSequence body;

  bool operator==(const CaptureCommand&) const = default;
};
// Runs the body `count` times; references inside move by their repeat_step.
struct RepeatCommand {
  uint64_t count = 0;
  CommandSequence body;

  bool operator==(const RepeatCommand&) const = default;
};

struct Command {
  std::variant<KernelCommand, MatmulCommand, CopyCommand, FillCommand, CollectiveCommand,
               SwitchCommand, CaptureCommand, RepeatCommand>
      body;
  uint32_t scope = 0;

  bool operator==(const Command&) const = default;
};

// From command number `before_command` of an entry (top level) until something writes it, the range
// holds no value: a fact of the planner's liveness, which `--validate` puts to the test.
struct DeadRange {
  uint64_t before_command = 0;
  BufferRef range;

  bool operator==(const DeadRange&) const = default;
};

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_BASE_COMMAND_H_
