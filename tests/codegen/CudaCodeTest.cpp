// Code of target cuda: what the assembler reports, what an image holds, which function of the
// driver may be called.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/codegen/CudaCode.h"
#include "compiler/codegen/GpuCode.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "tests/codegen/KernelHarness.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;
using ::testing::HasSubstr;

namespace {

const char* const kExp =
    "func.func @f(%x: tensor<64x48xf32>) -> tensor<64x48xf32> {\n"
    "  %r = hydra.unary <exp> %x : (tensor<64x48xf32>) -> tensor<64x48xf32>\n"
    "  return %r : tensor<64x48xf32>\n}";

TEST(CudaCode, AssemblerReportsAreReadByKernel) {
  auto kernels = parseAssemblerReport(
      "ptxas info    : 0 bytes gmem, 8 bytes cmem[4]\n"
      "ptxas info    : Compiling entry function 'bar' for 'sm_80'\n"
      "ptxas info    : Function properties for bar\n"
      "    16 bytes stack frame, 12 bytes spill stores, 20 bytes spill loads\n"
      "ptxas info    : Used 24 registers, used 0 barriers, 16 bytes cumulative stack size, 360 "
      "bytes cmem[0]\n"
      "ptxas info    : Compile time = 2.107 ms\n"
      "ptxas info    : Compiling entry function 'foo' for 'sm_80'\n"
      "ptxas info    : Function properties for foo\n"
      "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
      "ptxas info    : Used 8 registers, used 1 barriers, 1024 bytes smem, 360 bytes cmem[0]\n");
  ASSERT_EQ(kernels.size(), 2u);
  EXPECT_EQ(kernels["bar"], (KernelResources{24, 16, 12, 20, 0}));
  EXPECT_EQ(kernels["foo"], (KernelResources{8, 0, 0, 0, 1024}));
}

TEST(CudaCode, KernelsThatSpillMayTakeAllRegisters) {
  const std::string one = ".visible .entry one(\n)\n.maxntid 256\n{\n\tret;\n}\n",
                    two = ".visible .entry two(\n)\n.maxntid 64\n{\n\tret;\n}";
  EXPECT_EQ(withAllRegisters(one + two, {"two"}),
            one + ".visible .entry two(\n)\n.maxntid 64\n.minnctapersm 1\n{\n\tret;\n}");
  EXPECT_EQ(withAllRegisters(one + two, {"on"}), one + two);
}

TEST(CudaCode, OnlyTheDriversFunctionMayBeCalled) {
  auto ptxOf = [](const std::string& called, std::string& messages) {
    KernelHarness harness(kExp);
    // The dialects' translations are registered by the first module that is generated.
    EXPECT_TRUE(succeeded(generateNvvm(harness.planModule())));
    OwningOpRef<ModuleOp> module =
        parseSourceString<ModuleOp>("llvm.func @" + called +
                                        "(i64, i32)\n"
                                        "llvm.func @k(%h: i64) attributes {nvvm.kernel} {\n"
                                        "  %one = llvm.mlir.constant(1 : i32) : i32\n"
                                        "  llvm.call @" +
                                        called + "(%h, %one) : (i64, i32) -> ()\n  llvm.return\n}",
                                    harness.planModule().getContext());
    FailureOr<std::string> ptx = translateToPtx(*module, *findGpuFacts("sm_80"));
    messages += harness.messages();
    return succeeded(ptx) ? *ptx : std::string();
  };
  std::string messages;
  EXPECT_THAT(ptxOf("cudaGraphSetConditional", messages),
              HasSubstr(".extern .func cudaGraphSetConditional"));
  EXPECT_EQ(ptxOf("expf", messages), "");
  EXPECT_THAT(messages, HasSubstr("calls 'expf', which it does not have"));
}

TEST(CudaCode, EveryArchitectureHasEveryKernelOrPtxHas) {
  KernelHarness harness(kExp);
  SmallVector<const GpuFacts*> gpus = {findGpuFacts("sm_80"), findGpuFacts("sm_120")};
  FailureOr<CudaCode> code = generateCudaCode(harness.planModule(), gpus);
  ASSERT_TRUE(succeeded(code)) << harness.messages();
  ASSERT_FALSE(code->images.empty());
  EXPECT_EQ(code->images.back().code.isaLevel, "compute_80");
  EXPECT_EQ(code->images.size(), code->assembler.empty() ? 1u : 3u);
  for (const CudaImage& image : code->images) {
    EXPECT_TRUE(image.code.offsets.contains("k")) << image.code.isaLevel;
    for (const AssembledKernel& kernel : image.kernels) {
      EXPECT_GT(kernel.resources.registers, 0);
      EXPECT_GT(kernel.occupancyPercent, 0);
    }
  }
}

}  // namespace
