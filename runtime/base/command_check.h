// Structural checks of command lists: everything that can be known before they run. The artifact
// reader uses them on files, every device on what it records.
#ifndef HYDRA_RUNTIME_BASE_COMMAND_CHECK_H_
#define HYDRA_RUNTIME_BASE_COMMAND_CHECK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "runtime/base/buffer_ref.h"  // IWYU pragma: export
#include "runtime/base/command.h"

namespace hydra::hal {

// What the commands may refer to.
struct CommandLimits {
  RegionSizes region_bytes{};
  uint64_t kernels = 0;  // number of kernels of the executable
};

// "kernel", "matmul", ...; static storage.
absl::string_view CommandKindName(const Command& command);

// Checks one command, and the commands inside it: ranges, kernel indices, matmul extents against
// their buffers, legal overlaps, work-item counts. InvalidArgument with what was expected and
// found.
absl::Status CheckCommand(const Command& command, const CommandLimits& limits);

// As above for a list; the message begins with the path of the command, e.g. "command 3, case 1,
// command 0 (matmul, scope 7)".
absl::Status CheckCommands(const CommandSequence& commands, const CommandLimits& limits);

// The largest number of times that the body of a repeat runs, enclosing repeats counted.
inline constexpr uint64_t kMaxRepeats = uint64_t{1} << 20;

// The largest number of chunks (items over grain) of one command.
inline constexpr uint64_t kMaxChunks = 0xfffffffe;

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_BASE_COMMAND_CHECK_H_
