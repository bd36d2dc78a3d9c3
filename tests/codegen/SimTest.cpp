// What the simulated device catches, and what its exchanges compute: kernels written in the NVVM
// dialect, so that each has one fault.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "compiler/codegen/SimCode.h"
#include "llvm/ADT/StringExtras.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "tests/codegen/SimHarness.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;
using ::testing::HasSubstr;

namespace {

constexpr size_t kThreads = 64;

// A kernel of two buffers of 64 elements; %t is the thread, %x its element of the first one, %mine
// and %theirs are places in shared memory: the thread's, and that of thread 63 - %t.
std::string kernelText(const std::string& body) {
  return R"(
llvm.mlir.global internal @tile() {addr_space = 3 : i32} : !llvm.array<64 x f32>
llvm.func @k(%in: !llvm.ptr, %out: !llvm.ptr, %scratch: !llvm.ptr) attributes {nvvm.kernel} {
  %t32 = nvvm.read.ptx.sreg.tid.x : i32
  %t = llvm.zext %t32 : i32 to i64
  %last = llvm.mlir.constant(63 : i64) : i64
  %other = llvm.sub %last, %t : i64
  %zero = llvm.mlir.constant(0 : i32) : i32
  %one = llvm.mlir.constant(1 : i32) : i32
  %full = llvm.mlir.constant(-1 : i32) : i32
  %clamp = llvm.mlir.constant(31 : i32) : i32
  %32 = llvm.mlir.constant(32 : i32) : i32
  %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
  %mine = llvm.getelementptr %tile[%t] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, f32
  %theirs = llvm.getelementptr %tile[%other] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, f32
  %from = llvm.getelementptr %in[%t] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  %to = llvm.getelementptr %out[%t] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  %x = llvm.load %from {alignment = 4 : i64} : !llvm.ptr -> f32
)" + body +
         R"(
  llvm.return
}
)";
}

struct Outcome {
  std::string error;  // of compiling or running; empty if all is well
  std::vector<float> out;
};

Outcome runText(const std::string& text, std::vector<float> in = {}, uint32_t blocks = 1) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<LLVM::LLVMDialect, NVVM::NVVMDialect>();
  Outcome outcome;
  context.getDiagEngine().registerHandler([&](Diagnostic& diagnostic) {
    outcome.error += diagnostic.str() + "\n";
    return success();
  });
  auto module = parseSourceString<ModuleOp>(text, ParserConfig(&context), "kernel.mlir");
  EXPECT_TRUE(module) << outcome.error;
  if (!module) return outcome;
  FailureOr<CodeImage> image = compileForSim(*module, *simLevel());
  if (failed(image)) return outcome;
  if (in.empty())
    for (size_t i = 0; i < kThreads; ++i) in.push_back(static_cast<float>(i));
  SimLaunch launch;
  launch.buffers = {0, 1};
  launch.geometry.grid[0] = blocks;
  launch.geometry.block[0] = kThreads;
  auto after = runOnSim(*image, {"k"}, {launch},
                        {Words::floats(in), Words::floats(std::vector<float>(kThreads, -1.0f))});
  if (!after.ok()) outcome.error = std::string(after.status().message());
  if (after.ok()) outcome.out = (*after)[1].asFloats();
  return outcome;
}

class Sim : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!simLevel()) GTEST_SKIP() << "this machine runs no supported level";
  }
};

constexpr char kReverse[] = R"(
  llvm.store %x, %mine {alignment = 4 : i64} : f32, !llvm.ptr<3>
  BARRIER
  %y = llvm.load %theirs {alignment = 4 : i64} : !llvm.ptr<3> -> f32
  llvm.store %y, %to {alignment = 4 : i64} : f32, !llvm.ptr
)";
std::string reversed(const std::string& barrier) {
  std::string text = kReverse;
  return kernelText(text.replace(text.find("BARRIER"), 7, barrier));
}

TEST_F(Sim, SharedMemoryCarriesValuesOverABarrier) {
  Outcome outcome = runText(reversed("nvvm.barrier0"));
  ASSERT_EQ(outcome.error, "");
  for (size_t i = 0; i < kThreads; ++i) EXPECT_EQ(outcome.out[i], static_cast<float>(63 - i));
  EXPECT_EQ(runText(reversed("nvvm.barrier")).out, outcome.out);
}

TEST_F(Sim, AMissingBarrierIsCaughtWithItsPlace) {
  std::string error = runText(reversed("")).error;
  EXPECT_THAT(error, HasSubstr("kernel k, kernel.mlir:"));
  EXPECT_THAT(error, HasSubstr("llvm.load"));
  // A barrier of the warp does not reach the other one.
  EXPECT_THAT(runText(reversed("nvvm.bar.warp.sync %full : i32")).error, HasSubstr("kernel k"));
}

