#include "runtime/app/kernel_times.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace hydra::app {
namespace {

std::string Places(const LedgerKernel& kernel) {
  constexpr size_t kMost = 3;
  std::string text;
  for (size_t i = 0; i < std::min(kMost, kernel.ops.size()); ++i) {
    const LedgerOp& op = kernel.ops[i];
    absl::StrAppend(&text, i == 0 ? "" : ", ", op.op, op.location.empty() ? "" : " at ",
                    op.location);
  }
  if (kernel.ops.size() > kMost) absl::StrAppend(&text, ", ", kernel.ops.size() - kMost, " more");
  return text;
}

}  // namespace

absl::string_view KernelOfFunction(absl::string_view function) {
  const size_t mark = function.rfind("_s");
  if (mark == absl::string_view::npos || mark + 2 == function.size()) return function;
  const absl::string_view stage = function.substr(mark + 2);
  return std::all_of(stage.begin(), stage.end(), absl::ascii_isdigit) ? function.substr(0, mark)
                                                                      : function;
}

double KernelTime::Error() const { return std::abs(predicted / measured - 1); }

std::vector<MeasuredKernel> KernelTimes::Measured() const {
  std::vector<MeasuredKernel> measured;
  for (const KernelTime& time : kernels) measured.push_back({time.kernel, time.measured});
  return measured;
}

double KernelTimes::MedianError() const {
  if (kernels.empty()) return 0;
  std::vector<double> errors;
  for (const KernelTime& time : kernels) errors.push_back(time.Error());
  std::sort(errors.begin(), errors.end());
  return errors[errors.size() / 2];
}

KernelTimes JoinTimes(const Profile& profile, const Ledger& ledger) {
  std::map<absl::string_view, const LedgerKernel*> known;
  for (const LedgerKernel& kernel : ledger.kernels) known[kernel.name] = &kernel;
  std::map<absl::string_view, KernelTime> joined;
  KernelTimes times;
  for (const CommandTime& command : profile.commands) {
    const absl::string_view name = KernelOfFunction(command.kernel);
    const auto found = known.find(name);
    if (found == known.end() || !found->second->work) {
      times.other_seconds += command.mean;
      continue;
    }
    times.kernel_seconds += command.mean;
    KernelTime& time = joined[found->first];
    time.kernel = found->second;
    time.launches += command.kernel == name;
    time.total += command.mean;
    time.measured += command.fastest;
  }
  for (auto& [name, time] : joined) {
    if (time.launches == 0 || time.measured <= 0) continue;
    time.measured /= static_cast<double>(time.launches);
    times.kernels.push_back(time);
  }
  std::sort(times.kernels.begin(), times.kernels.end(),
            [](const KernelTime& a, const KernelTime& b) {
              return std::tie(b.total, a.kernel->name) < std::tie(a.total, b.kernel->name);
            });
  return times;
}

void Predict(const MachineFacts& facts, int64_t workers, KernelTimes& times) {
  for (KernelTime& time : times.kernels) {
    time.predicted = PredictSeconds(facts, *time.kernel, workers);
  }
}

std::string KernelTimesText(const Profile& profile, const KernelTimes& times) {
  std::string text = absl::StrFormat(
      "%s on %s, %d workers, code for %s\n%d kernels take %.3f ms of a run, other commands %.3f "
      "ms. One launch, its fastest runs:\n\n%12s %12s %7s %9s  kernel\n",
      profile.model, profile.device, profile.workers, profile.isa_level, times.kernels.size(),
      1e3 * times.kernel_seconds, 1e3 * times.other_seconds, "measured us", "predicted us", "error",
      "launches");
  for (const KernelTime& time : times.kernels) {
    absl::StrAppendFormat(&text, "%12.1f %12.1f %+6.0f%% %9d  %s (%s)\n%45s%s\n",
                          1e6 * time.measured, 1e6 * time.predicted,
                          100 * (time.predicted / time.measured - 1), time.launches,
                          time.kernel->name, time.kernel->kind, "", Places(*time.kernel));
  }
  absl::StrAppendFormat(&text, "\nMedian error over kernels: %.1f %%\n", 100 * times.MedianError());
  return text;
}

JsonValue KernelTimesJson(const Profile& profile, const KernelTimes& times) {
  JsonValue kernels = JsonValue::array();
  for (const KernelTime& time : times.kernels) {
    kernels.push_back({{"name", time.kernel->name},
                       {"kind", time.kernel->kind},
                       {"launches", time.launches},
                       {"bytes", time.kernel->bytes},
                       {"total_seconds", time.total},
                       {"measured_seconds", time.measured},
                       {"predicted_seconds", time.predicted},
                       {"ops", Places(*time.kernel)}});
  }
  return {{"model", profile.model},
          {"device", profile.device},
          {"workers", profile.workers},
          {"kernel_seconds", times.kernel_seconds},
          {"other_seconds", times.other_seconds},
          {"median_error", times.MedianError()},
          {"kernels", std::move(kernels)}};
}

}  // namespace hydra::app
