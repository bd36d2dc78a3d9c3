// The kernel for products as PTX: assembled for every architecture without spills, at every size of
// tile, on the tensor cores for bf16.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/codegen/GpuCode.h"
#include "tests/codegen/PtxAssembler.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;
using ::testing::HasSubstr;
using ::testing::Not;

namespace {

// x [m, k] times w [n, k] transposed, rows counted on the device.
std::string counted(int64_t m, int64_t n, int64_t k, const std::string& element) {
  auto tensor = [](int64_t rows, int64_t columns, const std::string& type) {
    return "tensor<" + std::to_string(rows) + "x" + std::to_string(columns) + "x" + type + ">";
  };
  std::string x = tensor(m, k, element), w = tensor(n, k, element), y = tensor(m, n, "f32");
  return "func.func @f(%x: " + x + ", %w: " + w + ", %n: tensor<i32>) -> " + y +
         " {\n  %r = hydra.matmul %x, %w rows %n {transpose_b, element_type = f32} : (" + x + ", " +
         w + ", tensor<i32>) -> " + y + "\n  return %r : " + y + "\n}";
}

struct Size {
  int64_t m, n, k;
};
// One of each tile of dialects/plan/ProductTiling.cpp, aligned and not.
constexpr Size kSizes[] = {{2048, 4096, 768}, {2047, 4095, 767}, {512, 2048, 768},
                           {256, 1024, 768},  {64, 64, 64},      {63, 33, 31}};

class GpuProducts : public ::testing::TestWithParam<std::tuple<Size, const char*>> {};

TEST_P(GpuProducts, AssemblesWithoutSpills) {
  auto [size, element] = GetParam();
  KernelHarness harness(counted(size.m, size.n, size.k, element));
  ASSERT_TRUE(harness.function()) << harness.messages();
  expectAssembles(harness);
  FailureOr<std::string> ptx = generatePtx(harness.planModule(), "sm_80");
  ASSERT_TRUE(succeeded(ptx));
  const char* product = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32";
  if (std::string(element) == "bf16")
    EXPECT_THAT(*ptx, HasSubstr(product));
  else
    EXPECT_THAT(*ptx, HasSubstr("fma.rn.f32"));
  EXPECT_THAT(*ptx, Not(HasSubstr("atom.")));
  if (!ptxAssembler())
    GTEST_SKIP() << "PTX was generated but not assembled: no ptxas; install the CUDA toolkit and "
                    "configure again";
}

INSTANTIATE_TEST_SUITE_P(Sizes, GpuProducts,
                         ::testing::Combine(::testing::ValuesIn(kSizes),
                                            ::testing::Values("f32", "bf16")));

}  // namespace
