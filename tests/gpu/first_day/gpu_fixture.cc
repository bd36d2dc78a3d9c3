#include "tests/gpu/first_day/gpu_fixture.h"

#include <bit>
#include <fstream>
#include <iterator>

#include "tests/base/test_paths.h"

namespace hydra::hal::cuda {

Function GpuExperiment::Kernel(const char* name) {
  if (module_ == nullptr) {
    std::ifstream stream(::hydra::testing::SourceDir() + "/tests/gpu/first_day/first_day.ptx");
    const std::string text(std::istreambuf_iterator<char>(stream), {});
    char log[4096] = {};
    int options[] = {kErrorLogBuffer, kErrorLogBytes};
    void* values[] = {log, std::bit_cast<void*>(sizeof(log))};
    EXPECT_EQ(api().cuModuleLoadDataEx(&module_, text.c_str(), 2, options, values), kSuccess)
        << log;
  }
  Function function = nullptr;
  EXPECT_CUDA(api().cuModuleGetFunction(&function, module_, name));
  return function;
}

}  // namespace hydra::hal::cuda