// Written and read in the right order by chance: under no order of warps does the value differ.
TEST_F(Sim, ARaceIsCaughtWhereTheValueIsRight) {
  std::string error = runText(kernelText(R"(
    %is = llvm.icmp "eq" %t32, %zero : i32
    llvm.store %x, %mine {alignment = 4 : i64} : f32, !llvm.ptr<3>
    nvvm.barrier0
    %y = llvm.load %theirs {alignment = 4 : i64} : !llvm.ptr<3> -> f32
    llvm.store %x, %mine {alignment = 4 : i64} : f32, !llvm.ptr<3>
  )"))
                          .error;
  EXPECT_THAT(error, HasSubstr("no barrier lies between"));
}

TEST_F(Sim, WarpBarriersOrderTheLanesOfAWarp) {
  // The neighbour, and back, within a warp.
  const char* body = R"(
    %near = llvm.xor %t32, %one : i32
    %at = llvm.zext %near : i32 to i64
    %beside = llvm.getelementptr %tile[%at] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, f32
    llvm.store %x, %mine {alignment = 4 : i64} : f32, !llvm.ptr<3>
    nvvm.bar.warp.sync %full : i32
    %y = llvm.load %beside {alignment = 4 : i64} : !llvm.ptr<3> -> f32
    llvm.store %y, %to {alignment = 4 : i64} : f32, !llvm.ptr
  )";
  Outcome outcome = runText(kernelText(body));
  ASSERT_EQ(outcome.error, "");
  for (size_t i = 0; i < kThreads; ++i) EXPECT_EQ(outcome.out[i], static_cast<float>(i ^ 1));
}

