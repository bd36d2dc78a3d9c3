#include "tests/artifact/artifact_builder.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "runtime/artifact/artifact_generated.h"
#include "runtime/artifact/format.h"
#include "runtime/base/command_check.h"

namespace hydra::artifact::testing {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

fb::BufferRef Ref(const hal::BufferRef& ref) {
  return fb::BufferRef(ref.offset, ref.bytes, ref.row_bytes, ref.pitch, ref.repeat_step,
                       static_cast<fb::Region>(ref.region));
}

Offset<fb::NamedBuffer> Build(FlatBufferBuilder& b, const NamedBuffer& buffer) {
  const fb::BufferRef ref = Ref(buffer.ref);
  return fb::CreateNamedBufferDirect(b, buffer.name.c_str(), &ref,
                                     static_cast<fb::ElementType>(buffer.type), &buffer.shape,
                                     buffer.initial, static_cast<fb::Reduce>(buffer.reduce));
}

template <typename T, typename F>
auto BuildAll(FlatBufferBuilder& b, const std::vector<T>& items, F build) {
  std::vector<decltype(build(items.front()))> offsets;
  for (const T& item : items) offsets.push_back(build(item));
  return b.CreateVector(offsets);
}

auto BuildBuffers(FlatBufferBuilder& b, const std::vector<NamedBuffer>& buffers) {
  return BuildAll(b, buffers, [&](const NamedBuffer& buffer) { return Build(b, buffer); });
}

auto BuildStrings(FlatBufferBuilder& b, const std::vector<std::string>& strings) {
  return b.CreateVectorOfStrings(strings);
}

Offset<fb::CommandList> BuildCommands(FlatBufferBuilder& b, const hal::CommandSequence& commands);

struct BodyBuilder {
  FlatBufferBuilder& b;
  fb::CommandBody kind = fb::CommandBody::NONE;

