// What this machine and this installation can do, and why what is off is off: what `doctor`
// reports.
#ifndef HYDRA_RUNTIME_APP_DOCTOR_H_
#define HYDRA_RUNTIME_APP_DOCTOR_H_

#include <string>
#include <vector>

namespace hydra::app {

struct DoctorCheck {
  enum class State {
    kOn,      // works here
    kOff,     // does not, and nothing is broken: `detail` says why
    kBroken,  // something that hydra-run needs
    kFact,    // neither: a size, a version
  };
  std::string area;  // "processor", "memory", ...
  std::string name;
  State state = State::kFact;
  std::string detail;  // what was found; of what is off or broken, why and what to do
};

// Looks at processor, memory, libraries, compiler, cache, devices and environment. Changes nothing,
// except that the cache's directory is made if it is missing. `version` is this program's.
std::vector<DoctorCheck> ExamineMachine(const std::string& version);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_DOCTOR_H_
