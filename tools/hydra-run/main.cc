// hydra-run: trains and serves compiled models. Argument parsing and printing only; the work is in
// runtime/. It contains no compiler.
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include "tools/hydra-run/command_line.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {
namespace {

// The exit code of a command that ended with `exit_code`; results that nobody could read are no
// success.
int Finish(int exit_code) {
  const absl::Status written = FlushOutput();
  if (written.ok()) return exit_code;
  PrintError(written);
  return exit_code != 0 ? exit_code : ExitCodeFor(written);
}

int Main(int argc, char** argv) {
  CommandLine line(HYDRA_VERSION);
  AddTrain(line);
  AddGenerate(line);
  AddEval(line);
  AddData(line);
  AddBench(line);
  AddInspect(line);
  AddExplain(line);
  AddCalibrate(line);
  AddCheckpoint(line);
  AddVerify(line);
  AddReport(line);
  AddBisect(line);
  AddDiag(line);
  AddDoctor(line);
  AddHelp(line);
  AddDb(line);
  const absl::StatusOr<int> result = line.Run(argc, argv);
  if (result.ok()) return Finish(*result);
  PrintError(result.status());
  return Finish(ExitCodeFor(result.status()));
}

}  // namespace
}  // namespace hydra::tools

int main(int argc, char** argv) {
  // A limit on file sizes is an error of the write that meets it, like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  // The last line of defence: our own code returns statuses, but memory can run out anywhere.
  try {
    return hydra::tools::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "hydra-run: out of memory\n");
    return static_cast<int>(hydra::ErrorKind::kOutOfMemory);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hydra-run: unexpected error: %s\n", error.what());
    return static_cast<int>(hydra::ErrorKind::kFailure);
  }
}
