// Products and attention as PTX, assembled for every architecture without spills.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "compiler/codegen/GpuCode.h"
#include "dialects/target/GpuFacts.h"
#include "tests/codegen/AssemblerHarness.h"
#include "tests/codegen/KernelHarness.h"
#include "tests/codegen/OpCases.h"
#include "tests/codegen/ProductCases.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;
using ::testing::HasSubstr;
using ::testing::Not;

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
  const char* assembler = std::getenv("HYDRA_PTXAS");
  KernelHarness harness(GetParam().text, plan::Workers::blocks);
  ASSERT_TRUE(harness.function()) << harness.messages();
  for (const GpuFacts& facts : allGpuFacts()) {
    FailureOr<std::string> ptx = generatePtx(harness.planModule(), facts.name);
    ASSERT_TRUE(succeeded(ptx)) << harness.messages();
    EXPECT_THAT(*ptx, Not(HasSubstr(".extern")));
    if (assembler) expectNoSpills(assembler, facts.name, *ptx);
  }
  if (!assembler)
    GTEST_SKIP() << "PTX was generated but not assembled: no ptxas; install the CUDA toolkit and "
                    "configure again";
}

INSTANTIATE_TEST_SUITE_P(Cases, GpuAssembly, ::testing::ValuesIn(sources()),
                         [](const ::testing::TestParamInfo<Source>& info) {
                           return info.param.name;
                         });

}  // namespace
