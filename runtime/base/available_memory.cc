#include "runtime/base/available_memory.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace hydra {
namespace {

// A limit as large as this is how version 1 says "none".
constexpr uint64_t kNone = uint64_t{1} << 62;

// The number at the beginning of a file; nothing for a file that is missing or says "max".
std::optional<uint64_t> ReadNumber(const std::string& path) {
  std::ifstream in(path);
  uint64_t value;
  if (in >> value) return value;
  return std::nullopt;
}

// The number after `key` in a file of lines "KEY NUMBER ..."; 0 if there is none.
uint64_t ReadField(const std::string& path, absl::string_view key) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    const std::vector<absl::string_view> parts =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    uint64_t value;
    if (parts.size() >= 2 && parts[0] == key && absl::SimpleAtoi(parts[1], &value)) return value;
  }
  return 0;
}

uint64_t Minus(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

// Names of the files of one version.
struct Version {
  const char *limit, *usage, *active, *inactive, *swap_limit, *swap_usage;
  bool swap_with_memory;  // limit and usage of swap include memory
};
constexpr Version kVersion1 = {"memory.limit_in_bytes",
                               "memory.usage_in_bytes",
                               "total_active_file",
                               "total_inactive_file",
                               "memory.memsw.limit_in_bytes",
                               "memory.memsw.usage_in_bytes",
                               true};
constexpr Version kVersion2 = {
    "memory.max",      "memory.current",      "active_file", "inactive_file",
    "memory.swap.max", "memory.swap.current", false};

// What one group leaves to those in it, at most `swap_free` of it swapped out.
void Bound(const std::string& group, const std::string& shown, const Version& version,
           uint64_t swap_free, AvailableMemory& least) {
  const std::optional<uint64_t> limit = ReadNumber(absl::StrCat(group, "/", version.limit));
  const std::optional<uint64_t> usage = ReadNumber(absl::StrCat(group, "/", version.usage));
  if (!limit || !usage || *limit >= kNone) return;
  const std::string statistics = group + "/memory.stat";
  const uint64_t cache = std::min(
      ReadField(statistics, version.active) + ReadField(statistics, version.inactive), *usage);
  uint64_t bytes = Minus(*limit, *usage - cache);
  const std::optional<uint64_t> swap_limit =
      ReadNumber(absl::StrCat(group, "/", version.swap_limit));
  const std::optional<uint64_t> swap_usage =
      ReadNumber(absl::StrCat(group, "/", version.swap_usage));
  uint64_t swap = swap_free;
  if (swap_limit && swap_usage && *swap_limit < kNone) {
    swap = version.swap_with_memory ? Minus(Minus(*swap_limit, *limit), Minus(*swap_usage, *usage))
                                    : Minus(*swap_limit, *swap_usage);
  }
  bytes += std::min(swap, swap_free);
  if (bytes >= least.bytes) return;
  least.bytes = bytes;
  least.bound = absl::StrCat(shown, "/", version.limit, " of ", *limit, " bytes");
}

// The group and all above it: each has a limit of its own. In a container the path of the group may
// not be there; the mount's root is the container's group then.
void BoundByGroups(const std::string& root, const std::string& mount, absl::string_view path,
                   const Version& version, uint64_t swap_free, AvailableMemory& least) {
  std::string group(absl::StripSuffix(path, "/"));
  while (true) {
    Bound(absl::StrCat(root, mount, group), absl::StrCat(mount, group), version, swap_free, least);
    if (group.empty()) return;
    group.resize(std::min(group.rfind('/'), group.size() - 1));
  }
}

}  // namespace

AvailableMemory FindAvailableMemory(const std::string& root) {
  AvailableMemory least;
  const std::string machine = root + "/proc/meminfo";
  const uint64_t available = ReadField(machine, "MemAvailable:") << 10;
  const uint64_t swap_free = ReadField(machine, "SwapFree:") << 10;
  if (available > 0) {
    least.bytes = available + swap_free;
    least.bound = "MemAvailable and SwapFree of /proc/meminfo";
  }
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // "4:memory:/path" in version 1, "0::/path" in version 2.
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3 || !absl::StartsWith(parts[2], "/")) continue;
    if (parts[1].empty()) {
      for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
        BoundByGroups(root, mount, parts[2], kVersion2, swap_free, least);
      }
      continue;
    }
    const std::vector<absl::string_view> controllers = absl::StrSplit(parts[1], ',');
    if (std::find(controllers.begin(), controllers.end(), "memory") == controllers.end()) continue;
    BoundByGroups(root, "/sys/fs/cgroup/memory", parts[2], kVersion1, swap_free, least);
  }
  return least;
}

}  // namespace hydra
