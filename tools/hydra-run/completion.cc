#include "tools/hydra-run/completion.h"

#include <CLI/CLI.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tools/hydra-run/command_walk.h"

namespace hydra::tools {
namespace {

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

// As it stands between single quotes, in zsh and in fish.
std::string QuotedZsh(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}
std::string QuotedFish(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

// The words of all commands, quoted: "train", "checkpoint export".
std::vector<std::string> Paths(const CLI::App& program) {
  std::vector<std::string> paths;
  ForEachCommand(program, "", [&](const CLI::App&, const std::string& path) {
    paths.push_back(absl::StrCat("\"", path, "\""));
  });
  return paths;
}

std::string Bash(const CLI::App& program) {
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

// What zsh offers behind the words `path`, and the values of its flags.
void AddZsh(const CLI::App& command, const std::string& path, std::string& offers,
            std::string& values) {
  std::vector<std::string> offered;
  // A colon ends the word.
  const auto offer = [&](const std::string& word, const std::string& help) {
    offered.push_back(
        QuotedZsh(absl::StrCat(absl::StrReplaceAll(word, {{":", "\\:"}}), ":", help)));
  };
  for (const CLI::App* subcommand : Subcommands(command)) {
    offer(subcommand->get_name(), subcommand->get_description());
  }
  for (const CLI::Option* option : command.get_options()) {
    const std::string choices = ValuesOf(*option);
    std::vector<std::string> patterns;
    for (const std::string& name : option->get_lnames()) {
      offer("--" + name, option->get_description());
      patterns.push_back(absl::StrCat("\"", path, " --", name, "\""));
    }
    for (const std::string& name : option->get_snames()) {
      patterns.push_back(absl::StrCat("\"", path, " -", name, "\""));
    }
    if (choices.empty()) continue;
    absl::StrAppend(&values, "    ", absl::StrJoin(patterns, "|"), ") compadd -- ", choices,
                    "; return ;;\n");
  }
  absl::StrAppend(&offers, "    \"", path, "\") offered=(\n      ",
                  absl::StrJoin(offered, "\n      "), ") ;;\n");
}

std::string Zsh(const CLI::App& program) {
  std::string offers, values;
  AddZsh(program, "", offers, values);
  ForEachCommand(program, "", [&](const CLI::App& command, const std::string& path) {
    AddZsh(command, path, offers, values);
  });
  return absl::StrCat(
      "#compdef hydra-run\n"
      "# zsh completion of hydra-run, made by: hydra-run help --completion zsh\n"
      "_hydra_run() {\n"
      "  local at='' before=\"${words[CURRENT-1]}\" i\n"
      "  local -a offered\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    case \"${at:+$at }${words[i]}\" in\n      ",
      absl::StrJoin(Paths(program), "|"),
      ") at=\"${at:+$at }${words[i]}\" ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$at $before\" in\n",
      values,
      "  esac\n"
      "  case \"$at\" in\n",
      offers,
      "  esac\n"
      "  _describe 'hydra-run' offered\n"
      "  # Anything else is a file.\n"
      "  if [[ -n $at && $PREFIX != -* ]]; then _files; fi\n"
      "}\n"
      "_hydra_run \"$@\"\n");
}

// The lines of fish behind the words `path`.
void AddFish(const CLI::App& command, const std::string& path, std::string& lines) {
  const std::string begin =
      absl::StrCat("complete -c hydra-run -n '__hydra_run_at \"", path, "\"'");
  const bool group = !Subcommands(command).empty();
  for (const CLI::App* subcommand : Subcommands(command)) {
    absl::StrAppend(&lines, begin, " -f -a ", subcommand->get_name(), " -d ",
                    QuotedFish(subcommand->get_description()), "\n");
  }
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional()) continue;
    absl::StrAppend(&lines, begin, group ? " -f" : "");
    for (const std::string& name : option->get_snames()) absl::StrAppend(&lines, " -s ", name);
    for (const std::string& name : option->get_lnames()) absl::StrAppend(&lines, " -l ", name);
    const std::string choices = ValuesOf(*option);
    if (!choices.empty()) {
      absl::StrAppend(&lines, " -x -a ", QuotedFish(choices));
    } else if (option->get_items_expected_max() > 0) {
      absl::StrAppend(&lines, " -r");
    }
    absl::StrAppend(&lines, " -d ", QuotedFish(option->get_description()), "\n");
  }
}

std::string Fish(const CLI::App& program) {
  std::string lines;
  AddFish(program, "", lines);
  ForEachCommand(program, "", [&](const CLI::App& command, const std::string& path) {
    AddFish(command, path, lines);
  });
  return absl::StrCat(
      "# fish completion of hydra-run, made by: hydra-run help --completion fish\n"
      "# Whether the words so far end in this command.\n"
      "function __hydra_run_at\n"
      "  set -l at ''\n"
      "  set -l words (commandline -opc)\n"
      "  for word in $words[2..-1]\n"
      "    set -l longer (string trim -- \"$at $word\")\n"
      "    if contains -- \"$longer\" ",
      absl::StrJoin(Paths(program), " "),
      "\n"
      "      set at $longer\n"
      "    end\n"
      "  end\n"
      "  test \"$at\" = \"$argv[1]\"\n"
      "end\n",
      lines);
}

}  // namespace

const std::vector<std::string>& CompletionShells() {
  static const std::vector<std::string>* const shells =
      new std::vector<std::string>{"bash", "zsh", "fish"};
  return *shells;
}

std::string Completion(const CLI::App& program, const std::string& shell) {
  return shell == "zsh" ? Zsh(program) : shell == "fish" ? Fish(program) : Bash(program);
}

}  // namespace hydra::tools
