// The step record: pieces of micro-batches in region record, a ring of whole records, reductions.
#include "runtime/exec/step_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>

#include "runtime/artifact/features.h"
#include "runtime/base/status.h"
#include "runtime/exec/executor.h"
#include "runtime/hal/registry.h"
#include "tests/artifact/artifact_builder.h"
#include "tests/artifact/sample_artifact.h"
#include "tests/hal/late_device.h"

namespace hydra {
namespace {

using artifact::ArtifactInfo;
using artifact::EntryInfo;
using artifact::NamedBuffer;
using artifact::Reduce;
using artifact::testing::MakeBuffer;
using hal::ElementType;
using hal::Region;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The sample artifact with a record: of `accumulate` the first input element (mean) and the first
// four (sum), of `apply` the first element of the gradient.
ArtifactInfo SampleWithRecord(const std::string& level) {
  ArtifactInfo info = artifact::testing::SampleInfo({level});
  EntryInfo& accumulate = info.entries[2];
  EntryInfo& apply = info.entries[3];
  accumulate.outputs.clear();
  accumulate.record = {MakeBuffer("loss", Region::kRecord, 0, ElementType::kF32, {}),
                       MakeBuffer("counts", Region::kRecord, 64, ElementType::kF32, {4})};
  accumulate.record[0].reduce = Reduce::kMean;
  accumulate.record[1].reduce = Reduce::kSum;
  accumulate.record_bytes = 128;
  accumulate.body.back() = {hal::CopyCommand{{Region::kInputs, 0, 4}, {Region::kRecord, 0, 4}}, 2};
  accumulate.body.push_back(
      {hal::CopyCommand{{Region::kInputs, 0, 16}, {Region::kRecord, 64, 16}}, 2});
  apply.outputs.clear();
  apply.record = {MakeBuffer("norm", Region::kRecord, 0, ElementType::kF32, {})};
  apply.record_bytes = 64;
  apply.body[2] = {hal::CopyCommand{{Region::kGradients, 0, 4}, {Region::kRecord, 0, 4}}, 2};
  info.region_bytes[static_cast<int>(Region::kRecord)] = 128;
  info.required_features = artifact::FeaturesOf(info);
  return info;
}

class StepRecordTest : public ::testing::Test {
 protected:
  std::unique_ptr<Executor> Make(bool validate, bool late) {
    auto device = hal::CreateDevice("cpu", {2, validate});
    EXPECT_TRUE(device.ok()) << device.status();
    if (!device.ok() || (*device)->isa_levels().empty()) return nullptr;
    device_ = late ? hal::MakeLateDevice(*std::move(device)) : *std::move(device);
    const ArtifactInfo info = SampleWithRecord(device_->isa_levels().back());
    file_ = artifact::testing::BuildArtifact(info, artifact::testing::SampleSections(info));
    auto opened = artifact::Artifact::FromMemory(file_, "sample.hydra");
    EXPECT_TRUE(opened.ok()) << opened.status();
    if (!opened.ok()) return nullptr;
    auto executor = Executor::Create(*std::move(opened), *device_, {3, ""});
    EXPECT_TRUE(executor.ok()) << executor.status();
    return executor.ok() ? *std::move(executor) : nullptr;
  }

