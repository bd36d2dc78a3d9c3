#include "runtime/exec/graph_use.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace hydra {
namespace {

std::string Plural(uint64_t count, const char* thing) {
  return absl::StrCat(count, " ", thing, count == 1 ? "" : "s");
}

}  // namespace

uint64_t GraphUse::launches() const {
  return static_cast<uint64_t>(
      std::count_if(parts.begin(), parts.end(), [](const Part& part) { return part.captured; }));
}

uint64_t GraphUse::nodes() const {
  uint64_t nodes = 0;
  for (const Part& part : parts) nodes += part.nodes;
  return nodes;
}

uint64_t GraphUse::fallbacks() const {
  return static_cast<uint64_t>(std::count_if(
      parts.begin(), parts.end(), [](const Part& part) { return !part.captured && !part.forced; }));
}

std::string GraphUse::Fallbacks() const {
  std::map<std::string, uint64_t> reasons;
  for (const Part& part : parts) {
    if (!part.captured && !part.forced) ++reasons[part.reason];
  }
  return absl::StrJoin(reasons, "; ", [](std::string* out, const auto& reason) {
    absl::StrAppend(out, reason.second, " x ", reason.first);
  });
}

std::string GraphUse::Describe() const {
  if (parts.empty()) return "";
  std::string text = absl::StrCat(Plural(launches(), "graph"), " of ", Plural(nodes(), "node"));
  for (const Part& part : parts) {
    if (!part.forced || part.captured) continue;
    absl::StrAppend(&text, "; ", Plural(part.commands, "command"),
                    " launched by the host: ", part.reason);
  }
  if (fallbacks() > 0) {
    absl::StrAppend(&text, "; ", Plural(fallbacks(), "fallback"), ": ", Fallbacks());
  }
  return text;
}

GraphUse UseOfGraphs(const hal::Device& device, absl::Span<const hal::Segment> segments,
                     const hal::RecordOptions& options) {
  GraphUse use;
  if (!device.capabilities().graphs) return use;
  const bool forced = options.profile || options.capture == hal::Capture::kOff;
  for (const hal::Segment& segment : segments) {
    use.parts.push_back({segment.first_command, segment.command_count, segment.nodes,
                         segment.captured, forced || segment.captured, segment.reason});
  }
  return use;
}

}  // namespace hydra
