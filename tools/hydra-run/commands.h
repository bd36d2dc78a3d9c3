// The subcommands of hydra-run, one file each. A new one adds its function here and its call in
// main.cc.
#ifndef HYDRA_TOOLS_HYDRA_RUN_COMMANDS_H_
#define HYDRA_TOOLS_HYDRA_RUN_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <functional>

#include "runtime/base/status.h"

namespace hydra::tools {

// What every subcommand shares. A subcommand's callback puts its work into `action`, which main
// runs after the command line was parsed; it returns the exit code.
struct Session {
  bool json = false;  // results as one JSON object
  std::function<absl::StatusOr<int>()> action;
};

void AddTrain(CLI::App& app, Session& session);
void AddGenerate(CLI::App& app, Session& session);
void AddEval(CLI::App& app, Session& session);
void AddData(CLI::App& app, Session& session);
void AddBench(CLI::App& app, Session& session);
void AddInspect(CLI::App& app, Session& session);
void AddCheckpoint(CLI::App& app, Session& session);
void AddVerify(CLI::App& app, Session& session);

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_COMMANDS_H_
