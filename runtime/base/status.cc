// The kind of an error as a payload of its status: one byte under a type name of our own.
#include "runtime/base/status.h"

#include "absl/strings/cord.h"

namespace hydra {
namespace {

constexpr absl::string_view kKindPayload = "hydra.error-kind";

// The code under which other users of absl see an error. Nothing of ours reads it.
absl::StatusCode CodeOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kFailure:
      break;
    case ErrorKind::kUsage:
      return absl::StatusCode::kInvalidArgument;
    case ErrorKind::kInput:
      return absl::StatusCode::kDataLoss;
    case ErrorKind::kOutOfMemory:
      return absl::StatusCode::kResourceExhausted;
    case ErrorKind::kNumerical:
      return absl::StatusCode::kOutOfRange;
    case ErrorKind::kInterrupted:
      return absl::StatusCode::kCancelled;
  }
  return absl::StatusCode::kInternal;
}

}  // namespace

absl::Status MakeError(ErrorKind kind, absl::string_view message) {
  absl::Status status(CodeOf(kind), message);
  const char byte = static_cast<char>(static_cast<unsigned char>(kind));
  status.SetPayload(kKindPayload, absl::Cord(absl::string_view(&byte, 1)));
  return status;
}

ErrorKind KindOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kKindPayload);
  if (!payload || payload->empty()) return ErrorKind::kFailure;
  return KindOfExitCode(static_cast<unsigned char>((*payload)[0]));
}

ErrorKind KindOfExitCode(int exit_code) {
  const auto kind = static_cast<ErrorKind>(exit_code);
  switch (kind) {
    case ErrorKind::kFailure:
    case ErrorKind::kUsage:
    case ErrorKind::kInput:
    case ErrorKind::kOutOfMemory:
    case ErrorKind::kNumerical:
    case ErrorKind::kInterrupted:
      return kind;
  }
  return ErrorKind::kFailure;
}

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  return MakeError(KindOf(status), absl::StrCat(context, ": ", status.message()));
}

}  // namespace hydra
