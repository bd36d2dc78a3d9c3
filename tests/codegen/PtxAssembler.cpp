#include "tests/codegen/PtxAssembler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "compiler/codegen/GpuCode.h"
#include "dialects/target/GpuFacts.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"

using namespace mlir;
using namespace mlir::hydra;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

static std::string textOf(const std::string& path) {
  std::ifstream stream(path);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

const char* mlir::hydra::testing::ptxAssembler() { return std::getenv("HYDRA_PTXAS"); }

std::pair<int, std::string> mlir::hydra::testing::assemblePtx(StringRef architecture,
                                                              const std::string& ptx) {
  llvm::SmallString<128> input, output;
  EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("kernels", "ptx", input));
  EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("kernels", "txt", output));
  std::ofstream(input.str().str()) << ptx;
  std::string option = "-arch=" + architecture.str();
  std::optional<StringRef> streams[] = {std::nullopt, output.str(), output.str()};
  int code = llvm::sys::ExecuteAndWait(
      ptxAssembler(), {ptxAssembler(), "-v", option, input.str(), "-o", "/dev/null"}, std::nullopt,
      streams);
  std::string report = textOf(output.str().str());
  llvm::sys::fs::remove(input);
  llvm::sys::fs::remove(output);
  return {code, report};
}

void mlir::hydra::testing::expectAssembles(KernelHarness& harness) {
  for (const GpuFacts& facts : allGpuFacts()) {
    StringRef architecture = facts.name;
    FailureOr<std::string> ptx = generatePtx(harness.planModule(), architecture);
    ASSERT_TRUE(succeeded(ptx)) << harness.messages();
    EXPECT_THAT(*ptx, HasSubstr(".visible .entry k("));
    EXPECT_THAT(*ptx, HasSubstr(".target " + architecture.str()));
    EXPECT_THAT(*ptx, Not(HasSubstr(".extern")));
    if (!ptxAssembler()) continue;
    auto [code, report] = assemblePtx(architecture, *ptx);
    EXPECT_EQ(code, 0) << report << *ptx;
    EXPECT_THAT(report, HasSubstr("0 bytes spill stores, 0 bytes spill loads"));
    EXPECT_THAT(report, Not(ContainsRegex("[1-9][0-9]* bytes spill")));
  }
}
