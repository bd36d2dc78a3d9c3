#include "tests/hydra-run/command_model.h"

#include <bit>
#include <cstring>

#include "runtime/artifact/features.h"
#include "runtime/artifact/format.h"
#include "tests/artifact/artifact_builder.h"

namespace hydra::tools::testing {
namespace {

using artifact::EntryInfo;
using artifact::NamedBuffer;
using artifact::testing::MakeBuffer;
using hal::BufferRef;
using hal::ElementType;
using hal::Region;

constexpr int64_t kVocab = 256, kDim = 16, kBatch = 2, kSeq = 8;
constexpr uint64_t kWeightBytes = kVocab * kDim * 4;
constexpr uint64_t kIdsBytes = kBatch * kSeq * 4;
// Constants: the diagonal matrix -1/128, a row of logits, a column of ones.
constexpr uint64_t kDecayOffset = 0, kDecayBytes = kVocab * kVocab * 4;
constexpr uint64_t kLogitsOffset = kDecayBytes, kLogitsBytes = kVocab * 4;
constexpr uint64_t kOnesOffset = kLogitsOffset + kLogitsBytes, kOnesBytes = 64;
constexpr uint64_t kConstantBytes = kOnesOffset + kOnesBytes;
constexpr BufferRef kWeights{Region::kParameters, 0, kWeightBytes};
constexpr BufferRef kGradients{Region::kGradients, 0, kWeightBytes};

hal::MatmulCommand Matmul(BufferRef a, BufferRef b, BufferRef c, uint64_t m, uint64_t n,
                          uint64_t k) {
  hal::MatmulCommand matmul;
  matmul.a = a;
  matmul.b = b;
  matmul.c = c;
  matmul.m = m;
  matmul.n = n;
  matmul.k = k;
  matmul.lda = k;
  matmul.ldb = n;
  matmul.ldc = n;
  matmul.tile_m = m;
  matmul.tile_n = n;
  return matmul;
}

EntryInfo Entry(const char* name, int64_t batch, int64_t seq, const char* variant) {
  EntryInfo entry;
  entry.name = name;
  entry.batch = batch;
  entry.seq = seq;
  entry.variant = variant;
  return entry;
}

std::vector<NamedBuffer> Ids() {
  return {MakeBuffer("tokens", Region::kInputs, 0, ElementType::kI32, {kBatch, kSeq}),
          MakeBuffer("targets", Region::kInputs, kIdsBytes, ElementType::kI32, {kBatch, kSeq})};
}

EntryInfo Accumulate() {
  EntryInfo entry = Entry("accumulate", kBatch, kSeq, "fixed");
  entry.inputs = Ids();
  entry.record = {MakeBuffer("loss.total", Region::kRecord, 0, ElementType::kF32, {}),
                  MakeBuffer("loss.ce", Region::kRecord, 64, ElementType::kF32, {})};
  const BufferRef loss{Region::kRecord, 0, 4};
  entry.body = {
      {Matmul({Region::kParameters, 0, kDim * 4}, {Region::kConstants, kOnesOffset, kDim * 4}, loss,
              1, 1, kDim),
       0},
      {hal::CopyCommand{loss, {Region::kRecord, 64, 4}}, 0},
      {hal::CopyCommand{{Region::kInputs, 0, kIdsBytes}, {Region::kGradients, 0, kIdsBytes}}, 0}};
  entry.record[0].reduce = entry.record[1].reduce = artifact::Reduce::kMean;
  entry.record.push_back(MakeBuffer("counts", Region::kRecord, 128, ElementType::kI32, {2, 3}));
  entry.record[2].reduce = artifact::Reduce::kSum;
  entry.body.push_back({hal::CopyCommand{{Region::kInputs, 0, 24}, {Region::kRecord, 128, 24}}, 0});
  entry.record_bytes = 192;
  entry.flops = 2 * kDim;
  return entry;
}

EntryInfo Apply() {
  EntryInfo entry = Entry("apply", 0, 0, "");
  entry.record = {MakeBuffer("grad_norm", Region::kRecord, 0, ElementType::kF32, {}),
                  MakeBuffer("clip_scale", Region::kRecord, 64, ElementType::kF32, {})};
  const BufferRef copy{Region::kArena, 0, kWeightBytes};
  hal::MatmulCommand decay =
      Matmul({Region::kConstants, kDecayOffset, kDecayBytes}, copy, kWeights, kVocab, kDim, kVocab);
  decay.accumulate = true;
  const uint32_t one = std::bit_cast<uint32_t>(1.0f);
  entry.body = {
      {hal::CollectiveCommand{hal::CollectiveKind::kAllReduceSum, kGradients, ElementType::kF32},
       0},
      {hal::CopyCommand{kWeights, copy}, 0},
      {decay, 0},
      {hal::CopyCommand{kGradients, {Region::kOptimizer, 0, kWeightBytes}}, 0},
      {hal::FillCommand{kGradients, 0}, 0},
      {hal::FillCommand{{Region::kRecord, 0, 4}, one}, 0},
      {hal::FillCommand{{Region::kRecord, 64, 4}, one}, 0}};
  entry.record_bytes = 128;
  entry.arena_bytes = kWeightBytes;
  return entry;
}

EntryInfo Eval() {
  EntryInfo entry = Entry("eval", kBatch, kSeq, "fixed");
  entry.inputs = Ids();
  entry.outputs = {
      MakeBuffer("token_loss", Region::kOutputs, 0, ElementType::kF32, {kBatch, kSeq})};
  entry.body = {
      {hal::FillCommand{{Region::kOutputs, 0, kIdsBytes}, std::bit_cast<uint32_t>(5.0f)}, 0}};
  return entry;
}

EntryInfo Extend(int64_t seq) {
  EntryInfo entry = Entry("extend", 1, seq, "fixed");
  entry.inputs = {MakeBuffer("tokens", Region::kInputs, 0, ElementType::kI32, {1, seq}),
                  MakeBuffer("position", Region::kInputs, 64, ElementType::kI32, {1}),
                  MakeBuffer("count", Region::kInputs, 128, ElementType::kI32, {1}),
                  MakeBuffer("seed", Region::kInputs, 192, ElementType::kI32, {1, 2}),
                  MakeBuffer("sequence", Region::kInputs, 256, ElementType::kI32, {1})};
  entry.outputs = {
      MakeBuffer("last_logits", Region::kOutputs, 0, ElementType::kF32, {1, kVocab}),
      MakeBuffer("next_token", Region::kOutputs, kLogitsBytes, ElementType::kI32, {1})};
  entry.body = {
      {hal::CopyCommand{{Region::kConstants, kLogitsOffset, kLogitsBytes},
                        {Region::kOutputs, 0, kLogitsBytes}},
       0},
      {hal::CopyCommand{{Region::kInputs, 192, 4}, {Region::kOutputs, kLogitsBytes, 4}}, 0}};
  return entry;
}

std::vector<uint8_t> Constants() {
  std::vector<float> values(kConstantBytes / 4, 0.0f);
  for (int64_t i = 0; i < kVocab; ++i) {
    values[i * kVocab + i] = -1.0f / 128;
    const bool letter = i >= 'a' && i <= 'z';
    values[kLogitsOffset / 4 + i] = letter ? 0.0f : -1e9f;
  }
  for (int64_t i = 0; i < kDim; ++i) values[kOnesOffset / 4 + i] = 1.0f;
  std::vector<uint8_t> bytes(kConstantBytes);
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

}  // namespace

std::vector<uint8_t> CommandModel() {
  artifact::ArtifactInfo info;
  info.version_major = artifact::kVersionMajor;
  info.model = "commands";
  info.target = "cpu";
  info.compiler_build = "test";
  info.rules = "pytorch";
  info.precision = "f32";
  info.vocab_size = kVocab;
  info.dim = kDim;
  info.max_seq_len = 64;
  info.cache_len = 64;
  artifact::ParameterInfo weight;
  weight.name = "tok_emb.weight";
  weight.aliases = {"output.weight"};
  weight.buffer =
      MakeBuffer("tok_emb.weight", Region::kParameters, 0, ElementType::kF32, {kVocab, kDim});
  weight.init_kind = artifact::InitKind::kNormal;
  weight.init_value = 0.02;
  weight.gradient =
      MakeBuffer("tok_emb.weight", Region::kGradients, 0, ElementType::kF32, {kVocab, kDim});
  weight.states = {MakeBuffer("m", Region::kOptimizer, 0, ElementType::kF32, {kVocab, kDim})};
  info.parameters = {weight};
  info.control = {MakeBuffer("lr", Region::kControl, 0, ElementType::kF32, {})};
  uint64_t place = 0;
  for (const char* name : {"temperature", "top_p", "repeat_penalty"}) {
    info.control.push_back(MakeBuffer(name, Region::kControl, place += 64, ElementType::kF32, {}));
  }
  for (const char* name : {"top_k", "vocabulary"}) {
    info.control.push_back(MakeBuffer(name, Region::kControl, place += 64, ElementType::kI32, {}));
  }
  info.control_state = {
      MakeBuffer("grad_norm_ema", Region::kControlState, 0, ElementType::kF32, {}, 1.0)};
  info.cache = {MakeBuffer("state", Region::kCache, 0, ElementType::kF32, {16})};
  const auto plan = [&](Region region, uint64_t bytes) {
    info.region_bytes[static_cast<int>(region)] = bytes;
  };
  plan(Region::kArena, kWeightBytes);
  plan(Region::kParameters, kWeightBytes);
  plan(Region::kGradients, kWeightBytes);
  plan(Region::kOptimizer, kWeightBytes);
  plan(Region::kControl, 384);
  plan(Region::kControlState, 64);
  plan(Region::kCache, 64);
  plan(Region::kInputs, 320);
  plan(Region::kOutputs, 4 * kLogitsBytes);
  plan(Region::kRecord, 192);
  plan(Region::kConstants, kConstantBytes);
  info.entries = {Accumulate(), Apply(), Eval(), Extend(4), Extend(1)};
  info.scopes = {"model"};
  info.required_features = artifact::FeaturesOf(info);
  return artifact::testing::BuildArtifact(
      info, {{artifact::SectionKind::kConstants, "", Constants()},
             {artifact::SectionKind::kSpec, "model.mlir", {'/', '/', ' ', 's', 'p', 'e', 'c'}}});
}

}  // namespace hydra::tools::testing
