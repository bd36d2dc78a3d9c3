// Completion for shells, made of what commands and flags say of themselves. With command_line.cc
// and manual.cc the only code that sees the parser.
#ifndef HYDRA_TOOLS_HYDRA_RUN_COMPLETION_H_
#define HYDRA_TOOLS_HYDRA_RUN_COMPLETION_H_

#include <string>
#include <vector>

namespace CLI {
class App;
}  // namespace CLI

namespace hydra::tools {

// bash, zsh, fish.
const std::vector<std::string>& CompletionShells();

// A script of that shell, one of CompletionShells(), that completes commands, flags, values where a
// flag has a list of them, and else files.
std::string Completion(const CLI::App& program, const std::string& shell);

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_COMPLETION_H_
