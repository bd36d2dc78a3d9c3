// What the linker and the generator must refuse, and that they repeat themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "mlir/Parser/Parser.h"
#include "tests/codegen/KernelHarness.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;
using ::testing::HasSubstr;

namespace {

// The object of an LLVM module.
SmallVector<char, 0> compileText(const char* text, llvm::Reloc::Model model) {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(text, diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str();
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string message;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, message);
  std::unique_ptr<llvm::TargetMachine> machine(
      target->createTargetMachine(triple, "x86-64-v3", "", {}, model));
  module->setTargetTriple(triple);
  module->setDataLayout(machine->createDataLayout());
  SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager manager;
  EXPECT_FALSE(
      machine->addPassesToEmitFile(manager, stream, nullptr, llvm::CodeGenFileType::ObjectFile));
  manager.run(*module);
  return object;
}

// The diagnostic of linking it.
std::string linkError(const char* text, llvm::Reloc::Model model = llvm::Reloc::PIC_) {
  MLIRContext context;
  std::string messages;
  context.getDiagEngine().registerHandler([&](Diagnostic& diagnostic) {
    messages += diagnostic.str();
    return success();
  });
  SmallVector<char, 0> object = compileText(text, model);
  EXPECT_TRUE(failed(linkObject(object, {"k"}, UnknownLoc::get(&context))));
  return messages;
}

TEST(LinkObject, RefusesUndefinedSymbols) {
  EXPECT_THAT(
      linkError("declare float @expf(float)\n"
                "define float @k(float %x) { %y = call float @expf(float %x) ret float %y }"),
      HasSubstr("undefined symbol 'expf'"));
}

TEST(LinkObject, RefusesAbsoluteRelocations) {
  EXPECT_THAT(linkError("@table = internal constant [4 x i32] [i32 1, i32 2, i32 3, i32 4]\n"
                        "define i32 @k(i64 %i) {\n"
                        "  %p = getelementptr i32, ptr @table, i64 %i\n"
                        "  %v = load i32, ptr %p\n  ret i32 %v }",
                        llvm::Reloc::Static),
              HasSubstr("only PC32 and PLT32"));
}

TEST(LinkObject, RefusesWritableData) {
  EXPECT_THAT(linkError("@state = global i32 7\n"
                        "define void @k() { store volatile i32 1, ptr @state ret void }"),
              HasSubstr("writable section"));
}

TEST(LinkObject, RefusesMissingFunctionsAndOtherFiles) {
  EXPECT_THAT(linkError("define void @other() { ret void }"), HasSubstr("'k' is missing"));
  MLIRContext context;
  std::string messages;
  context.getDiagEngine().registerHandler([&](Diagnostic& diagnostic) {
    messages += diagnostic.str();
    return success();
  });
  EXPECT_TRUE(failed(linkObject({'n', 'o'}, {}, UnknownLoc::get(&context))));
  EXPECT_THAT(messages, HasSubstr("expected an ELF object"));
}

TEST(LinkObject, LaysOutCodeAndConstants) {
  MLIRContext context;
  SmallVector<char, 0> object = compileText(
      "@table = internal constant [4 x i32] [i32 10, i32 20, i32 30, i32 40]\n"
      "define i32 @k(i64 %i) {\n"
      "  %p = getelementptr i32, ptr @table, i64 %i\n"
      "  %v = load i32, ptr %p\n  ret i32 %v }",
      llvm::Reloc::PIC_);
  FailureOr<CodeImage> image = linkObject(object, {"k"}, UnknownLoc::get(&context));
  ASSERT_TRUE(succeeded(image));
  LoadedImage loaded(*image);
  auto k = reinterpret_cast<int (*)(int64_t)>(loaded.at(image->offsets.lookup("k")));
  EXPECT_EQ(k(2), 30);
}

constexpr char kSum[] =
    "func.func @f(%x: tensor<40xf32>) -> tensor<f32> { %r = hydra.reduce <sum> "
    "<all> %x : (tensor<40xf32>) -> tensor<f32> return %r : tensor<f32> }";

TEST(GenerateCpuCode, IsDeterministic) {
  KernelHarness a(kSum), b(kSum);
  ASSERT_TRUE(a.compile("x86-64-v3")) << a.messages();
  ASSERT_TRUE(b.compile("x86-64-v3")) << b.messages();
  EXPECT_EQ(a.image().bytes, b.image().bytes);
  EXPECT_EQ(a.image().offsets.size(), 2u);
  EXPECT_EQ(a.image().isaLevel, "x86-64-v3");
}

TEST(GenerateCpuCode, RefusesWhatHasNoKernel) {
  KernelHarness matmul(
      "func.func @f(%x: tensor<4x4xf32>) -> tensor<4x4xf32> { %r = hydra.matmul %x, %x : "
      "(tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> return %r : tensor<4x4xf32> }");
  EXPECT_FALSE(matmul.compile("x86-64-v3"));
  EXPECT_THAT(matmul.messages(), HasSubstr("has no kernel"));
  KernelHarness wide(
      "func.func @f(%x: tensor<4xf64>) -> tensor<4xf64> { %r = hydra.unary <exp> "
      "%x : (tensor<4xf64>) -> tensor<4xf64> return %r : tensor<4xf64> }");
  EXPECT_FALSE(wide.compile("x86-64-v3"));
  EXPECT_THAT(wide.messages(), HasSubstr("f32 and i32, and in row programs"));
}

}  // namespace