  Offset<void> operator()(const hal::KernelCommand& c) {
    kind = fb::CommandBody::KernelCommand;
    std::vector<fb::BufferRef> args;
    for (const hal::BufferRef& arg : c.args) args.push_back(Ref(arg));
    fb::LaunchGeometry geometry;
    if (c.geometry) {
      const hal::LaunchGeometry& g = *c.geometry;
      geometry =
          fb::LaunchGeometry(g.grid[0], g.grid[1], g.grid[2], g.block[0], g.block[1], g.block[2],
                             g.cluster[0], g.cluster[1], g.cluster[2], g.shared_bytes);
    }
    return fb::CreateKernelCommandDirect(b, c.kernel, &args, &c.scalars, c.items, c.grain,
                                         c.geometry ? &geometry : nullptr)
        .Union();
  }
  Offset<void> operator()(const hal::MatmulCommand& c) {
    kind = fb::CommandBody::MatmulCommand;
    const fb::BufferRef a_ref = Ref(c.a), b_ref = Ref(c.b), c_ref = Ref(c.c);
    const fb::BufferRef rows = c.rows ? Ref(*c.rows) : fb::BufferRef();
    const fb::BufferRef offsets = c.offsets ? Ref(*c.offsets) : fb::BufferRef();
    return fb::CreateMatmulCommand(
               b, &a_ref, &b_ref, &c_ref, c.m, c.n, c.k, c.lda, c.ldb, c.ldc, c.transpose_a,
               c.transpose_b, c.accumulate, c.tile_m, c.tile_n, c.rows ? &rows : nullptr,
               c.rows_bound_k, static_cast<fb::ElementType>(c.a_type),
               static_cast<fb::ElementType>(c.b_type), static_cast<fb::ElementType>(c.c_type),
               c.groups, c.group_a, c.group_b, c.group_c, c.offsets ? &offsets : nullptr, c.k_slice,
               static_cast<fb::MatrixLayout>(c.b_layout))
        .Union();
  }
  Offset<void> operator()(const hal::CopyCommand& c) {
    kind = fb::CommandBody::CopyCommand;
    const fb::BufferRef source = Ref(c.source), target = Ref(c.target);
    return fb::CreateCopyCommand(b, &source, &target).Union();
  }
  Offset<void> operator()(const hal::FillCommand& c) {
    kind = fb::CommandBody::FillCommand;
    const fb::BufferRef target = Ref(c.target);
    return fb::CreateFillCommand(b, &target, c.pattern).Union();
  }
  Offset<void> operator()(const hal::CollectiveCommand& c) {
    kind = fb::CommandBody::CollectiveCommand;
    const fb::BufferRef buffer = Ref(c.buffer);
    return fb::CreateCollectiveCommand(b, static_cast<fb::CollectiveKind>(c.kind), &buffer,
                                       static_cast<fb::ElementType>(c.type))
        .Union();
  }
  Offset<void> operator()(const hal::SwitchCommand& c) {
    kind = fb::CommandBody::SwitchCommand;
    const fb::BufferRef selector = Ref(c.selector);
    std::vector<Offset<fb::CommandList>> cases;
    for (const hal::CommandSequence& commands : c.cases) {
      cases.push_back(BuildCommands(b, commands));
    }
    return fb::CreateSwitchCommandDirect(b, &selector, &cases).Union();
  }
  Offset<void> operator()(const hal::CaptureCommand& c) {
    kind = fb::CommandBody::CaptureCommand;
    return fb::CreateCaptureCommand(b, BuildCommands(b, c.body)).Union();
  }
  Offset<void> operator()(const hal::RepeatCommand& c) {
    kind = fb::CommandBody::RepeatCommand;
    return fb::CreateRepeatCommand(b, c.count, BuildCommands(b, c.body)).Union();
  }
};

Offset<fb::CommandList> BuildCommands(FlatBufferBuilder& b, const hal::CommandSequence& commands) {
  std::vector<Offset<fb::Command>> offsets;
  for (const hal::Command& command : commands) {
    BodyBuilder builder{b};
    const Offset<void> body = std::visit(builder, command.body);
    offsets.push_back(fb::CreateCommand(b, builder.kind, body, command.scope));
  }
  return fb::CreateCommandListDirect(b, &offsets);
}

Offset<fb::Parameter> BuildParameter(FlatBufferBuilder& b, const ParameterInfo& p) {
  const auto name = b.CreateString(p.name);
  const auto aliases = BuildStrings(b, p.aliases);
  const auto buffer = Build(b, p.buffer);
  Offset<fb::NamedBuffer> gradient;
  if (p.gradient) gradient = Build(b, *p.gradient);
  const auto states = BuildBuffers(b, p.states);
  return fb::CreateParameter(b, name, aliases, buffer, static_cast<fb::InitKind>(p.init_kind),
                             p.init_value, p.residual_scale, p.lr_factor, p.decay_factor, gradient,
                             states);
}

Offset<fb::Entry> BuildEntry(FlatBufferBuilder& b, const EntryInfo& e) {
  const auto name = b.CreateString(e.name);
  const auto variant = b.CreateString(e.variant);
  const auto body = BuildCommands(b, e.body);
  const auto inputs = BuildBuffers(b, e.inputs);
  const auto outputs = BuildBuffers(b, e.outputs);
  const auto record = BuildBuffers(b, e.record);
  std::vector<fb::DeadRange> ranges;
  for (const hal::DeadRange& range : e.dead) {
    ranges.emplace_back(range.before_command, Ref(range.range));
  }
  const auto dead = b.CreateVectorOfStructs(ranges);
  return fb::CreateEntry(b, name, e.batch, e.seq, variant, body, inputs, outputs, e.arena_bytes,
                         e.flops, record, e.record_bytes, dead);
}

Offset<fb::Artifact> BuildRoot(FlatBufferBuilder& b, const ArtifactInfo& info,
                               const std::vector<SectionInfo>& sections) {
  const auto model = b.CreateString(info.model);
  const auto target = b.CreateString(info.target);
  const auto isa_levels = BuildStrings(b, info.isa_levels);
  const auto build = b.CreateString(info.compiler_build);
  const auto rules = b.CreateString(info.rules);
  const auto parameters =
      BuildAll(b, info.parameters, [&](const ParameterInfo& p) { return BuildParameter(b, p); });
  const auto control = BuildBuffers(b, info.control);
  const auto control_state = BuildBuffers(b, info.control_state);
  const auto optimizer = BuildBuffers(b, info.optimizer);
  const auto cache = BuildBuffers(b, info.cache);
  const auto derived = BuildBuffers(b, info.derived);
  const auto precision = b.CreateString(info.precision);
  std::vector<Offset<fb::RegionSize>> sizes;
  for (int i = 0; i < hal::kRegionCount; ++i) {
    sizes.push_back(fb::CreateRegionSize(b, static_cast<fb::Region>(i), info.region_bytes[i]));
  }
  const auto regions = b.CreateVector(sizes);
  const auto entries =
      BuildAll(b, info.entries, [&](const EntryInfo& e) { return BuildEntry(b, e); });
  const auto kernels = BuildAll(b, info.kernels, [&](const KernelInfo& k) {
    return fb::CreateKernelDirect(b, k.name.c_str(), k.hash.c_str(), k.location.c_str(),
                                  &k.offsets);
  });
  const auto scopes = BuildStrings(b, info.scopes);
  const auto section_table = BuildAll(b, sections, [&](const SectionInfo& s) {
    return fb::CreateSectionDirect(b, static_cast<fb::SectionKind>(s.kind), s.name.c_str(),
                                   s.offset, s.bytes, s.hash_low, s.hash_high);
  });
  return fb::CreateArtifact(b, info.version_major, info.version_minor, model, target, isa_levels,
                            build, rules, info.vocab_size, info.dim, info.max_seq_len,
                            info.cache_len, parameters, control, control_state, optimizer, cache,
                            regions, entries, kernels, scopes, section_table,
                            static_cast<fb::Feature>(info.required_features), derived, precision);
}

std::vector<uint8_t> BuildDescription(const ArtifactInfo& info,
                                      const std::vector<SectionInfo>& sections) {
  FlatBufferBuilder b;
  b.ForceDefaults(true);  // so that the size does not depend on the offsets of sections
  b.Finish(BuildRoot(b, info, sections), fb::ArtifactIdentifier());
  return std::vector<uint8_t>(b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize());
}

}  // namespace

