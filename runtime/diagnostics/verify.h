// Verifying golden files: compile the file's own configuration, run it on the file's inputs,
// compare every expected tensor.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_H_

#include <functional>
#include <string>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/diagnostics/golden.h"
#include "runtime/exec/session.h"

namespace hydra {

// Runs hydra-opt with these arguments; an error carries what it printed.
using RunHydraOpt = std::function<absl::Status(const std::vector<std::string>& arguments)>;

struct VerifyOptions {
  std::string target = "cpu";  // a device (cpu, sim), or "interpreter"
  std::string precision = "f32";
  bool bf16() const { return precision == "bf16"; }
  std::string arch = "native";  // instruction-set level of a device's code
  int threads = 0;              // of the device; 0: all
  // Further compile settings, KEY=VALUE; the interpreter's last stage has them.
  std::vector<std::string> settings;
  std::string work_directory;  // existing; receives intermediate files
  RunHydraOpt hydra_opt;
  // Opens an artifact; empty: on `target` with `threads`, every command checked (--validate).
  std::function<absl::StatusOr<Session>(const std::string& path)> open = nullptr;
};

// One comparison: a stage of the interpreter, or a device.
struct VerifyCheck {
  std::string name;
  GoldenVerdict verdict;
};

struct VerifyReport {
  bool pass = true;
  std::vector<VerifyCheck> checks;
  // Everything computed, under the golden's own names (of the last check).
  NumericTensors computed;
};

// interpreter: the program after every stage up to fusion (from routing on where the phase of the
// file is not that of fixed depth); gradients from autodiff on.
// A device: the program with every named value as an output, compared with the file; then the
// program as it is shipped, under validation and without it, which must give the same losses,
// logits and, after one optimizer step, parameters, bit for bit. A check that compared nothing
// fails, and a file that lacks a parameter or input of its own configuration is an input error.
// In bf16 the selections of a routed file are those of a program in float32, which is compared
// first and by the file's own bounds; of a trajectory the losses alone are compared. Errors are
// those of the compiler, the artifact and the device; a deviation is a verdict, not an error.
absl::StatusOr<VerifyReport> VerifyGolden(const Golden& golden, const VerifyOptions& options);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_H_
