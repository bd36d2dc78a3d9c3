// Status helpers of the runtime. Errors are absl::Status; nothing throws across an interface.
//
// The absl code of an error selects the exit code of the tools:
//   kInvalidArgument    2  usage: a flag, a setting, a request the program cannot serve
//   kNotFound, kDataLoss, kFailedPrecondition
//                       3  an input file is missing, damaged, or does not fit
//   kResourceExhausted  4  out of memory
//   kOutOfRange         5  numerical failure (non-finite loss or norm)
//   anything else       1  a check did not hold
// A message says what was expected, what was found, where, and what to do next.
#ifndef HYDRA_RUNTIME_BASE_STATUS_H_
#define HYDRA_RUNTIME_BASE_STATUS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace hydra {

// Returns `status` with "context: " put before its message; OK stays OK.
inline absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(context, ": ", status.message()));
}

// The process exit code that belongs to an error; see the table above.
inline int ExitCodeFor(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 0;
    case absl::StatusCode::kInvalidArgument:
      return 2;
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kFailedPrecondition:
      return 3;
    case absl::StatusCode::kResourceExhausted:
      return 4;
    case absl::StatusCode::kOutOfRange:
      return 5;
    default:
      return 1;
  }
}

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
