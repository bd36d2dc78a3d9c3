// What every driver must do with kernels, moves and control.
#include <atomic>
#include <numeric>

#include "runtime/base/command_check.h"
#include "runtime/base/status.h"
#include "tests/hal/hal_fixture.h"

namespace hydra::hal {
namespace {

using ::testing::HasSubstr;

CommandSequence One(Command command) { return {std::move(command)}; }

class ConformanceTest : public DriverTest {};
INSTANTIATE_TEST_SUITE_P(Drivers, ConformanceTest, ::testing::ValuesIn(kDriverCases), DriverLabel);

TEST_P(ConformanceTest, KernelDoesEachItemOnce) {
  for (uint64_t items : {0, 1, 7, 64, 1000}) {
    for (uint64_t grain : {1, 3, 64, 5000}) {
      const BufferRef counts = world_->Put(std::vector<int32_t>(items + 1), Region::kOutputs);
      KernelCommand kernel{kCountKernel, {counts}, {3}, items, grain};
      const absl::Status status = world_->Run(One({kernel, 0}));
      ASSERT_TRUE(status.ok()) << status;
      std::vector<int32_t> expected(items, 3);
      expected.push_back(0);
      EXPECT_EQ(world_->Get<int32_t>(counts), expected) << items << " in " << grain;
    }
  }
}

TEST_P(ConformanceTest, CommandsSeeEarlierResultsAndReplay) {
  std::vector<float> x(999);
  std::iota(x.begin(), x.end(), 1.0f);
  const BufferRef a = world_->Put(x);
  const BufferRef b = world_->Reserve(Region::kArena, a.bytes);
  const BufferRef c = world_->Reserve(Region::kOutputs, a.bytes);
  CommandSequence commands;
  for (int i = 0; i < 50; ++i) {
    commands.push_back({KernelCommand{kDoubleKernel, {a, b}, {}, x.size(), 8}, 0});
    commands.push_back({KernelCommand{kDoubleKernel, {b, c}, {}, x.size(), 16}, 0});
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

// Rows of matrices are copied and filled, and what lies between them stays.
TEST_P(ConformanceTest, CopyAndFillKeepToTheRowsOfViews) {
  std::vector<uint32_t> matrix(6 * 8);
  for (uint32_t i = 0; i < matrix.size(); ++i) matrix[i] = i;
  const BufferRef all = world_->Put(matrix, Region::kParameters);
  const auto window = [&](uint64_t column, uint64_t columns) {
    BufferRef view = all;
    view.offset += column * 4;
    view.row_bytes = columns * 4;
    view.pitch = 32;
    view.bytes = 5 * view.pitch + view.row_bytes;
    return view;
  };
  const BufferRef packed = world_->Reserve(Region::kOutputs, 6 * 3 * 4);
  ASSERT_TRUE(world_
                  ->Run({{CopyCommand{window(2, 3), packed}, 0},
                         {CopyCommand{window(0, 2), window(6, 2)}, 0},
                         {FillCommand{window(2, 1), 77}, 0}})
                  .ok());
  std::vector<uint32_t> expected = matrix, gathered;
  for (uint32_t row = 0; row < 6; ++row) {
    for (uint32_t c = 2; c < 5; ++c) gathered.push_back(row * 8 + c);
    expected[row * 8 + 6] = row * 8;
    expected[row * 8 + 7] = row * 8 + 1;
    expected[row * 8 + 2] = 77;
  }
  EXPECT_EQ(world_->Get<uint32_t>(packed), gathered);
  EXPECT_EQ(world_->Get<uint32_t>(all), expected);
}

TEST_P(ConformanceTest, RepeatMovesReferencesByTheirSteps) {
  const BufferRef from = world_->Put(std::vector<uint32_t>{1, 2, 3, 4}, Region::kParameters);
  const BufferRef to = world_->Put(std::vector<uint32_t>(4, 9), Region::kOutputs);
  BufferRef source{from.region, from.offset, 4}, target{to.region, to.offset + 12, 4};
  source.repeat_step = 4;
  target.repeat_step = -4;
  // A repeat inside moves its own references only.
  BufferRef inner{Region::kGradients, 0, 4};
  inner.repeat_step = 8;
  const RepeatCommand nested{2, {{FillCommand{inner, 5}, 3}}};
  auto list =
      world_->Record({{RepeatCommand{3, {{CopyCommand{source, target}, 1}, {nested, 2}}}, 0}});
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_TRUE(world_->Submit(**list).ok());
  EXPECT_EQ(world_->Get<uint32_t>(to), (std::vector<uint32_t>{9, 3, 2, 1}));
  EXPECT_EQ(world_->Get<uint32_t>({Region::kGradients, 0, 16}),
            (std::vector<uint32_t>{5, 0, 5, 0}));
  EXPECT_EQ((*list)->profile().size(), 4u);  // one line per command, whatever the iterations
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
  const BufferRef in = world_->Put(std::vector<float>{1, 2, 3, 4}, Region::kInputs);
  const BufferRef second = world_->Put(std::vector<float>{5, 6, 7, 8}, Region::kInputs);
  const BufferRef out = world_->Reserve(Region::kOutputs, 16);
  const CommandSequence commands =
      world_->Form(One({KernelCommand{kDoubleKernel, {in, out}, {}, 4, 1}, 0}));
  std::vector<Recording> recordings(2);
  for (Recording& recording : recordings) {
    recording.commands = &commands;
    recording.regions = world_->bindings;
  }
  const BufferRef out2 = world_->Reserve(Region::kOutputs, 16);
  auto& inputs = recordings[1].regions[static_cast<int>(Region::kInputs)];
  inputs.offset += second.offset - in.offset;
  inputs.bytes -= second.offset - in.offset;
  auto& outputs = recordings[1].regions[static_cast<int>(Region::kOutputs)];
  outputs.offset += out2.offset - out.offset;
  outputs.bytes -= out2.offset - out.offset;
  auto list = world_->device->Record(*world_->executable, recordings, {}, {});
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_TRUE(world_->Submit(**list).ok());
  EXPECT_EQ(world_->Get<float>(out), (std::vector<float>{2, 4, 6, 8}));
  EXPECT_EQ(world_->Get<float>(out2), (std::vector<float>{10, 12, 14, 16}));
}

TEST_P(ConformanceTest, ProfileCountsAndTimesCommands) {
  const BufferRef counts = world_->Reserve(Region::kOutputs, 4 * 100);
  const CommandSequence commands = {{KernelCommand{kCountKernel, {counts}, {1}, 100, 10}, 7},
                                    {FillCommand{counts, 0}, 8}};
  auto plain = world_->Record(commands);
  ASSERT_TRUE(plain.ok()) << plain.status();
  ASSERT_TRUE(world_->Submit(**plain).ok());
  EXPECT_EQ((*plain)->profile()[0].runs, 0u);
  auto list = world_->Record(commands, {}, {.profile = true});
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_TRUE(world_->Submit(**list).ok());
  const absl::StatusOr<Ticket> ticket = world_->device->Submit(**list);
  ASSERT_TRUE(ticket.ok());
  ASSERT_TRUE(world_->device->Await(*ticket).ok());
  ASSERT_EQ((*list)->profile().size(), 2u);
  EXPECT_EQ((*list)->profile()[0].runs, 2u);
  EXPECT_EQ((*list)->profile()[0].scope, 7u);
  EXPECT_EQ((*list)->profile()[0].kernel, "count");
  EXPECT_EQ((*list)->profile()[1].kind, "fill");
  EXPECT_GT((*list)->profile()[0].seconds, 0.0);
  const absl::StatusOr<double> seconds = world_->device->Seconds(*ticket);
  ASSERT_TRUE(seconds.ok());
  EXPECT_GT(*seconds, 0.0);
  EXPECT_FALSE(world_->device->Seconds(Ticket{ticket->sequence + 1}).ok());
  EXPECT_FALSE(world_->device->Await(Ticket{ticket->sequence + 1}).ok());
}

TEST_P(ConformanceTest, MemoryIsZeroedAndCounted) {
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
      {{KernelCommand{9, {good}, {}, 1, 1}, 6}, "command 1 (kernel, scope 6): kernel index 9"},
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
  Recording recording;
  recording.commands = &commands;
  recording.regions = bindings;
  EXPECT_EQ(KindOf(world_->device->Record(*world_->executable, {recording}, {}, {}).status()),
            ErrorKind::kFailure);
}

TEST_P(ConformanceTest, CodeForAnotherProcessorOrOutsideTheBlobIsRefused) {
  const std::vector<uint8_t> code(16, 0xc3);
  const KernelEntry inside{"good", 15}, outside{"bad", 16};
  const auto other = world_->device->LoadKernels("sm_70", code, {inside});
  EXPECT_EQ(KindOf(other.status()), ErrorKind::kInput);
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("sm_70"));
  if (world_->device->isa_levels().empty()) GTEST_SKIP() << "no known level on this processor";
  const std::string level = world_->device->isa_levels().front();
  // The code of a GPU has a form of its own, which its driver reads.
  EXPECT_EQ(world_->device->LoadKernels(level, code, {inside}).ok(),
            world_->device->name() != "cuda");
  EXPECT_EQ(KindOf(world_->device->LoadKernels(level, code, {outside}).status()),
            ErrorKind::kInput);
}

TEST(RegistryTest, UnknownAndAbsentDevicesAreNamed) {
  const auto unknown = CreateDevice("tpu", {});
  EXPECT_EQ(KindOf(unknown.status()), ErrorKind::kUsage);
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("cpu, cuda, sim"));
  EXPECT_EQ(KindOf(CreateDevice("cpu", {-1, false}).status()), ErrorKind::kUsage);
  const auto cuda = CreateDevice("cuda", {});
  if (!cuda.ok()) {
    EXPECT_EQ(KindOf(cuda.status()), ErrorKind::kInput);
    EXPECT_THAT(std::string(cuda.status().message()), HasSubstr("install"));
  }
}

}  // namespace
}  // namespace hydra::hal
