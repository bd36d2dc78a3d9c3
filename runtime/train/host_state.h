// The trainer's state on the host, in modules: each saves and restores what it alone knows, in
// run.json under a key and a version of its own. A new module needs nothing but itself and its line
// in Trainer::modules(); checkpoints from before it give it its defaults.
#ifndef HYDRA_RUNTIME_TRAIN_HOST_STATE_H_
#define HYDRA_RUNTIME_TRAIN_HOST_STATE_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/io/json_file.h"
#include "runtime/io/json_value.h"

namespace hydra::train {

// What decides the bits of later steps belongs into a module; what can be computed from step and
// settings does not.
class HostModule {
 public:
  virtual ~HostModule() = default;

  // "averages": a name that never changes. Static storage.
  virtual absl::string_view key() const = 0;
  // Of what Save writes, from 1.
  virtual int64_t version() const = 0;
  // An object without the member "version".
  virtual JsonValue Save() const = 0;
  // `version` is in [1, version()]; what an older one did not know keeps its default. An input
  // error names the member that is wrong.
  virtual absl::Status Restore(const JsonView& state, int64_t version) = 0;
};

// By key: what a checkpoint holds of each module, an object with a member "version".
using HostState = std::map<std::string, JsonValue>;

HostState SaveModules(absl::Span<HostModule* const> modules);

// Restores each module that the state knows; the others keep what they have. An input error for
// state of a module that is not among them or of a newer version, naming key and versions: a run
// that ignored it would not be the one that was saved. `source` names the checkpoint in messages.
absl::Status RestoreModules(const HostState& state, absl::Span<HostModule* const> modules,
                            absl::string_view source);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_HOST_STATE_H_
