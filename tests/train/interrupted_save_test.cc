// A save that is killed, or fails for want of space or of a disk, at every one of its system calls:
// what is there is the previous checkpoint or the new one, whole; the next start finds no
// leftovers; and the run ends with the bytes of one that was never interrupted.
//
// The save is that of the trainer, with rotation (keep_checkpoints = 1), in a child process that
// syscall_tracer.h interferes with. Everything else about the run is real but for the model.
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/io/atomic_file.h"
#include "runtime/train/trainer.h"
#include "tests/data/temporary_directory.h"
#include "tests/train/syscall_tracer.h"
#include "tests/train/unigram_engine.h"

namespace hydra::train {
namespace {

namespace fs = std::filesystem;
using Kind = Interference::Kind;
using Files = std::map<std::string, std::string>;

// Steps of the checkpoints: the one that is there, the one whose save is interfered with, the last.
constexpr int64_t kPrevious = 2, kNew = 4, kLast = 6;

// In memory where there is such a place: tens of thousands of syncs, and what they are worth on a
// disk is not the question here.
std::string Place() { return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : testing::TempDir(); }

Files Contents(const std::string& directory) {
  Files files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    files[entry.path().filename().string()] = ReadFile(entry.path().string());
  }
  return files;
}

// Marks the save of kNew: from the end of its step to the report of the checkpoint.
class Marker final : public TrainObserver {
 public:
  void OnStep(const StepReport& report) override {
    report.step == kNew ? BeginTracedPart() : EndTracedPart();
  }
  void OnCheckpoint(int64_t, const std::string&) override { EndTracedPart(); }
};

class InterruptedSaveTest : public testing::Test {
 protected:
  void SetUp() override {
    WriteFile(directory_ / "text.txt", std::string(500, 'a') + std::string(300, 'b'));
    ASSERT_TRUE(
        data::PrepareText({.files = {directory_ / "text.txt"}, .out = directory_ / "data"}).ok());
    dataset_.emplace(*data::Dataset::Open(directory_ / "data"));
    for (const char* assignment : {"steps=6", "lr=0.05", "save_interval=2", "eval_interval=0",
                                   "eval_batches=1", "keep_checkpoints=1"}) {
      ASSERT_TRUE(settings_.SetAssignment(assignment).ok());
    }
    // What an undisturbed run has at each step.
    Settings keep_all = settings_;
    ASSERT_TRUE(keep_all.Set("keep_checkpoints", "0").ok());
    ASSERT_EQ(Train(directory_ / "whole", StartMode::kNew), 0);
    for (const int64_t step : {kPrevious, kNew, kLast}) {
      const std::string out = directory_ / ("to" + std::to_string(step));
      ASSERT_EQ(Train(out, StartMode::kNew, step), 0);
      expected_[step] = Contents(OpenCheckpoint(out)->path());
    }
    ASSERT_EQ(Contents(OpenCheckpoint(directory_ / "whole")->path()), expected_[kLast]);
  }

  // Returns an exit status.
  int Train(const std::string& out, StartMode mode, std::optional<int64_t> stop = std::nullopt) {
    UnigramEngine engine(1, 4, 1);
    Marker marker;
    absl::StatusOr<StartingPoint> start = OpenStartingPoint({.out = out, .mode = mode});
    if (!start.ok()) return Report(start.status());
    absl::StatusOr<Trainer> trainer =
        Trainer::Create(engine, *dataset_, settings_, *std::move(start),
                        {.stop_at = stop,
                         .attachments = {.artifact = std::string(100, 'x'),
                                         .spec_contents = "// a spec",
                                         .spec_extension = ".mlir"},
                         .save_retry_pause = std::chrono::milliseconds(0)},
                        {&marker});
    if (!trainer.ok()) return Report(trainer.status());
    const absl::StatusOr<TrainOutcome> outcome = trainer->Run();
    return outcome.ok() ? 0 : Report(outcome.status());
  }
  static int Report(const absl::Status& status) {
    std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    return ExitCodeFor(status);
  }

  // A run up to kPrevious, then a child that goes on, interfered with.
  TracedRun Interrupt(const Interference& interference) {
    fs::remove_all(out_);
    fs::copy(directory_ / ("to" + std::to_string(kPrevious)), out_,
             fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    return RunTraced(interference, [&] { return Train(out_, StartMode::kResume); });
  }

  void CheckWhatIsThere(const std::string& what) {
    const absl::StatusOr<Checkpoint> found = OpenCheckpoint(out_);
    ASSERT_TRUE(found.ok()) << what << found.status();
    // Not one that had to be passed over: nothing ever stands under a checkpoint's name half done.
    EXPECT_THAT(found->refused(), testing::ElementsAre()) << what;
    EXPECT_EQ(Contents(found->path()), expected_[found->run().step]) << what;
  }

  void CheckTheNextStart(const std::string& what) {
    ASSERT_EQ(Train(out_, StartMode::kResume), 0) << what;
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(out_ + "/checkpoints")) {
      names.push_back(entry.path().filename().string());
    }
    EXPECT_THAT(names, testing::UnorderedElementsAre("latest", "step-00000006")) << what;
    EXPECT_EQ(Contents(out_ + "/checkpoints/latest"), expected_[kLast]) << what;
  }

