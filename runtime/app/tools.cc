#include "runtime/app/tools.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/did_you_mean.h"
#include "runtime/io/json_file.h"
#include "runtime/io/posix_file.h"
#include "runtime/io/scratch_directory.h"
#include "runtime/toolchain/process.h"

namespace hydra::app {
namespace {

constexpr uint64_t kMostMessages = uint64_t{1} << 24;

struct Ended {
  int exit_code = 0;
  std::string output, messages;
};

absl::StatusOr<Ended> RunProgram(const std::vector<std::string>& arguments) {
  const absl::StatusOr<std::string> program = toolchain::FindProgram("hydra-run");
  if (!program.ok()) {
    return InputError(
        "tools are commands of hydra-run: expected it beside this program or in PATH, found it in "
        "neither; install it, or add its folder to PATH");
  }
  HYDRA_ASSIGN_OR_RETURN(const ScratchDirectory scratch, ScratchDirectory::Create("hydra-tool"));
  const std::string errors = scratch.path() + "/messages";
  std::vector<std::string> command = {*program};
  command.insert(command.end(), arguments.begin(), arguments.end());
  HYDRA_ASSIGN_OR_RETURN(toolchain::ProcessResult result, toolchain::RunProcess(command, errors));
  HYDRA_ASSIGN_OR_RETURN(std::string messages, ReadWholeFile(errors, kMostMessages));
  return Ended{result.exit_status, std::move(result.output), std::move(messages)};
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ListTools() {
  HYDRA_ASSIGN_OR_RETURN(const Ended ended, RunProgram({"--list-flags"}));
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document,
                         JsonDocument::Parse(ended.output, "hydra-run --list-flags"));
  HYDRA_ASSIGN_OR_RETURN(const JsonView commands, document.root().Get("commands"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> list, commands.Array());
  std::vector<std::string> names;
  for (const JsonView& command : list) {
    HYDRA_ASSIGN_OR_RETURN(const JsonView value, command.Get("command"));
    HYDRA_ASSIGN_OR_RETURN(const absl::string_view name, value.String());
    names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  // The program itself, and what is no more than a group of commands: it stands before them.
  std::vector<std::string> tools;
  for (size_t i = 0; i < names.size(); ++i) {
    const bool group = i + 1 < names.size() && absl::StartsWith(names[i + 1], names[i] + " ");
    if (!names[i].empty() && !group) tools.push_back(names[i]);
  }
  return tools;
}

absl::StatusOr<ToolResult> RunTool(absl::string_view name,
                                   absl::Span<const std::string> arguments) {
  HYDRA_ASSIGN_OR_RETURN(const std::vector<std::string> tools, ListTools());
  if (std::find(tools.begin(), tools.end(), name) == tools.end()) {
    return UsageError(absl::StrCat("there is no tool '", name, "'", DidYouMeanAmong(name, tools),
                                   "; present: ", absl::StrJoin(tools, ", ")));
  }
  std::vector<std::string> command = absl::StrSplit(name, ' ');
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.push_back("--json");
  HYDRA_ASSIGN_OR_RETURN(Ended ended, RunProgram(command));
  ToolResult result{.status = absl::OkStatus(), .json = std::move(ended.output)};
  if (ended.exit_code != 0) {
    const absl::string_view said = absl::StripAsciiWhitespace(ended.messages);
    result.status = MakeError(
        KindOfExitCode(ended.exit_code),
        said.empty() ? absl::StrCat(name, ": ended with exit code ", ended.exit_code) : said);
  }
  return result;
}

}  // namespace hydra::app
