// What every driver must do with kernels, moves and control.
#include <atomic>
#include <numeric>

#include "runtime/base/command_check.h"
#include "runtime/base/status.h"
#include "tests/hal/hal_fixture.h"

namespace hydra::hal {
namespace {

using ::testing::HasSubstr;

// args: counts i32[items]; adds one to each item and the scalar to nothing else.
void CountKernel(void* const* args, const int64_t* scalars, void* scratch, int64_t begin,
                 int64_t end) {
  auto* counts = static_cast<int32_t*>(args[0]);
  for (int64_t i = begin; i < end; ++i) counts[i] += static_cast<int32_t>(scalars[0]);
}

// args: in f32, out f32. Goes through scratch, so that sharing it between workers would show.
void DoubleKernel(void* const* args, const int64_t*, void* scratch, int64_t begin, int64_t end) {
  const auto* in = static_cast<const float*>(args[0]);
  auto* out = static_cast<float*>(args[1]);
  auto* staged = static_cast<float*>(scratch);
  for (int64_t i = begin; i < end; ++i) {
    for (int j = 0; j < 1024; ++j) staged[j] = in[i];
    out[i] = staged[0] + staged[1023];
  }
}

CommandSequence One(Command command) { return {std::move(command)}; }

class ConformanceTest : public DriverTest {};
INSTANTIATE_TEST_SUITE_P(Drivers, ConformanceTest, ::testing::ValuesIn(kDriverCases), DriverLabel);

TEST_P(ConformanceTest, KernelDoesEachItemOnce) {
  ASSERT_TRUE(world_->Load({{"count", CountKernel}}).ok());
  for (uint64_t items : {0, 1, 7, 64, 1000}) {
    for (uint64_t grain : {1, 3, 64, 5000}) {
      const BufferRef counts = world_->Put(std::vector<int32_t>(items + 1), Region::kOutputs);
      KernelCommand kernel{0, {counts}, {3}, items, grain};
      const absl::Status status = world_->Run(One({kernel, 0}));
      ASSERT_TRUE(status.ok()) << status;
      std::vector<int32_t> expected(items, 3);
      expected.push_back(0);
      EXPECT_EQ(world_->Get<int32_t>(counts), expected) << items << " in " << grain;
    }
  }
}

TEST_P(ConformanceTest, CommandsSeeEarlierResultsAndReplay) {
  ASSERT_TRUE(world_->Load({{"double", DoubleKernel}}).ok());
  std::vector<float> x(999);
  std::iota(x.begin(), x.end(), 1.0f);
  const BufferRef a = world_->Put(x);
  const BufferRef b = world_->Reserve(Region::kArena, a.bytes);
  const BufferRef c = world_->Reserve(Region::kOutputs, a.bytes);
  CommandSequence commands;
  for (int i = 0; i < 50; ++i) {
    commands.push_back({KernelCommand{0, {a, b}, {}, x.size(), 8}, 0});
    commands.push_back({KernelCommand{0, {b, c}, {}, x.size(), 16}, 0});
    commands.push_back({CopyCommand{c, a}, 0});
  }
  commands.resize(30);
  auto list = world_->Record(commands);
  ASSERT_TRUE(list.ok()) << list.status();
  for (int run = 0; run < 3; ++run) {
    world_->Set(a, x);
    const absl::Status status = world_->Submit(**list);
    ASSERT_TRUE(status.ok()) << status;
    std::vector<float> expected = x;
    for (float& value : expected) value *= 1048576.0f;  // 4^10
    EXPECT_EQ(world_->Get<float>(c), expected);
  }
}

TEST_P(ConformanceTest, CopyAndFillMoveExactlyTheirBytes) {
  std::vector<uint8_t> source(600001);
  std::iota(source.begin(), source.end(), uint8_t{1});
  const BufferRef from = world_->Put(source);
  const BufferRef to = world_->Reserve(Region::kOutputs, source.size() + 1);
  BufferRef target = to;
  target.bytes = source.size();
  ASSERT_TRUE(world_->Run(One({CopyCommand{from, target}, 0})).ok());
  std::vector<uint8_t> expected = source;
  expected.push_back(0);
  EXPECT_EQ(world_->Get<uint8_t>(to), expected);

  const BufferRef words = world_->Reserve(Region::kGradients, 600008);
  BufferRef inner = words;
  inner.offset += 4;
  inner.bytes -= 8;
  ASSERT_TRUE(world_->Run(One({FillCommand{inner, 0x01020304}, 0})).ok());
  std::vector<uint32_t> filled(600008 / 4, 0x01020304);
  filled.front() = filled.back() = 0;
  EXPECT_EQ(world_->Get<uint32_t>(words), filled);
}

TEST_P(ConformanceTest, CollectiveInAWorldOfOneChangesNothing) {
  const std::vector<float> values = {1, 2, 3};
  const BufferRef buffer = world_->Put(values);
  ASSERT_TRUE(world_->Run(One({CollectiveCommand{{}, buffer, ElementType::kF32}, 0})).ok());
  EXPECT_EQ(world_->Get<float>(buffer), values);
}

TEST_P(ConformanceTest, SwitchPicksTheCaseAndClamps) {
  const BufferRef selector = world_->Reserve(Region::kControl, 4);
  const BufferRef result = world_->Reserve(Region::kOutputs, 4);
  SwitchCommand choice{selector, {}};
  for (uint32_t i = 0; i < 3; ++i) {
    const CommandSequence body = One({FillCommand{result, i + 10}, i});
    choice.cases.push_back(i == 1 ? One({CaptureCommand{body}, 0}) : body);
  }
  auto list = world_->Record(One({choice, 0}));
  ASSERT_TRUE(list.ok()) << list.status();
  const std::pair<int32_t, uint32_t> cases[] = {{0, 10}, {1, 11}, {2, 12}, {-5, 10}, {99, 12}};
  for (const auto& [value, expected] : cases) {
    world_->Set<int32_t>(selector, {value});
    ASSERT_TRUE(world_->Submit(**list).ok());
    EXPECT_EQ(world_->Get<uint32_t>(result), std::vector<uint32_t>{expected}) << value;
  }
}

TEST_P(ConformanceTest, RecordingsMayRebaseRegions) {
  ASSERT_TRUE(world_->Load({{"double", DoubleKernel}}).ok());
  const BufferRef in = world_->Put(std::vector<float>{1, 2, 3, 4}, Region::kInputs);
  const BufferRef second = world_->Put(std::vector<float>{5, 6, 7, 8}, Region::kInputs);
  const BufferRef out = world_->Reserve(Region::kOutputs, 16);
  const CommandSequence commands = One({KernelCommand{0, {in, out}, {}, 4, 1}, 0});
  std::vector<Recording> recordings(2, {&commands, world_->bindings, {}});
  const BufferRef out2 = world_->Reserve(Region::kOutputs, 16);
  auto& inputs = recordings[1].regions[static_cast<int>(Region::kInputs)];
  inputs.offset += second.offset - in.offset;
  inputs.bytes -= second.offset - in.offset;
  auto& outputs = recordings[1].regions[static_cast<int>(Region::kOutputs)];
  outputs.offset += out2.offset - out.offset;
  outputs.bytes -= out2.offset - out.offset;
  auto list = world_->device->Record(*world_->executable, recordings);
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_TRUE(world_->Submit(**list).ok());
  EXPECT_EQ(world_->Get<float>(out), (std::vector<float>{2, 4, 6, 8}));
  EXPECT_EQ(world_->Get<float>(out2), (std::vector<float>{10, 12, 14, 16}));
}

TEST_P(ConformanceTest, ProfileCountsAndTimesCommands) {
  ASSERT_TRUE(world_->Load({{"count", CountKernel}}).ok());
  const BufferRef counts = world_->Reserve(Region::kOutputs, 4 * 100);
  auto list =
      world_->Record({{KernelCommand{0, {counts}, {1}, 100, 10}, 7}, {FillCommand{counts, 0}, 8}});
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_TRUE(world_->Submit(**list).ok());
  EXPECT_EQ((*list)->profile()[0].runs, 0u);
  (*list)->set_profiling(true);
  ASSERT_TRUE(world_->Submit(**list).ok());
  const absl::StatusOr<Event> event = world_->device->Submit(**list);
  ASSERT_TRUE(event.ok());
  ASSERT_TRUE(world_->device->Wait(*event).ok());
  ASSERT_EQ((*list)->profile().size(), 2u);
  EXPECT_EQ((*list)->profile()[0].runs, 2u);
  EXPECT_EQ((*list)->profile()[0].scope, 7u);
  EXPECT_EQ((*list)->profile()[0].kernel, "count");
  EXPECT_EQ((*list)->profile()[1].kind, "fill");
  EXPECT_GT((*list)->profile()[0].seconds, 0.0);
  const absl::StatusOr<double> seconds = world_->device->Seconds(*event);
  ASSERT_TRUE(seconds.ok());
  EXPECT_GT(*seconds, 0.0);
  EXPECT_FALSE(world_->device->Seconds(Event{event->sequence + 1}).ok());
  EXPECT_FALSE(world_->device->Wait(Event{event->sequence + 1}).ok());
}

TEST_P(ConformanceTest, MemoryIsZeroedAlignedAndCounted) {
  const auto count = [&] {
    for (const MemoryUse& use : world_->device->memory_use()) {
      if (use.purpose == "probe") return use.bytes;
    }
    return uint64_t{0};
  };
  for (uint64_t bytes : {uint64_t{0}, uint64_t{1}, uint64_t{5000}, uint64_t{3} << 20}) {
    auto buffer = world_->device->Allocate(bytes, "probe");
    ASSERT_TRUE(buffer.ok()) << buffer.status();
    EXPECT_EQ((*buffer)->bytes(), bytes);
    std::vector<uint8_t> content(bytes, 1);
    ASSERT_TRUE(world_->device->Read(**buffer, 0, absl::MakeSpan(content)).ok());
    EXPECT_EQ(content, std::vector<uint8_t>(bytes));
    EXPECT_GE(count(), bytes);
    if (bytes > 0 && (*buffer)->host_data() != nullptr) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>((*buffer)->host_data()) % 64, 0u);
    }
    EXPECT_EQ(world_->device->Read(**buffer, bytes, absl::MakeSpan(content).first(bytes > 0)).ok(),
              bytes == 0);
  }
  EXPECT_EQ(count(), 0u);
  const auto huge = world_->device->Allocate(uint64_t{1} << 60, "everything");
  EXPECT_EQ(KindOf(huge.status()), ErrorKind::kOutOfMemory);
  EXPECT_THAT(std::string(huge.status().message()), HasSubstr("everything"));
}

