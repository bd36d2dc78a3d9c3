// Measured times of commands as a file: what `bench --profile=FILE` writes and `explain --profile`
// reads. It is a trace that chrome://tracing and Perfetto open: a process per entry that was
// measured, a thread per part of its step, an event per command with the mean time of a run, one
// behind the other.
#ifndef HYDRA_RUNTIME_APP_PROFILE_FILE_H_
#define HYDRA_RUNTIME_APP_PROFILE_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/app/measure.h"
#include "runtime/artifact/artifact.h"
#include "runtime/base/status.h"
#include "runtime/io/ledger.h"

namespace hydra::app {

// One command of an entry, in recorded order.
struct CommandTime {
  std::string entry;   // of the artifact: "accumulate@8x512"
  std::string kind;    // "kernel", "matmul", ...
  std::string kernel;  // the function: of a kernel's stage N > 0 with "_sN"; or empty
  uint64_t runs = 0;
  double mean = 0, fastest = 0;  // seconds of a run
};

struct Profile {
  std::string artifact;  // content hash, 16 hexadecimal digits
  std::string model, device, isa_level;
  int64_t workers = 1;
  std::vector<CommandTime> commands = {};
};

// The content hash as profiles name it.
std::string ArtifactId(const artifact::Artifact& artifact);

// Text of the file. Kernels are named with the source location, the ops and the bytes that the
// artifact and its ledger know of them; without a ledger with the location alone.
std::string ProfileTrace(const Profile& head, const artifact::ArtifactInfo& info,
                         const Ledger* ledger, absl::Span<const Measurement> measurements);

// An input error for a file that is no such trace.
absl::StatusOr<Profile> ReadProfile(const std::string& path);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_PROFILE_FILE_H_
