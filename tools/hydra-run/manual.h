// The manual of a command line, made of what its commands and flags say of themselves: the page for
// man(1) and completion for shells. With command_line.cc the only code that sees the parser.
#ifndef HYDRA_TOOLS_HYDRA_RUN_MANUAL_H_
#define HYDRA_TOOLS_HYDRA_RUN_MANUAL_H_

#include <string>

namespace CLI {
class App;
}  // namespace CLI

namespace hydra::tools {

// The page hydra-run(1) in roff: every command with its flags, then the topics.
std::string ManPage(const CLI::App& program, const std::string& version);

// A bash function that completes commands, flags, and values where a flag has a list of them; and
// its registration.
std::string BashCompletion(const CLI::App& program);

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_MANUAL_H_