TEST_P(ConformanceTest, WrongCommandsAreRefusedByNameAndPlace) {
  const BufferRef good = world_->Reserve(Region::kArena, 64);
  const BufferRef outside{Region::kArena, World::kRegionBytes - 4, 8};
  const struct {
    Command command;
    const char* expected;
  } cases[] = {
      {{FillCommand{outside, 0}, 5}, "command 1 (fill, scope 5): target: arena["},
      {{KernelCommand{4, {good}, {}, 1, 1}, 6}, "command 1 (kernel, scope 6): kernel index 4"},
      {{CopyCommand{{Region::kArena, 0, 64}, {Region::kArena, 32, 64}}, 0}, "overlaps target"},
      {{SwitchCommand{{Region::kControl, 0, 4}, {{}, {{FillCommand{outside, 0}, 9}}}}, 0},
       "command 1 (switch, scope 0): case 1: command 0 (fill, scope 9)"},
  };
  for (const auto& wrong : cases) {
    const auto list = world_->Record({{FillCommand{good, 0}, 0}, wrong.command});
    EXPECT_EQ(KindOf(list.status()), ErrorKind::kFailure);
    EXPECT_THAT(std::string(list.status().message()), HasSubstr(wrong.expected));
  }
  RegionBindings bindings = world_->bindings;
  bindings[0].offset = World::kRegionBytes;
  const CommandSequence commands;
  const Recording recording{&commands, bindings, {}};
  EXPECT_EQ(KindOf(world_->device->Record(*world_->executable, {recording}).status()),
            ErrorKind::kFailure);
}

