// The kernels of the conformance suite as functions of this program; for GPUs test_kernels.ptx is
// made of the same by hand.
#include "tests/hal/test_kernels.h"

#include <chrono>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "tests/base/test_paths.h"

namespace hydra::hal {
namespace {

void Count(void* const* args, const KernelContext* context, int64_t begin, int64_t end) {
  auto* counts = static_cast<int32_t*>(args[0]);
  for (int64_t i = begin; i < end; ++i) counts[i] += static_cast<int32_t>(context->scalars[0]);
}

void Double(void* const* args, const KernelContext* context, int64_t begin, int64_t end) {
  const auto* in = static_cast<const float*>(args[0]);
  auto* out = static_cast<float*>(args[1]);
  auto* staged = static_cast<float*>(context->scratch);
  for (int64_t i = begin; i < end; ++i) {
    for (int j = 0; j < 1024; ++j) staged[j] = in[i];
    out[i] = staged[0] + staged[1023];
  }
}

void Poke(void* const* args, const KernelContext* context, int64_t, int64_t) {
  static_cast<float*>(args[0])[context->scalars[0]] = 1.0f;
}

void Copy(void* const* args, const KernelContext*, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    static_cast<float*>(args[1])[i] = static_cast<const float*>(args[0])[i];
  }
}

void Slow(void* const* args, const KernelContext* context, int64_t, int64_t) {
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::microseconds(context->scalars[0]);
  while (std::chrono::steady_clock::now() < end) {
  }
  static_cast<float*>(args[0])[0] += 1.0f;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Executable>> LoadTestKernels(Device& device) {
  if (device.capabilities().kernel_functions) {
    return device.LoadKernelFunctions(
        {{"count", Count}, {"double", Double}, {"poke", Poke}, {"copy", Copy}, {"slow", Slow}});
  }
  if (device.name() == "cuda") {
    // As PTX, which every GPU takes under the name of the oldest.
    std::ifstream stream(testing::SourceDir() + "/tests/hal/test_kernels.ptx");
    const std::string text(std::istreambuf_iterator<char>(stream), {});
    const auto* bytes = reinterpret_cast<const uint8_t*>(text.c_str());
    return device.LoadKernels(device.isa_levels().back(), absl::MakeSpan(bytes, text.size() + 1),
                              {{"count"}, {"double"}, {"poke"}, {"copy"}, {"slow"}});
  }
  return FailureError(absl::StrCat("the suite has no kernels for device ", device.name(), " yet"));
}

}  // namespace hydra::hal
