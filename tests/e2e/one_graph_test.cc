// A routed training step and a decoded token on the simulated GPU, under every driver profile: one
// launch of one graph, nothing that waits or obtains memory, nothing that falls back; and the same
// bytes whatever is a graph.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/app/random_batches.h"
#include "runtime/exec/session.h"
#include "runtime/generate/executor_decode_engine.h"
#include "runtime/hal/sim/driver_profile.h"
#include "runtime/hal/sim/sim_device.h"
#include "runtime/toolchain/process.h"
#include "runtime/train/executor_engine.h"
#include "tests/base/test_paths.h"
#include "tests/data/temporary_directory.h"

namespace hydra {
namespace {

using ::testing::HasSubstr;

constexpr int kMicroBatches = 2;
constexpr int kSteps = 2;
// Depth routing, recursion and experts, as small as they get.
constexpr char kModel[] = R"({"model": {
    "kind": "hydra", "vocab_size": 256, "dim": 16, "n_mor_blocks": 3, "recursions_per_block": 2,
    "n_heads": 2, "n_kv_heads": 1, "compression_factor": 2, "max_seq_len": 16, "moe_enabled": true,
    "moe_num_experts": 2, "moe_num_layers": 1, "mod_loss_aware_weight": 0.1}})";
// What a step needs of the control block with everything on.
constexpr std::pair<const char*, double> kControls[] = {{"loss_scale", 1.0 / kMicroBatches},
                                                        {"lr", 0.01},
                                                        {"clip_min", 50.0},
                                                        {"clip_max", 3000.0},
                                                        {"spike_norm", 1e30},
                                                        {"spike_lr_factor", 1.0}};

class OneGraphTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string compiler = testing::BinaryDir() + "/bin/hydra-opt";
    if (!std::filesystem::exists(compiler)) GTEST_SKIP() << "this build has no hydra-opt";
    const std::string spec = directory_ / "routed.json", path = directory_ / "routed.hydra";
    WriteFile(spec, kModel);
    const absl::StatusOr<toolchain::ProcessResult> compiled =
        toolchain::RunProcess({compiler, spec, "-o", path, "--target=sim", "--routing=dynamic",
                               "--entry=train@2x8", "--entry=extend@2x1", "--cache=16"});
    ASSERT_TRUE(compiled.ok()) << compiled.status();
    ASSERT_EQ(compiled->exit_status, 0);
    absl::StatusOr<std::unique_ptr<artifact::Artifact>> artifact = artifact::Artifact::Open(path);
    ASSERT_TRUE(artifact.ok()) << artifact.status();
    artifact_ = *std::move(artifact);
  }

  // What a run of `kSteps` steps left, with what it asked of the driver. The last variant of the
  // artifact has most on.
  struct Trained {
    std::vector<uint8_t> weights;
    hal::sim::DriverCounts before, after;  // around the submissions
    GraphUse graphs;
    std::string broken;
  };
  absl::StatusOr<Trained> Train(absl::string_view driver, hal::Capture capture) {
    HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<hal::Device> device, hal::sim::CreateSimDevice(driver));
    const hal::sim::DriverCounts& counts = *hal::sim::CountsOf(*device);
    ExecutorOptions options;
    options.micro_batches = kMicroBatches;
    options.capture = capture;
    HYDRA_ASSIGN_OR_RETURN(Session session, Session::Open(artifact_, std::move(device), options));
    std::string variant;
    for (const artifact::EntryInfo& entry : artifact_->info().entries) {
      if (entry.name == "accumulate") variant = entry.variant;
    }
    HYDRA_ASSIGN_OR_RETURN(
        const std::unique_ptr<train::ExecutorEngine> engine,
        train::ExecutorEngine::Create(
            session.executor(),
            {.micro_batches = kMicroBatches, .variant = variant, .steps_in_flight = kSteps}));
    HYDRA_RETURN_IF_ERROR(engine->InitializeParameters(7));
    for (const auto& [name, value] : kControls) {
      if (const auto control = engine->FindControl(name)) engine->SetControl(*control, value);
    }
    Trained trained;
    trained.graphs = engine->step_launch()->graph_use();
    trained.before = counts;
    for (int step = 0; step < kSteps; ++step) {
      for (int64_t micro = 0; micro < kMicroBatches; ++micro) {
        HYDRA_ASSIGN_OR_RETURN(const train::TrainEngine::BatchMemory batch,
                               engine->StageBatch(micro));
        app::RandomTokens(256, static_cast<uint64_t>(2 * micro), batch.tokens);
        app::RandomTokens(256, static_cast<uint64_t>(2 * micro + 1), batch.targets);
        for (const absl::Span<float>& noise : batch.noise) std::fill(noise.begin(), noise.end(), 0);
      }
      HYDRA_RETURN_IF_ERROR(engine->SubmitStep().status());
    }
    trained.after = counts;
    train::StepResults results;
    HYDRA_RETURN_IF_ERROR(engine->ReadStep(kSteps - 1, results));
    EXPECT_EQ(results.graphs->fallbacks, 0u);
    const absl::Span<const train::StateTensor> tensors =
        engine->state(train::StateKind::kParameters);
    for (size_t i = 0; i < tensors.size(); ++i) {
      std::vector<uint8_t> bytes(train::StateBytes(tensors[i]));
      HYDRA_RETURN_IF_ERROR(
          engine->ReadState(train::StateKind::kParameters, i, absl::MakeSpan(bytes)));
      trained.weights.insert(trained.weights.end(), bytes.begin(), bytes.end());
    }
    trained.broken = counts.broken;
    return trained;
  }

  TemporaryDirectory directory_;
  std::shared_ptr<const artifact::Artifact> artifact_;
};

