// Machine facts: one row per level and architecture, what --arch resolves to on made-up processors,
// and that LLVM may use no feature that detection does not ask for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "dialects/target/Architecture.h"
#include "dialects/target/GpuFacts.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Triple.h"
#include "tests/base/fake_cpu.h"

namespace mlir::hydra {
namespace {

using ::hydra::testing::FakeCpu;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> resolve(const std::vector<std::string>& names,
                                 const ::hydra::CpuSource& source) {
  auto levels = resolveCpuLevels(names, source);
  if (!levels) return {"error: " + llvm::toString(levels.takeError())};
  std::vector<std::string> result;
  for (const CpuFacts* level : *levels) result.push_back(level->name.str());
  return result;
}

TEST(CpuFactsTest, EveryLevelHasARow) {
  ASSERT_EQ(allCpuFacts().size(), ::hydra::CpuLevels().size());
  int64_t liveBefore = 0;
  for (auto [facts, level] : llvm::zip(allCpuFacts(), ::hydra::CpuLevels())) {
    EXPECT_EQ(facts.name.str(), std::string(level.name));
    EXPECT_EQ(findCpuFacts(facts.name), &facts);
    // Vectors of kLanes, kept in whole registers, leave some for addresses and masks.
    const int64_t registersPerVector = kLanes / facts.registerLanes;
    EXPECT_EQ(kLanes % facts.registerLanes, 0);
    EXPECT_LT(facts.liveVectors * registersPerVector, facts.vectorRegisters);
    EXPECT_LT(facts.l1Bytes, facts.l2Bytes);
    EXPECT_GT(facts.l2Bandwidth, facts.sharedCacheBandwidth);
    EXPECT_GT(facts.sharedCacheBandwidth, facts.memoryBandwidth);
    // Fusion takes the weakest level asked for, which is the first of them.
    EXPECT_GE(facts.liveVectors, liveBefore) << facts.name.str();
    liveBefore = facts.liveVectors;
  }
  EXPECT_EQ(findCpuFacts("native"), nullptr);
}

// Code may only use what the runtime has asked the processor for. LLVM knows which features imply
// which, so both directions are checked against it.
TEST(CpuFactsTest, LlvmUsesExactlyTheFeaturesThatAreDetected) {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86TargetMC();
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string message;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, message);
  ASSERT_NE(target, nullptr) << message;
  auto enabled = [&](llvm::StringRef cpu, const std::string& features) {
    std::unique_ptr<llvm::MCSubtargetInfo> info(
        target->createMCSubtargetInfo(triple, cpu, features));
    std::set<std::string> names;
    for (const llvm::SubtargetFeatureKV& feature : info->getEnabledProcessorFeatures())
      names.insert(feature.Key);
    return names;
  };
  const std::set<std::string> baseline = enabled("x86-64", "");
  for (const CpuFacts& facts : allCpuFacts()) {
    std::set<std::string> required;
    for (const ::hydra::CpuFeature& feature :
         ::hydra::RequiredFeatures(*::hydra::FindCpuLevel(facts.name.str())))
      required.insert(std::string(feature.name));
    std::set<std::string> used = enabled("x86-64", facts.llvmFeatures());
    for (const std::string& name : required) EXPECT_EQ(used.count(name), 1u) << name;
    for (const std::string& name : used) {
      // Other names of sse4.2's and avx512f's instructions, and of sse3's system state.
      if (name == "crc32" || name == "evex512") continue;
      EXPECT_TRUE(baseline.count(name) || required.count(name)) << facts.name.str() << ": " << name;
    }
  }
  // Where LLVM knows the level by name, it asks for no instructions that ours lacks.
  for (const char* name : {"x86-64-v3", "x86-64-v4"}) {
    std::set<std::string> ours = enabled("x86-64", findCpuFacts(name)->llvmFeatures());
    for (const std::string& feature : {"avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"})
      EXPECT_TRUE(ours.count(feature)) << feature;
  }
}

TEST(ArchitectureTest, NativeIsTheBestThatDetectionFinds) {
  for (const ::hydra::CpuLevel& level : ::hydra::CpuLevels()) {
    const FakeCpu cpu(level);
    const std::string name(level.name);
    EXPECT_THAT(resolve({}, cpu), ElementsAre(name));
    EXPECT_THAT(resolve({"native"}, cpu), ElementsAre(name));
    EXPECT_EQ(::hydra::RunnableLevels(cpu).front(), name);
  }
  // The processor has AMX and the system refuses it: what the runtime would refuse is not emitted.
  FakeCpu masked(::hydra::CpuLevels().back());
  masked.permit = false;
  EXPECT_THAT(resolve({"native"}, masked), ElementsAre("x86-64-v4-bf16"));
  masked.state = ::hydra::kVectorState;
  EXPECT_THAT(resolve({"native"}, masked), ElementsAre("x86-64-v3"));
}

TEST(ArchitectureTest, NativeStandsBesideOtherLevels) {
  const FakeCpu cpu(*::hydra::FindCpuLevel("x86-64-v4"));
  EXPECT_THAT(resolve({"native", "x86-64-v3"}, cpu), ElementsAre("x86-64-v4", "x86-64-v3"));
  EXPECT_THAT(resolve({"x86-64-v3", "native"}, cpu), ElementsAre("x86-64-v3", "x86-64-v4"));
  // One level under two names is one section.
  EXPECT_THAT(resolve({"native", "x86-64-v4"}, cpu), ElementsAre("x86-64-v4"));
  // Levels above this processor's may be compiled for another one.
  EXPECT_THAT(resolve({"sapphirerapids"}, cpu), ElementsAre("sapphirerapids"));
}

TEST(ArchitectureTest, AProcessorBelowTheSmallestLevelIsToldWhatItLacks) {
  FakeCpu old(::hydra::CpuLevels().front());
  old.Set(::hydra::CpuLevels().front().adds.back(), false);
  EXPECT_THAT(resolve({}, old)[0],
              AllOf(HasSubstr("runs no level"), HasSubstr("x86-64-v3"), HasSubstr("no avx2")));
  EXPECT_THAT(resolve({"x86-64-v3"}, old), ElementsAre("x86-64-v3"));
}

TEST(ArchitectureTest, OtherNamesAreRefusedWithWhatIsKnown) {
  const FakeCpu cpu(::hydra::CpuLevels().back());
  EXPECT_THAT(resolve({"pentium"}, cpu)[0],
              AllOf(HasSubstr(cpuArchitectureNames()), HasSubstr("found 'pentium'")));
  EXPECT_THAT(resolve({""}, cpu)[0], HasSubstr("found ''"));
  for (const GpuFacts& gpu : allGpuFacts())
    EXPECT_THAT(resolve({gpu.name.str()}, cpu)[0],
                AllOf(HasSubstr(gpu.name.str()), HasSubstr("--target=cuda"),
                      HasSubstr(cpuArchitectureNames())));
  EXPECT_THAT(resolve({"sm_70"}, cpu)[0], AllOf(HasSubstr("sm_80, sm_86"), HasSubstr("older")));
}

TEST(ArchitectureTest, GpusComeOldestFirstAndEachOnce) {
  auto names = [](llvm::ArrayRef<std::string> asked) {
    std::vector<std::string> found;
    auto gpus = resolveGpuArchitectures(asked);
    if (!gpus) return std::vector<std::string>{llvm::toString(gpus.takeError())};
    for (const GpuFacts* gpu : *gpus) found.push_back(gpu->name.str());
    return found;
  };
  EXPECT_THAT(names({}), ElementsAre("sm_80"));
  EXPECT_THAT(names({"sm_120", "sm_89", "sm_120"}), ElementsAre("sm_89", "sm_120"));
  EXPECT_THAT(names({"sm_75"})[0], AllOf(HasSubstr("sm_75"), HasSubstr("older")));
  EXPECT_THAT(names({"native"})[0], AllOf(HasSubstr("native"), HasSubstr(gpuNames())));
  EXPECT_THAT(names({"gpu"})[0], AllOf(HasSubstr("found 'gpu'"), HasSubstr(gpuNames())));
}

// The figures of cuda_occupancy.h of CUDA 13.0 for the same kernels.
TEST(GpuFactsTest, OccupancyIsTheToolkits) {
  struct Case {
    int64_t threads, registers, shared;
    std::vector<int64_t> blocks;  // in the order of allGpuFacts
  } cases[] = {{256, 32, 0, {8, 6, 6, 8, 8, 6}},     {32, 168, 0, {12, 12, 12, 12, 12, 12}},
               {128, 255, 0, {2, 2, 2, 2, 2, 2}},    {32, 24, 1024, {32, 16, 24, 32, 32, 24}},
               {256, 64, 40960, {4, 2, 2, 4, 4, 2}}, {128, 40, 8, {12, 12, 12, 12, 12, 12}}};
  for (const Case& one : cases) {
    std::vector<int64_t> found;
    for (const GpuFacts& gpu : allGpuFacts())
      found.push_back(residentBlocks(gpu, one.threads, one.registers, one.shared));
    EXPECT_EQ(found, one.blocks) << one.threads << " threads, " << one.registers << " registers";
  }
}

TEST(GpuFactsTest, ArchitecturesAreOrderedAndConsistent) {
  int64_t before = 0;
  for (const GpuFacts& gpu : allGpuFacts()) {
    EXPECT_EQ(gpu.name.str(), "sm_" + std::to_string(gpu.computeCapability));
    EXPECT_GT(gpu.computeCapability, before);
    before = gpu.computeCapability;
    EXPECT_LE(gpu.registersPerThread * 256, gpu.registers);
    EXPECT_LT(gpu.sharedBytesPerBlock, gpu.sharedBytes);
    EXPECT_EQ(gpu.threads % 128, 0);
    EXPECT_EQ(findGpuFacts(gpu.name), &gpu);
  }
  EXPECT_EQ(findGpuFacts("sm_70"), nullptr);
}

}  // namespace
}  // namespace mlir::hydra
