#include "tests/artifact/sample_artifact.h"

#include <bit>

#include "runtime/artifact/features.h"
#include "runtime/base/command.h"

// Two kernels as flat position-independent code: rdi args, rsi context (scalars first), rdx
// begin, rcx end.
asm(R"(
  .pushsection .rodata
  .p2align 4
  .globl hydra_sample_code_begin, hydra_sample_code_add, hydra_sample_code_end
hydra_sample_code_begin:
  mov (%rdi), %rax
  mov 8(%rdi), %r9
  mov (%rsi), %r8
  cvtsd2ss (%r8), %xmm1
1:
  cmp %rcx, %rdx
  jge 2f
  movss (%rax,%rdx,4), %xmm0
  mulss %xmm1, %xmm0
  movss %xmm0, (%r9,%rdx,4)
  inc %rdx
  jmp 1b
2:
  ret
  .p2align 4
hydra_sample_code_add:
  mov (%rdi), %rax
  mov 8(%rdi), %r9
3:
  cmp %rcx, %rdx
  jge 4f
  movss (%r9,%rdx,4), %xmm0
  addss (%rax,%rdx,4), %xmm0
  movss %xmm0, (%r9,%rdx,4)
  inc %rdx
  jmp 3b
4:
  ret
hydra_sample_code_end:
  .popsection
)");
extern "C" const uint8_t hydra_sample_code_begin[], hydra_sample_code_add[],
    hydra_sample_code_end[];

