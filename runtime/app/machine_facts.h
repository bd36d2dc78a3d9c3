// What predictions of kernel times take for the machine: at most a dozen numbers, fitted to a
// measured profile. They are for reports alone; the compiler decides by the facts of
// dialects/target and never sees these.
#ifndef HYDRA_RUNTIME_APP_MACHINE_FACTS_H_
#define HYDRA_RUNTIME_APP_MACHINE_FACTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/io/ledger.h"

namespace hydra::app {

// Of one worker. The initial values are round figures of a server core.
struct MachineFacts {
  double launch_ns = 2000;      // of every stage, whatever it does
  double item_ns = 20;          // of every work item
  double cycle_ns = 0.4;        // of rows: the ledger's cycles
  double near_bytes = 1 << 20;  // tensors up to this size come from the near caches
  double far_bytes = 16 << 20;  // those beyond this from memory, the others from the shared cache
  double near_ns_per_kb = 20;   // of bytes moved, from each of the three
  double middle_ns_per_kb = 50;
  double far_ns_per_kb = 100;
  double overlap = 0.2;               // of the smaller of arithmetic and traffic, what still shows
  double forward_ns_per_kflop = 20;   // attention
  double backward_ns_per_kflop = 20;  // its gradient
  double other_ns_per_kflop = 100;    // gathers, scatters, sorts, norms of everything
};

// Every fact by its name, so that files, fits and documentation need no list of their own.
struct MachineFact {
  absl::string_view name;
  double MachineFacts::* value;
};
absl::Span<const MachineFact> AllMachineFacts();

// Seconds of one launch of all stages by `workers` workers.
double PredictSeconds(const MachineFacts& facts, const LedgerKernel& kernel, int64_t workers);

// A kernel whose time is known.
struct MeasuredKernel {
  const LedgerKernel* kernel = nullptr;
  double seconds = 0;  // of one launch of all stages
};
// The facts that predict these times best: the mean of |log(predicted / measured)| is least, as far
// as changing one fact at a time finds out. The same for the same times.
MachineFacts FitMachineFacts(absl::Span<const MeasuredKernel> kernels, int64_t workers);

std::string MachineFactsJson(const MachineFacts& facts);
// Every fact, a positive number, and no other; an input error says which is wrong.
absl::StatusOr<MachineFacts> ReadMachineFacts(const std::string& path);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_MACHINE_FACTS_H_
