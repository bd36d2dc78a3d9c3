#include "runtime/hal/cuda/graph_check.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/command_walk.h"
#include "runtime/base/status.h"
#include "runtime/hal/cuda/cuda_memory.h"

namespace hydra::hal::cuda {
namespace {

// Why a command cannot run from a graph of this driver; "" if it can.
std::string WhyNotInGraph(const Command& command, const CudaExecutable& executable) {
  if (const auto* product = std::get_if<MatmulCommand>(&command.body)) {
    return std::string(executable.FunctionOf(*product).status().message());
  }
  const auto* kernel = std::get_if<KernelCommand>(&command.body);
  if (kernel == nullptr) return "";
  const std::optional<LaunchGeometry> geometry = executable.GeometryOf(*kernel);
  if (!geometry) {
    return "it has no launch geometry; compile the model again with --target=cuda";
  }
  if (geometry->cluster != LaunchGeometry().cluster) {
    return "it is launched in clusters, which this driver does not do yet";
  }
  return "";
}

absl::Status CheckSequence(const Recording& recording, const CommandSequence& commands,
                           const CudaExecutable& executable) {
  for (size_t i = 0; i < commands.size(); ++i) {
    if (const std::string why = WhyNotInGraph(commands[i], executable); !why.empty()) {
      return InputError(absl::StrCat(NameOf(recording, i, commands[i], executable),
                                     " cannot be a node of a graph: ", why));
    }
    absl::Status status;
    ForEachList(commands[i], [&](const CommandSequence& inner) {
      if (status.ok()) status = CheckSequence(recording, inner, executable);
    });
    HYDRA_RETURN_IF_ERROR(status);
  }
  return absl::OkStatus();
}

}  // namespace

std::string NameOf(const Recording& recording, size_t index, const Command& command,
                   const CudaExecutable& executable) {
  std::string name = absl::StrCat("command ", index, " (", CommandKindName(command));
  if (const auto* kernel = std::get_if<KernelCommand>(&command.body)) {
    const CudaKernel& found = executable.kernel(kernel->kernel);
    absl::StrAppend(&name, " ", found.name, found.location.empty() ? "" : " of ", found.location);
  }
  const bool named = command.scope < recording.scopes.size();
  return absl::StrCat(name, ", scope ",
                      named ? recording.scopes[command.scope] : absl::StrCat(command.scope), ")");
}

absl::Status CheckForGraph(const Recording& recording, const CudaExecutable& executable) {
  for (int region = 0; region < kRegionCount; ++region) {
    const Buffer* buffer = recording.regions[region].buffer;
    if (buffer == nullptr) continue;
    const auto* own = dynamic_cast<const CudaBuffer*>(buffer);
    if (own == nullptr || &own->context() != &executable.context()) {
      return FailureError(absl::StrCat("region ", RegionName(static_cast<Region>(region)),
                                       " is not memory of this GPU"));
    }
  }
  return CheckSequence(recording, *recording.commands, executable);
}

}  // namespace hydra::hal::cuda
