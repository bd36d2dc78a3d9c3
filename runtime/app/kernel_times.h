// Prediction beside measurement, kernel by kernel: what `explain --profile` shows.
#ifndef HYDRA_RUNTIME_APP_KERNEL_TIMES_H_
#define HYDRA_RUNTIME_APP_KERNEL_TIMES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/app/machine_facts.h"
#include "runtime/app/profile_file.h"
#include "runtime/io/json_value.h"
#include "runtime/io/ledger.h"

namespace hydra::app {

// The kernel that a function is a stage of: "add_1" of "add_1" and of "add_1_s2".
absl::string_view KernelOfFunction(absl::string_view function);

struct KernelTime {
  const LedgerKernel* kernel = nullptr;
  int64_t launches = 0;  // commands of the profile, stages of one launch together
  double total = 0;      // seconds of all of them, means of their runs
  double measured = 0;   // seconds of one launch: of each command its fastest run
  double predicted = 0;

  double Error() const;  // |predicted / measured - 1|
};

struct KernelTimes {
  std::vector<KernelTime> kernels;               // the dearest first
  double kernel_seconds = 0, other_seconds = 0;  // of one run of everything measured

  std::vector<MeasuredKernel> Measured() const;
  // The median of Error over kernels; 0 without any.
  double MedianError() const;
};

// Joins a profile with the ledger of its artifact, which must outlive the result.
KernelTimes JoinTimes(const Profile& profile, const Ledger& ledger);
void Predict(const MachineFacts& facts, int64_t workers, KernelTimes& times);

std::string KernelTimesText(const Profile& profile, const KernelTimes& times);
JsonValue KernelTimesJson(const Profile& profile, const KernelTimes& times);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_KERNEL_TIMES_H_
