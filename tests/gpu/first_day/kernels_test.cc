// E4 and E7: kernels of hydra-opt on this machine's GPU: a bounded product against its row count,
// and attention of narrow heads against what the hardware allows.
#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "runtime/exec/session.h"
#include "runtime/hal/cuda_driver.h"
#include "runtime/toolchain/process.h"
#include "tests/base/test_paths.h"
#include "tests/data/temporary_directory.h"
#include "tests/gpu/first_day/gpu_fixture.h"

namespace hydra::hal::cuda {
namespace {

class Kernels : public GpuExperiment {
 protected:
  // The function `spec` compiled for this GPU and recorded; skips where it cannot be.
  void Compile(const std::string& spec) {
    const std::string compiler = ::hydra::testing::BinaryDir() + "/bin/hydra-opt";
    if (!std::filesystem::exists(compiler)) GTEST_SKIP() << "this build has no hydra-opt";
    const std::optional<GpuFinding> found = GpuInUse();
    const std::string architecture =
        found && !found->architecture.empty() ? found->architecture : "sm_80";
    WriteFile(directory_ / "kernel.mlir", spec);
    const std::string path = directory_ / "kernel.hydra";
    const absl::StatusOr<toolchain::ProcessResult> compiled =
        toolchain::RunProcess({compiler, directory_ / "kernel.mlir", "--target=cuda",
                               "--arch=" + architecture, "-o", path});
    ASSERT_TRUE(compiled.ok()) << compiled.status();
    ASSERT_EQ(compiled->exit_status, 0);
    absl::StatusOr<Session> session = Session::Open(path, {});
    ASSERT_TRUE(session.ok()) << session.status();
    session_.emplace(*std::move(session));
    absl::StatusOr<std::unique_ptr<Launch>> launch =
        session_->executor().Prepare(session_->info().entries.front());
    ASSERT_TRUE(launch.ok()) << launch.status();
    launch_ = *std::move(launch);
  }
  // Seconds of the fastest of many runs.
  double Fastest() {
    double fastest = 1e9;
    for (int i = 0; i < (real ? 50 : 1); ++i) {
      const absl::Status run = launch_->Run();
      EXPECT_TRUE(run.ok()) << run;
      fastest = std::min(fastest, launch_->seconds());
    }
    return fastest;
  }

  TemporaryDirectory directory_;
  std::optional<Session> session_;
  std::unique_ptr<Launch> launch_;
};

TEST_F(Kernels, ABoundedProductFollowsItsCount) {
  if (IsSkipped()) return;
  ASSERT_NO_FATAL_FAILURE(Compile(R"(
    func.func @product(%x: tensor<8192x768xf32>, %w: tensor<2816x768xf32>, %n: tensor<i32>)
        -> tensor<8192x2816xf32> {
      %0 = hydra.matmul %x, %w rows %n {transpose_b}
          : (tensor<8192x768xf32>, tensor<2816x768xf32>, tensor<i32>) -> tensor<8192x2816xf32>
      return %0 : tensor<8192x2816xf32>
    })"));
  if (IsSkipped()) return;
  const std::string count = launch_->entry().inputs.back().name;
  std::vector<double> seconds;
  const std::vector<int32_t> counts = {0, 1024, 2048, 4096, 6144, 8192};
  for (const int32_t rows : counts) {
    const absl::Status set = launch_->SetInput(count, absl::MakeConstSpan(&rows, 1));
    ASSERT_TRUE(set.ok()) << set;
    seconds.push_back(Fastest());
    if (!real) continue;
    std::printf("%5d rows: %8.1f us, %.1f TFLOP/s\n", rows, seconds.back() * 1e6,
                2e-12 * rows * 768 * 2816 / seconds.back());
  }
  if (!real) return;
  EXPECT_LT(seconds.front(), 3e-6 + 4e-6) << "with no rows, of which a launch takes about 4 us";
  const double slope = (seconds.back() - seconds.front()) / 8192;
  for (size_t i = 1; i < counts.size(); ++i) {
    const double line = seconds.front() + slope * counts[i];
    EXPECT_NEAR(seconds[i], line, 0.05 * seconds.back()) << counts[i] << " rows";
  }
}

TEST_F(Kernels, AttentionOfNarrowHeads) {
  if (IsSkipped()) return;
  constexpr double kTokens = 4 * 2048, kHeads = 48, kWidth = 16;
  ASSERT_NO_FATAL_FAILURE(Compile(R"(
    func.func @attention(%q: tensor<4x2048x768xf32>, %k: tensor<4x2048x192xf32>,
                         %v: tensor<4x2048x192xf32>) -> tensor<4x2048x768xf32> {
      %0, %1 = hydra.attention %q, %k, %v {heads = 48, kv_heads = 12, scale = 0.25 : f64}
          : (tensor<4x2048x768xf32>, tensor<4x2048x192xf32>, tensor<4x2048x192xf32>)
          -> (tensor<4x2048x768xf32>, tensor<4x2048x48xf32>)
      return %0 : tensor<4x2048x768xf32>
    })"));
  if (IsSkipped()) return;
  const double seconds = Fastest();
  if (!real) return;
  // Scores that the causal mask leaves; an exponential each, 16 per cycle and multiprocessor.
  constexpr int kClockKilohertz = 13;
  int kilohertz = 0;
  DeviceNumber device = 0;
  ASSERT_CUDA(api().cuDeviceGet(&device, 0));
  ASSERT_CUDA(api().cuDeviceGetAttribute(&kilohertz, kClockKilohertz, device));
  const double scores = kTokens * kHeads * 2049 / 2;
  const double bound = 16.0 * gpu->multiprocessors() * kilohertz * 1e3;
  std::printf("attention, d 16: %.1f us, %.2f T scores/s, %.0f %% of the bound of exponentials\n",
              seconds * 1e6, scores / seconds * 1e-12, 100 * scores / seconds / bound);
  std::printf("                 %.1f TFLOP/s\n", 4 * kWidth * scores / seconds * 1e-12);
  EXPECT_GT(scores / seconds, 0.7 * bound);
}

}  // namespace
}  // namespace hydra::hal::cuda
