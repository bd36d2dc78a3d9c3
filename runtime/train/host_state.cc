#include "runtime/train/host_state.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"

namespace hydra::train {
namespace {

constexpr char kVersion[] = "version";

absl::Status RestoreModule(HostModule& module, const JsonView& state) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView member, state.Get(kVersion));
  HYDRA_ASSIGN_OR_RETURN(const int64_t version, member.Int(1));
  if (version > module.version()) {
    return member.Error(absl::StrCat("expected host state '", module.key(), "' of a version up to ",
                                     module.version(), ", found ", version,
                                     "; resume with the version of hydra-run that wrote it"));
  }
  return module.Restore(state, version);
}

}  // namespace

HostState SaveModules(absl::Span<HostModule* const> modules) {
  HostState state;
  for (const HostModule* module : modules) {
    JsonValue saved = module->Save();
    saved[kVersion] = module->version();
    state.emplace(module->key(), std::move(saved));
  }
  return state;
}

absl::Status RestoreModules(const HostState& state, absl::Span<HostModule* const> modules,
                            absl::string_view source) {
  for (const auto& [key, value] : state) {
    const auto found = std::find_if(modules.begin(), modules.end(), [&, &name = key](auto* module) {
      return module->key() == name;
    });
    if (found == modules.end()) {
      std::vector<absl::string_view> known;
      for (const HostModule* module : modules) known.push_back(module->key());
      return InputError(absl::StrCat(
          source, ": host state '", key, "' is unknown to this version of hydra-run, which knows ",
          absl::StrJoin(known, ", "), "; resume with the version that wrote it"));
    }
    HYDRA_ASSIGN_OR_RETURN(
        const JsonDocument document,
        JsonDocument::Parse(value.Dump(), absl::StrCat(source, ": host state '", key, "'")));
    HYDRA_RETURN_IF_ERROR(RestoreModule(**found, document.root()));
  }
  return absl::OkStatus();
}

}  // namespace hydra::train
