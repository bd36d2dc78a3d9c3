// The command line as hydra-run's commands declare it: typed flags with ranges and defaults that
// help texts and messages show. The parser behind it (CLI11) is seen by command_line.cc and
// manual.cc alone.
#ifndef HYDRA_TOOLS_HYDRA_RUN_COMMAND_LINE_H_
#define HYDRA_TOOLS_HYDRA_RUN_COMMAND_LINE_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"

namespace CLI {
class App;
}  // namespace CLI

namespace hydra::tools {

// Integers that a flag takes, both ends included.
struct IntegerRange {
  int64_t least = std::numeric_limits<int64_t>::min();
  int64_t most = std::numeric_limits<int64_t>::max();
};
// Numbers that a flag takes; `above` excludes the lower end.
struct NumberRange {
  double least = 0;
  double most = std::numeric_limits<double>::infinity();
  bool above = false;
};

class CommandLine;

// One command. Names of flags may have a short one before them: "-o,--output". A cheap handle; the
// command line owns what it refers to. Values that flags write to must live as long as the action:
// commands keep them in a shared_ptr that the action captures.
class Command {
 public:
  Command(CommandLine& line, CLI::App& app) : line_(line), app_(app) {}

  Command Subcommand(const std::string& name, const std::string& help);

  void Positional(const std::string& name, std::string& value, const std::string& help,
                  bool required = true);
  // `required`: at least one.
  void Positionals(const std::string& name, std::vector<std::string>& values,
                   const std::string& help, bool required = true);
  void Flag(const std::string& name, bool& value, const std::string& help);
  // A flag that may have a value after an equals sign: "true" without one.
  void FlagOrText(const std::string& name, std::string& value, const std::string& help);
  // `value` holds the default; `choices` empty: any text.
  void Text(const std::string& name, std::string& value, const std::string& help,
            const std::vector<std::string>& choices = {});
  void RequiredText(const std::string& name, std::string& value, const std::string& help);
  // May be given several times.
  void Texts(const std::string& name, std::vector<std::string>& values, const std::string& type,
             const std::string& help);
  void Integer(const std::string& name, int64_t& value, IntegerRange range,
               const std::string& help);
  void Integer(const std::string& name, std::optional<int64_t>& value, IntegerRange range,
               const std::string& help);
  void Number(const std::string& name, double& value, NumberRange range, const std::string& help);
  // Whatever was given goes to `take`; `type` and `initial` are for the help text.
  void Given(const std::string& name, const std::string& type, const std::string& initial,
             const std::string& help, const std::function<void(const std::string&)>& take);

  // Adds --json and what the command does; it returns the exit code. `json`: the result is wanted
  // as one JSON object.
  void Run(std::function<absl::StatusOr<int>(bool json)> action);

 private:
  CommandLine& line_;
  CLI::App& app_;
};

// The program's commands. Not thread-safe.
class CommandLine {
 public:
  explicit CommandLine(const std::string& version);
  ~CommandLine();

  Command Add(const std::string& name, const std::string& help);
  // Parses, runs the command and returns the exit code; help and version go to standard output. A
  // usage error names the argument, what was expected, and the nearest name for an unknown one.
  absl::StatusOr<int> Run(int argc, char** argv);

  const std::string& version() const { return version_; }
  // What --help prints for the command of these words, {} for the program; nothing if there is no
  // such command.
  std::optional<std::string> HelpOf(const std::vector<std::string>& words) const;
  std::vector<std::string> CommandNames() const;
  // manual.h.
  std::string ManPage() const;
  // For one of CompletionShells().
  std::string Completion(const std::string& shell) const;

 private:
  friend class Command;

  std::unique_ptr<CLI::App> app_;
  std::string version_;
  bool json_ = false;
  std::function<absl::StatusOr<int>(bool)> action_;
};

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_COMMAND_LINE_H_
