#include "runtime/hal/cpu/onednn_level.h"

#include <oneapi/dnnl/dnnl.h>

#include <mutex>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal::cpu {
namespace {

// oneDNN's names for what it may use.
struct Isa {
  absl::string_view name;
  dnnl_cpu_isa_t value;
};
constexpr Isa kIsas[] = {{"avx2", dnnl_cpu_isa_avx2},
                         {"avx512_core", dnnl_cpu_isa_avx512_core},
                         {"avx512_core_bf16", dnnl_cpu_isa_avx512_core_bf16},
                         {"avx512_core_amx", dnnl_cpu_isa_avx512_core_amx}};

absl::Status Hold(const CpuLevel& level) {
  for (const Isa& isa : kIsas) {
    if (isa.name != level.onednn_isa) continue;
    if (dnnl_set_max_cpu_isa(isa.value) != dnnl_success ||
        dnnl_set_cpu_isa_hints(dnnl_cpu_isa_no_hints) != dnnl_success) {
      return FailureError(absl::StrCat(
          "oneDNN ", OneDnnVersion(), " cannot be held to ", isa.name, " for kernels of ",
          level.name, ": it was used in this process before, or built without that choice"));
    }
    const dnnl_cpu_isa_t effective = dnnl_get_effective_cpu_isa();
    if (effective == isa.value) return absl::OkStatus();
    return InputError(absl::StrCat("oneDNN ", OneDnnVersion(), " does not reach ", isa.name,
                                   " on this processor, which kernels of ", level.name,
                                   " go with (it reports 0x", absl::Hex(effective),
                                   "); compile with a smaller --arch"));
  }
  return FailureError(absl::StrCat("oneDNN's level ", level.onednn_isa, " of ", level.name,
                                   " is not known to this driver"));
}

}  // namespace

absl::Status HoldOneDnn(const CpuLevel& level) {
  static std::mutex mutex;
  static const CpuLevel* held = nullptr;
  const std::lock_guard<std::mutex> lock(mutex);
  if (held == &level) return absl::OkStatus();
  if (held != nullptr) {
    return UsageError(absl::StrCat(
        "kernels for ", level.name, " cannot run in this process: oneDNN is held to ",
        held->onednn_isa, " for the kernels of ", held->name,
        " that came first, and cannot change; run them in a process of their own, or compile both "
        "with the same --arch"));
  }
  absl::Status status = Hold(level);
  if (status.ok()) held = &level;
  return status;
}

std::string OneDnnVersion() {
  const dnnl_version_t* version = dnnl_version();
  return absl::StrCat(version->major, ".", version->minor, ".", version->patch);
}

}  // namespace hydra::hal::cpu
