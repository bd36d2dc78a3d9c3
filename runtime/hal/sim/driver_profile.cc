#include "runtime/hal/sim/driver_profile.h"

#include "absl/strings/str_join.h"

namespace hydra::hal::sim {

const DriverProfile& ProfileOf(int version) {
  const DriverProfile* found = &kDriverProfiles.front();
  for (const DriverProfile& profile : kDriverProfiles) {
    if (profile.version <= version) found = &profile;
  }
  return *found;
}

const DriverProfile* FindDriverProfile(absl::string_view name) {
  if (name.empty()) return &kDriverProfiles.back();
  for (const DriverProfile& profile : kDriverProfiles) {
    if (profile.name == name) return &profile;
  }
  return nullptr;
}

std::string DriverProfileNames() {
  return absl::StrJoin(kDriverProfiles, ", ", [](std::string* out, const DriverProfile& profile) {
    out->append(std::string(profile.name));
  });
}

}  // namespace hydra::hal::sim
