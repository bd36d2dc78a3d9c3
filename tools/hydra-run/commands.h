// The commands of hydra-run, one file each. A new one adds its function here and its call in
// main.cc.
#ifndef HYDRA_TOOLS_HYDRA_RUN_COMMANDS_H_
#define HYDRA_TOOLS_HYDRA_RUN_COMMANDS_H_

#include "tools/hydra-run/command_line.h"

namespace hydra::tools {

void AddTrain(CommandLine& line);
void AddGenerate(CommandLine& line);
void AddEval(CommandLine& line);
void AddData(CommandLine& line);
void AddBench(CommandLine& line);
void AddInspect(CommandLine& line);
void AddExplain(CommandLine& line);
void AddCalibrate(CommandLine& line);
void AddCheckpoint(CommandLine& line);
void AddVerify(CommandLine& line);
void AddReport(CommandLine& line);
void AddBisect(CommandLine& line);
void AddDoctor(CommandLine& line);
void AddHelp(CommandLine& line);
void AddDb(CommandLine& line);
void AddDiag(CommandLine& line);

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_COMMANDS_H_
