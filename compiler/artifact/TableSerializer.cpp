#include "compiler/artifact/TableSerializer.h"

#include "runtime/artifact/artifact_generated.h"

namespace fb = ::hydra::artifact::fb;
namespace hal = ::hydra::hal;
using flatbuffers::Offset;
using ::hydra::artifact::ArtifactInfo;
using ::hydra::artifact::EntryInfo;
using ::hydra::artifact::KernelInfo;
using ::hydra::artifact::NamedBuffer;
using ::hydra::artifact::ParameterInfo;
using ::hydra::artifact::SectionInfo;

// The enumerations are cast below; schema, command.h and reader number them alike.
static_assert(static_cast<int>(fb::Region::derived) == static_cast<int>(hal::Region::kDerived));
static_assert(static_cast<int>(fb::ElementType::u8) == static_cast<int>(hal::ElementType::kU8));

namespace {

fb::BufferRef toTable(const hal::BufferRef &ref) {
  return fb::BufferRef(ref.offset, ref.bytes, ref.row_bytes, ref.pitch, ref.repeat_step,
                       static_cast<fb::Region>(ref.region));
}

fb::LaunchGeometry toTable(const hal::LaunchGeometry &g) {
  return fb::LaunchGeometry(g.grid[0], g.grid[1], g.grid[2], g.block[0], g.block[1], g.block[2],
                            g.cluster[0], g.cluster[1], g.cluster[2], g.shared_bytes);
}

class Serializer {
public:
  Serializer() { builder.ForceDefaults(true); }

  std::vector<uint8_t> run(const ArtifactInfo &info) {
    builder.Finish(artifact(info), fb::ArtifactIdentifier());
    return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
  }

  // Bodies of commands, called through std::visit.
  Offset<void> operator()(const hal::KernelCommand &c) {
    kind = fb::CommandBody::KernelCommand;
    std::vector<fb::BufferRef> args;
    for (const hal::BufferRef &arg : c.args)
      args.push_back(toTable(arg));
    fb::LaunchGeometry geometry = c.geometry ? toTable(*c.geometry) : fb::LaunchGeometry();
    return fb::CreateKernelCommandDirect(builder, c.kernel, &args, &c.scalars, c.items, c.grain,
                                         c.geometry ? &geometry : nullptr)
        .Union();
  }
  Offset<void> operator()(const hal::MatmulCommand &c) {
    kind = fb::CommandBody::MatmulCommand;
    fb::BufferRef first = toTable(c.a), second = toTable(c.b), result = toTable(c.c);
    fb::BufferRef rows = c.rows ? toTable(*c.rows) : fb::BufferRef();
    fb::BufferRef offsets = c.offsets ? toTable(*c.offsets) : fb::BufferRef();
    return fb::CreateMatmulCommand(
               builder, &first, &second, &result, c.m, c.n, c.k, c.lda, c.ldb, c.ldc, c.transpose_a,
               c.transpose_b, c.accumulate, c.tile_m, c.tile_n, c.rows ? &rows : nullptr,
               c.rows_bound_k, static_cast<fb::ElementType>(c.a_type),
               static_cast<fb::ElementType>(c.b_type), static_cast<fb::ElementType>(c.c_type),
               c.groups, c.group_a, c.group_b, c.group_c, c.offsets ? &offsets : nullptr, c.k_slice,
               static_cast<fb::MatrixLayout>(c.b_layout))
        .Union();
  }
  Offset<void> operator()(const hal::CopyCommand &c) {
    kind = fb::CommandBody::CopyCommand;
    fb::BufferRef source = toTable(c.source), target = toTable(c.target);
    return fb::CreateCopyCommand(builder, &source, &target).Union();
  }
  Offset<void> operator()(const hal::FillCommand &c) {
    kind = fb::CommandBody::FillCommand;
    fb::BufferRef target = toTable(c.target);
    return fb::CreateFillCommand(builder, &target, c.pattern).Union();
  }
  Offset<void> operator()(const hal::CollectiveCommand &c) {
    kind = fb::CommandBody::CollectiveCommand;
    fb::BufferRef buffer = toTable(c.buffer);
    return fb::CreateCollectiveCommand(builder, static_cast<fb::CollectiveKind>(c.kind), &buffer,
                                       static_cast<fb::ElementType>(c.type))
        .Union();
  }
  Offset<void> operator()(const hal::SwitchCommand &c) {
    fb::BufferRef selector = toTable(c.selector);
    std::vector<Offset<fb::CommandList>> cases;
    for (const hal::CommandSequence &sequence : c.cases)
      cases.push_back(commands(sequence));
    kind = fb::CommandBody::SwitchCommand; // after the nested commands set theirs
    return fb::CreateSwitchCommandDirect(builder, &selector, &cases).Union();
  }
  Offset<void> operator()(const hal::CaptureCommand &c) {
    Offset<fb::CommandList> body = commands(c.body);
    kind = fb::CommandBody::CaptureCommand;
    return fb::CreateCaptureCommand(builder, body).Union();
  }
  Offset<void> operator()(const hal::RepeatCommand &c) {
    Offset<fb::CommandList> body = commands(c.body);
    kind = fb::CommandBody::RepeatCommand;
    return fb::CreateRepeatCommand(builder, c.count, body).Union();
  }

private:
  Offset<fb::CommandList> commands(const hal::CommandSequence &sequence) {
    std::vector<Offset<fb::Command>> list;
    for (const hal::Command &command : sequence) {
      Offset<void> body = std::visit(*this, command.body);
      list.push_back(fb::CreateCommand(builder, kind, body, command.scope));
    }
    return fb::CreateCommandListDirect(builder, &list);
  }

