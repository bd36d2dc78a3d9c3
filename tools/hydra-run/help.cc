// hydra-run help: commands, topics, the manual page and completion for shells.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "runtime/base/did_you_mean.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/completion.h"
#include "tools/hydra-run/console.h"
#include "tools/hydra-run/topics.h"

namespace hydra::tools {
namespace {

struct HelpFlags {
  std::vector<std::string> words;
  bool man = false;
  std::string completion;
};

const Topic* FindTopic(const std::vector<std::string>& words) {
  if (words.size() != 1) return nullptr;
  for (const Topic& topic : Topics()) {
    if (topic.name == words.front()) return &topic;
  }
  return nullptr;
}

absl::StatusOr<std::string> TextOf(const HelpFlags& flags, const CommandLine& line) {
  const int asked =
      (flags.words.empty() ? 0 : 1) + (flags.man ? 1 : 0) + (flags.completion.empty() ? 0 : 1);
  if (asked > 1) {
    return UsageError("help: expected one of a TOPIC, --man and --completion, found several");
  }
  if (flags.man) return line.ManPage();
  if (!flags.completion.empty()) return line.Completion(flags.completion);
  if (const Topic* topic = FindTopic(flags.words)) return topic->text + "\n";
  const std::optional<std::string> help = line.HelpOf(flags.words);
  std::vector<std::string> topics;
  for (const Topic& topic : Topics()) topics.push_back(topic.name);
  if (help && !flags.words.empty()) return *help;
  if (help)
    return absl::StrCat(*help, "Topics for hydra-run help: ", absl::StrJoin(topics, ", "), "\n");
  std::vector<std::string> names = line.CommandNames();
  names.insert(names.end(), topics.begin(), topics.end());
  return UsageError(absl::StrCat("there is no command or topic '", absl::StrJoin(flags.words, " "),
                                 "'", DidYouMeanAmong(absl::StrJoin(flags.words, " "), names),
                                 "; topics: ", absl::StrJoin(topics, ", ")));
}

absl::StatusOr<int> Help(const HelpFlags& flags, const CommandLine& line, bool json) {
  HYDRA_ASSIGN_OR_RETURN(const std::string text, TextOf(flags, line));
  if (json) {
    PrintJson({{"text", text}});
  } else {
    std::printf("%s", text.c_str());
  }
  return 0;
}

}  // namespace

void AddHelp(CommandLine& line) {
  Command command = line.Add("help", "A command or a topic explained; the manual, completion");
  auto flags = std::make_shared<HelpFlags>();
  command.Positionals("topic", flags->words, "command or topic; none: a list of both",
                      /*required=*/false);
  command.Flag("--man", flags->man, "print the page for man(1)");
  command.Text("--completion", flags->completion, "print completion for a shell",
               CompletionShells());
  command.Run([flags, &line](bool json) { return Help(*flags, line, json); });
}

}  // namespace hydra::tools
