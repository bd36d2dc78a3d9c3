// Device commands: the executable form of an artifact's command lists. One to one with
// runtime/artifact/artifact.fbs and the plan dialect. Plain data; thread-compatible.
// It lives in base so that the artifact reader and the devices share it without seeing each other.
#ifndef HYDRA_RUNTIME_BASE_COMMAND_H_
#define HYDRA_RUNTIME_BASE_COMMAND_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace hydra::hal {

// Same order and values as artifact.fbs Region.
enum class Region : uint8_t {
  kArena, kParameters, kGradients, kOptimizer, kControl, kControlState,
  kCache, kInputs, kOutputs, kConstants, kScratch,
};
inline constexpr int kRegionCount = 11;

enum class ElementType : uint8_t { kF32, kI32, kBf16, kF64, kU8 };

// A range of a region, in bytes from the region's start.
struct BufferRef {
  Region region = Region::kArena;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

// Calling convention of generated kernels, the same for every kernel of the cpu target.
//   args     pointers to the KernelCommand's buffers, in order
//   scalars  the KernelCommand's scalars: integers, or the bits of doubles
//   scratch  this worker's scratch region, 64-byte aligned; null where the region has no bytes
//   begin, end  half-open range of work items to do
// A kernel calls nothing, keeps no state, and may run concurrently on disjoint ranges.
using KernelFunction = void (*)(void* const* args, const int64_t* scalars, void* scratch,
                                int64_t begin, int64_t end);

struct KernelCommand {
  uint32_t kernel = 0;
  std::vector<BufferRef> args;
  std::vector<int64_t> scalars;
  uint64_t items = 0;
  uint64_t grain = 1;
};

// C[m,n] (+)= op(A) op(B), row-major; see artifact.fbs for every field. `rows` is read when the command
// runs and clamped to [0, m] (or [0, k] with rows_bound_k): tiles of C at or beyond it are skipped, rows
// of the contraction at or beyond it never influence C, even where they hold NaN.
struct MatmulCommand {
  BufferRef a, b, c;
  uint64_t m = 0, n = 0, k = 0;
  uint64_t lda = 0, ldb = 0, ldc = 0;
  bool transpose_a = false, transpose_b = false, accumulate = false;
  uint64_t tile_m = 0, tile_n = 0;
  std::optional<BufferRef> rows;  // i32
  bool rows_bound_k = false;
  ElementType type = ElementType::kF32;
  uint64_t groups = 1, group_a = 0, group_b = 0, group_c = 0;
};

// Sizes are equal; the ranges are the same or disjoint.
struct CopyCommand { BufferRef source, target; };
// target.bytes is a multiple of 4.
struct FillCommand { BufferRef target; uint32_t pattern = 0; };
enum class CollectiveKind : uint8_t { kAllReduceSum };
struct CollectiveCommand { CollectiveKind kind = CollectiveKind::kAllReduceSum; BufferRef buffer;
                           ElementType type = ElementType::kF32; };

struct Command;
using CommandSequence = std::vector<Command>;
// Runs cases[value], value an i32 at `selector`; negative runs the first case, too large the last.
struct SwitchCommand { BufferRef selector; std::vector<CommandSequence> cases; };
struct CaptureCommand { CommandSequence body; };

struct Command {
  std::variant<KernelCommand, MatmulCommand, CopyCommand, FillCommand, CollectiveCommand,
               SwitchCommand, CaptureCommand> body;
  uint32_t scope = 0;
};

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_BASE_COMMAND_H_
