// hydra-run: trains and serves compiled models. Argument parsing and printing only; the work is in
// runtime/. It contains no compiler.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "runtime/base/did_you_mean.h"
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

// What to say about arguments that nobody asked for, "" if there are none: the first one and what
// it may have been meant to be. (CLI11 names no candidates and lists them backwards.)
std::string DescribeUnknown(const CLI::App& app) {
  const CLI::App* command = &app;
  std::string path = "hydra-run";
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    path += " " + command->get_name();
  }
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  std::vector<std::string> candidates;
  for (const std::string& argument : unknown) {
    if (argument.size() < 2 || argument[0] != '-') continue;
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) candidates.push_back("--" + name);
    }
    const std::string flag = argument.substr(0, argument.find('='));
    return absl::StrCat("unknown flag '", flag, "'", DidYouMeanAmong(flag, candidates), " (see ",
                        path, " --help)");
  }
  if (unknown.empty()) return "";
  for (const CLI::App* subcommand : command->get_subcommands([](const CLI::App*) { return true; }))
    candidates.push_back(subcommand->get_name());
  return absl::StrCat(candidates.empty() ? "unexpected argument '" : "unknown command '",
                      unknown.front(), "'", DidYouMeanAmong(unknown.front(), candidates), " (see ",
                      path, " --help)");
}

// The exit code of a command that ended with `exit_code`; results that nobody could read are no
// success.
int Finish(int exit_code) {
  const absl::Status written = FlushOutput();
  if (written.ok()) return exit_code;
  PrintError(written);
  return exit_code != 0 ? exit_code : ExitCodeFor(written);
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
    return Finish(app.exit(request));
  } catch (const CLI::ParseError& error) {
    const std::string unknown = DescribeUnknown(app);
    const std::string message =
        unknown.empty() ? absl::StrCat(error.what(), " (see --help)") : unknown;
    PrintError(UsageError(message));
    return static_cast<int>(ErrorKind::kUsage);
  }
  if (!session.action) {
    PrintError(UsageError("a subcommand is missing (see --help)"));
    return static_cast<int>(ErrorKind::kUsage);
  }
  const absl::StatusOr<int> result = session.action();
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
