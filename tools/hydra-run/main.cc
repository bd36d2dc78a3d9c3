// hydra-run: trains and serves compiled models. Argument parsing and printing only; the work is in
// runtime/. It contains no compiler.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>

#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {
namespace {

constexpr char kVersion[] = "hydra-run " HYDRA_VERSION;

void AddCommands(CLI::App& app, Session& session) {
  AddTrain(app, session);
  AddGenerate(app, session);
  AddEval(app, session);
  AddData(app, session);
  AddBench(app, session);
  AddInspect(app, session);
  AddCheckpoint(app, session);
  AddVerify(app, session);
}

int Main(int argc, char** argv) {
  CLI::App app("Trains and serves models compiled by hydra-opt.", "hydra-run");
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);
  app.footer(
      "Results go to standard output, messages to standard error. Exit codes: 0 success, 1 "
      "failure,\n"
      "2 usage, 3 bad or missing input file, 4 out of memory, 5 numerical failure,\n"
      "143 after a checkpoint on SIGTERM.");
  Session session;
  AddCommands(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help, --version
    return app.exit(request);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "hydra-run: %s (see --help)\n", error.what());
    return 2;
  }
  if (!session.action) {
    std::fprintf(stderr, "hydra-run: a subcommand is missing (see --help)\n");
    return 2;
  }
  const absl::StatusOr<int> result = session.action();
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
