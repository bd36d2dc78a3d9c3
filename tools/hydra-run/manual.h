// The page for man(1), made of what commands and flags say of themselves. With command_line.cc and
// completion.cc the only code that sees the parser.
#ifndef HYDRA_TOOLS_HYDRA_RUN_MANUAL_H_
#define HYDRA_TOOLS_HYDRA_RUN_MANUAL_H_

#include <string>

namespace CLI {
class App;
}  // namespace CLI

namespace hydra::tools {

// The page hydra-run(1) in roff: every command with its flags, then the topics.
std::string ManPage(const CLI::App& program, const std::string& version);

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_MANUAL_H_
