// The drivers that the simulated machine can be: what each knows of graphs, and what is known to be
// broken in it. The one list of profiles.
#ifndef HYDRA_RUNTIME_HAL_SIM_DRIVER_PROFILE_H_
#define HYDRA_RUNTIME_HAL_SIM_DRIVER_PROFILE_H_

#include <array>
#include <string>

#include "absl/strings/string_view.h"

namespace hydra::hal::sim {

struct DriverProfile {
  absl::string_view name;     // of the CUDA that it serves: "12.4"
  int version = 0;            // 1000 x major + 10 x minor
  bool if_and_while = false;  // conditional nodes, and capture into a graph
  bool switch_and_else = false;
  bool empty_body_hangs = false;      // a conditional body without nodes never ends
  bool child_in_body_breaks = false;  // a child graph in a node of several bodies runs at random
};

inline constexpr std::array<DriverProfile, 4> kDriverProfiles = {{
    {"12.2", 12020, false, false, false, false},
    {"12.4", 12040, true, false, true, true},
    {"12.8", 12080, true, true, false, true},
    {"13.0", 13000, true, true, false, false},
}};

// The newest profile that is not newer than `version`; the oldest for what is older.
const DriverProfile& ProfileOf(int version);
// Null for a name that is none of them; "" is the newest.
const DriverProfile* FindDriverProfile(absl::string_view name);
// "12.2, 12.4, 12.8, 13.0"
std::string DriverProfileNames();

}  // namespace hydra::hal::sim

#endif  // HYDRA_RUNTIME_HAL_SIM_DRIVER_PROFILE_H_