std::vector<uint8_t> BuildArtifact(const ArtifactInfo& info,
                                   const std::vector<SectionBytes>& sections) {
  std::vector<SectionInfo> table;
  for (const SectionBytes& section : sections) {
    const XXH128_hash_t hash = XXH3_128bits(section.bytes.data(), section.bytes.size());
    table.push_back({section.kind, section.name, 0, section.bytes.size(), hash.low64, hash.high64});
  }
  uint64_t end = sizeof(FileHeader) + BuildDescription(info, table).size();
  for (SectionInfo& section : table) {
    section.offset = AlignSection(end);
    end = section.offset + section.bytes;
  }
  const std::vector<uint8_t> description = BuildDescription(info, table);
  FileHeader header;
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.header_version = kHeaderVersion;
  header.header_bytes = sizeof(header);
  header.flatbuffer_bytes = description.size();
  header.flatbuffer_hash = DescriptionHash(description);
  std::vector<uint8_t> file(end);
  std::memcpy(file.data(), &header, sizeof(header));
  std::memcpy(file.data() + sizeof(header), description.data(), description.size());
  for (size_t i = 0; i < sections.size(); ++i) {
    if (sections[i].bytes.empty()) continue;
    std::memcpy(file.data() + table[i].offset, sections[i].bytes.data(), sections[i].bytes.size());
  }
  return file;
}

uint64_t DescriptionHash(const std::vector<uint8_t>& flatbuffer) {
  return XXH3_64bits(flatbuffer.data(), flatbuffer.size());
}

std::string WriteTestFile(const std::string& name, const std::vector<uint8_t>& bytes) {
  const std::string path = ::testing::TempDir() + name;
  std::FILE* file = std::fopen(path.c_str(), "wb");
  EXPECT_NE(file, nullptr) << path;
  if (file == nullptr) return path;
  EXPECT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
  EXPECT_EQ(std::fclose(file), 0);
  return path;
}

NamedBuffer MakeBuffer(const std::string& name, hal::Region region, uint64_t offset,
                       hal::ElementType type, const std::vector<int64_t>& shape, double initial) {
  NamedBuffer buffer;
  buffer.name = name;
  buffer.type = type;
  buffer.shape = shape;
  buffer.initial = initial;
  buffer.ref = {region, offset, buffer.elements() * hal::ElementBytes(type)};
  return buffer;
}

}  // namespace hydra::artifact::testing
