// The commands of a parser, for what is made of them: the manual, completion.
#ifndef HYDRA_TOOLS_HYDRA_RUN_COMMAND_WALK_H_
#define HYDRA_TOOLS_HYDRA_RUN_COMMAND_WALK_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace hydra::tools {

inline std::vector<const CLI::App*> Subcommands(const CLI::App& command) {
  return command.get_subcommands([](const CLI::App*) { return true; });
}

// Calls visit(command, path) for every command below the program, in the order of the help text.
template <typename Visit>
void ForEachCommand(const CLI::App& command, const std::string& path, const Visit& visit) {
  for (const CLI::App* subcommand : Subcommands(command)) {
    const std::string inner = absl::StrCat(path, path.empty() ? "" : " ", subcommand->get_name());
    visit(*subcommand, inner);
    ForEachCommand(*subcommand, inner, visit);
  }
}

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_COMMAND_WALK_H_
