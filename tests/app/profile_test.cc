// Profiles and predictions: times come back as they were written, stages of a kernel belong
// together, and a fit finds the machine that made the times.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/app/kernel_times.h"
#include "runtime/app/machine_facts.h"
#include "runtime/app/profile_file.h"

namespace hydra::app {
namespace {

using ::testing::HasSubstr;

std::string Write(const std::string& name, const std::string& text) {
  const std::string path = std::filesystem::path(::testing::TempDir()) / name;
  std::ofstream(path) << text;
  return path;
}

LedgerKernel Kernel(const std::string& name, const std::string& kind, KernelWork work) {
  return {.name = name,
          .kind = kind,
          .launches = 1,
          .bytes = 4096,
          .work = std::move(work),
          .ops = {{"rms_norm", "layers.0", "m.mlir:7"}}};
}

// Two launches of a kernel of two stages, a matmul between them, and a case that was not taken.
Measurement Sample() {
  const auto row = [](const char* kind, const char* kernel, uint64_t runs, double mean,
                      double fastest) {
    return ProfileRow{"accumulate@1x8", "layers.0", kind,
                      kernel,           runs,       mean * static_cast<double>(runs),
                      fastest};
  };
  Measurement measurement;
  measurement.label = "train@1x8";
  measurement.profile = {
      row("kernel", "norm_1", 4, 3e-6, 2e-6),    row("kernel", "norm_1_s1", 4, 2e-6, 1e-6),
      row("matmul", "", 4, 7e-6, 6e-6),          row("kernel", "norm_1", 4, 5e-6, 4e-6),
      row("kernel", "norm_1_s1", 4, 2e-6, 1e-6), row("kernel", "rare_1", 0, 0, 0)};
  return measurement;
}

Ledger SampleLedger() {
  Ledger ledger;
  ledger.kernels = {Kernel("norm_1", "rows", {.items = {8, 1}, .cycles = 100}),
                    Kernel("rare_1", "rows", {.items = {1}, .cycles = 1})};
  return ledger;
}

Profile Head() {
  return {.artifact = "0123456789abcdef",
          .model = "m",
          .device = "cpu",
          .isa_level = "level",
          .workers = 2,
          .commands = {}};
}

TEST(ProfileTest, TracesSayWhereAKernelComesFromAndComeBack) {
  artifact::ArtifactInfo info;
  info.kernels.push_back({.name = "norm_1", .hash = "h", .location = "m.mlir:7:3", .offsets = {}});
  const Ledger ledger = SampleLedger();
  const std::string text = ProfileTrace(Head(), info, &ledger, {Sample()});
  EXPECT_THAT(text, HasSubstr("\"location\": \"m.mlir:7:3\""));
  EXPECT_THAT(text, HasSubstr("rms_norm at m.mlir:7"));
  EXPECT_THAT(text, HasSubstr("train@1x8"));
  const auto profile = ReadProfile(Write("trace.json", text));
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->artifact, "0123456789abcdef");
  EXPECT_EQ(profile->workers, 2);
  ASSERT_EQ(profile->commands.size(), 5u);
  EXPECT_EQ(profile->commands[2].kind, "matmul");
  EXPECT_EQ(profile->commands[0].entry, "accumulate@1x8");
  EXPECT_EQ(profile->commands[0].runs, 4u);
  EXPECT_NEAR(profile->commands[0].mean, 3e-6, 1e-12);
  EXPECT_NEAR(profile->commands[0].fastest, 2e-6, 1e-12);
}

TEST(ProfileTest, OtherFilesAreRefused) {
  EXPECT_THAT(ReadProfile(Write("other.json", "{\"traceEvents\": []}")).status().message(),
              HasSubstr("--profile=FILE"));
  artifact::ArtifactInfo info;
  const std::string text = ProfileTrace(Head(), info, nullptr, {Sample()});
  const std::string bad = absl::StrReplaceAll(text, {{"\"dur\": ", "\"dur\": -"}});
  EXPECT_THAT(ReadProfile(Write("bad.json", bad)).status().message(), HasSubstr("a time"));
}

TEST(ProfileTest, StagesOfALaunchAreOneTime) {
  EXPECT_EQ(KernelOfFunction("norm_1"), "norm_1");
  EXPECT_EQ(KernelOfFunction("norm_1_s12"), "norm_1");
  EXPECT_EQ(KernelOfFunction("norm_s"), "norm_s");
  EXPECT_EQ(KernelOfFunction("norm_start"), "norm_start");
  artifact::ArtifactInfo info;
  const auto profile =
      ReadProfile(Write("stages.json", ProfileTrace(Head(), info, nullptr, {Sample()})));
  ASSERT_TRUE(profile.ok()) << profile.status();
  const Ledger ledger = SampleLedger();
  KernelTimes times = JoinTimes(*profile, ledger);
  ASSERT_EQ(times.kernels.size(), 1u);
  EXPECT_EQ(times.kernels[0].launches, 2);
  EXPECT_NEAR(times.kernels[0].measured, 4e-6, 1e-12);  // (2 + 1 + 4 + 1) / 2
  EXPECT_NEAR(times.kernel_seconds, 12e-6, 1e-12);
  EXPECT_NEAR(times.other_seconds, 7e-6, 1e-12);
  MachineFacts facts;
  facts.launch_ns = 1000;
  facts.item_ns = 0.0;
  facts.cycle_ns = 20;
  Predict(facts, 2, times);  // 2 stages, 2000 ns of arithmetic by 2 workers
  EXPECT_NEAR(times.kernels[0].predicted, 3e-6, 1e-12);
  EXPECT_NEAR(times.MedianError(), 0.25, 1e-9);
  EXPECT_THAT(KernelTimesText(*profile, times), HasSubstr("Median error over kernels: 25.0 %"));
}

TEST(MachineFactsTest, AFitFindsTheMachineThatMadeTheTimes) {
  EXPECT_LE(AllMachineFacts().size(), 12u);
  MachineFacts machine;
  machine.launch_ns = 900;
  machine.cycle_ns = 0.7;
  machine.far_ns_per_kb = 160;
  machine.forward_ns_per_kflop = 45;
  std::vector<LedgerKernel> kernels;
  for (int64_t size = 10; size < 30; ++size) {
    const int64_t bytes = int64_t{1} << size;
    KernelWork rows{.items = {std::max<int64_t>(bytes >> 14, 1)},
                    .cycles = static_cast<double>(bytes >> (size % 7))};
    rows.traffic = {{bytes, bytes}, {bytes / 2, bytes}};
    kernels.push_back(Kernel("rows", "rows", rows));
    kernels.push_back(
        Kernel("attention", "attention_forward", {.items = {16}, .flops = 100 * bytes}));
  }
  std::vector<MeasuredKernel> measured;
  for (const LedgerKernel& kernel : kernels) {
    measured.push_back({&kernel, PredictSeconds(machine, kernel, 2)});
  }
  const MachineFacts fitted = FitMachineFacts(measured, 2);
  std::vector<double> errors;
  for (const MeasuredKernel& kernel : measured) {
    errors.push_back(std::abs(PredictSeconds(fitted, *kernel.kernel, 2) / kernel.seconds - 1));
  }
  std::sort(errors.begin(), errors.end());
  EXPECT_LT(errors[errors.size() / 2], 0.05);
  EXPECT_NEAR(fitted.launch_ns / machine.launch_ns, 1, 0.05);
  EXPECT_NEAR(fitted.cycle_ns / machine.cycle_ns, 1, 0.05);
  EXPECT_NEAR(fitted.forward_ns_per_kflop / machine.forward_ns_per_kflop, 1, 0.05);
  const std::string path = Write("facts.json", MachineFactsJson(fitted));
  const auto read = ReadMachineFacts(path);
  ASSERT_TRUE(read.ok()) << read.status();
  for (const MachineFact& fact : AllMachineFacts()) {
    EXPECT_EQ((*read).*fact.value, fitted.*fact.value) << fact.name;
  }
}

TEST(MachineFactsTest, IncompleteFactsAreRefused) {
  const std::string text = MachineFactsJson({});
  EXPECT_THAT(
      ReadMachineFacts(Write("a.json", absl::StrReplaceAll(text, {{"overlap", "overlaps"}})))
          .status()
          .message(),
      HasSubstr("overlap"));
  EXPECT_THAT(ReadMachineFacts(Write("b.json", absl::StrReplaceAll(
                                                   text, {{"\"cycle_ns\": ", "\"cycle_ns\": -"}})))
                  .status()
                  .message(),
              HasSubstr("above 0"));
  EXPECT_THAT(ReadMachineFacts(Write("c.json", absl::StrReplaceAll(text, {{"{", "{\"more\": 1,"}})))
                  .status()
                  .message(),
              HasSubstr("more"));
}

}  // namespace
}  // namespace hydra::app
