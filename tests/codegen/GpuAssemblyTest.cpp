// Products and attention as PTX, assembled for every architecture without spills.
#include <gtest/gtest.h>

#include <set>

#include "compiler/codegen/CudaCode.h"
#include "dialects/target/GpuFacts.h"
#include "tests/codegen/GpuAssembly.h"
#include "tests/codegen/OpCases.h"
#include "tests/codegen/ProductCases.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;

namespace {

struct Source {
  std::string name, text;
};

void PrintTo(const Source& item, std::ostream* stream) { *stream << item.text; }

// Each product once: counts are data. Of attention that reads a cache, one width.
std::vector<Source> sources() {
  std::vector<Source> result;
  std::set<std::string> seen;
  for (const ProductCase& item : productCases())
    if (seen.insert(item.text).second) result.push_back({"product_" + item.name, item.text});
  for (const OpCase& item : attentionCases()) {
    bool cached = item.text.find(" position ") != std::string::npos;
    if (cached && item.name.find("x16_") == std::string::npos) continue;
    if (seen.insert(item.text).second) result.push_back({item.name, item.text});
  }
  return result;
}

class GpuAssembly : public ::testing::TestWithParam<Source> {};

TEST_P(GpuAssembly, HasNoSpills) {
  KernelHarness harness(GetParam().text, plan::Workers::blocks);
  ASSERT_TRUE(harness.function()) << harness.messages();
  expectNoSpills(harness);
}

INSTANTIATE_TEST_SUITE_P(Cases, GpuAssembly, ::testing::ValuesIn(sources()),
                         [](const ::testing::TestParamInfo<Source>& info) {
                           return info.param.name;
                         });

}  // namespace

void mlir::hydra::testing::expectNoSpills(KernelHarness& harness) {
  SmallVector<const GpuFacts*> architectures;
  for (const GpuFacts& facts : allGpuFacts()) architectures.push_back(&facts);
  FailureOr<CudaCode> code = generateCudaCode(harness.planModule(), architectures);
  ASSERT_TRUE(succeeded(code)) << harness.messages();
  if (code->assembler.empty())
    GTEST_SKIP() << "PTX was generated but not assembled: no ptxas; install the CUDA toolkit and "
                    "configure again";
  ASSERT_EQ(code->images.size(), architectures.size() + 1);
  for (const CudaImage& image : code->images)
    for (const AssembledKernel& kernel : image.kernels)
      EXPECT_EQ(kernel.resources.spillStores + kernel.resources.spillLoads, 0)
          << kernel.name << " of " << image.code.isaLevel << " takes " << kernel.resources.registers
          << " registers";
}