  std::unique_ptr<hal::Device> device_;
  std::vector<uint8_t> file_;
};

std::vector<double> Reduced(const RecordField& field, absl::Span<const uint8_t> record) {
  std::vector<double> values(field.buffer->elements());
  ReduceField(field, record, absl::MakeSpan(values));
  return values;
}

// Every step in flight keeps a record of its own: the host reads the one of some steps ago.
TEST_F(StepRecordTest, TheRecordOfAnOlderStepIsWholeWhileNewerOnesRun) {
  for (const auto& [validate, late] : {std::pair(false, false), {true, false}, {false, true}}) {
    std::unique_ptr<Executor> executor = Make(validate, late);
    if (executor == nullptr) GTEST_SKIP() << "no known level on this processor";
    const EntryInfo& accumulate = **executor->FindEntry("accumulate", 1, 4);
    const EntryInfo& apply = **executor->FindEntry("apply", 1, 4);
    for (const int count : {1, 3}) {
      constexpr int kRing = 4;
      auto step = executor->PrepareStep(accumulate, count, apply,
                                        {.fetch_record = true, .record = {.ring = kRing}});
      ASSERT_TRUE(step.ok()) << step.status();
      const absl::Span<const RecordField> fields = (*step)->record_fields();
      ASSERT_EQ(fields.size(), 3u);
      EXPECT_EQ(fields[1].buffer->name, "counts");
      EXPECT_EQ(fields[1].pieces, static_cast<uint32_t>(count));
      EXPECT_EQ(fields[2].pieces, 1u);
      const InputSlot<float> x = *(*step)->FindInput<float>("x");
      std::vector<hal::Ticket> tickets;
      for (int run = 0; run < kRing; ++run) {
        for (int i = 0; i < count; ++i) {
          auto staged = (*step)->Stage(x, i);
          ASSERT_TRUE(staged.ok()) << staged.status();
          for (size_t e = 0; e < staged->size(); ++e) {
            (*staged)[e] = static_cast<float>(100 * run + 10 * i + static_cast<int>(e));
          }
        }
        auto ticket = (*step)->Submit();
        ASSERT_TRUE(ticket.ok()) << ticket.status();
        tickets.push_back(*ticket);
      }
      for (int run = 0; run < kRing; ++run) {
        auto record = (*step)->FetchRecord(tickets[run]);
        ASSERT_TRUE(record.ok()) << record.status();
        const double sum = count * 100.0 * run + 10.0 * count * (count - 1) / 2;
        EXPECT_THAT(Reduced(fields[0], *record), ElementsAre(sum / count));
        EXPECT_THAT(Reduced(fields[1], *record),
                    ElementsAre(sum, sum + count, sum + 2 * count, sum + 3 * count));
        EXPECT_THAT(Reduced(fields[2], *record), ElementsAre(sum));
      }
      // A field is an output to who asks for it by name.
      auto counts = (*step)->ReadOutput<float>("counts", 0, count - 1);
      ASSERT_TRUE(counts.ok()) << counts.status();
      EXPECT_EQ(counts->at(3), static_cast<float>(100 * (kRing - 1) + 10 * (count - 1) + 3));
    }
    auto alone = executor->Prepare(accumulate);
    ASSERT_TRUE(alone.ok()) << alone.status();
    EXPECT_THAT(std::string((*alone)->FetchRecord({}).status().message()),
                HasSubstr("fetch_record"));
    ASSERT_TRUE((*alone)->SetInput<float>("x", std::vector<float>(16, 5.0f)).ok());
    ASSERT_TRUE((*alone)->Run().ok());
    EXPECT_EQ((*alone)->ReadOutput<float>("loss")->at(0), 5.0f);
  }
}

template <typename T>
double ReduceOf(ElementType type, Reduce reduce, const std::vector<T>& pieces) {
  NamedBuffer buffer = MakeBuffer("f", Region::kRecord, 0, type, {});
  buffer.reduce = reduce;
  std::vector<uint8_t> record(64 * pieces.size() + 64);
  for (size_t i = 0; i < pieces.size(); ++i) {
    std::memcpy(record.data() + 64 + 64 * i, &pieces[i], sizeof(T));
  }
  return Reduced({&buffer, 64, 64, static_cast<uint32_t>(pieces.size())}, record)[0];
}

TEST(ReduceFieldTest, EveryReductionOfEveryType) {
  const std::vector<int32_t> counts = {7, -2, 4};
  EXPECT_EQ(ReduceOf(ElementType::kI32, Reduce::kLast, counts), 4);
  EXPECT_EQ(ReduceOf(ElementType::kI32, Reduce::kSum, counts), 9);
  EXPECT_EQ(ReduceOf(ElementType::kI32, Reduce::kMean, counts), 3);
  EXPECT_EQ(ReduceOf(ElementType::kI32, Reduce::kMax, counts), 7);
  EXPECT_EQ(ReduceOf(ElementType::kI32, Reduce::kMin, counts), -2);
  EXPECT_EQ(ReduceOf<double>(ElementType::kF64, Reduce::kSum, {1e300, 1, -1e300}), 0);
  // In float64: 2^24 + 1 + 1 has no float32 on the way.
  EXPECT_EQ(ReduceOf<float>(ElementType::kF32, Reduce::kSum, {16777216.0f, 1, 1}), 16777218.0);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Reduce reduce : {Reduce::kSum, Reduce::kMean, Reduce::kMax, Reduce::kMin}) {
    for (const std::vector<float>& pieces : {std::vector<float>{nan, 1}, {1, nan}, {1, nan, 2}}) {
      EXPECT_TRUE(std::isnan(ReduceOf(ElementType::kF32, reduce, pieces)))
          << artifact::ReduceName(reduce);
    }
  }
}

TEST(FieldsOfTest, BytesWithoutAValueAreRefused) {
  EntryInfo entry;
  entry.name = "accumulate";
  entry.record = {MakeBuffer("half", Region::kRecord, 0, ElementType::kBf16, {})};
  const absl::Status status = FieldsOf(entry, 0, 0, 1).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kInput);
  EXPECT_THAT(std::string(status.message()), HasSubstr("record field half"));
}

}  // namespace
}  // namespace hydra
