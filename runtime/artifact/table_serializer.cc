#include "runtime/artifact/table_serializer.h"

#include <variant>

#include "runtime/artifact/artifact_generated.h"

namespace hydra::artifact {

// The enumerations are cast below; schema, command.h and reader number them alike.
static_assert(static_cast<int>(fb::Region::derived) == static_cast<int>(hal::Region::kDerived));
static_assert(static_cast<int>(fb::ElementType::u8) == static_cast<int>(hal::ElementType::kU8));

namespace {

using flatbuffers::Offset;

fb::BufferRef ToTable(const hal::BufferRef& ref) {
  return fb::BufferRef(ref.offset, ref.bytes, ref.row_bytes, ref.pitch, ref.repeat_step,
                       static_cast<fb::Region>(ref.region));
}

fb::LaunchGeometry ToTable(const hal::LaunchGeometry& g) {
  return fb::LaunchGeometry(g.grid[0], g.grid[1], g.grid[2], g.block[0], g.block[1], g.block[2],
                            g.cluster[0], g.cluster[1], g.cluster[2], g.shared_bytes);
}

class Serializer {
 public:
  Serializer() { builder_.ForceDefaults(true); }

  std::vector<uint8_t> Run(const ArtifactInfo& info) {
    builder_.Finish(ArtifactTable(info), fb::ArtifactIdentifier());
    return {builder_.GetBufferPointer(), builder_.GetBufferPointer() + builder_.GetSize()};
  }

  // Bodies of commands, called through std::visit.
  Offset<void> operator()(const hal::KernelCommand& c) {
    kind_ = fb::CommandBody::KernelCommand;
    std::vector<fb::BufferRef> args;
    for (const hal::BufferRef& arg : c.args) args.push_back(ToTable(arg));
    fb::LaunchGeometry geometry = c.geometry ? ToTable(*c.geometry) : fb::LaunchGeometry();
    return fb::CreateKernelCommandDirect(builder_, c.kernel, &args, &c.scalars, c.items, c.grain,
                                         c.geometry ? &geometry : nullptr)
        .Union();
  }
  Offset<void> operator()(const hal::MatmulCommand& c) {
    kind_ = fb::CommandBody::MatmulCommand;
    fb::BufferRef first = ToTable(c.a), second = ToTable(c.b), result = ToTable(c.c);
    fb::BufferRef rows = c.rows ? ToTable(*c.rows) : fb::BufferRef();
    fb::BufferRef offsets = c.offsets ? ToTable(*c.offsets) : fb::BufferRef();
    return fb::CreateMatmulCommand(
               builder_, &first, &second, &result, c.m, c.n, c.k, c.lda, c.ldb, c.ldc,
               c.transpose_a, c.transpose_b, c.accumulate, c.tile_m, c.tile_n,
               c.rows ? &rows : nullptr, c.rows_bound_k, static_cast<fb::ElementType>(c.a_type),
               static_cast<fb::ElementType>(c.b_type), static_cast<fb::ElementType>(c.c_type),
               c.groups, c.group_a, c.group_b, c.group_c, c.offsets ? &offsets : nullptr, c.k_slice,
               static_cast<fb::MatrixLayout>(c.b_layout))
        .Union();
  }
  Offset<void> operator()(const hal::CopyCommand& c) {
    kind_ = fb::CommandBody::CopyCommand;
    fb::BufferRef source = ToTable(c.source), target = ToTable(c.target);
    return fb::CreateCopyCommand(builder_, &source, &target).Union();
  }
  Offset<void> operator()(const hal::FillCommand& c) {
    kind_ = fb::CommandBody::FillCommand;
    fb::BufferRef target = ToTable(c.target);
    return fb::CreateFillCommand(builder_, &target, c.pattern).Union();
  }
  Offset<void> operator()(const hal::CollectiveCommand& c) {
    kind_ = fb::CommandBody::CollectiveCommand;
    fb::BufferRef buffer = ToTable(c.buffer);
    return fb::CreateCollectiveCommand(builder_, static_cast<fb::CollectiveKind>(c.kind), &buffer,
                                       static_cast<fb::ElementType>(c.type))
        .Union();
  }
  Offset<void> operator()(const hal::SwitchCommand& c) {
    fb::BufferRef selector = ToTable(c.selector);
    std::vector<Offset<fb::CommandList>> cases;
    for (const hal::CommandSequence& sequence : c.cases) cases.push_back(Commands(sequence));
    kind_ = fb::CommandBody::SwitchCommand;  // after the nested commands set theirs
    return fb::CreateSwitchCommandDirect(builder_, &selector, &cases).Union();
  }
  Offset<void> operator()(const hal::CaptureCommand& c) {
    Offset<fb::CommandList> body = Commands(c.body);
    kind_ = fb::CommandBody::CaptureCommand;
    return fb::CreateCaptureCommand(builder_, body).Union();
  }
  Offset<void> operator()(const hal::RepeatCommand& c) {
    Offset<fb::CommandList> body = Commands(c.body);
    kind_ = fb::CommandBody::RepeatCommand;
    return fb::CreateRepeatCommand(builder_, c.count, body).Union();
  }

 private:
  Offset<fb::CommandList> Commands(const hal::CommandSequence& sequence) {
    std::vector<Offset<fb::Command>> list;
    for (const hal::Command& command : sequence) {
      Offset<void> body = std::visit(*this, command.body);
      list.push_back(fb::CreateCommand(builder_, kind_, body, command.scope));
    }
    return fb::CreateCommandListDirect(builder_, &list);
  }

