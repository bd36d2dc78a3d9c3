#include "tests/hal/cuda/fake_modules.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <utility>

namespace hydra::hal::testing {
namespace {

using Parameters = absl::Span<const uint64_t>;

template <typename T>
T* Pointer(Parameters parameters, size_t index) {
  return reinterpret_cast<T*>(parameters[index]);
}

// As test_kernels.ptx has them: block b does items b, b + blocks, ...
void Count(Parameters p, uint64_t block, uint64_t blocks) {
  for (uint64_t i = block; i < p[3]; i += blocks) {
    Pointer<int32_t>(p, 0)[i] += static_cast<int32_t>(p[2]);
  }
}
void Double(Parameters p, uint64_t block, uint64_t blocks) {
  float* staged = Pointer<float>(p, 2) + 1024 * block;
  for (uint64_t i = block; i < p[3]; i += blocks) {
    std::fill_n(staged, 1024, Pointer<float>(p, 0)[i]);
    Pointer<float>(p, 1)[i] = staged[0] + staged[1023];
  }
}
void Poke(Parameters p, uint64_t, uint64_t) { Pointer<float>(p, 0)[p[2]] = 1.0f; }
void CopyItems(Parameters p, uint64_t block, uint64_t blocks) {
  for (uint64_t i = block; i < p[3]; i += blocks) {
    Pointer<float>(p, 1)[i] = Pointer<float>(p, 0)[i];
  }
}
void Slow(Parameters p, uint64_t, uint64_t) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(p[2]);
  while (std::chrono::steady_clock::now() < end) {
  }
  Pointer<float>(p, 0)[0] += 1.0f;
}

// As tests/gpu/first_day/first_day.ptx has them.
absl::Status SetCondition(const cuda::LaunchCall& call) {
  return call.machine.SetConditional(call.parameters[0], static_cast<unsigned>(call.parameters[1]));
}
absl::Status CountTo(const cuda::LaunchCall& call) {
  const uint64_t count = ++*Pointer<uint64_t>(call.parameters, 0);
  return call.machine.SetConditional(call.parameters[2], count < call.parameters[1] ? 1 : 0);
}
absl::Status AddTo(const cuda::LaunchCall& call) {
  *Pointer<uint64_t>(call.parameters, 0) += call.parameters[1];
  return absl::OkStatus();
}
const std::map<std::string, absl::Status (*)(const cuda::LaunchCall&)>& ConditionKernels() {
  static const auto& kernels =
      *new std::map<std::string, absl::Status (*)(const cuda::LaunchCall&)>{
          {"set_condition", SetCondition}, {"count_to", CountTo}, {"add_to", AddTo}};
  return kernels;
}

struct KnownKernel {
  const char* name;
  size_t pointers;  // parameters in front that are memory
  void (*run)(Parameters, uint64_t, uint64_t);
};
constexpr KnownKernel kKnownKernels[] = {{"count", 1, Count},
                                         {"double", 3, Double},
                                         {"poke", 1, Poke},
                                         {"copy", 2, CopyItems},
                                         {"slow", 1, Slow}};

absl::Status Run(const KnownKernel& kernel, const cuda::LaunchCall& call) {
  for (size_t i = 0; i < kernel.pointers; ++i) {
    if (call.machine.Holds(call.parameters[i], 4, false)) continue;
    const std::string rule = std::string("kernel ") + kernel.name + " outside of an allocation";
    call.machine.Broken(cuda::kIllegalAddress, rule);
    return call.machine.Fail(cuda::kIllegalAddress, rule);
  }
  const uint64_t blocks = call.geometry.grid[0];
  for (uint64_t block = 0; block < blocks; ++block) kernel.run(call.parameters, block, blocks);
  return absl::OkStatus();
}

std::unique_ptr<cuda::CUfunc_st> MakeFunction(const std::string& name, size_t parameters) {
  auto function = std::make_unique<cuda::CUfunc_st>();
  function->name = name;
  function->parameters = parameters;
  const auto* known = std::find_if(std::begin(kKnownKernels), std::end(kKnownKernels),
                                   [&](const KnownKernel& one) { return name == one.name; });
  if (const auto found = ConditionKernels().find(name); found != ConditionKernels().end()) {
    function->run = found->second;
    return function;
  }
  function->run = [known](const cuda::LaunchCall& call) {
    return known == std::end(kKnownKernels) ? absl::OkStatus() : Run(*known, call);
  };
  return function;
}

// The kernels of PTX with the number of their parameters.
void ReadKernels(cuda::CUmod_st& module) {
  const std::string& text = module.image;
  for (size_t at = 0; (at = text.find(".entry ", at)) != std::string::npos;) {
    at += std::strlen(".entry ");
    const size_t open = text.find('(', at), close = text.find(')', at);
    const std::string name = text.substr(at, open - at);
    size_t parameters = 0;
    for (size_t p = open; (p = text.find(".param", p)) < close; ++p) ++parameters;
    module.functions[name] = MakeFunction(name, parameters);
  }
}

}  // namespace

cuda::Result LoadModule(sim::Machine& machine, const void* image, cuda::Module* module) {
  const auto* bytes = static_cast<const char*>(image);
  const bool cubin = std::memcmp(bytes, "\177ELF", 4) == 0;
  auto loaded = std::make_unique<cuda::CUmod_st>();
  if (!cubin) {
    loaded->image = bytes;
    if (loaded->image.find(".version") == std::string::npos) return cuda::kInvalidImage;
    ReadKernels(*loaded);
  }
  *module = loaded.get();
  machine.modules.push_back(std::move(loaded));
  return cuda::kSuccess;
}

cuda::Result FindFunction(cuda::Module module, const char* name, cuda::Function* function) {
  std::unique_ptr<cuda::CUfunc_st>& found = module->functions[name];
  if (found == nullptr) {
    if (!module->image.empty()) return cuda::kNotFound;
    found = MakeFunction(name, 0);
  }
  *function = found.get();
  return cuda::kSuccess;
}

}  // namespace hydra::hal::testing
