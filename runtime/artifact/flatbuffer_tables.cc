// Everything of the flatbuffer but command lists.
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/artifact/artifact_generated.h"
#include "runtime/artifact/features.h"
#include "runtime/artifact/flatbuffer_reader.h"
#include "runtime/artifact/format.h"
#include "runtime/base/status.h"

namespace hydra::artifact {
namespace {

// What a user can do about an artifact of another version.
constexpr char kRecompile[] =
    "compile the model again with the hydra-opt of this program: hydra-opt MODEL -o FILE.hydra";

// Generous: the largest artifacts hold some hundred thousand commands. The file's size bounds it
// anyway.
constexpr flatbuffers::uoffset_t kMaxDepth = 128, kMaxTables = 1u << 28;

using FbString = flatbuffers::String;
template <typename T>
using FbVector = flatbuffers::Vector<flatbuffers::Offset<T>>;

std::string Text(const FbString* text) { return text == nullptr ? std::string() : text->str(); }

std::vector<std::string> Texts(const FbVector<FbString>* from) {
  std::vector<std::string> to;
  if (from == nullptr) return to;
  for (const FbString* text : *from) to.push_back(text->str());
  return to;
}

// Converts every element of a vector that may be absent.
template <typename From, typename Read>
absl::Status ReadAll(const FbVector<From>* from, absl::string_view what, Read read) {
  if (from == nullptr) return absl::OkStatus();
  for (size_t i = 0; i < from->size(); ++i) {
    absl::Status status = read(*from->Get(i));
    if (!status.ok()) return Annotate(status, absl::StrCat(what, " ", i));
  }
  return absl::OkStatus();
}

absl::StatusOr<NamedBuffer> ReadBuffer(const fb::NamedBuffer& from) {
  NamedBuffer to;
  to.name = from.name()->str();
  HYDRA_ASSIGN_OR_RETURN(to.ref, ReadRef(*from.ref()));
  HYDRA_ASSIGN_OR_RETURN(to.type, ReadElementType(static_cast<uint8_t>(from.type())));
  ReadNumbers(from.shape(), &to.shape);
  to.initial = from.initial();
  if (from.reduce() > fb::Reduce::min) {
    return InputError(
        absl::StrCat("reduction ", static_cast<int>(from.reduce()), ", expected at most 4"));
  }
  to.reduce = static_cast<Reduce>(from.reduce());
  return to;
}

absl::Status ReadBuffers(const FbVector<fb::NamedBuffer>* from, absl::string_view what,
                         std::vector<NamedBuffer>* to) {
  return ReadAll(from, what, [&](const fb::NamedBuffer& buffer) -> absl::Status {
    HYDRA_ASSIGN_OR_RETURN(NamedBuffer read, ReadBuffer(buffer));
    to->push_back(std::move(read));
    return absl::OkStatus();
  });
}

absl::StatusOr<ParameterInfo> ReadParameter(const fb::Parameter& from) {
  ParameterInfo to;
  to.name = from.name()->str();
  to.aliases = Texts(from.aliases());
  HYDRA_ASSIGN_OR_RETURN(to.buffer, ReadBuffer(*from.buffer()));
  if (from.init_kind() > fb::InitKind::normal) {
    return InputError(
        absl::StrCat("initialiser ", static_cast<int>(from.init_kind()), ", expected 0 or 1"));
  }
  to.init_kind = static_cast<InitKind>(from.init_kind());
  to.init_value = from.init_value();
  to.residual_scale = from.residual_scale();
  to.lr_factor = from.lr_factor();
  to.decay_factor = from.decay_factor();
  if (from.gradient() != nullptr) {
    HYDRA_ASSIGN_OR_RETURN(NamedBuffer gradient, ReadBuffer(*from.gradient()));
    to.gradient = std::move(gradient);
  }
  HYDRA_RETURN_IF_ERROR(ReadBuffers(from.states(), "state", &to.states));
  return to;
}

absl::StatusOr<EntryInfo> ReadEntry(const fb::Entry& from) {
  EntryInfo to;
  to.name = from.name()->str();
  to.batch = from.batch();
  to.seq = from.seq();
  to.variant = from.variant()->str();
  to.arena_bytes = from.arena_bytes();
  to.flops = from.flops();
  to.record_bytes = from.record_bytes();
  HYDRA_RETURN_IF_ERROR(ReadBuffers(from.inputs(), "input", &to.inputs));
  HYDRA_RETURN_IF_ERROR(ReadBuffers(from.outputs(), "output", &to.outputs));
  HYDRA_RETURN_IF_ERROR(ReadBuffers(from.record(), "record field", &to.record));
  for (uint32_t i = 0; from.dead() != nullptr && i < from.dead()->size(); ++i) {
    fb::DeadRange dead;
    ReadElement(*from.dead(), i, &dead);
    absl::StatusOr<hal::BufferRef> range = ReadRef(dead.range());
    if (!range.ok()) return Annotate(range.status(), absl::StrCat("dead range ", i));
    to.dead.push_back({dead.before_command(), *range});
  }
  HYDRA_ASSIGN_OR_RETURN(to.body, ReadCommands(from.body(), 0));
  return to;
}

KernelInfo ReadKernel(const fb::Kernel& from) {
  KernelInfo to;
  to.name = from.name()->str();
  to.hash = from.hash()->str();
  to.location = Text(from.location());
  ReadNumbers(from.offsets(), &to.offsets);
  return to;
}

absl::StatusOr<SectionInfo> ReadSection(const fb::Section& from) {
  if (from.kind() > fb::SectionKind::MAX) {
    return InputError(absl::StrCat("section kind ", static_cast<int>(from.kind()),
                                   ", expected at most ", static_cast<int>(fb::SectionKind::MAX)));
  }
  return SectionInfo{static_cast<SectionKind>(from.kind()),
                     Text(from.name()),
                     from.offset(),
                     from.bytes(),
                     from.hash_low(),
                     from.hash_high()};
}

absl::Status ReadLists(const fb::Artifact& from, ArtifactInfo& to) {
  HYDRA_RETURN_IF_ERROR(
      ReadAll(from.parameters(), "parameter", [&](const fb::Parameter& p) -> absl::Status {
        HYDRA_ASSIGN_OR_RETURN(ParameterInfo parameter, ReadParameter(p));
        to.parameters.push_back(std::move(parameter));
        return absl::OkStatus();
      }));
  HYDRA_RETURN_IF_ERROR(ReadBuffers(from.control(), "control", &to.control));
  HYDRA_RETURN_IF_ERROR(ReadBuffers(from.control_state(), "control state", &to.control_state));
  HYDRA_RETURN_IF_ERROR(ReadBuffers(from.optimizer(), "optimizer", &to.optimizer));
  HYDRA_RETURN_IF_ERROR(ReadBuffers(from.cache(), "cache", &to.cache));
  HYDRA_RETURN_IF_ERROR(ReadBuffers(from.derived(), "derived", &to.derived));
  std::array<bool, hal::kRegionCount> seen{};
  HYDRA_RETURN_IF_ERROR(
      ReadAll(from.regions(), "region", [&](const fb::RegionSize& size) -> absl::Status {
        const auto region = static_cast<size_t>(size.region());
        if (region >= hal::kRegionCount || seen[region]) {
          return InputError(absl::StrCat("number ", region, " is unknown or appears twice"));
        }
        seen[region] = true;
        to.region_bytes[region] = size.bytes();
        return absl::OkStatus();
      }));
  HYDRA_RETURN_IF_ERROR(ReadAll(from.entries(), "entry", [&](const fb::Entry& e) -> absl::Status {
    absl::StatusOr<EntryInfo> entry = ReadEntry(e);
    if (!entry.ok()) return Annotate(entry.status(), e.name()->str());
    to.entries.push_back(*std::move(entry));
    return absl::OkStatus();
  }));
  HYDRA_RETURN_IF_ERROR(ReadAll(from.kernels(), "kernel", [&](const fb::Kernel& kernel) {
    to.kernels.push_back(ReadKernel(kernel));
    return absl::OkStatus();
  }));
  return ReadAll(from.sections(), "section", [&](const fb::Section& s) -> absl::Status {
    HYDRA_ASSIGN_OR_RETURN(SectionInfo section, ReadSection(s));
    to.sections.push_back(std::move(section));
    return absl::OkStatus();
  });
}

}  // namespace

absl::StatusOr<hal::ElementType> ReadElementType(uint8_t value) {
  if (value <= static_cast<uint8_t>(hal::ElementType::kU8)) {
    return static_cast<hal::ElementType>(value);
  }
  return InputError(absl::StrCat("element type ", static_cast<int>(value), ", expected at most 4"));
}

absl::StatusOr<hal::BufferRef> ReadRef(const fb::BufferRef& from) {
  fb::BufferRef ref;
  std::memcpy(&ref, &from, sizeof(ref));  // damage may have moved it
  const auto region = static_cast<size_t>(ref.region());
  if (region >= hal::kRegionCount) {
    return InputError(absl::StrCat("region ", region, ", expected less than ", hal::kRegionCount));
  }
  return hal::BufferRef{static_cast<hal::Region>(region),
                        ref.offset(),
                        ref.bytes(),
                        ref.row_bytes(),
                        ref.pitch(),
                        ref.repeat_step()};
}

absl::Status CheckReadable(absl::Span<const uint8_t> bytes) {
  // The version first: the tables of another one may differ in anything but this.
  flatbuffers::Verifier front(bytes.data(), bytes.size(), kMaxDepth, kMaxTables);
  if (bytes.size() < 16 || !front.VerifyBuffer<fb::ArtifactVersion>(fb::ArtifactIdentifier())) {
    return absl::OkStatus();
  }
  const auto& version = *flatbuffers::GetRoot<fb::ArtifactVersion>(bytes.data());
  if (version.version_major() != kVersionMajor) {
    return InputError(absl::StrCat("artifact version ", version.version_major(), ".",
                                   version.version_minor(), ", expected ", kVersionMajor,
                                   ".x, the version of this program; ", kRecompile));
  }
  flatbuffers::Verifier verifier(bytes.data(), bytes.size(), kMaxDepth, kMaxTables);
  if (!fb::VerifyArtifactBuffer(verifier)) return absl::OkStatus();
  const auto features = static_cast<uint64_t>(fb::GetArtifact(bytes.data())->required_features());
  if (const uint64_t unknown = features & ~KnownFeatures(); unknown != 0) {
    return InputError(absl::StrCat(
        "the artifact (version ", version.version_major(), ".", version.version_minor(),
        ") needs features that this program does not know: ", FeatureNames(unknown), "; it knows ",
        FeatureNames(KnownFeatures()), "; use the hydra-run of the compiler that made it, or ",
        kRecompile));
  }
  return absl::OkStatus();
}

absl::StatusOr<ArtifactInfo> ReadFlatbuffer(absl::Span<const uint8_t> bytes) {
  flatbuffers::Verifier verifier(bytes.data(), bytes.size(), kMaxDepth, kMaxTables);
  if (bytes.size() < 16 || !fb::VerifyArtifactBuffer(verifier)) {
    return InputError("expected a well-formed 'HYDR' flatbuffer, found something else");
  }
  const fb::Artifact& from = *fb::GetArtifact(bytes.data());
  ArtifactInfo to;
  to.version_major = from.version_major();
  to.version_minor = from.version_minor();
  to.required_features = static_cast<uint64_t>(from.required_features());
  to.model = Text(from.model());
  to.target = Text(from.target());
  to.compiler_build = Text(from.compiler_build());
  to.rules = Text(from.rules());
  to.precision = Text(from.precision());
  to.isa_levels = Texts(from.isa_levels());
  to.scopes = Texts(from.scopes());
  to.vocab_size = from.vocab_size();
  to.dim = from.dim();
  to.max_seq_len = from.max_seq_len();
  to.cache_len = from.cache_len();
  if (const fb::PhaseFacts* phases = from.phases()) {
    to.phases = {.adaptive = phases->adaptive(),
                 .depth_selection = phases->depth_selection(),
                 .experts = phases->experts(),
                 .experts_start_silent = phases->experts_start_silent(),
                 .mod_warmup = phases->mod_warmup(),
                 .mor_warmup = phases->mor_warmup(),
                 .expert_warmup = phases->expert_warmup(),
                 .forced_routing_steps = phases->forced_routing_steps(),
                 .teacher_until_step = phases->teacher_until_step()};
  }
  HYDRA_RETURN_IF_ERROR(ReadLists(from, to));
  return to;
}

}  // namespace hydra::artifact
