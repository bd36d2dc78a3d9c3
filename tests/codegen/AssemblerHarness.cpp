#include "tests/codegen/AssemblerHarness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"

using namespace mlir::hydra::testing;

static std::string textOf(const std::string& path) {
  std::ifstream stream(path);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

Assembly mlir::hydra::testing::assemble(const char* assembler, llvm::StringRef architecture,
                                        const std::string& ptx) {
  llvm::SmallString<128> input, output;
  EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("kernels", "ptx", input));
  EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("kernels", "txt", output));
  std::ofstream(input.str().str()) << ptx;
  std::string option = "-arch=" + architecture.str();
  std::optional<llvm::StringRef> streams[] = {std::nullopt, output.str(), output.str()};
  Assembly result;
  result.code = llvm::sys::ExecuteAndWait(
      assembler, {assembler, "-v", option, input.str(), "-o", "/dev/null"}, std::nullopt, streams);
  result.report = textOf(output.str().str());
  llvm::sys::fs::remove(input);
  llvm::sys::fs::remove(output);
  return result;
}

void mlir::hydra::testing::expectNoSpills(const char* assembler, llvm::StringRef architecture,
                                          const std::string& ptx) {
  auto [code, report] = assemble(assembler, architecture, ptx);
  EXPECT_EQ(code, 0) << report << ptx;
  EXPECT_THAT(report, ::testing::HasSubstr("0 bytes spill stores, 0 bytes spill loads"));
  EXPECT_THAT(report, ::testing::Not(::testing::ContainsRegex("[1-9][0-9]* bytes spill")));
}
