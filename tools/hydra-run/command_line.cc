#include "tools/hydra-run/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/base/did_you_mean.h"
#include "tools/hydra-run/completion.h"
#include "tools/hydra-run/console.h"
#include "tools/hydra-run/manual.h"

namespace hydra::tools {
namespace {

// Ends parsing with the list of flags instead of a command.
struct ListFlagsRequest : CLI::Success {
  ListFlagsRequest() : CLI::Success("list flags", CLI::ExitCodes::Success) {}
};

[[noreturn]] void Refuse(const std::string& name, const std::string& expected,
                         const std::string& found) {
  // CLI11 reports errors of values by exceptions; Run turns them into a status.
  // "-o,--output" is named by its last name.
  const std::string last = name.substr(name.rfind(',') + 1);
  throw CLI::ValidationError(absl::StrCat(last, ": expected ", expected, ", found '", found, "'"));
}

// Bounds of 9 digits and more are there for memory's sake; "at most 2147483647" would help nobody.
std::string Describe(IntegerRange range) {
  const bool low = range.least > std::numeric_limits<int64_t>::min();
  if (range.most < 1'000'000'000) {
    return absl::StrCat("an integer from ", range.least, " to ", range.most);
  }
  return low ? absl::StrCat("an integer of at least ", range.least) : "an integer";
}

std::string Describe(NumberRange range) {
  const std::string low =
      absl::StrFormat("a number %s %g", range.above ? "above" : "of at least", range.least);
  return std::isfinite(range.most) ? absl::StrFormat("%s and at most %g", low, range.most) : low;
}

int64_t ParseInteger(const std::string& name, IntegerRange range, const std::string& text) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < range.least || value > range.most) {
    Refuse(name, Describe(range), text);
  }
  return value;
}

// The deepest command that was named, and its path.
std::pair<const CLI::App*, std::string> NamedCommand(const CLI::App& app) {
  const CLI::App* command = &app;
  std::string path = "hydra-run";
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    path += " " + command->get_name();
  }
  return {command, path};
}

std::vector<std::string> NamesOfSubcommands(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* subcommand : command.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(subcommand->get_name());
  }
  return names;
}

// What to say about arguments that nobody asked for, "" if there are none: the first one and what
// it may have been meant to be. (CLI11 names no candidates and lists them backwards.)
std::string DescribeUnknown(const CLI::App& app) {
  const auto [command, path] = NamedCommand(app);
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  if (unknown.empty()) return "";
  const std::string see = absl::StrCat(" (see ", path, " --help)");
  const std::vector<std::string> subcommands = NamesOfSubcommands(*command);
  // A misspelt command explains the flags behind it.
  for (const std::string& argument : unknown) {
    if (subcommands.empty() || absl::StartsWith(argument, "-")) continue;
    return absl::StrCat("expected a command (", absl::StrJoin(subcommands, ", "), "), found '",
                        argument, "'", DidYouMeanAmong(argument, subcommands), see);
  }
  for (const std::string& argument : unknown) {
    if (argument.size() < 2 || argument[0] != '-') continue;
    std::vector<std::string> flags;
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    }
    const std::string flag = argument.substr(0, argument.find('='));
    return absl::StrCat("unknown flag '", flag, "'", DidYouMeanAmong(flag, flags), see);
  }
  return absl::StrCat("unexpected argument '", unknown.front(), "'", see);
}

// Every command with its flags, as the parser has them.
void ListFlags(const CLI::App& app, const std::string& path, Json& commands) {
  Json flags = Json::array();
  for (const CLI::Option* option : app.get_options()) {
    flags.push_back(
        {{"name", option->get_name()},
         {"positional", option->get_positional()},
         {"type", option->get_items_expected_max() == 0 ? "FLAG" : option->get_type_name()},
         {"default", option->get_default_str()},
         {"required", option->get_required()},
         {"help", option->get_description()}});
  }
  commands.push_back({{"command", path}, {"help", app.get_description()}, {"flags", flags}});
  for (const CLI::App* subcommand : app.get_subcommands([](const CLI::App*) { return true; })) {
    ListFlags(*subcommand,
              path.empty() ? subcommand->get_name() : path + " " + subcommand->get_name(),
              commands);
  }
}

}  // namespace

Command Command::Subcommand(const std::string& name, const std::string& help) {
  app_.require_subcommand(1);
  return Command(line_, *app_.add_subcommand(name, help));
}

void Command::Positional(const std::string& name, std::string& value, const std::string& help,
                         bool required) {
  app_.add_option(name, value, help)->required(required);
}

void Command::Positionals(const std::string& name, std::vector<std::string>& values,
                          const std::string& help, bool required) {
  app_.add_option(name, values, help)->required(required);
}

void Command::Flag(const std::string& name, bool& value, const std::string& help) {
  app_.add_flag(name, value, help);
}

void Command::FlagOrText(const std::string& name, std::string& value, const std::string& help) {
  app_.add_flag(name, value, help);
}

void Command::Text(const std::string& name, std::string& value, const std::string& help,
                   const std::vector<std::string>& choices) {
  const auto take = [&value, name, choices](const std::string& text) {
    if (!choices.empty() && std::find(choices.begin(), choices.end(), text) == choices.end()) {
      Refuse(name, absl::StrCat(choices.size() > 1 ? "one of " : "", absl::StrJoin(choices, ", ")),
             text);
    }
    value = text;
  };
  Given(name, choices.empty() ? "TEXT" : absl::StrJoin(choices, "|"), value, help, take);
}

