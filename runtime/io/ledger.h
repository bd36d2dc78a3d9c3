// The fusion ledger of an artifact: which ops run together, which do not, and why. Written by the
// compiler as JSON; read here for hydra-run explain and hydra-opt --explain.
#ifndef HYDRA_RUNTIME_IO_LEDGER_H_
#define HYDRA_RUNTIME_IO_LEDGER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/io/gpu_report.h"

namespace hydra {

struct LedgerOp {
  std::string op, scope, location;  // "rms_norm", "layers.0.norm1", "models/nano.mlir:12"

  bool operator==(const LedgerOp&) const = default;
};

// What one launch of all stages of a kernel does: what its time is predicted from.
struct KernelWork {
  struct Tensor {
    int64_t bytes = 0;         // read or written, each element once
    int64_t tensor_bytes = 0;  // of the whole tensor
  };
  std::vector<int64_t> items = {};  // of every stage
  int64_t flops = 0;                // of kinds other than rows
  double cycles = 0;                // of rows: arithmetic of one worker
  std::vector<Tensor> traffic = {};
};

// One kernel of the artifact, with the ops of its first launch.
struct LedgerKernel {
  std::string name, kind;
  int64_t launches = 0;            // commands of all entries
  int64_t bytes = 0;               // that one launch reads and writes, all stages together
  std::optional<KernelWork> work;  // absent in artifacts of earlier compilers
  std::vector<LedgerOp> ops;
};

// One entry: its kernel commands, and the bytes that kernels, copies and fills read and write.
struct LedgerEntry {
  std::string name;
  int64_t kernels = 0, bytes_outside_matmuls = 0;
};

struct LedgerCost {
  int64_t bytes = 0, picoseconds = 0, launches = 0, live_vectors = 0, sweeps = 0;
};

// One class of candidates: equal ops, equal verdict.
struct LedgerDecision {
  std::string kind, code, detail;
  bool accepted = false;
  int64_t instances = 0;
  size_t first = 0;  // how many of `ops` are the one side
  std::vector<LedgerOp> ops;
  std::optional<LedgerCost> before, after;  // of one instance
  std::string limit;                        // empty: none held
  int64_t value = 0, allowed = 0;

  // "edge of binary add and rms_norm": what makes two classes the same in two ledgers.
  std::string Title() const;
};

struct Ledger {
  std::string target, level;
  std::string meanings;  // one line for each code
  std::vector<LedgerEntry> entries;
  std::vector<LedgerKernel> kernels;
  std::vector<LedgerDecision> decisions;
  GpuReport gpu_code;  // of target cuda
};

// Reads the JSON of an artifact's section; `source` names it in errors.
absl::StatusOr<Ledger> ParseLedger(absl::string_view json, absl::string_view source);

// For people: kernels with their ops and places, then what was taken and refused, with numbers.
std::string LedgerText(const Ledger& ledger);
// The same as one page without scripts or other files.
std::string LedgerHtml(const Ledger& ledger);
// What `now` decides otherwise than `old`; "" if nothing.
std::string LedgerDiff(const Ledger& old, const Ledger& now);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_LEDGER_H_
