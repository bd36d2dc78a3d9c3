#include "tools/hydra-run/manual.h"

#include <CLI/CLI.hpp>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tools/hydra-run/topics.h"

namespace hydra::tools {
namespace {

std::vector<const CLI::App*> Subcommands(const CLI::App& command) {
  return command.get_subcommands([](const CLI::App*) { return true; });
}

// Calls visit(command, path) for every command below the program, in the order of the help text.
template <typename Visit>
void ForEachCommand(const CLI::App& command, const std::string& path, const Visit& visit) {
  for (const CLI::App* subcommand : Subcommands(command)) {
    const std::string inner = absl::StrCat(path, path.empty() ? "" : " ", subcommand->get_name());
    visit(*subcommand, inner);
    ForEachCommand(*subcommand, inner, visit);
  }
}

// Text as roff prints it.
std::string Roff(absl::string_view text) {
  const std::string escaped =
      absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}, {"'", "\\(aq"}});
  return absl::StartsWith(escaped, ".") ? absl::StrCat("\\&", escaped) : escaped;
}

// "-o, --output TEXT" as one line of roff.
std::string RoffFlag(const CLI::Option& option) {
  std::string text;
  if (option.get_positional()) {
    text = absl::StrCat("\\fI", Roff(option.get_name(true)), "\\fR");
  } else {
    std::vector<std::string> names;
    for (const std::string& name : option.get_snames()) names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
    text = absl::StrCat("\\fB", Roff(absl::StrJoin(names, ", ")), "\\fR");
    if (option.get_items_expected_max() > 0) {
      absl::StrAppend(&text, " \\fI", Roff(option.get_type_name()), "\\fR");
    }
  }
  return text;
}

void AppendFlags(const CLI::App& command, std::string& page) {
  for (const CLI::Option* option : command.get_options()) {
    const std::string initial = option->get_default_str();
    absl::StrAppend(&page, ".TP\n", RoffFlag(*option), "\n", Roff(option->get_description()),
                    initial.empty() ? "" : absl::StrCat(" (default: ", Roff(initial), ")"),
                    option->get_required() ? " (required)" : "", "\n");
  }
}

// The words that may stand behind a flag: those of a type "a|b|c".
std::string ValuesOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  if (option.get_items_expected_max() == 0 || !absl::StrContains(type, '|')) return "";
  std::vector<std::string> values;
  for (const absl::string_view value : absl::StrSplit(type, '|')) {
    // INT|auto: only the word is one.
    if (value != "INT" && value != "NUMBER") values.emplace_back(value);
  }
  return absl::StrJoin(values, " ");
}

}  // namespace

std::string ManPage(const CLI::App& program, const std::string& version) {
  std::string page =
      absl::StrCat(".TH HYDRA\\-RUN 1 \"\" \"hydra ", Roff(version),
                   "\" \"HYDRA\"\n.SH NAME\nhydra\\-run \\- ", Roff(program.get_description()),
                   "\n.SH SYNOPSIS\n.B hydra\\-run\n.I COMMAND\n[flags]\n", ".SH OPTIONS\n");
  AppendFlags(program, page);
  absl::StrAppend(&page, ".SH COMMANDS\n");
  ForEachCommand(program, "", [&](const CLI::App& command, const std::string& path) {
    absl::StrAppend(&page, ".SS ", Roff(path), "\n", Roff(command.get_description()), ".\n");
    AppendFlags(command, page);
  });
  for (const Topic& topic : Topics()) {
    absl::StrAppend(&page, ".SH ", absl::StrReplaceAll(Roff(topic.title), {{"\n", " "}}),
                    "\n.nf\n");
    for (const absl::string_view line : absl::StrSplit(topic.text, '\n')) {
      absl::StrAppend(&page, Roff(line), "\n");
    }
    absl::StrAppend(&page, ".fi\n");
  }
  return page;
}

std::string BashCompletion(const CLI::App& program) {
  std::string paths, words, values;
  const auto add = [&](const CLI::App& command, const std::string& path) {
    std::vector<std::string> offered;
    for (const CLI::App* subcommand : Subcommands(command)) {
      offered.push_back(subcommand->get_name());
    }
    for (const CLI::Option* option : command.get_options()) {
      for (const std::string& name : option->get_lnames()) offered.push_back("--" + name);
      const std::string choices = ValuesOf(*option);
      if (choices.empty()) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option->get_lnames()) {
        patterns.push_back(absl::StrCat("\"", path, " --", name, "\""));
      }
      for (const std::string& name : option->get_snames()) {
        patterns.push_back(absl::StrCat("\"", path, " -", name, "\""));
      }
      absl::StrAppend(&values, "    ", absl::StrJoin(patterns, "|"), ") COMPREPLY=($(compgen -W \"",
                      choices, "\" -- \"$current\")); return ;;\n");
    }
    absl::StrAppend(&words, "    \"", path, "\") words=\"", absl::StrJoin(offered, " "), "\" ;;\n");
  };
  add(program, "");
  ForEachCommand(program, "", [&](const CLI::App& command, const std::string& path) {
    absl::StrAppend(&paths, paths.empty() ? "" : "|", "\"", path, "\"");
    add(command, path);
  });
  return absl::StrCat(
      "# bash completion of hydra-run, made by: hydra-run help --completion bash\n"
      "_hydra_run() {\n"
      "  local current=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
      "  local path=\"\" words=\"\" i\n"
      "  COMPREPLY=()\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"${path:+$path }${COMP_WORDS[i]}\" in\n      ",
      paths,
      ") path=\"${path:+$path }${COMP_WORDS[i]}\" ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$path $before\" in\n",
      values,
      "  esac\n"
      "  case \"$path\" in\n",
      words,
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  # Anything else is a file.\n"
      "  if [[ $current != -* && -n $path ]]; then COMPREPLY+=($(compgen -f -- \"$current\")); fi\n"
      "}\n"
      "complete -o filenames -F _hydra_run hydra-run\n");
}

}  // namespace hydra::tools
