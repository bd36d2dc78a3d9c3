// What every driver must do with submissions: order without waiting, slots and rings, repeated
// recordings, errors.
#include <chrono>
#include <numeric>

#include "tests/hal/hal_fixture.h"

namespace hydra::hal {
namespace {

using ::testing::HasSubstr;

template <typename T>
void Fill(absl::Span<uint8_t> bytes, const std::vector<T>& values) {
  ASSERT_EQ(bytes.size(), values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
}

template <typename T>
std::vector<T> Values(absl::Span<const uint8_t> bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

class SubmissionTest : public DriverTest {};
INSTANTIATE_TEST_SUITE_P(Drivers, SubmissionTest, ::testing::ValuesIn(kDriverCases), DriverLabel);

// A long list, then short ones of other lists that depend on it; nobody waits in between.
TEST_P(SubmissionTest, SubmissionsRunInOrderWithoutWaiting) {
  const BufferRef kept = world_->Put<float>({0}, Region::kOutputs);
  const BufferRef seen = world_->Reserve(Region::kGradients, 4 * 64);
  const CommandSequence start = {{FillCommand{kept, 0}, 0}};
  const CommandSequence slow = {{KernelCommand{kSlowKernel, {kept}, {3000}, 1, 1}, 0}};
  auto first = world_->Record(start), later = world_->Record(slow);
  ASSERT_TRUE(first.ok() && later.ok());
  std::vector<std::unique_ptr<CommandList>> copies;
  ASSERT_TRUE(world_->device->Submit(**first).ok());
  const auto begin = std::chrono::steady_clock::now();
  Ticket last;
  for (uint64_t i = 0; i < 3; ++i) {
    auto ticket = world_->device->Submit(**later);
    ASSERT_TRUE(ticket.ok()) << ticket.status();
    EXPECT_GT(ticket->sequence, last.sequence);
    last = *ticket;
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  if (world_->device->capabilities().asynchronous_host) EXPECT_LT(taken.count(), 0.003);
  // Read waits for everything before it.
  EXPECT_EQ(world_->Get<float>(kept), std::vector<float>{3});
  // A copy that is submitted at once sees what the slow kernel of another list wrote.
  for (uint64_t i = 0; i < 8; ++i) {
    const BufferRef piece{seen.region, seen.offset + 4 * i, 4};
    auto copy = world_->Record({{CopyCommand{kept, piece}, 0}});
    ASSERT_TRUE(copy.ok()) << copy.status();
    copies.push_back(*std::move(copy));
  }
  for (auto& copy : copies) {
    ASSERT_TRUE(world_->device->Submit(**later).ok());
    ASSERT_TRUE(world_->device->Submit(*copy).ok());
  }
  const std::vector<float> values = world_->Get<float>(seen);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(values[i], static_cast<float>(4 + i));
}

TEST_P(SubmissionTest, SlotsCarryValuesOfTheirOwnSubmission) {
  const BufferRef in = world_->Reserve(Region::kInputs, 16);
  const BufferRef out = world_->Reserve(Region::kOutputs, 16);
  const std::vector<Slot> slots = {world_->SlotOf(in, SlotDirection::kIn),
                                   world_->SlotOf(out, SlotDirection::kOut)};
  for (int depth : {1, 2, 3}) {
    auto list = world_->Record({{KernelCommand{kDoubleKernel, {in, out}, {}, 4, 1}, 0}}, slots,
                               {.ring = depth});
    ASSERT_TRUE(list.ok()) << list.status();
    std::vector<Ticket> tickets;
    for (int run = 0; run < 10; ++run) {
      const float base = static_cast<float>(run);
      auto staged = (*list)->Stage(0);
      ASSERT_TRUE(staged.ok()) << staged.status();
      Fill<float>(*staged, {base, base + 1, base + 2, base + 3});
      auto ticket = world_->device->Submit(**list);
      ASSERT_TRUE(ticket.ok()) << ticket.status();
      tickets.push_back(*ticket);
      // Results come out one ring later, while other submissions are in flight.
      if (run < depth - 1) continue;
      const int old = run - (depth - 1);
      auto fetched = (*list)->Fetch(tickets[old], 1);
      ASSERT_TRUE(fetched.ok()) << fetched.status();
      const float twice = 2 * static_cast<float>(old);
      EXPECT_EQ(Values<float>(*fetched),
                (std::vector<float>{twice, twice + 2, twice + 4, twice + 6}));
    }
    const auto gone = (*list)->Fetch(tickets[9 - depth], 1);
    EXPECT_EQ(KindOf(gone.status()), ErrorKind::kFailure);
    EXPECT_THAT(std::string(gone.status().message()),
                HasSubstr(std::to_string(tickets[9 - depth].sequence)));
    EXPECT_THAT(std::string(gone.status().message()),
                HasSubstr(std::to_string(tickets[9].sequence)));
    EXPECT_EQ(KindOf((*list)->Fetch({tickets[9].sequence + 1}, 1).status()), ErrorKind::kFailure);
    // What is not staged keeps its value.
    auto again = world_->device->Submit(**list);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(Values<float>(*(*list)->Fetch(*again, 1)), (std::vector<float>{18, 20, 22, 24}));
  }
}

TEST_P(SubmissionTest, ARepeatedRecordingMovesInputsAndOutputs) {
  constexpr uint32_t kRuns = 5;
  constexpr uint64_t kStride = 128;
  const BufferRef in = world_->Reserve(Region::kInputs, 16);
  const BufferRef out = world_->Reserve(Region::kOutputs, 16);
  const BufferRef record = world_->Reserve(Region::kRecord, 16);
  const BufferRef sum = world_->Put<int32_t>({0}, Region::kGradients);
  const CommandSequence body = world_->Form({{KernelCommand{kDoubleKernel, {in, out}, {}, 4, 2}, 0},
                                             {KernelCommand{kCountKernel, {sum}, {1}, 1, 1}, 0},
                                             {CaptureCommand{{{CopyCommand{in, record}, 0}}}, 0}});
  const CommandSequence end = world_->Form({{KernelCommand{kCountKernel, {sum}, {100}, 1, 1}, 0}});
  std::vector<Recording> recordings(2);
  recordings[0].commands = &body;
  recordings[1].commands = &end;
  recordings[0].regions = recordings[1].regions = world_->bindings;
  for (Region region : {Region::kInputs, Region::kOutputs, Region::kRecord}) {
    recordings[0].regions[static_cast<int>(region)].bytes = kStride;
  }
  recordings[0].repeat = kRuns;
  recordings[0].input_stride = recordings[0].output_stride = recordings[0].record_stride = kStride;
  std::vector<Slot> slots = {world_->SlotOf(in, SlotDirection::kIn),
                             world_->SlotOf(out, SlotDirection::kOut),
                             world_->SlotOf(record, SlotDirection::kOut)};
  for (Slot& slot : slots) {
    slot.pieces = kRuns;
    slot.stride = kStride;
  }
  auto list = world_->device->Record(*world_->executable, recordings, slots, {});
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ((*list)->profile().size(), 5u);
  ASSERT_FALSE((*list)->segments().empty());
  for (int submission = 0; submission < 3; ++submission) {
    for (uint32_t piece = 0; piece < kRuns; ++piece) {
      const float value = static_cast<float>(10 * submission + piece);
      auto staged = (*list)->Stage(0, piece);
      ASSERT_TRUE(staged.ok()) << staged.status();
      Fill<float>(*staged, std::vector<float>(4, value));
    }
    auto ticket = world_->device->Submit(**list);
    ASSERT_TRUE(ticket.ok()) << ticket.status();
    for (uint32_t piece = 0; piece < kRuns; ++piece) {
      const float value = 2 * static_cast<float>(10 * submission + piece);
      auto fetched = (*list)->Fetch(*ticket, 1, piece);
      ASSERT_TRUE(fetched.ok()) << fetched.status();
      EXPECT_EQ(Values<float>(*fetched), std::vector<float>(4, value));
      auto recorded = (*list)->Fetch(*ticket, 2, piece);
      ASSERT_TRUE(recorded.ok()) << recorded.status();
      EXPECT_EQ(Values<float>(*recorded), std::vector<float>(4, value / 2));
    }
    EXPECT_EQ(world_->Get<int32_t>(sum)[0], (submission + 1) * (100 + int32_t{kRuns}));
  }
  recordings[0].input_stride = 96;
  EXPECT_THAT(
      std::string(
          world_->device->Record(*world_->executable, recordings, slots, {}).status().message()),
      HasSubstr("region inputs"));
  recordings[0].input_stride = kStride;
  recordings[0].record_stride = World::kRegionBytes;
  EXPECT_THAT(
      std::string(
          world_->device->Record(*world_->executable, recordings, slots, {}).status().message()),
      HasSubstr("region record"));
  recordings[0].record_stride = kStride;
  recordings[0].input_stride = World::kRegionBytes / 2;
  EXPECT_EQ(KindOf(world_->device->Record(*world_->executable, recordings, slots, {}).status()),
            ErrorKind::kFailure);
}

TEST_P(SubmissionTest, WrongSlotsAreRefusedByName) {
  const BufferRef in = world_->Reserve(Region::kInputs, 64);
  Slot good = world_->SlotOf(in, SlotDirection::kIn);
  good.name = "tokens";
  const auto refused = [&](Slot slot) {
    const auto list = world_->Record({}, {good, slot});
    EXPECT_EQ(KindOf(list.status()), ErrorKind::kFailure);
    EXPECT_THAT(std::string(list.status().message()), HasSubstr("slot 'tokens'"));
  };
  Slot slot = good;
  slot.buffer = nullptr;
  refused(slot);
  slot = good;
  slot.offset = World::kRegionBytes - 32;
  refused(slot);
  slot = good;
  slot.pieces = 0;
  refused(slot);
  slot = good;
  slot.pieces = 2, slot.stride = 32;
  refused(slot);
  for (int ring : {0, 65}) {
    EXPECT_EQ(KindOf(world_->Record({}, {good}, {.ring = ring}).status()), ErrorKind::kFailure);
  }
  auto list = world_->Record({}, {good});
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_FALSE((*list)->Stage(1).ok());
  EXPECT_FALSE((*list)->Stage(0, 1).ok());
  auto ticket = world_->device->Submit(**list);
  ASSERT_TRUE(ticket.ok());
  EXPECT_THAT(std::string((*list)->Fetch(*ticket, 0).status().message()),
              HasSubstr("'tokens' is no output"));
}

TEST_P(SubmissionTest, FillAndWriteAreOrderedAfterSubmissions) {
  const BufferRef x = world_->Put<float>({0}, Region::kOutputs);
  auto list = world_->Record({{KernelCommand{kSlowKernel, {x}, {2000}, 1, 1}, 0}});
  ASSERT_TRUE(list.ok());
  ASSERT_TRUE(world_->device->Submit(**list).ok());
  world_->Set<float>(x, {41});
  ASSERT_TRUE(world_->device->Submit(**list).ok());
  EXPECT_EQ(world_->Get<float>(x), std::vector<float>{42});
  ASSERT_TRUE(world_->device->Submit(**list).ok());
  Buffer& buffer = *world_->buffers[static_cast<int>(Region::kOutputs)];
  ASSERT_TRUE(world_->device->Fill(buffer, x.offset, 4, 0).ok());
  EXPECT_EQ(world_->Get<float>(x), std::vector<float>{0});
  EXPECT_EQ(KindOf(world_->device->Fill(buffer, World::kRegionBytes, 1, 0)), ErrorKind::kFailure);
}

TEST_P(SubmissionTest, ManyMoreSubmissionsThanAnyQueueHolds) {
  const BufferRef counts = world_->Put<int32_t>({0}, Region::kOutputs);
  auto list =
      world_->Record({{KernelCommand{kCountKernel, {counts}, {1}, 1, 1}, 0}}, {}, {.ring = 64});
  ASSERT_TRUE(list.ok());
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(world_->device->Submit(**list).ok());
  EXPECT_EQ(world_->Get<int32_t>(counts), std::vector<int32_t>{300});
}

TEST_P(SubmissionTest, ListsAndBuffersMayGoWhileTheyAreInUse) {
  const BufferRef x = world_->Put<float>({0}, Region::kOutputs);
  for (int i = 0; i < 3; ++i) {
    auto buffer = world_->device->Allocate(64, "short-lived");
    ASSERT_TRUE(buffer.ok());
    Recording recording;
    const CommandSequence commands =
        world_->Form({{KernelCommand{kSlowKernel, {{Region::kArena, 0, 4}}, {2000}, 1, 1}, 0}});
    recording.commands = &commands;
    recording.regions[static_cast<int>(Region::kArena)] = {buffer->get(), 0, 64};
    auto list = world_->device->Record(*world_->executable, {recording}, {}, {});
    ASSERT_TRUE(list.ok()) << list.status();
    ASSERT_TRUE(world_->device->Submit(**list).ok());
  }
  EXPECT_EQ(world_->Get<float>(x), std::vector<float>{0});
}

// The only error that every driver can be brought to make is one that validation finds.
TEST(SubmissionErrorTest, TheFirstErrorStaysAndNothingRunsAfterIt) {
  for (bool late : {false, true}) {
    std::string reason;
    auto world = World::Create({"", "cpu", {2, true}, late}, &reason);
    ASSERT_NE(world, nullptr) << reason;
    const BufferRef out = world->Reserve(Region::kOutputs, 4);
    const BufferRef counts = world->Put<int32_t>({0}, Region::kGradients);
    const BufferRef all{Region::kInputs, 0, World::kRegionBytes};
    const std::vector<Slot> slots = {world->SlotOf(counts, SlotDirection::kOut),
                                     world->SlotOf(out, SlotDirection::kIn)};
    auto good = world->Record({{KernelCommand{kCountKernel, {counts}, {1}, 1, 1}, 0}}, slots);
    auto bad =
        world->Record({{KernelCommand{kPokeKernel, {all}, {World::kRegionBytes / 4}, 1, 1}, 9}});
    ASSERT_TRUE(good.ok() && bad.ok());
    const Ticket before = *world->device->Submit(**good);
    const Ticket failed = *world->device->Submit(**bad);
    EXPECT_TRUE(world->device->Await(before).ok());
    EXPECT_THAT(std::string(world->device->Await(failed).message()), HasSubstr("scope 9"));
    EXPECT_FALSE(world->device->Submit(**good).ok());
    EXPECT_EQ(Values<int32_t>(*(*good)->Fetch(before, 0)), std::vector<int32_t>{1});
  }
}

}  // namespace
}  // namespace hydra::hal
