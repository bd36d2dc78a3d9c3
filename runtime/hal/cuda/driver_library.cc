#include "runtime/hal/cuda/driver_library.h"

#include <dlfcn.h>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal::cuda {
namespace {

constexpr char kLibrary[] = "libcuda.so.1";
constexpr char kAdvice[] = "or use --target=cpu, or sim, which needs no GPU";

std::string VersionOf(int version) {
  return absl::StrCat(version / 1000, ".", version % 1000 / 10);
}

absl::StatusOr<Driver> Open() {
  void* library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return InputError(absl::StrCat("device cuda: no NVIDIA driver here (", dlerror(),
                                   "); install one, version 550 or newer, on a machine with an "
                                   "NVIDIA GPU, ",
                                   kAdvice));
  }
  Driver driver;
  std::string missing;
#define HYDRA_CUDA_LOOK_UP(name, parameters)                                       \
  driver.api.name = reinterpret_cast<Result(*) parameters>(dlsym(library, #name)); \
  if (driver.api.name == nullptr) missing = missing.empty() ? #name : missing;
  HYDRA_CUDA_FUNCTIONS(HYDRA_CUDA_LOOK_UP)
#undef HYDRA_CUDA_LOOK_UP
  const std::string oldest = VersionOf(kOldestDriver);
  if (!missing.empty()) {
    return InputError(absl::StrCat("device cuda: the NVIDIA driver (", kLibrary, ") lacks ",
                                   missing, "; install one that serves CUDA ", oldest,
                                   " or newer, ", kAdvice));
  }
  if (driver.api.cuDriverGetVersion(&driver.version) != kSuccess ||
      driver.version < kOldestDriver) {
    return InputError(absl::StrCat("device cuda: expected an NVIDIA driver that serves CUDA ",
                                   oldest, " or newer, found ", VersionOf(driver.version),
                                   "; install a newer driver, ", kAdvice));
  }
  const absl::Status started = Check(driver, driver.api.cuInit(0), "cuInit");
  if (!started.ok()) {
    return InputError(
        absl::StrCat("device cuda: the NVIDIA driver does not start: ", started.message(),
                     "; does nvidia-smi list a GPU? Else ", kAdvice + 3));
  }
  return driver;
}

}  // namespace

std::string Driver::VersionText() const { return VersionOf(version); }

absl::StatusOr<const Driver*> OpenDriver() {
  static const absl::StatusOr<Driver>& opened = *new absl::StatusOr<Driver>(Open());
  if (!opened.ok()) return opened.status();
  return &*opened;
}

absl::Status Check(const Driver& driver, Result result, absl::string_view call) {
  if (result == kSuccess) return absl::OkStatus();
  const char *name = nullptr, *text = nullptr;
  driver.api.cuGetErrorName(result, &name);
  driver.api.cuGetErrorString(result, &text);
  const std::string message =
      absl::StrCat(call, " failed: ", name == nullptr ? "unknown error" : name, " (", result, "), ",
                   text == nullptr ? "" : text);
  return result == kOutOfMemory ? OutOfMemoryError(message) : FailureError(message);
}

}  // namespace hydra::hal::cuda
