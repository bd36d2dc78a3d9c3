// hydra-run: trains and serves compiled models. Argument parsing and printing only; the work is in
// runtime/. It contains no compiler.
#include <cstdio>
#include <exception>
#include <new>

#include "tools/hydra-run/command_line.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {
namespace {

int Main(int argc, char** argv) {
  CommandLine line(HYDRA_VERSION);
  AddTrain(line);
  AddGenerate(line);
  AddEval(line);
  AddData(line);
  AddBench(line);
  AddInspect(line);
  AddCheckpoint(line);
  AddVerify(line);
  const absl::StatusOr<int> result = line.Run(argc, argv);
  if (result.ok()) return *result;
  PrintError(result.status());
  return ExitCodeFor(result.status());
}

}  // namespace
}  // namespace hydra::tools

int main(int argc, char** argv) {
  // The last line of defence: our own code returns statuses, but memory can run out anywhere.
  try {
    return hydra::tools::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "hydra-run: out of memory\n");
    return 4;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hydra-run: unexpected error: %s\n", error.what());
    return 1;
  }
}
