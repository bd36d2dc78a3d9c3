// Runs an entry one op at a time and looks at what every op wrote: where a value first stops being
// finite, or leaves the usual range.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_STEP_WATCH_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_STEP_WATCH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/diagnostics/value_statistics.h"
#include "runtime/exec/executor.h"
#include "runtime/io/ledger.h"

namespace hydra {

// Something that an op read or wrote.
struct WatchedValue {
  std::string name;  // "parameter layers.0.norm1.weight", "arena[64, 128)"
  ValueStatistics before, after;
};

// An op that wrote a value it should not have.
struct WatchFinding {
  std::string entry;     // "accumulate@8x256:fixed"
  int64_t number = 0;    // of the op among those run, from 0
  std::string scope;     // "layers.3.attention"
  std::string kernel;    // "rms_norm_d7c83267"; "" for what is no kernel
  std::string op;        // "rms_norm"; several, joined by " + ", of a kernel that holds several
  std::string location;  // "models/nano.mlir:12"; "" if the artifact does not say
  std::string source;    // what stands there; "" if unknown
  std::vector<WatchedValue> operands, results;
};

// What one run of an entry came to.
struct WatchReport {
  std::optional<WatchFinding> not_finite;  // the run ended there
  std::optional<WatchFinding> outlying;    // the first result beyond the limit; the run went on
  int64_t ops = 0;                         // that were run
};

// Borrows the executor. Not thread-safe.
class StepWatch {
 public:
  // `limit`: magnitude above which a finite result is outlying. `ledger` names ops and their places
  // in the spec; without one the kernels' own names and places are given.
  StepWatch(Executor& executor, double limit, std::optional<Ledger> ledger)
      : executor_(executor), limit_(limit), ledger_(std::move(ledger)) {}

  // Runs `entry` on what the device's memory holds, inputs and control included: the same bits as a
  // launch of the whole.
  absl::StatusOr<WatchReport> Run(const artifact::EntryInfo& entry);

 private:
  // Commands that are one op: a launch with all its stages, or a single command.
  using Unit = std::vector<hal::Command>;

  absl::Status RunSequence(const artifact::EntryInfo& entry, const hal::CommandSequence& commands,
                           WatchReport& report);
  absl::Status RunUnit(const artifact::EntryInfo& entry, const Unit& unit, WatchReport& report);
  size_t StagesFrom(const hal::CommandSequence& commands, size_t first) const;
  absl::StatusOr<int32_t> ReadSelector(const hal::BufferRef& place);
  absl::StatusOr<std::vector<uint8_t>> Read(const hal::BufferRef& place);
  std::string NameOf(const hal::BufferRef& place, const artifact::EntryInfo& entry,
                     hal::ElementType& type) const;
  void Identify(const hal::Command& command, WatchFinding& finding) const;
  std::string LocationOfScope(const std::string& scope) const;

  Executor& executor_;
  const double limit_;
  const std::optional<Ledger> ledger_;
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_STEP_WATCH_H_
