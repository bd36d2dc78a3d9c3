#include "runtime/train/source_experts.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace hydra::train {
namespace {

constexpr char kSetting[] = "setting 'moe_domain_expert_map' ";

bool IsNamed(const data::SourceRange& source, absl::string_view name) {
  return source.name == name || std::filesystem::path(source.name).stem() == std::string(name);
}

}  // namespace

absl::StatusOr<SourceExperts> SourceExperts::Create(absl::string_view map,
                                                    const std::vector<data::SourceRange>& sources) {
  SourceExperts result;
  if (map.empty()) return result;
  result.experts_.assign(sources.size(), -1);
  for (const absl::string_view item : absl::StrSplit(map, ',')) {
    const size_t colon = item.rfind(':');
    int32_t expert = -1;
    if (colon == absl::string_view::npos || colon == 0 ||
        !absl::SimpleAtoi(item.substr(colon + 1), &expert) || expert < 0) {
      return UsageError(absl::StrCat(kSetting, "expects SOURCE:EXPERT,..., e.g. math:0,code:1, ",
                                     "found '", item, "'"));
    }
    const absl::string_view name = item.substr(0, colon);
    bool known = false;
    for (size_t i = 0; i < sources.size(); ++i) {
      if (!IsNamed(sources[i], name)) continue;
      known = true;
      if (std::exchange(result.experts_[i], expert) >= 0) {
        return UsageError(absl::StrCat(kSetting, "names source ", sources[i].name, " twice"));
      }
    }
    if (known) continue;
    std::vector<std::string> names;
    for (const data::SourceRange& source : sources) names.push_back(source.name);
    return UsageError(absl::StrCat(
        kSetting, "names source '", name, "'; the training tokens are from ",
        names.empty() ? "files that data.json does not name" : absl::StrJoin(names, ", ")));
  }
  return result;
}

int32_t SourceExperts::ExpertOf(const data::TrainingBatches& batches, int64_t step,
                                int64_t micro) const {
  if (experts_.empty()) return -1;
  const std::optional<size_t> source = batches.SourceOf(step, micro);
  return source ? experts_[*source] : -1;
}

}  // namespace hydra::train