  Offset<fb::NamedBuffer> NamedBufferTable(const NamedBuffer& buffer) {
    fb::BufferRef ref = ToTable(buffer.ref);
    return fb::CreateNamedBufferDirect(builder_, buffer.name.c_str(), &ref,
                                       static_cast<fb::ElementType>(buffer.type), &buffer.shape,
                                       buffer.initial, static_cast<fb::Reduce>(buffer.reduce));
  }

  // A vector of the tables that `build` makes of `items`.
  template <typename Item, typename Build>
  auto Tables(const std::vector<Item>& items, Build build) {
    std::vector<decltype(build(items.front()))> offsets;
    for (const Item& item : items) offsets.push_back(build(item));
    return builder_.CreateVector(offsets);
  }
  auto NamedBuffers(const std::vector<NamedBuffer>& buffers) {
    return Tables(buffers, [&](const NamedBuffer& buffer) { return NamedBufferTable(buffer); });
  }

  Offset<fb::Parameter> ParameterTable(const ParameterInfo& p) {
    auto name = builder_.CreateString(p.name);
    auto aliases = builder_.CreateVectorOfStrings(p.aliases);
    auto buffer = NamedBufferTable(p.buffer);
    Offset<fb::NamedBuffer> gradient;
    if (p.gradient) gradient = NamedBufferTable(*p.gradient);
    auto states = NamedBuffers(p.states);
    return fb::CreateParameter(builder_, name, aliases, buffer,
                               static_cast<fb::InitKind>(p.init_kind), p.init_value,
                               p.residual_scale, p.lr_factor, p.decay_factor, gradient, states);
  }

  Offset<fb::Entry> EntryTable(const EntryInfo& e) {
    auto name = builder_.CreateString(e.name);
    auto variant = builder_.CreateString(e.variant);
    auto body = Commands(e.body);
    auto inputs = NamedBuffers(e.inputs);
    auto outputs = NamedBuffers(e.outputs);
    auto record = NamedBuffers(e.record);
    std::vector<fb::DeadRange> ranges;
    for (const hal::DeadRange& range : e.dead)
      ranges.push_back(fb::DeadRange(range.before_command, ToTable(range.range)));
    auto dead = builder_.CreateVectorOfStructs(ranges);
    return fb::CreateEntry(builder_, name, e.batch, e.seq, variant, body, inputs, outputs,
                           e.arena_bytes, e.flops, record, e.record_bytes, dead);
  }

  Offset<fb::Artifact> ArtifactTable(const ArtifactInfo& info) {
    auto model = builder_.CreateString(info.model);
    auto target = builder_.CreateString(info.target);
    auto levels = builder_.CreateVectorOfStrings(info.isa_levels);
    auto build = builder_.CreateString(info.compiler_build);
    auto rules = builder_.CreateString(info.rules);
    auto parameters =
        Tables(info.parameters, [&](const ParameterInfo& p) { return ParameterTable(p); });
    auto control = NamedBuffers(info.control);
    auto control_state = NamedBuffers(info.control_state);
    auto optimizer = NamedBuffers(info.optimizer);
    auto cache = NamedBuffers(info.cache);
    auto derived = NamedBuffers(info.derived);
    auto precision = builder_.CreateString(info.precision);
    std::vector<Offset<fb::RegionSize>> sizes;
    for (int region = 0; region < hal::kRegionCount; ++region)
      sizes.push_back(fb::CreateRegionSize(builder_, static_cast<fb::Region>(region),
                                           info.region_bytes[region]));
    auto regions = builder_.CreateVector(sizes);
    auto entries = Tables(info.entries, [&](const EntryInfo& e) { return EntryTable(e); });
    auto kernels = Tables(info.kernels, [&](const KernelInfo& k) {
      return fb::CreateKernelDirect(builder_, k.name.c_str(), k.hash.c_str(), k.location.c_str(),
                                    &k.offsets);
    });
    auto scopes = builder_.CreateVectorOfStrings(info.scopes);
    auto sections = Tables(info.sections, [&](const SectionInfo& s) {
      return fb::CreateSectionDirect(builder_, static_cast<fb::SectionKind>(s.kind), s.name.c_str(),
                                     s.offset, s.bytes, s.hash_low, s.hash_high);
    });
    const PhaseFacts& p = info.phases;
    auto phases = fb::CreatePhaseFacts(
        builder_, p.adaptive, p.depth_selection, p.experts, p.experts_start_silent, p.mod_warmup,
        p.mor_warmup, p.expert_warmup, p.forced_routing_steps, p.teacher_until_step);
    return fb::CreateArtifact(
        builder_, info.version_major, info.version_minor, model, target, levels, build, rules,
        info.vocab_size, info.dim, info.max_seq_len, info.cache_len, parameters, control,
        control_state, optimizer, cache, regions, entries, kernels, scopes, sections,
        static_cast<fb::Feature>(info.required_features), derived, precision, phases);
  }

  flatbuffers::FlatBufferBuilder builder_;
  fb::CommandBody kind_ = fb::CommandBody::NONE;  // of the body built last
};

}  // namespace

std::vector<uint8_t> SerializeTables(const ArtifactInfo& info) { return Serializer().Run(info); }

}  // namespace hydra::artifact
