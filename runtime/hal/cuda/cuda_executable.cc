#include "runtime/hal/cuda/cuda_executable.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal::cuda {

absl::StatusOr<Function> CudaExecutable::FunctionOf(const MatmulCommand&) const {
  return InputError(
      "it leaves a product to a library, whose calls may obtain memory and wait; this driver has "
      "none and runs products as kernels of the artifact only");
}

absl::StatusOr<std::unique_ptr<CudaModule>> CudaModule::Load(absl::string_view level,
                                                             absl::Span<const uint8_t> code,
                                                             absl::Span<const KernelEntry> entries,
                                                             std::shared_ptr<CudaContext> context) {
  std::unique_ptr<CudaModule> executable(new CudaModule(std::move(context)));
  CudaContext& gpu = *executable->context_;
  for (const KernelEntry& entry : entries) {
    if (entry.offset >= code.size()) {
      return InputError(absl::StrCat("kernel ", entry.name, " starts at byte ", entry.offset,
                                     " of ", code.size(),
                                     " bytes of code; compile the model again"));
    }
  }
  if (entries.empty()) return executable;
  // The driver takes anything else for a text and looks for its end.
  const bool cubin = code.size() > 4 && std::memcmp(code.data(), "\177ELF", 4) == 0;
  if (!cubin && code.back() != 0) {
    return InputError(absl::StrCat("the code for ", level,
                                   " is neither a cubin nor PTX, text that ends in a zero byte; "
                                   "compile the model again"));
  }
  char log[4096] = {};
  int options[] = {kErrorLogBuffer, kErrorLogBytes};
  void* values[] = {log, std::bit_cast<void*>(sizeof(log))};
  const absl::Status loaded =
      gpu.Check(gpu.api().cuModuleLoadDataEx(&executable->module_, code.data(), 2, options, values),
                "cuModuleLoadDataEx");
  if (!loaded.ok()) {
    executable->module_ = nullptr;
    log[sizeof(log) - 1] = 0;
    return InputError(absl::StrCat("the driver does not take the code for ", level, " on ",
                                   gpu.gpu_name(), ": ", loaded.message(), log[0] == 0 ? "" : ": ",
                                   log, "; compile the model again with --target=cuda --arch=sm_",
                                   gpu.capability()));
  }
  for (const KernelEntry& entry : entries) {
    CudaKernel kernel{nullptr, entry.name, entry.location};
    if (gpu.api().cuModuleGetFunction(&kernel.function, executable->module_, entry.name.c_str()) !=
        kSuccess) {
      return InputError(absl::StrCat("the code for ", level, " has no kernel ", entry.name,
                                     "; compile the model again"));
    }
    executable->kernels_.push_back(std::move(kernel));
  }
  return executable;
}

CudaModule::~CudaModule() {
  if (module_ == nullptr || !context_->Enter().ok()) return;
  context_->Drain().IgnoreError();
  context_->api().cuModuleUnload(module_);
}

}  // namespace hydra::hal::cuda
