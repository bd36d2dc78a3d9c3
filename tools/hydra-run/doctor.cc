// hydra-run doctor: what works on this machine, and why the rest does not.
#include "runtime/app/doctor.h"

#include <cstdio>

#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {
namespace {

const char* Word(app::DoctorCheck::State state) {
  switch (state) {
    case app::DoctorCheck::State::kOn:
      return "on";
    case app::DoctorCheck::State::kOff:
      return "off";
    case app::DoctorCheck::State::kBroken:
      return "BROKEN";
    case app::DoctorCheck::State::kFact:
      break;
  }
  return "";
}

absl::StatusOr<int> Doctor(const std::string& version, bool json) {
  const std::vector<app::DoctorCheck> checks = app::ExamineMachine(version);
  bool healthy = true;
  Json list = Json::array();
  Table table({"", "", "", ""}, "llll");
  std::string area;
  for (const app::DoctorCheck& check : checks) {
    healthy = healthy && check.state != app::DoctorCheck::State::kBroken;
    table.Add({check.area == area ? "" : check.area, check.name, Word(check.state), check.detail});
    area = check.area;
    list.push_back(
        {{"area", check.area},
         {"name", check.name},
         {"state", check.state == app::DoctorCheck::State::kFact     ? "fact"
                   : check.state == app::DoctorCheck::State::kBroken ? "broken"
                                                                     : Word(check.state)},
         {"detail", check.detail}});
  }
  if (json) {
    PrintJson({{"healthy", healthy}, {"checks", std::move(list)}});
  } else {
    // The table's header has no words.
    const std::string text = table.Text();
    std::printf("%s", text.substr(text.find('\n') + 1).c_str());
    if (!healthy) std::printf("\nSomething that hydra-run needs is broken, see above.\n");
  }
  return healthy ? 0 : 1;
}

}  // namespace

void AddDoctor(CommandLine& line) {
  Command command = line.Add("doctor", "What works on this machine, and why the rest does not");
  command.Run([version = line.version()](bool json) { return Doctor(version, json); });
}

}  // namespace hydra::tools
