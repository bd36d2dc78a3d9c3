#include "runtime/app/machine_facts.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/io/json_file.h"
#include "runtime/io/json_value.h"

namespace hydra::app {
namespace {

// Mean of |log(predicted / measured)|.
double Error(const MachineFacts& facts, absl::Span<const MeasuredKernel> kernels, int64_t workers) {
  double sum = 0;
  for (const MeasuredKernel& kernel : kernels) {
    sum += std::abs(std::log(PredictSeconds(facts, *kernel.kernel, workers) / kernel.seconds));
  }
  return sum / static_cast<double>(kernels.size());
}

}  // namespace

absl::Span<const MachineFact> AllMachineFacts() {
  static constexpr std::array kFacts = {
      MachineFact{"launch_ns", &MachineFacts::launch_ns},
      MachineFact{"item_ns", &MachineFacts::item_ns},
      MachineFact{"cycle_ns", &MachineFacts::cycle_ns},
      MachineFact{"near_bytes", &MachineFacts::near_bytes},
      MachineFact{"far_bytes", &MachineFacts::far_bytes},
      MachineFact{"near_ns_per_kb", &MachineFacts::near_ns_per_kb},
      MachineFact{"middle_ns_per_kb", &MachineFacts::middle_ns_per_kb},
      MachineFact{"far_ns_per_kb", &MachineFacts::far_ns_per_kb},
      MachineFact{"overlap", &MachineFacts::overlap},
      MachineFact{"forward_ns_per_kflop", &MachineFacts::forward_ns_per_kflop},
      MachineFact{"backward_ns_per_kflop", &MachineFacts::backward_ns_per_kflop},
      MachineFact{"other_ns_per_kflop", &MachineFacts::other_ns_per_kflop},
  };
  return kFacts;
}

double PredictSeconds(const MachineFacts& facts, const LedgerKernel& kernel, int64_t workers) {
  if (!kernel.work) return 0;
  const KernelWork& work = *kernel.work;
  double traffic = 0;
  for (const KernelWork::Tensor& tensor : work.traffic) {
    const auto size = static_cast<double>(tensor.tensor_bytes);
    const double ns_per_kb = size <= facts.near_bytes  ? facts.near_ns_per_kb
                             : size <= facts.far_bytes ? facts.middle_ns_per_kb
                                                       : facts.far_ns_per_kb;
    traffic += static_cast<double>(tensor.bytes) / 1e3 * ns_per_kb;
  }
  const double ns_per_kflop = kernel.kind == "attention_forward"    ? facts.forward_ns_per_kflop
                              : kernel.kind == "attention_backward" ? facts.backward_ns_per_kflop
                                                                    : facts.other_ns_per_kflop;
  const double arithmetic = kernel.kind == "rows"
                                ? work.cycles * facts.cycle_ns
                                : static_cast<double>(work.flops) / 1e3 * ns_per_kflop;
  double items = 0;
  for (const int64_t stage : work.items) items += static_cast<double>(stage);
  const double busy = std::max(arithmetic, traffic) +
                      facts.overlap * std::min(arithmetic, traffic) + items * facts.item_ns;
  const int64_t most = work.items.empty() ? 1 : work.items.front();
  const auto parts = static_cast<double>(std::clamp<int64_t>(most, 1, workers));
  const auto stages = static_cast<double>(work.items.size());
  return (stages * facts.launch_ns + busy / parts) / 1e9;
}

MachineFacts FitMachineFacts(absl::Span<const MeasuredKernel> kernels, int64_t workers) {
  MachineFacts best;
  if (kernels.empty()) return best;
  double least = Error(best, kernels, workers);
  double factor = 16;
  for (int round = 0; round < 10; ++round) {
    factor = std::sqrt(factor);  // 4, 2, 1.41, ... 1.003
    for (bool better = true; better;) {
      better = false;
      for (const MachineFact& fact : AllMachineFacts()) {
        for (const double scale : {factor, 1 / factor}) {
          MachineFacts other = best;
          other.*fact.value *= scale;
          const double error = Error(other, kernels, workers);
          // Not for the last digits, which would go round in circles.
          if (error < least * (1 - 1e-6)) {
            best = other;
            least = error;
            better = true;
          }
        }
      }
    }
  }
  return best;
}

std::string MachineFactsJson(const MachineFacts& facts) {
  JsonValue json = JsonValue::object();
  for (const MachineFact& fact : AllMachineFacts()) json[fact.name] = facts.*fact.value;
  return json.Dump(2) + "\n";
}

absl::StatusOr<MachineFacts> ReadMachineFacts(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::ReadFile(path));
  std::vector<absl::string_view> known;
  MachineFacts facts;
  for (const MachineFact& fact : AllMachineFacts()) {
    HYDRA_ASSIGN_OR_RETURN(const JsonView value, document.root().Get(fact.name));
    HYDRA_ASSIGN_OR_RETURN(facts.*fact.value, value.Double());
    if (!(facts.*fact.value > 0)) return value.Expected("a number above 0");
    known.push_back(fact.name);
  }
  HYDRA_RETURN_IF_ERROR(document.root().RejectUnknownKeys(known));
  return facts;
}

}  // namespace hydra::app