TEST_F(OneGraphTest, ARoutedStepIsOneLaunchUnderEveryDriver) {
  std::vector<uint8_t> weights;
  for (const hal::sim::DriverProfile& profile : hal::sim::kDriverProfiles) {
    SCOPED_TRACE(profile.name);
    const absl::StatusOr<Trained> trained = Train(profile.name, hal::Capture::kDefault);
    ASSERT_TRUE(trained.ok()) << trained.status();
    const hal::sim::DriverCounts &before = trained->before, &after = trained->after;
    EXPECT_EQ(after.graph_launches - before.graph_launches, kSteps);
    EXPECT_EQ(after.kernel_launches, before.kernel_launches);
    EXPECT_EQ(after.waits, before.waits);
    EXPECT_EQ(after.allocations, before.allocations);
    EXPECT_EQ(after.host_copies - before.host_copies, kSteps);  // the record
    EXPECT_EQ(trained->graphs.launches(), 1u);
    EXPECT_EQ(trained->graphs.fallbacks(), 0u);
    EXPECT_EQ((after.graph_nodes - before.graph_nodes) / kSteps, trained->graphs.nodes());
    EXPECT_EQ(trained->broken, "");
    if (weights.empty()) weights = trained->weights;
    EXPECT_EQ(trained->weights, weights);
  }
}

TEST_F(OneGraphTest, SegmentsAndNoGraphsHaveTheSameBitsAndTheirReasons) {
  const absl::StatusOr<Trained> whole = Train("", hal::Capture::kDefault);
  ASSERT_TRUE(whole.ok()) << whole.status();
  const absl::StatusOr<Trained> segments = Train("", hal::Capture::kSegments);
  ASSERT_TRUE(segments.ok()) << segments.status();
  EXPECT_EQ(segments->weights, whole->weights);
  // A graph per micro-batch and one for the update.
  EXPECT_EQ(segments->graphs.launches(), kMicroBatches + 1u);
  EXPECT_EQ(segments->graphs.nodes(), whole->graphs.nodes());
  for (const GraphUse::Part& part : segments->graphs.parts) {
    EXPECT_THAT(part.reason, HasSubstr("asked for"));
    EXPECT_TRUE(part.forced);
  }
  EXPECT_EQ(segments->after.graph_launches - segments->before.graph_launches,
            kSteps * (kMicroBatches + 1u));
  const absl::StatusOr<Trained> off = Train("", hal::Capture::kOff);
  ASSERT_TRUE(off.ok()) << off.status();
  EXPECT_EQ(off->weights, whole->weights);
  EXPECT_EQ(off->graphs.launches(), 0u);
  EXPECT_THAT(off->graphs.Describe(), HasSubstr("graphs are off"));
  EXPECT_GT(off->after.kernel_launches, off->before.kernel_launches);
}

TEST_F(OneGraphTest, ATokenIsOneLaunchAndAtMost64BytesToTheHost) {
  for (const hal::sim::DriverProfile& profile : hal::sim::kDriverProfiles) {
    SCOPED_TRACE(profile.name);
    absl::StatusOr<std::unique_ptr<hal::Device>> device = hal::sim::CreateSimDevice(profile.name);
    ASSERT_TRUE(device.ok()) << device.status();
    const hal::sim::DriverCounts& counts = *hal::sim::CountsOf(**device);
    absl::StatusOr<Session> session = Session::Open(artifact_, *std::move(device), {});
    ASSERT_TRUE(session.ok()) << session.status();
    ASSERT_TRUE(session->executor().InitializeParameters(7).ok());
    const absl::StatusOr<std::unique_ptr<generate::ExecutorDecodeEngine>> engine =
        generate::ExecutorDecodeEngine::Create(session->executor());
    ASSERT_TRUE(engine.ok()) << engine.status();
    ASSERT_TRUE((*engine)->SetSampling({}, 256).ok());
    std::vector<int32_t> next(2);
    const auto extend = [&](int32_t token, int64_t position) {
      const std::vector<int32_t> tokens = {token};
      std::vector<generate::SequenceStep> steps(1);
      steps[0].row = 0;
      steps[0].tokens = tokens;
      steps[0].position = position;
      return (*engine)->Extend(steps, absl::MakeSpan(next));
    };
    const absl::Status first = extend(65, 0);
    ASSERT_TRUE(first.ok()) << first;
    const hal::sim::DriverCounts before = counts;
    for (int64_t position = 1; position < 4; ++position) {
      const absl::Status extended = extend(next[0], position);
      ASSERT_TRUE(extended.ok()) << extended;
    }
    EXPECT_EQ(counts.graph_launches - before.graph_launches, 3u);
    EXPECT_EQ(counts.kernel_launches, before.kernel_launches);
    EXPECT_EQ(counts.allocations, before.allocations);
    EXPECT_EQ(counts.host_copies - before.host_copies, 3u);
    EXPECT_LE(counts.host_copy_bytes - before.host_copy_bytes, 3u * 64);
    EXPECT_LE((*engine)->fetched_bytes(), 64u);
    EXPECT_EQ((*engine)->graph_use().launches(), 1u);
    EXPECT_EQ((*engine)->graph_use().fallbacks(), 0u);
    EXPECT_STREQ(counts.broken, "");
  }
}

}  // namespace
}  // namespace hydra
