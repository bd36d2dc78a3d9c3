#include "tools/hydra-run/manual.h"

#include <CLI/CLI.hpp>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tools/hydra-run/command_walk.h"
#include "tools/hydra-run/topics.h"

namespace hydra::tools {
namespace {

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

}  // namespace hydra::tools
