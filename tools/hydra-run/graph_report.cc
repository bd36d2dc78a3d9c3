#include "tools/hydra-run/graph_report.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace hydra::tools {

Json GraphJson(const GraphUse& use) {
  if (use.parts.empty()) return nullptr;
  Json parts = Json::array();
  for (const GraphUse::Part& part : use.parts) {
    parts.push_back({{"first_command", part.first_command},
                     {"commands", part.commands},
                     {"captured", part.captured},
                     {"nodes", part.nodes},
                     {"forced", part.forced},
                     {"reason", part.reason}});
  }
  return {{"launches", use.launches()},
          {"nodes", use.nodes()},
          {"fallbacks", use.fallbacks()},
          {"parts", std::move(parts)}};
}

void WarnOfFallbacks(const std::string& list, const GraphUse& use) {
  if (use.fallbacks() == 0) return;
  PrintWarning(absl::StrCat(list, ": not one graph: ", use.Fallbacks()));
}

}  // namespace hydra::tools
