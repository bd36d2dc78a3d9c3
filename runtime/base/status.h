// Errors of the runtime: absl::Status with a kind. Nothing throws across an interface.
//
// Whoever makes an error knows what kind it is and says so by the constructor it calls; the kind
// travels with the status and alone decides the exit code of the tools. absl's own codes decide
// nothing: a full disk is no lack of memory because both exhaust a resource.
// A message says what was expected, what was found, where, and what to do next.
#ifndef HYDRA_RUNTIME_BASE_STATUS_H_
#define HYDRA_RUNTIME_BASE_STATUS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace hydra {

// What kind of error; the value is the exit code of a program that ends with it.
enum class ErrorKind {
  kFailure = 1,        // a check did not hold, or the system refused: a full disk, a dead child
  kUsage = 2,          // a flag, a setting, a request that the program cannot serve
  kInput = 3,          // an input file is missing, damaged, or does not fit
  kOutOfMemory = 4,    // memory of the host or the device
  kNumerical = 5,      // a non-finite loss, norm or logit
  kInterrupted = 143,  // ended by a signal, after a checkpoint
};

// An error of `kind`. The named constructors below read better where the kind is fixed.
absl::Status MakeError(ErrorKind kind, absl::string_view message);

inline absl::Status FailureError(absl::string_view message) {
  return MakeError(ErrorKind::kFailure, message);
}
inline absl::Status UsageError(absl::string_view message) {
  return MakeError(ErrorKind::kUsage, message);
}
inline absl::Status InputError(absl::string_view message) {
  return MakeError(ErrorKind::kInput, message);
}
inline absl::Status OutOfMemoryError(absl::string_view message) {
  return MakeError(ErrorKind::kOutOfMemory, message);
}
inline absl::Status NumericalError(absl::string_view message) {
  return MakeError(ErrorKind::kNumerical, message);
}
inline absl::Status InterruptedError(absl::string_view message) {
  return MakeError(ErrorKind::kInterrupted, message);
}

// The kind of an error; one that nobody classified (made by a library) is a failure. Not for OK.
ErrorKind KindOf(const absl::Status& status);

// The kind that a child process reported by its exit status; unknown ones are failures.
ErrorKind KindOfExitCode(int exit_code);

// The process exit code of a result: 0 for OK, else its kind.
inline int ExitCodeFor(const absl::Status& status) {
  return status.ok() ? 0 : static_cast<int>(KindOf(status));
}

// Returns `status` with "context: " put before its message and the same kind; OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

}  // namespace hydra

// Returns from the enclosing function if `expr` is an error.
#define HYDRA_RETURN_IF_ERROR(expr)                                                  \
  do {                                                                               \
    if (absl::Status hydra_status = (expr); !hydra_status.ok()) return hydra_status; \
  } while (false)

#define HYDRA_CONCAT_INNER(a, b) a##b
#define HYDRA_CONCAT(a, b) HYDRA_CONCAT_INNER(a, b)

// HYDRA_ASSIGN_OR_RETURN(auto x, F()): declares or assigns x from a StatusOr, or returns its error.
#define HYDRA_ASSIGN_OR_RETURN(lhs, expr) \
  HYDRA_ASSIGN_OR_RETURN_IMPL(HYDRA_CONCAT(hydra_statusor_, __LINE__), lhs, expr)
#define HYDRA_ASSIGN_OR_RETURN_IMPL(result, lhs, expr) \
  auto result = (expr);                                \
  if (!result.ok()) return result.status();            \
  lhs = std::move(result).value()

#endif  // HYDRA_RUNTIME_BASE_STATUS_H_