TEST_P(ConformanceTest, CodeForAnotherProcessorOrOutsideTheBlobIsRefused) {
  const std::vector<uint8_t> code(16, 0xc3);
  const KernelEntry inside{"good", 15}, outside{"bad", 16};
  const auto other = world_->device->LoadKernels("sm_80", code, {inside});
  EXPECT_EQ(KindOf(other.status()), ErrorKind::kInput);
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("sm_80"));
  if (world_->device->isa_levels().empty()) GTEST_SKIP() << "no known level on this processor";
  const std::string level = world_->device->isa_levels().front();
  EXPECT_TRUE(world_->device->LoadKernels(level, code, {inside}).ok());
  EXPECT_EQ(KindOf(world_->device->LoadKernels(level, code, {outside}).status()),
            ErrorKind::kInput);
}

TEST(RegistryTest, UnknownAndAbsentDevicesAreNamed) {
  const auto unknown = CreateDevice("tpu", {});
  EXPECT_EQ(KindOf(unknown.status()), ErrorKind::kUsage);
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("cpu, cuda"));
  EXPECT_EQ(KindOf(CreateDevice("cpu", {-1, false}).status()), ErrorKind::kUsage);
  const auto cuda = CreateDevice("cuda", {});
  if (!cuda.ok()) {
    EXPECT_EQ(KindOf(cuda.status()), ErrorKind::kFailure);
    EXPECT_THAT(std::string(cuda.status().message()), HasSubstr("install"));
  }
}

}  // namespace
}  // namespace hydra::hal
