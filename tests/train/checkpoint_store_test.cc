// The checkpoints of a run: rotation, falling back, leftovers, the lock.
#include "runtime/train/checkpoint_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/io/temporary.h"
#include "runtime/train/checkpoint_schedule.h"
#include "tests/train/checkpoint_fixture.h"

namespace hydra::train {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class CheckpointStoreTest : public CheckpointFixture {
 protected:
  std::string out() const { return directory_ / "run"; }
  std::string InStore(const std::string& name) const { return out() + "/checkpoints/" + name; }
  void Save(CheckpointStore& store, std::vector<int64_t> steps, int64_t keep = 0) {
    for (const int64_t step : steps) {
      const auto saved = store.Save(engine_, Record(step), attachments_, keep);
      ASSERT_TRUE(saved.ok()) << saved.status();
      EXPECT_THAT(saved->warnings, ElementsAre());
    }
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(out() + "/checkpoints")) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
};

TEST_F(CheckpointStoreTest, RotatesAndPointsToTheLatest) {
  absl::StatusOr<CheckpointStore> store = CheckpointStore::Open(out());
  ASSERT_TRUE(store.ok()) << store.status();
  for (const int64_t step : {10, 20, 30}) {
    Save(*store, {step}, 2);
    EXPECT_EQ(OpenCheckpoint(out())->run().step, step);
    EXPECT_EQ(OpenCheckpoint(InStore(""))->run().step, step);
    EXPECT_EQ(OpenCheckpoint(InStore("latest"))->run().step, step);
    EXPECT_EQ(Checkpoint::Open(InStore("latest"))->run().step, step);
  }
  EXPECT_THAT(Names(), ElementsAre("latest", "step-00000020", "step-00000030"));
}

TEST_F(CheckpointStoreTest, ReadersAndResumingFallBackAlike) {
  CheckpointStore store = *CheckpointStore::Open(out());
  EXPECT_FALSE(store.OpenNewest()->has_value());
  EXPECT_EQ(KindOf(OpenCheckpoint(out()).status()), ErrorKind::kInput);
  Save(store, {10, 20});
  WriteFile(InStore("step-00000020/") + kOptimizerFile, "gone");
  const std::optional<Checkpoint> newest = *store.OpenNewest();
  EXPECT_EQ(newest->run().step, 10);
  EXPECT_THAT(newest->refused(), ElementsAre(HasSubstr(kOptimizerFile)));
  for (const std::string& path : {out(), InStore(""), InStore("latest")}) {
    const absl::StatusOr<Checkpoint> read = OpenCheckpoint(path);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->run().step, 10);
    EXPECT_EQ(read->refused(), newest->refused());
  }
  // One that is named is meant.
  EXPECT_EQ(KindOf(OpenCheckpoint(InStore("step-00000020")).status()), ErrorKind::kInput);
  WriteFile(InStore("step-00000010/") + kRunFile, "{}");
  EXPECT_EQ(ExitCodeFor(store.OpenNewest().status()), 3);
  EXPECT_EQ(ExitCodeFor(OpenCheckpoint(out()).status()), 3);
}

TEST_F(CheckpointStoreTest, WhatACrashLeftBehindIsRemoved) {
  {
    Save(*std::make_unique<CheckpointStore>(*CheckpointStore::Open(out())), {10, 20});
  }
  fs::create_directory(InStore("step-00000030.tmp-0123456789abcdef"));
  WriteFile(InStore("step-00000030.tmp-0123456789abcdef/weights.safetensors"), "half");
  fs::create_directory_symlink("step-00000030", InStore("latest.tmp-0123456789abcdef"));
  // A replacement that stopped half-way: the old one is the only one, or there is a new one.
  fs::rename(InStore("step-00000010"), InStore("step-00000010.tmp-0123456789abcdef.replaced"));
  fs::create_directory(InStore("step-00000020.tmp-0123456789abcdef.replaced"));
  // The same by older versions.
  fs::create_directory(InStore("step-00000020.previous"));
  // And files of the user's.
  WriteFile(InStore("notes.previous"), "mine");
  const absl::StatusOr<CheckpointStore> store = CheckpointStore::Open(out());
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_THAT(Names(), ElementsAre("latest", "notes.previous", "step-00000010", "step-00000020"));
  EXPECT_TRUE(store->OpenStep(10).ok());
}

TEST_F(CheckpointStoreTest, NoLiveTemporaryIsRemovedWhateverTheClockSays) {
  {
    Save(*std::make_unique<CheckpointStore>(*CheckpointStore::Open(out())), {10});
  }
  // Another process is about to put a checkpoint there, from a time long ago.
  int ready[2], done[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(done), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const absl::StatusOr<Temporary> live = CreateTemporaryDirectory(InStore("step-00000020"));
    const char ok = live.ok() ? 'y' : 'n';
    char end;
    ::_exit(::write(ready[1], &ok, 1) != 1 || ::read(done[0], &end, 1) != 1);
  }
  char ok = 'n';
  ASSERT_EQ(::read(ready[0], &ok, 1), 1);
  ASSERT_EQ(ok, 'y');
  const auto temporaries = [&] {
    int count = 0;
    for (const std::string& name : Names()) count += !TemporaryBase(name).empty();
    return count;
  };
  ASSERT_EQ(temporaries(), 1);
  for (const auto& entry : fs::directory_iterator(InStore(""))) {
    const timespec times[2] = {{0, 0}, {0, 0}};
    ::utimensat(AT_FDCWD, entry.path().c_str(), times, AT_SYMLINK_NOFOLLOW);
  }
  EXPECT_TRUE(CheckpointStore::Open(out()).ok());
  EXPECT_EQ(temporaries(), 1);
  // It is stale as soon as its writer is gone, killed or not.
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(CheckpointStore::Open(out()).ok());
  EXPECT_EQ(temporaries(), 0);
}