  // Every call in turn, until there are no more.
  void AtEveryCall(Kind kind, int error) {
    TracedRun undisturbed = Interrupt({});
    if (!undisturbed.traced) GTEST_SKIP() << "this system does not allow ptrace";
    ASSERT_EQ(undisturbed.exit_status, 0);
    const int points = kind == Kind::kKill ? undisturbed.calls : undisturbed.file_calls;
    // Seven files, two directories, a link, a rotation: fewer calls would mean that the tracer does
    // not see them.
    ASSERT_GE(points, 50);
    std::map<int64_t, int> found;
    for (int at = 0; at < points; ++at) {
      const TracedRun run = Interrupt({.kind = kind, .at = at, .error = error});
      // How often memory is asked for may differ by a call or two.
      if (!run.killed && run.failed.empty() && at > points - 5) break;
      const std::string what = "call " + std::to_string(at) + " of " + std::to_string(points) +
                               " (" + run.failed + "): ";
      ASSERT_EQ(run.killed, kind == Kind::kKill) << what;
      CheckWhatIsThere(what);
      ++found[OpenCheckpoint(out_)->run().step];
      // A single failure is got over by trying again.
      if (kind == Kind::kFailOnce) {
        EXPECT_EQ(run.exit_status, 0) << what;
      } else {
        EXPECT_NE(run.exit_status, 0) << what;
      }
      CheckTheNextStart(what);
      if (HasFailure()) return;
    }
    std::string summary;
    for (const auto& [step, times] : found) {
      summary += " step " + std::to_string(step) + ": " + std::to_string(times);
    }
    std::printf("%d calls; found there afterwards:%s\n", points, summary.c_str());
  }

  TemporaryDirectory directory_{Place()};
  const std::string out_ = directory_ / "run";
  std::optional<data::Dataset> dataset_;
  Settings settings_;
  std::map<int64_t, Files> expected_;
};

TEST_F(InterruptedSaveTest, KilledAtEveryCall) { AtEveryCall(Kind::kKill, 0); }

TEST_F(InterruptedSaveTest, NoSpaceOnceAtEveryCall) { AtEveryCall(Kind::kFailOnce, ENOSPC); }

TEST_F(InterruptedSaveTest, AnInputOutputErrorOnceAtEveryCall) {
  AtEveryCall(Kind::kFailOnce, EIO);
}

TEST_F(InterruptedSaveTest, NoSpaceFromEveryCallOn) { AtEveryCall(Kind::kFailForever, ENOSPC); }

TEST_F(InterruptedSaveTest, AnInputOutputErrorFromEveryCallOn) {
  AtEveryCall(Kind::kFailForever, EIO);
}

// A checkpoint that takes the place of one of the same name (an import with --force).
class InterruptedReplacementTest : public testing::Test {
 protected:
  absl::Status Write(float value) {
    UnigramEngine engine(1, 4, 1);
    const std::vector<float> values(UnigramEngine::kVocab, value);
    HYDRA_RETURN_IF_ERROR(engine.WriteState(
        StateKind::kParameters, 0,
        absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(values.data()), values.size() * 4)));
    RunRecord record;
    record.facts = engine.facts();
    return WriteCheckpoint(path_, engine, record, {});
  }
  float Value() {
    UnigramEngine engine(1, 4, 1);
    const absl::StatusOr<Checkpoint> checkpoint = Checkpoint::Open(path_);
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
    if (checkpoint.ok()) EXPECT_TRUE(checkpoint->RestoreParameters(engine).ok());
    return engine.logits()[0];
  }
  void KillAtEveryCall(bool no_exchange) {
    bool old_one = false, new_one = false;
    for (int at = 0;; ++at) {
      ASSERT_TRUE(Write(1).ok());
      const TracedRun run =
          RunTraced({.kind = Kind::kKill, .at = at, .no_exchange = no_exchange}, [&] {
            BeginTracedPart();
            const absl::Status status = Write(2);
            EndTracedPart();
            return ExitCodeFor(status);
          });
      if (!run.traced) GTEST_SKIP() << "this system does not allow ptrace";
      if (!run.killed) {
        ASSERT_EQ(run.exit_status, 0);
        ASSERT_GE(at, 40);
        break;
      }
      ASSERT_TRUE(RecoverReplaced(path_).ok());
      const float value = Value();
      ASSERT_TRUE(value == 1 || value == 2) << at;
      (value == 1 ? old_one : new_one) = true;
      ASSERT_TRUE(Write(3).ok());
      ASSERT_EQ(Value(), 3);
      ASSERT_EQ(std::distance(fs::directory_iterator(directory_.path()), {}), 1) << at;
    }
    EXPECT_TRUE(old_one && new_one);
  }

  TemporaryDirectory directory_{Place()};
  const std::string path_ = directory_ / "checkpoint";
};

TEST_F(InterruptedReplacementTest, ByExchange) { KillAtEveryCall(false); }
TEST_F(InterruptedReplacementTest, WithoutExchange) { KillAtEveryCall(true); }

}  // namespace
}  // namespace hydra::train