void Command::RequiredText(const std::string& name, std::string& value, const std::string& help) {
  app_.add_option(name, value, help)->required();
}

void Command::Texts(const std::string& name, std::vector<std::string>& values,
                    const std::string& type, const std::string& help) {
  app_.add_option(name, values, help)->allow_extra_args(false)->type_name(type);
}

void Command::Integer(const std::string& name, int64_t& value, IntegerRange range,
                      const std::string& help) {
  Given(name, "INT", absl::StrCat(value), help, [&value, name, range](const std::string& text) {
    value = ParseInteger(name, range, text);
  });
}

void Command::Integer(const std::string& name, std::optional<int64_t>& value, IntegerRange range,
                      const std::string& help) {
  Given(name, "INT", "", help, [&value, name, range](const std::string& text) {
    value = ParseInteger(name, range, text);
  });
}

void Command::Number(const std::string& name, double& value, NumberRange range,
                     const std::string& help) {
  const auto take = [&value, name, range](const std::string& text) {
    double parsed = 0;
    const bool inside = absl::SimpleAtod(text, &parsed) && std::isfinite(parsed) &&
                        (range.above ? parsed > range.least : parsed >= range.least) &&
                        parsed <= range.most;
    if (!inside) Refuse(name, Describe(range), text);
    value = parsed;
  };
  Given(name, "NUMBER", absl::StrFormat("%g", value), help, take);
}

void Command::Given(const std::string& name, const std::string& type, const std::string& initial,
                    const std::string& help, const std::function<void(const std::string&)>& take) {
  app_.add_option_function<std::string>(name, take, help)->type_name(type)->default_str(initial);
}

void Command::Run(std::function<absl::StatusOr<int>(bool json)> action) {
  app_.add_flag("-j,--json", line_.json_, "print the result as one JSON object");
  app_.callback([this_line = &line_, action = std::move(action)] { this_line->action_ = action; });
}

CommandLine::CommandLine(const std::string& version)
    : app_(std::make_unique<CLI::App>("Trains and serves models compiled by hydra-opt.",
                                      "hydra-run")),
      version_(version) {
  app_->require_subcommand(1);
  app_->add_flag("-j,--json", json_,
                 "with --version: as JSON; before a command: the same as after it");
  // Declared after --json, so that it is seen first wherever it stands.
  app_->set_version_flag("-V,--version", [this] {
    return json_ ? Json{{"program", "hydra-run"}, {"version", version_}}.Dump(2)
                 : absl::StrCat("hydra-run ", version_);
  });
  app_->add_flag_callback(
          "--list-flags", [] { throw ListFlagsRequest(); },
          "print every command and flag as JSON, for scripts and completion")
      ->trigger_on_parse();
  app_->footer(
      "Results go to standard output, messages to standard error. Exit codes: 0 success, 1 "
      "failure,\n"
      "2 usage, 3 bad or missing input file, 4 out of memory, 5 numerical failure,\n"
      "143 after a checkpoint on SIGTERM. More: hydra-run help TOPIC.");
}

CommandLine::~CommandLine() = default;

Command CommandLine::Add(const std::string& name, const std::string& help) {
  return Command(*this, *app_->add_subcommand(name, help));
}

std::optional<std::string> CommandLine::HelpOf(const std::vector<std::string>& words) const {
  const CLI::App* command = app_.get();
  std::string parents = "hydra-run";
  for (const std::string& word : words) {
    const CLI::App* found = nullptr;
    for (const CLI::App* inner : command->get_subcommands([](const CLI::App*) { return true; })) {
      if (inner->get_name() == word) found = inner;
    }
    if (found == nullptr) return std::nullopt;
    if (command != app_.get()) parents += " " + command->get_name();
    command = found;
  }
  // While `help` runs, the program's own help would be that of `help`.
  if (command == app_.get()) {
    return command->get_formatter()->make_help(command, parents, CLI::AppFormatMode::Normal);
  }
  return command->help(parents);
}

std::vector<std::string> CommandLine::CommandNames() const { return NamesOfSubcommands(*app_); }

std::string CommandLine::ManPage() const { return tools::ManPage(*app_, version_); }

std::string CommandLine::Completion(const std::string& shell) const {
  return tools::Completion(*app_, shell);
}

absl::StatusOr<int> CommandLine::Run(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const ListFlagsRequest&) {
    Json commands = Json::array();
    ListFlags(*app_, "", commands);
    PrintJson({{"commands", commands}});
    return 0;
  } catch (const CLI::Success& request) {  // --help, --version
    return app_->exit(request);
  } catch (const CLI::ParseError& error) {
    const std::string unknown = DescribeUnknown(*app_);
    if (!unknown.empty()) return UsageError(unknown);
    const auto [command, path] = NamedCommand(*app_);
    const std::vector<std::string> subcommands = NamesOfSubcommands(*command);
    if (!subcommands.empty() && command->get_subcommands().empty()) {
      return UsageError(absl::StrCat("expected a command (", absl::StrJoin(subcommands, ", "),
                                     "), found none (see ", path, " --help)"));
    }
    return UsageError(absl::StrCat(error.what(), " (see ", path, " --help)"));
  }
  if (!action_) return UsageError("expected a command, found none (see hydra-run --help)");
  return action_(json_);
}

}  // namespace hydra::tools
