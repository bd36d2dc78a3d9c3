// Errors: kinds, exit codes, annotation, early return.
#include "runtime/base/status.h"

#include "gtest/gtest.h"

namespace hydra {
namespace {

TEST(StatusTest, ExitCodesAreTheKinds) {
  EXPECT_EQ(ExitCodeFor(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeFor(FailureError("x")), 1);
  EXPECT_EQ(ExitCodeFor(UsageError("x")), 2);
  EXPECT_EQ(ExitCodeFor(InputError("x")), 3);
  EXPECT_EQ(ExitCodeFor(OutOfMemoryError("x")), 4);
  EXPECT_EQ(ExitCodeFor(NumericalError("x")), 5);
  EXPECT_EQ(ExitCodeFor(InterruptedError("x")), 143);
}

// Whatever absl code a library chose, it knows nothing of our kinds.
TEST(StatusTest, ErrorsThatNobodyClassifiedAreFailures) {
  for (const absl::Status& foreign :
       {absl::InvalidArgumentError("x"), absl::NotFoundError("x"), absl::DataLossError("x"),
        absl::ResourceExhaustedError("x"), absl::OutOfRangeError("x"), absl::CancelledError("x")}) {
    EXPECT_EQ(KindOf(foreign), ErrorKind::kFailure) << foreign;
    EXPECT_EQ(ExitCodeFor(foreign), 1) << foreign;
  }
}

TEST(StatusTest, KindsOfChildProcesses) {
  for (int code = -1; code < 300; ++code) {
    const bool known = (code >= 1 && code <= 5) || code == 143;
    EXPECT_EQ(static_cast<int>(KindOfExitCode(code)), known ? code : 1);
  }
}

TEST(StatusTest, AnnotateKeepsTheKindAndOk) {
  EXPECT_TRUE(Annotate(absl::OkStatus(), "file").ok());
  EXPECT_EQ(Annotate(InputError("torn"), "file"), InputError("file: torn"));
  EXPECT_EQ(ExitCodeFor(Annotate(Annotate(NumericalError("nan"), "norm"), "step 3")), 5);
}

absl::StatusOr<int> Half(int value) {
  if (value % 2 != 0) return UsageError("odd");
  return value / 2;
}

absl::StatusOr<int> Quarter(int value) {
  HYDRA_ASSIGN_OR_RETURN(const int half, Half(value));
  HYDRA_RETURN_IF_ERROR(Half(half).status());
  return half / 2;
}

TEST(StatusTest, MacrosReturnEarly) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(3).status(), UsageError("odd"));
  EXPECT_EQ(Quarter(6).status(), UsageError("odd"));
}

}  // namespace
}  // namespace hydra