TEST_F(CheckpointStoreTest, OrderIsThatOfStepsNotOfTimes) {
  CheckpointStore store = *CheckpointStore::Open(out());
  Save(store, {10});
  Save(store, {20});
  const timespec late[2] = {{4102444800, 0}, {4102444800, 0}};
  const timespec early[2] = {{0, 0}, {0, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, InStore("step-00000010").c_str(), late, 0), 0);
  ASSERT_EQ(::utimensat(AT_FDCWD, InStore("step-00000020").c_str(), early, 0), 0);
  EXPECT_EQ((*store.OpenNewest())->run().step, 20);
  EXPECT_EQ(OpenCheckpoint(out())->run().step, 20);
  Save(store, {30}, 2);
  EXPECT_THAT(Names(), ElementsAre("latest", "step-00000020", "step-00000030"));
}

TEST_F(CheckpointStoreTest, TheLockIsTheProcessNotItsNumber) {
  fs::create_directories(out());
  // The process of an old lock ended, and its number came back: ours.
  WriteFile(out() + "/run.lock", "process " + std::to_string(::getpid()) + " on here\n");
  {
    const absl::StatusOr<CheckpointStore> store = CheckpointStore::Open(out());
    ASSERT_TRUE(store.ok()) << store.status();
    const absl::Status second = CheckpointStore::Open(out()).status();
    EXPECT_EQ(KindOf(second), ErrorKind::kFailure);
    EXPECT_THAT(std::string(second.message()), HasSubstr(out()));
    // Readers need no lock.
    EXPECT_EQ(KindOf(OpenCheckpoint(out()).status()), ErrorKind::kInput);
  }
  EXPECT_TRUE(CheckpointStore::Open(out()).ok());
  // A holder that is killed holds no more.
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const absl::StatusOr<CheckpointStore> store = CheckpointStore::Open(out());
    const char ok = store.ok() ? 'y' : 'n';
    if (::write(ready[1], &ok, 1) == 1) ::pause();
    ::_exit(1);
  }
  char ok = 'n';
  ASSERT_EQ(::read(ready[0], &ok, 1), 1);
  EXPECT_EQ(ok, 'y');
  const absl::Status refused = CheckpointStore::Open(out()).status();
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("process " + std::to_string(child) + " on "));
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(CheckpointStore::Open(out()).ok());
}

TEST_F(CheckpointStoreTest, LaterCheckpointsAreSetAsideNotLost) {
  CheckpointStore store = *CheckpointStore::Open(out());
  Save(store, {10, 20, 30});
  EXPECT_THAT(*store.SetAsideAfter(10), ElementsAre(HasSubstr("abandoned/step-00000030"),
                                                    HasSubstr("abandoned/step-00000020")));
  EXPECT_THAT(Names(), ElementsAre("latest", "step-00000010"));
  EXPECT_EQ(Checkpoint::Open(InStore("latest"))->run().step, 10);
  Save(store, {20});
  ASSERT_TRUE(store.SetAsideAfter(10).ok());
  EXPECT_TRUE(Checkpoint::Open(out() + "/abandoned/step-00000020").ok());
  EXPECT_TRUE(Checkpoint::Open(out() + "/abandoned/step-00000020-2").ok());
  EXPECT_THAT(*store.SetAsideAfter(10), ElementsAre());
  EXPECT_THAT(std::string(store.OpenStep(20).status().message()), HasSubstr("found steps 10"));
}

TEST(CheckpointSchedule, TriesAgainSoonerAfterAFailure) {
  CheckpointSchedule schedule(10);
  EXPECT_FALSE(schedule.DueAt(9));
  EXPECT_TRUE(schedule.DueAt(10));
  EXPECT_EQ(schedule.Failed(10), 11);
  EXPECT_EQ(schedule.Failed(11), 13);
  EXPECT_FALSE(schedule.DueAt(12));
  EXPECT_TRUE(schedule.DueAt(13));
  EXPECT_EQ(schedule.Failed(13), 17);
  EXPECT_EQ(schedule.Failed(17), 20);
  EXPECT_TRUE(schedule.DueAt(20));
  schedule.Succeeded();
  EXPECT_FALSE(schedule.DueAt(21));
  EXPECT_EQ(schedule.Failed(30), 31);
  CheckpointSchedule at_end(0);
  EXPECT_FALSE(at_end.DueAt(1000));
}

}  // namespace
}  // namespace hydra::train