namespace hydra::artifact::testing {
namespace {

using hal::BufferRef;
using hal::ElementType;
using hal::Region;

constexpr uint64_t kWeightBytes = 4 * 4 * 4;

int64_t Bits(double value) { return std::bit_cast<int64_t>(value); }

EntryInfo Forward(int64_t seq) {
  const uint64_t bytes = static_cast<uint64_t>(seq) * 16;
  EntryInfo entry;
  entry.name = "forward";
  entry.batch = 1;
  entry.seq = seq;
  entry.inputs = {MakeBuffer("x", Region::kInputs, 0, ElementType::kF32, {seq, 4})};
  entry.outputs = {MakeBuffer("y", Region::kOutputs, 64, ElementType::kF32, {seq, 4})};
  entry.arena_bytes = bytes;
  entry.flops = static_cast<uint64_t>(seq) * 32;
  hal::MatmulCommand matmul;
  matmul.a = {Region::kInputs, 0, bytes};
  matmul.b = {Region::kParameters, 0, kWeightBytes};
  matmul.c = {Region::kArena, 0, bytes};
  matmul.m = static_cast<uint64_t>(seq);
  matmul.n = matmul.k = matmul.lda = matmul.ldb = matmul.ldc = 4;
  matmul.tile_m = 2;
  matmul.tile_n = 4;
  hal::KernelCommand scale;
  scale.kernel = 0;
  scale.args = {matmul.c, {Region::kOutputs, 64, bytes}};
  scale.scalars = {Bits(3.0)};
  scale.items = bytes / 4;
  scale.grain = 4;
  entry.body = {{matmul, 1}, {scale, 2}};
  return entry;
}

EntryInfo Accumulate() {
  EntryInfo entry;
  entry.name = "accumulate";
  entry.batch = 1;
  entry.seq = 4;
  entry.inputs = {MakeBuffer("x", Region::kInputs, 0, ElementType::kF32, {4, 4})};
  entry.outputs = {MakeBuffer("loss", Region::kOutputs, 0, ElementType::kF32, {})};
  hal::KernelCommand add;
  add.kernel = 1;
  add.args = {{Region::kInputs, 0, kWeightBytes}, {Region::kGradients, 0, kWeightBytes}};
  add.items = 16;
  add.grain = 4;
  const hal::CopyCommand loss{{Region::kInputs, 0, 4}, {Region::kOutputs, 0, 4}};
  entry.body = {{add, 1}, {hal::CaptureCommand{{{loss, 2}}}, 2}};
  return entry;
}

EntryInfo Apply() {
  EntryInfo entry;
  entry.name = "apply";
  entry.batch = 1;
  entry.seq = 4;
  entry.outputs = {MakeBuffer("norm", Region::kOutputs, 0, ElementType::kF32, {})};
  const BufferRef gradient{Region::kGradients, 0, kWeightBytes};
  const hal::SwitchCommand choice{
      {Region::kControl, 4, 4},
      {{{hal::CopyCommand{gradient, {Region::kParameters, 0, kWeightBytes}}, 1}}, {}}};
  entry.body = {
      {hal::CollectiveCommand{hal::CollectiveKind::kAllReduceSum, gradient, ElementType::kF32}, 1},
      {choice, 1},
      {hal::CopyCommand{{Region::kGradients, 0, 4}, {Region::kOutputs, 0, 4}}, 2},
      {hal::FillCommand{gradient, 0}, 2}};
  return entry;
}

}  // namespace

ArtifactInfo SampleInfo(const std::vector<std::string>& isa_levels) {
  ArtifactInfo info;
  info.version_major = 2;
  info.model = "sample";
  info.target = "cpu";
  info.compiler_build = "test";
  info.rules = "pytorch";
  info.isa_levels = isa_levels;
  info.vocab_size = 4;
  info.dim = 4;
  info.max_seq_len = 8;
  ParameterInfo weight;
  weight.name = "weight";
  weight.aliases = {"old.weight"};
  weight.buffer = MakeBuffer("weight", Region::kParameters, 0, ElementType::kF32, {4, 4});
  weight.init_kind = InitKind::kNormal;
  weight.init_value = 0.02;
  weight.residual_scale = 0.5;
  weight.gradient = MakeBuffer("weight", Region::kGradients, 0, ElementType::kF32, {4, 4});
  weight.states = {MakeBuffer("m", Region::kOptimizer, 0, ElementType::kF32, {4, 4}),
                   MakeBuffer("v", Region::kOptimizer, 64, ElementType::kF32, {4, 4})};
  ParameterInfo scale;
  scale.name = "scale";
  scale.buffer = MakeBuffer("scale", Region::kParameters, 64, ElementType::kF32, {8});
  scale.init_value = 1.5;
  info.parameters = {weight, scale};
  info.control = {MakeBuffer("lr", Region::kControl, 0, ElementType::kF32, {}, 0.25),
                  MakeBuffer("skip", Region::kControl, 4, ElementType::kI32, {})};
  info.control_state = {MakeBuffer("ema", Region::kControlState, 0, ElementType::kF32, {}, 25.0)};
  info.optimizer = {MakeBuffer("steps", Region::kOptimizer, 128, ElementType::kI32, {2})};
  info.cache = {MakeBuffer("k", Region::kCache, 0, ElementType::kF32, {16})};
  info.region_bytes[static_cast<int>(Region::kArena)] = 128;
  info.region_bytes[static_cast<int>(Region::kParameters)] = 128;
  info.region_bytes[static_cast<int>(Region::kGradients)] = 64;
  info.region_bytes[static_cast<int>(Region::kOptimizer)] = 192;
  info.region_bytes[static_cast<int>(Region::kControl)] = 8;
  info.region_bytes[static_cast<int>(Region::kControlState)] = 4;
  info.region_bytes[static_cast<int>(Region::kCache)] = 64;
  info.region_bytes[static_cast<int>(Region::kInputs)] = 128;
  info.region_bytes[static_cast<int>(Region::kOutputs)] = 192;
  info.region_bytes[static_cast<int>(Region::kConstants)] = 16;
  info.region_bytes[static_cast<int>(Region::kScratch)] = 64;
  info.entries = {Forward(8), Forward(4), Accumulate(), Apply()};
  const uint64_t add_offset =
      static_cast<uint64_t>(hydra_sample_code_add - hydra_sample_code_begin);
  info.kernels = {{"scale", "00", "sample.mlir:1", std::vector<uint64_t>(isa_levels.size(), 0)},
                  {"add", "01", "", std::vector<uint64_t>(isa_levels.size(), add_offset)}};
  info.scopes = {"model", "block.0", "block.1"};
  return info;
}

ArtifactInfo EverythingInfo(const std::vector<std::string>& isa_levels) {
  ArtifactInfo info = SampleInfo(isa_levels);
  info.region_bytes[static_cast<int>(Region::kRecord)] = 128;
  info.region_bytes[static_cast<int>(Region::kDerived)] = 64;
  info.derived = {MakeBuffer("weight", Region::kDerived, 0, ElementType::kBf16, {4, 4})};
  info.precision = "bf16";
  EntryInfo entry;
  entry.name = "everything";
  entry.batch = 1;
  entry.seq = 4;
  entry.record = {MakeBuffer("loss", Region::kRecord, 0, ElementType::kF32, {}),
                  MakeBuffer("norm", Region::kRecord, 64, ElementType::kF32, {2})};
  entry.record[0].reduce = Reduce::kMean;
  entry.record[1].reduce = Reduce::kMax;
  entry.record_bytes = 128;
  entry.dead = {{1, {Region::kArena, 0, 64}}, {3, {Region::kArena, 0, 56, 8, 16}}};
  hal::KernelCommand moving;
  moving.args = {{Region::kInputs, 0, 64}, {Region::kArena, 0, 64}};
  moving.args[1].repeat_step = 64;
  moving.scalars = {Bits(1.0)};
  moving.items = 16;
  hal::KernelCommand launch = moving;
  launch.args[1].repeat_step = 0;
  launch.geometry = hal::LaunchGeometry{{1, 2, 3}, {32, 4, 5}, {1, 2, 1}, 1024};
  hal::MatmulCommand grouped;  // A [4, 4] is the right half of [4, 8]
  grouped.a = {Region::kArena, 8, 56, 8, 16};
  grouped.b = {Region::kDerived, 0, 64};
  grouped.c = {Region::kOutputs, 0, 64};
  grouped.m = grouped.n = grouped.k = grouped.ldb = grouped.ldc = 4;
  grouped.lda = 8;
  grouped.tile_m = grouped.tile_n = 4;
  grouped.a_type = grouped.b_type = ElementType::kBf16;
  grouped.groups = 2;
  grouped.group_b = 16;
  grouped.offsets = BufferRef{Region::kInputs, 64, 12};
  grouped.k_slice = 2;
  grouped.b_layout = hal::MatrixLayout::kPacked;
  const hal::CopyCommand rows{{Region::kArena, 0, 56, 8, 16}, {Region::kArena, 64, 32}};
  const hal::FillCommand pattern{{Region::kArena, 0, 28, 4, 12}, 7};
  entry.body = {{hal::RepeatCommand{2, {{moving, 1}}}, 2},
                {launch, 1},
                {grouped, 1},
                {rows, 0},
                {pattern, 0}};
  info.entries.push_back(entry);
  info.required_features = FeaturesOf(info);
  return info;
}

std::vector<SectionBytes> SampleSections(const ArtifactInfo& info) {
  std::vector<SectionBytes> sections;
  for (const std::string& level : info.isa_levels) {
    sections.push_back({SectionKind::kCode, level,
                        std::vector<uint8_t>(hydra_sample_code_begin, hydra_sample_code_end)});
  }
  sections.push_back(
      {SectionKind::kConstants, "", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}});
  sections.push_back({SectionKind::kSpec, "model.mlir", {'s', 'p', 'e', 'c'}});
  return sections;
}

}  // namespace hydra::artifact::testing
