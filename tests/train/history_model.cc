#include "tests/train/history_model.h"

#include <bit>
#include <utility>

#include "runtime/artifact/features.h"
#include "runtime/artifact/format.h"
#include "runtime/hal/registry.h"
#include "tests/artifact/artifact_builder.h"

namespace hydra::train {
namespace {

using artifact::EntryInfo;
using artifact::Reduce;
using artifact::testing::MakeBuffer;
using hal::BufferRef;
using hal::CopyCommand;
using hal::ElementType;
using hal::FillCommand;
using hal::Region;

constexpr int64_t kColumns = kHistoryBatch * kHistorySeq;
constexpr uint64_t kRowBytes = kColumns * 4, kBytes = kHistoryRows * kRowBytes;
constexpr BufferRef kNewest{Region::kParameters, 0, kRowBytes};
constexpr BufferRef kGradient{Region::kGradients, 0, kBytes};

EntryInfo Accumulate(const char* variant, bool targets) {
  EntryInfo entry;
  entry.name = "accumulate";
  entry.batch = kHistoryBatch;
  entry.seq = kHistorySeq;
  entry.variant = variant;
  const std::vector<int64_t> shape = {kHistoryBatch, kHistorySeq};
  entry.inputs = {MakeBuffer("tokens", Region::kInputs, 0, ElementType::kI32, shape),
                  MakeBuffer("targets", Region::kInputs, kRowBytes, ElementType::kI32, shape)};
  entry.record = {MakeBuffer("loss.total", Region::kRecord, 0, ElementType::kF32, {}),
                  MakeBuffer("ids", Region::kRecord, 64, ElementType::kI32, {2})};
  entry.record[0].reduce = Reduce::kMean;
  entry.record[1].reduce = Reduce::kSum;
  const uint64_t source = targets ? kRowBytes : 0;
  entry.body = {
      {CopyCommand{{Region::kInputs, source, kRowBytes}, {Region::kGradients, 0, kRowBytes}}, 0},
      {FillCommand{{Region::kRecord, 0, 4}, std::bit_cast<uint32_t>(2.5f)}, 0},
      {CopyCommand{{Region::kInputs, source, 8}, {Region::kRecord, 64, 8}}, 0}};
  if (targets) {
    entry.record.push_back(MakeBuffer("loss.extra", Region::kRecord, 128, ElementType::kF32, {}));
    entry.record.back().reduce = Reduce::kMean;
    entry.body.push_back(
        {FillCommand{{Region::kRecord, 128, 4}, std::bit_cast<uint32_t>(0.5f)}, 0});
  }
  entry.record_bytes = targets ? 192 : 128;
  return entry;
}

EntryInfo Apply() {
  EntryInfo entry;
  entry.name = "apply";
  entry.record = {MakeBuffer("grad_norm", Region::kRecord, 0, ElementType::kF32, {}),
                  MakeBuffer("lr", Region::kRecord, 64, ElementType::kF32, {})};
  entry.record_bytes = 128;
  entry.arena_bytes = kBytes;
  const BufferRef kept{Region::kArena, 0, kBytes - kRowBytes};
  entry.body = {{CopyCommand{{Region::kParameters, 0, kBytes - kRowBytes}, kept}, 0},
                {CopyCommand{kept, {Region::kParameters, kRowBytes, kBytes - kRowBytes}}, 0},
                {CopyCommand{{Region::kGradients, 0, kRowBytes}, kNewest}, 0},
                {FillCommand{kGradient, 0}, 0},
                {FillCommand{{Region::kRecord, 0, 4}, std::bit_cast<uint32_t>(1.0f)}, 0},
                {CopyCommand{{Region::kControl, 0, 4}, {Region::kRecord, 64, 4}}, 0}};
  return entry;
}

}  // namespace

std::vector<uint8_t> HistoryModel() {
  artifact::ArtifactInfo info;
  info.version_major = artifact::kVersionMajor;
  info.model = "history";
  info.target = "cpu";
  info.compiler_build = "test";
  info.vocab_size = 256;
  info.dim = 1;
  info.max_seq_len = 64;
  artifact::ParameterInfo weight;
  weight.name = "history";
  const std::vector<int64_t> shape = {kHistoryRows, kColumns};
  weight.buffer = MakeBuffer("history", Region::kParameters, 0, ElementType::kF32, shape);
  weight.gradient = MakeBuffer("history", Region::kGradients, 0, ElementType::kF32, shape);
  info.parameters = {weight};
  info.control = {MakeBuffer("lr", Region::kControl, 0, ElementType::kF32, {})};
  const auto plan = [&](Region region, uint64_t bytes) {
    info.region_bytes[static_cast<int>(region)] = bytes;
  };
  for (const Region region : {Region::kArena, Region::kParameters, Region::kGradients}) {
    plan(region, kBytes);
  }
  plan(Region::kControl, 64);
  plan(Region::kInputs, 2 * kRowBytes);
  plan(Region::kRecord, 192);
  info.entries = {Accumulate("tokens", false), Accumulate("targets", true), Apply()};
  info.scopes = {"model"};
  info.required_features = artifact::FeaturesOf(info);
  return artifact::testing::BuildArtifact(info, {});
}

absl::StatusOr<Session> OpenHistoryModel(const std::vector<uint8_t>& file, DeviceKind kind,
                                         int micro_batches, hal::Permits* permits) {
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<hal::Device> device,
                         hal::CreateDevice("cpu", {2, kind == DeviceKind::kValidated}));
  if (kind == DeviceKind::kLate) device = hal::MakeLateDevice(std::move(device), permits);
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<artifact::Artifact> opened,
                         artifact::Artifact::FromMemory(file, "history.hydra"));
  return Session::Open(std::shared_ptr<const artifact::Artifact>(std::move(opened)),
                       std::move(device), {micro_batches, ""});
}

absl::StatusOr<data::Dataset> HistoryData(const TemporaryDirectory& directory) {
  std::string text;
  for (int i = 0; i < 400; ++i) text += "the quick brown fox ";
  WriteFile(directory / "text.txt", text);
  HYDRA_RETURN_IF_ERROR(
      data::PrepareText({.files = {directory / "text.txt"}, .out = directory / "data"}).status());
  return data::Dataset::Open(directory / "data");
}

}  // namespace hydra::train