TEST_F(Sim, UnwrittenSharedMemoryIsNotRead) {
  EXPECT_THAT(runText(kernelText(R"(
    %y = llvm.load %mine {alignment = 4 : i64} : !llvm.ptr<3> -> f32
    llvm.store %y, %to {alignment = 4 : i64} : f32, !llvm.ptr
  )"))
                  .error,
              HasSubstr("which no thread of the block wrote"));
}

TEST_F(Sim, DivergentBarriersAreNamed) {
  const char* body = R"(
    %is = llvm.icmp "ult" %t32, %32 : i32
    llvm.cond_br %is, ^some, ^join
  ^some:
    nvvm.barrier0
    llvm.br ^join
  ^join:
  )";
  std::string error = runText(kernelText(body)).error;
  EXPECT_THAT(error, HasSubstr("waits at kernel.mlir:"));
  EXPECT_THAT(error, HasSubstr("nvvm.barrier0"));
  EXPECT_THAT(error, HasSubstr("has ended"));
  // Lanes that do not come to an exchange.
  EXPECT_THAT(runText(kernelText(R"(
    %is = llvm.icmp "eq" %t32, %zero : i32
    llvm.cond_br %is, ^some, ^join
  ^some:
    %y = nvvm.shfl.sync bfly %full, %x, %one, %clamp : f32 -> f32
    llvm.br ^join
  ^join:
  )"))
                  .error,
              HasSubstr("an exchange of the warp that not all threads come to"));
}

TEST_F(Sim, AccessesOutsideAndMisalignedAreNamed) {
  EXPECT_THAT(runText(kernelText(R"(
    %beyond = llvm.getelementptr %to[1] : (!llvm.ptr) -> !llvm.ptr, f32
    llvm.store %x, %beyond {alignment = 4 : i64} : f32, !llvm.ptr
  )"))
                  .error,
              HasSubstr("writes 4 bytes 0 bytes behind argument 1, arena[256, 512)"));
  EXPECT_THAT(runText(kernelText(R"(
    %v = llvm.load %from {alignment = 8 : i64} : !llvm.ptr -> f64
  )"))
                  .error,
              HasSubstr("no multiple of 8"));
}

TEST_F(Sim, WhatDependsOnTheOrderOfBlocksIsCaught) {
  const char* body = R"(
    %b = nvvm.read.ptx.sreg.ctaid.x : i32
    %f = llvm.sitofp %b : i32 to f32
    llvm.store %f, %to {alignment = 4 : i64} : f32, !llvm.ptr
  )";
  EXPECT_EQ(runText(kernelText(body)).error, "");
  EXPECT_THAT(runText(kernelText(body), {}, 2).error,
              HasSubstr("depends on the order in which warps run"));
}

TEST_F(Sim, OpsWithoutAMeaningAreErrorsOfTheCompiler) {
  EXPECT_THAT(runText(kernelText("nvvm.cp.async.commit.group")).error,
              HasSubstr("'nvvm.cp.async.commit.group' op has no meaning on target sim"));
  EXPECT_THAT(runText(kernelText("%w = nvvm.read.ptx.sreg.warpid : i32")).error,
              HasSubstr("has no meaning on target sim"));
  EXPECT_THAT(
      runText(kernelText("%a = llvm.atomicrmw fadd %to, %x monotonic : !llvm.ptr, f32")).error,
      HasSubstr("'llvm.atomicrmw' op has no meaning on target sim"));
}

TEST_F(Sim, ShufflesTakeFromTheLaneThatPtxSays) {
  auto shuffled = [](const std::string& kind, const std::string& control) {
    Outcome outcome = runText(kernelText(
        "%c = llvm.mlir.constant(" + control + " : i32) : i32\n%y = nvvm.shfl.sync " + kind +
        " %full, %x, %one, %c : f32 -> f32\n"
        "llvm.store %y, %to {alignment = 4 : i64} : f32, !llvm.ptr\n"));
    EXPECT_EQ(outcome.error, "");
    outcome.out.resize(kThreads);
    return std::vector<float>(outcome.out.begin() + 32, outcome.out.begin() + 64);
  };
  auto first = [](std::vector<float> values) {
    return std::vector<float>{values[0], values[1], values[30], values[31]};
  };
  using Floats = std::vector<float>;
  EXPECT_EQ(first(shuffled("bfly", "31")), (Floats{33, 32, 63, 62}));
  EXPECT_EQ(first(shuffled("up", "0")), (Floats{32, 32, 61, 62}));
  EXPECT_EQ(first(shuffled("down", "31")), (Floats{33, 34, 63, 63}));
  EXPECT_EQ(first(shuffled("idx", "31")), (Floats{33, 33, 33, 33}));
  // Segments of 16 lanes: the mask 16 stands in bits 8 to 12.
  Floats halves = shuffled("down", std::to_string((16 << 8) | 31));
  EXPECT_EQ(halves[15], 47.0f);
  EXPECT_EQ(halves[16], 49.0f);
}

TEST_F(Sim, VotesCountLanes) {
  Outcome outcome = runText(kernelText(R"(
    %bit = llvm.and %t32, %one : i32
    %odd = llvm.icmp "eq" %bit, %one : i32
    %votes = nvvm.vote.sync ballot %full, %odd -> i32
    %y = llvm.bitcast %votes : i32 to f32
    llvm.store %y, %to {alignment = 4 : i64} : f32, !llvm.ptr
  )"));
  ASSERT_EQ(outcome.error, "");
  EXPECT_EQ(llvm::bit_cast<uint32_t>(outcome.out[5]), 0xaaaaaaaau);
}

// Lane l of each warp holds rows and columns as PTX says; A and B are 1 + their index, so that
// every misplaced element shows.
TEST_F(Sim, ProductsOfAWarpFollowThePtxFragments) {
  Outcome outcome = runText(kernelText(R"(
    %lane = nvvm.read.ptx.sreg.laneid : i32
    %two = llvm.mlir.constant(2 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %four = llvm.mlir.constant(4 : i32) : i32
    %eight = llvm.mlir.constant(8 : i32) : i32
    %group = llvm.lshr %lane, %two : i32
    %in_group = llvm.and %lane, %three : i32
    %high = llvm.add %group, %eight : i32
    %k_high = llvm.add %in_group, %four : i32
    %r0 = llvm.mul %group, %eight : i32
    %r1 = llvm.mul %high, %eight : i32
    %i0 = llvm.add %r0, %in_group : i32
    %i1 = llvm.add %r1, %in_group : i32
    %i2 = llvm.add %r0, %k_high : i32
    %i3 = llvm.add %r1, %k_high : i32
    %f0 = llvm.sitofp %i0 : i32 to f32
    %f1 = llvm.sitofp %i1 : i32 to f32
    %f2 = llvm.sitofp %i2 : i32 to f32
    %f3 = llvm.sitofp %i3 : i32 to f32
    %a0 = llvm.bitcast %f0 : f32 to i32
    %a1 = llvm.bitcast %f1 : f32 to i32
    %a2 = llvm.bitcast %f2 : f32 to i32
    %a3 = llvm.bitcast %f3 : f32 to i32
    // B[k, n] = 1 where k = n.
    %d0 = llvm.icmp "eq" %in_group, %group : i32
    %d1 = llvm.icmp "eq" %k_high, %group : i32
    %g0 = llvm.uitofp %d0 : i1 to f32
    %g1 = llvm.uitofp %d1 : i1 to f32
    %b0 = llvm.bitcast %g0 : f32 to i32
    %b1 = llvm.bitcast %g1 : f32 to i32
    %c = llvm.mlir.constant(0.5 : f32) : f32
    %d = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b0, %b1] C[%c, %c, %c, %c]
      {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>,
       multiplicandAPtxType = #nvvm.mma_type<tf32>, multiplicandBPtxType = #nvvm.mma_type<tf32>,
       shape = #nvvm.shape<m = 16, n = 8, k = 8>} : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    %e = llvm.extractvalue %d[3] : !llvm.struct<(f32, f32, f32, f32)>
    llvm.store %e, %to {alignment = 4 : i64} : f32, !llvm.ptr
  )"));
  ASSERT_EQ(outcome.error, "");
  // Element 3 of lane l stands in row 8 + l / 4, column 1 + 2 (l mod 4).
  for (size_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(outcome.out[lane], static_cast<float>((8 + lane / 4) * 8 + 1 + 2 * (lane % 4)) + 0.5f)
        << lane;
}

}  // namespace
