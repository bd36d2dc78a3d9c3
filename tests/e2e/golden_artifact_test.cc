// The recorded artifact of format 2.0 computes the recorded logits: whole sequences by `eval`,
// piece by piece by `extend`. What was recorded is the interpreter's, in float64.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/exec/executor.h"
#include "runtime/hal/registry.h"
#include "runtime/io/safetensors.h"
#include "tests/base/test_paths.h"

namespace hydra {
namespace {

std::string GoldenBase() { return testing::SourceDir() + "/tests/golden/artifact-2.0"; }
constexpr char kLevel[] = "x86-64-v3";
// Of the largest recorded value (at least 1): a few roundings of float32.
constexpr float kTolerance = 1e-6f;

class GoldenArtifactTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto device = hal::CreateDevice("cpu", {2, false});
    ASSERT_TRUE(device.ok()) << device.status();
    device_ = *std::move(device);
    const std::vector<std::string>& levels = device_->isa_levels();
    if (std::find(levels.begin(), levels.end(), kLevel) == levels.end()) {
      GTEST_SKIP() << "this processor does not run " << kLevel;
    }
    auto file = SafetensorsFile::Open(GoldenBase() + ".safetensors");
    ASSERT_TRUE(file.ok()) << file.status();
    recorded_ = std::make_unique<SafetensorsFile>(*std::move(file));
    auto artifact = artifact::Artifact::Open(GoldenBase() + ".hydra");
    ASSERT_TRUE(artifact.ok()) << artifact.status();
    auto executor = Executor::Create(
        std::shared_ptr<const artifact::Artifact>(*std::move(artifact)), *device_, {1, ""});
    ASSERT_TRUE(executor.ok()) << executor.status();
    executor_ = *std::move(executor);
    for (const artifact::ParameterInfo& parameter : executor_->info().parameters) {
      const std::vector<float> weights = Recorded<float>("param." + parameter.name);
      const absl::Status written = executor_->Write<float>(parameter.buffer, weights);
      ASSERT_TRUE(written.ok()) << written;
    }
  }

  template <typename T>
  std::vector<T> Recorded(const std::string& name) {
    const TensorView* tensor = recorded_->Find(name);
    if (tensor == nullptr) {
      ADD_FAILURE() << "not recorded: " << name;
      return {};
    }
    std::vector<T> values(tensor->bytes.size() / sizeof(T));
    std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
    return values;
  }

  template <typename T>
  void SetInput(Launch& launch, const std::string& name, const std::vector<T>& values) {
    auto input = launch.FindInput<T>(name);
    ASSERT_TRUE(input.ok()) << input.status();
    auto staged = launch.Stage(*input);
    ASSERT_TRUE(staged.ok()) << staged.status();
    ASSERT_LE(values.size(), staged->size()) << name;
    std::fill(std::copy(values.begin(), values.end(), staged->begin()), staged->end(), T{});
  }

  static float Deviation(absl::Span<const float> a, absl::Span<const float> b) {
    float largest = a.size() == b.size() ? 0 : INFINITY;
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      const float deviation = std::abs(a[i] - b[i]);
      largest = std::isnan(deviation) ? INFINITY : std::max(largest, deviation);
    }
    return largest;
  }

  // What the tolerance is relative to.
  static float Scale(const std::vector<float>& values) {
    float scale = 1;
    for (float value : values) scale = std::max(scale, std::abs(value));
    return scale;
  }

  std::unique_ptr<hal::Device> device_;
  std::unique_ptr<SafetensorsFile> recorded_;
  std::unique_ptr<Executor> executor_;
};

TEST_F(GoldenArtifactTest, EvalGivesTheRecordedLogitsAndLosses) {
  auto entry = executor_->FindEntry("eval", 2, 32, executor_->info().entries.front().variant);
  ASSERT_TRUE(entry.ok()) << entry.status();
  auto launch = executor_->Prepare(**entry);
  ASSERT_TRUE(launch.ok()) << launch.status();
  SetInput(**launch, "tokens", Recorded<int32_t>("in.tokens"));
  SetInput(**launch, "targets", Recorded<int32_t>("in.targets"));
  ASSERT_TRUE((*launch)->Run().ok());
  for (const char* name : {"logits", "token_loss", "loss.ce"}) {
    auto values = (*launch)->ReadOutput<float>(name);
    ASSERT_TRUE(values.ok()) << values.status();
    const std::vector<float> expected = Recorded<float>(std::string("out.") + name);
    const float deviation = Deviation(*values, expected);
    EXPECT_LE(deviation, kTolerance * Scale(expected)) << name;
    RecordProperty(std::string(name) + " deviation", std::to_string(deviation));
    std::printf("%s: largest deviation %.2e of values up to %.1f\n", name, deviation,
                Scale(expected));
  }
}

TEST_F(GoldenArtifactTest, ExtendGivesTheSameLogitsPieceByPiece) {
  auto entry = executor_->FindEntry("extend", 1, 16, executor_->info().entries.front().variant);
  ASSERT_TRUE(entry.ok()) << entry.status();
  auto launch = executor_->Prepare(**entry);
  ASSERT_TRUE(launch.ok()) << launch.status();
  const std::vector<int32_t> tokens = Recorded<int32_t>("in.tokens");
  const std::vector<float> expected = Recorded<float>("out.logits");
  const float scale = Scale(expected);
  const int64_t vocabulary = executor_->info().vocab_size;
  for (const std::vector<int>& pieces :
       {std::vector<int>{16, 16}, std::vector<int>{1, 2, 13, 7, 9}, std::vector<int>(32, 1)}) {
    int position = 0;
    for (int count : pieces) {
      SetInput(**launch, "tokens",
               std::vector<int32_t>(tokens.begin() + position, tokens.begin() + position + count));
      SetInput(**launch, "position", std::vector<int32_t>{position});
      SetInput(**launch, "count", std::vector<int32_t>{count});
      ASSERT_TRUE((*launch)->Run().ok());
      position += count;
      // The logits behind the last token, and the likeliest one.
      auto logits = (*launch)->ReadOutput<float>("last_logits");
      ASSERT_TRUE(logits.ok()) << logits.status();
      EXPECT_LE(Deviation(*logits, absl::MakeConstSpan(expected).subspan(
                                       static_cast<size_t>((position - 1) * vocabulary),
                                       static_cast<size_t>(vocabulary))),
                kTolerance * scale)
          << count << " tokens up to " << position;
      auto next = (*launch)->ReadOutput<int32_t>("next_token");
      ASSERT_TRUE(next.ok()) << next.status();
      EXPECT_EQ((*next)[0], std::max_element(logits->begin(), logits->end()) - logits->begin());
    }
  }
}

TEST(OldArtifactTest, Format1IsRefusedWithBothVersions) {
  const auto old =
      artifact::Artifact::Open(testing::SourceDir() + "/tests/golden/artifact-1.0.hydra");
  ASSERT_FALSE(old.ok());
  EXPECT_EQ(KindOf(old.status()), ErrorKind::kInput);
  const std::string message(old.status().message());
  EXPECT_NE(message.find("artifact version 1.0, expected 2.x"), std::string::npos) << message;
  EXPECT_NE(message.find("hydra-opt MODEL"), std::string::npos) << message;
}

}  // namespace
}  // namespace hydra