  Offset<fb::NamedBuffer> namedBuffer(const NamedBuffer &buffer) {
    fb::BufferRef ref = toTable(buffer.ref);
    return fb::CreateNamedBufferDirect(builder, buffer.name.c_str(), &ref,
                                       static_cast<fb::ElementType>(buffer.type), &buffer.shape,
                                       buffer.initial, static_cast<fb::Reduce>(buffer.reduce));
  }

  // A vector of the tables that `build` makes of `items`.
  template <typename Item, typename Build>
  auto tables(const std::vector<Item> &items, Build build) {
    std::vector<decltype(build(items.front()))> offsets;
    for (const Item &item : items)
      offsets.push_back(build(item));
    return builder.CreateVector(offsets);
  }
  auto namedBuffers(const std::vector<NamedBuffer> &buffers) {
    return tables(buffers, [&](const NamedBuffer &buffer) { return namedBuffer(buffer); });
  }

  Offset<fb::Parameter> parameter(const ParameterInfo &p) {
    auto name = builder.CreateString(p.name);
    auto aliases = builder.CreateVectorOfStrings(p.aliases);
    auto buffer = namedBuffer(p.buffer);
    Offset<fb::NamedBuffer> gradient;
    if (p.gradient)
      gradient = namedBuffer(*p.gradient);
    auto states = namedBuffers(p.states);
    return fb::CreateParameter(builder, name, aliases, buffer,
                               static_cast<fb::InitKind>(p.init_kind), p.init_value,
                               p.residual_scale, p.lr_factor, p.decay_factor, gradient, states);
  }

  Offset<fb::Entry> entry(const EntryInfo &e) {
    auto name = builder.CreateString(e.name);
    auto variant = builder.CreateString(e.variant);
    auto body = commands(e.body);
    auto inputs = namedBuffers(e.inputs);
    auto outputs = namedBuffers(e.outputs);
    auto record = namedBuffers(e.record);
    std::vector<fb::DeadRange> ranges;
    for (const hal::DeadRange &range : e.dead)
      ranges.push_back(fb::DeadRange(range.before_command, toTable(range.range)));
    auto dead = builder.CreateVectorOfStructs(ranges);
    return fb::CreateEntry(builder, name, e.batch, e.seq, variant, body, inputs, outputs,
                           e.arena_bytes, e.flops, record, e.record_bytes, dead);
  }

  Offset<fb::Artifact> artifact(const ArtifactInfo &info) {
    auto model = builder.CreateString(info.model);
    auto target = builder.CreateString(info.target);
    auto levels = builder.CreateVectorOfStrings(info.isa_levels);
    auto build = builder.CreateString(info.compiler_build);
    auto rules = builder.CreateString(info.rules);
    auto parameters = tables(info.parameters, [&](const ParameterInfo &p) { return parameter(p); });
    auto control = namedBuffers(info.control);
    auto controlState = namedBuffers(info.control_state);
    auto optimizer = namedBuffers(info.optimizer);
    auto cache = namedBuffers(info.cache);
    auto derived = namedBuffers(info.derived);
    auto precision = builder.CreateString(info.precision);
    std::vector<Offset<fb::RegionSize>> sizes;
    for (int region = 0; region < hal::kRegionCount; ++region)
      sizes.push_back(fb::CreateRegionSize(builder, static_cast<fb::Region>(region),
                                           info.region_bytes[region]));
    auto regions = builder.CreateVector(sizes);
    auto entries = tables(info.entries, [&](const EntryInfo &e) { return entry(e); });
    auto kernels = tables(info.kernels, [&](const KernelInfo &k) {
      return fb::CreateKernelDirect(builder, k.name.c_str(), k.hash.c_str(), k.location.c_str(),
                                    &k.offsets);
    });
    auto scopes = builder.CreateVectorOfStrings(info.scopes);
    auto sections = tables(info.sections, [&](const SectionInfo &s) {
      return fb::CreateSectionDirect(builder, static_cast<fb::SectionKind>(s.kind), s.name.c_str(),
                                     s.offset, s.bytes, s.hash_low, s.hash_high);
    });
    const ::hydra::artifact::PhaseFacts &p = info.phases;
    auto phases = fb::CreatePhaseFacts(
        builder, p.adaptive, p.depth_selection, p.experts, p.experts_start_silent, p.mod_warmup,
        p.mor_warmup, p.expert_warmup, p.forced_routing_steps, p.teacher_until_step);
    return fb::CreateArtifact(
        builder, info.version_major, info.version_minor, model, target, levels, build, rules,
        info.vocab_size, info.dim, info.max_seq_len, info.cache_len, parameters, control,
        controlState, optimizer, cache, regions, entries, kernels, scopes, sections,
        static_cast<fb::Feature>(info.required_features), derived, precision, phases);
  }

  flatbuffers::FlatBufferBuilder builder;
  fb::CommandBody kind = fb::CommandBody::NONE; // of the body built last
};

} // namespace

std::vector<uint8_t> mlir::hydra::serializeTables(const ArtifactInfo &info) {
  return Serializer().run(info);
}
