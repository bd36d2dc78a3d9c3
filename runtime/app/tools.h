// The commands of hydra-run for programs that use libhydra: each runs in a process of its own, with
// the arguments of its command line, and gives the object that it prints with --json.
#ifndef HYDRA_RUNTIME_APP_TOOLS_H_
#define HYDRA_RUNTIME_APP_TOOLS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/status.h"

namespace hydra::app {

// Their names, sorted: "bench", "checkpoint export", ... kInput where hydra-run is not found.
absl::StatusOr<std::vector<std::string>> ListTools();

struct ToolResult {
  // OK, or the kind of the exit code with what the tool said on standard error.
  absl::Status status;
  std::string json;  // "" if it ended before it had a result
};
// Runs a tool and waits. The error of the result itself is kUsage for a name that ListTools does
// not give; whatever the tool ran into stands in ToolResult::status: a check that did not hold,
// too, has a result.
absl::StatusOr<ToolResult> RunTool(absl::string_view name, absl::Span<const std::string> arguments);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_TOOLS_H_
