// Plan dialect, flatbuffer schema and runtime/base/command.h, compared: what a plan says is what
// the reader of the file returns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "dialects/plan/PlanDialect.h"
#include "llvm/Support/raw_ostream.h"
#include "runtime/artifact/artifact.h"
#include "runtime/artifact/features.h"
#include "tests/artifact_writer/PlanSample.h"

namespace mlir::hydra::testing {
namespace {

namespace hal = ::hydra::hal;
using ::hydra::artifact::Artifact;
using ::hydra::artifact::SectionKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ArtifactWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    module = parsePlan(context, kPlanSample);
    ASSERT_TRUE(module);
  }

  std::unique_ptr<Artifact> writeAndOpen() {
    std::string path = ::testing::TempDir() + "artifact_writer_test.hydra";
    EXPECT_TRUE(succeeded(writeArtifactFile(*module, sampleCode(), sampleMetadata(), path)));
    absl::StatusOr<std::unique_ptr<Artifact>> artifact = Artifact::Open(path);
    EXPECT_TRUE(artifact.ok()) << artifact.status();
    return artifact.ok() ? *std::move(artifact) : nullptr;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

std::string place(int region, int64_t offset, int64_t bytes, int64_t rowBytes, int64_t pitch,
                  int64_t step) {
  std::string out =
      std::to_string(region) + ":" + std::to_string(offset) + "+" + std::to_string(bytes);
  if (pitch != 0) out += "r" + std::to_string(rowBytes) + "/" + std::to_string(pitch);
  if (step != 0) out += "s" + std::to_string(step);
  return out;
}

std::string text(const hal::BufferRef& ref) {
  return place(static_cast<int>(ref.region), ref.offset, ref.bytes, ref.row_bytes, ref.pitch,
               ref.repeat_step);
}

// The name of a matrix element type.
std::string text(hal::ElementType type) {
  return type == hal::ElementType::kF32    ? "f32"
         : type == hal::ElementType::kBf16 ? "bf16"
                                           : "other";
}
std::string text(Type type) { return type.isF32() ? "f32" : type.isBF16() ? "bf16" : "other"; }

template <typename Extents>
std::string extents(const Extents& values) {
  std::string out;
  for (auto value : values) out += std::to_string(value) + ",";
  return out;
}

// One line per command with every field, from the plan ...
class PlanPrinter {
 public:
  explicit PlanPrinter(ModuleOp module) {
    int64_t number = 0;
    for (auto kernel : module.getOps<plan::KernelOp>()) {
      first[kernel.getSymName()] = number;
      number += static_cast<int64_t>(kernel.getItems().size());
    }
  }

  void print(Block& block, std::vector<std::string>& lines) {
    for (Operation& op : block)
      if (!isa<plan::BufferOp, plan::DeadOp>(op)) lines.push_back(line(op, lines));
  }

 private:
  static std::string ref(plan::RefAttr attribute) {
    return place(static_cast<int>(attribute.getRegion()), attribute.getOffset(),
                 attribute.getBytes(), attribute.getRowBytes(), attribute.getPitch(),
                 attribute.getRepeatStep());
  }

  std::string line(Operation& op, std::vector<std::string>& lines) {
    std::string out;
    llvm::raw_string_ostream s(out);
    if (auto launch = dyn_cast<plan::LaunchOp>(op)) {
      s << "kernel " << first[launch.getKernel()] + static_cast<int64_t>(launch.getStage());
      for (auto arg : launch.getArgs().getAsRange<plan::RefAttr>()) s << " " << ref(arg);
      for (int64_t scalar : launch.getScalars()) s << " " << scalar;
      s << " items " << launch.getItems() << "/" << launch.getGrain();
      if (plan::GeometryAttr g = launch.getGeometryAttr())
        s << " " << extents(g.getGrid()) << extents(g.getBlock()) << extents(g.getCluster())
          << g.getSharedBytes();
    } else if (auto m = dyn_cast<plan::MatmulOp>(op)) {
      s << "matmul " << ref(m.getA()) << " " << ref(m.getB()) << " " << ref(m.getC()) << " "
        << m.getM() << "," << m.getN() << "," << m.getK() << " " << m.getLda() << "," << m.getLdb()
        << "," << m.getLdc() << " " << m.getTransposeA() << m.getTransposeB() << m.getAccumulate()
        << " " << m.getTileM() << "x" << m.getTileN() << " "
        << (m.getRows() ? ref(*m.getRows()) : "all") << m.getRowsBoundK() << " " << m.getGroups()
        << "," << m.getGroupA() << "," << m.getGroupB() << "," << m.getGroupC() << " "
        << text(m.getAType()) << text(m.getBType()) << text(m.getCType()) << " "
        << (m.getOffsets() ? ref(*m.getOffsets()) : "none") << " " << m.getKSlice() << " "
        << static_cast<int>(m.getBLayout());
    } else if (auto copy = dyn_cast<plan::CopyOp>(op)) {
      s << "copy " << ref(copy.getSource()) << " " << ref(copy.getTarget());
    } else if (auto fill = dyn_cast<plan::FillOp>(op)) {
      s << "fill " << ref(fill.getTarget()) << " " << static_cast<uint32_t>(fill.getPattern());
    } else if (auto collective = dyn_cast<plan::CollectiveOp>(op)) {
      s << "collective " << static_cast<int>(collective.getKind()) << " "
        << ref(collective.getBuffer());
    } else if (auto branch = dyn_cast<plan::SwitchOp>(op)) {
      s << "switch " << ref(branch.getSelector()) << " " << branch.getCases().size();
      for (mlir::Region& body : branch.getCases()) print(body.front(), lines);
    } else if (auto capture = dyn_cast<plan::CaptureOp>(op)) {
      s << "capture";
      print(capture.getBody().front(), lines);
    } else if (auto repeat = dyn_cast<plan::RepeatOp>(op)) {
      s << "repeat " << repeat.getCount();
      print(repeat.getBody().front(), lines);
    }
    s << " @" << op.getAttrOfType<StringAttr>("scope").getValue();
    return out;
  }

  llvm::StringMap<int64_t> first;
};

// ... and from the commands that the reader returned.
struct CommandPrinter {
  const std::vector<std::string>& scopes;
  std::vector<std::string>& lines;

  void print(const hal::CommandSequence& commands) {
    for (const hal::Command& command : commands) {
      std::string line = std::visit(*this, command.body);
      lines.push_back(line + " @" + scopes.at(command.scope));
    }
  }

  std::string operator()(const hal::KernelCommand& c) {
    std::string out = "kernel " + std::to_string(c.kernel);
    for (const hal::BufferRef& arg : c.args) out += " " + text(arg);
    for (int64_t scalar : c.scalars) out += " " + std::to_string(scalar);
    out += " items " + std::to_string(c.items) + "/" + std::to_string(c.grain);
    if (c.geometry)
      out += " " + extents(c.geometry->grid) + extents(c.geometry->block) +
             extents(c.geometry->cluster) + std::to_string(c.geometry->shared_bytes);
    return out;
  }
  std::string operator()(const hal::MatmulCommand& c) {
    std::string out;
    llvm::raw_string_ostream s(out);
    s << "matmul " << text(c.a) << " " << text(c.b) << " " << text(c.c) << " " << c.m << "," << c.n
      << "," << c.k << " " << c.lda << "," << c.ldb << "," << c.ldc << " " << c.transpose_a
      << c.transpose_b << c.accumulate << " " << c.tile_m << "x" << c.tile_n << " "
      << (c.rows ? text(*c.rows) : "all") << c.rows_bound_k << " " << c.groups << "," << c.group_a
      << "," << c.group_b << "," << c.group_c << " " << text(c.a_type) << text(c.b_type)
      << text(c.c_type) << " " << (c.offsets ? text(*c.offsets) : "none") << " " << c.k_slice << " "
      << static_cast<int>(c.b_layout);
    return out;
  }
  std::string operator()(const hal::CopyCommand& c) {
    return "copy " + text(c.source) + " " + text(c.target);
  }
  std::string operator()(const hal::FillCommand& c) {
    return "fill " + text(c.target) + " " + std::to_string(c.pattern);
  }
  std::string operator()(const hal::CollectiveCommand& c) {
    EXPECT_EQ(c.type, hal::ElementType::kF32);
    return "collective " + std::to_string(static_cast<int>(c.kind)) + " " + text(c.buffer);
  }
  std::string operator()(const hal::SwitchCommand& c) {
    for (const hal::CommandSequence& body : c.cases) print(body);
    return "switch " + text(c.selector) + " " + std::to_string(c.cases.size());
  }
  std::string operator()(const hal::CaptureCommand& c) {
    print(c.body);
    return "capture";
  }
  std::string operator()(const hal::RepeatCommand& c) {
    print(c.body);
    return "repeat " + std::to_string(c.count);
  }
};

TEST_F(ArtifactWriterTest, EveryCommandArrivesAsPlanned) {
  std::unique_ptr<Artifact> artifact = writeAndOpen();
  ASSERT_TRUE(artifact);
  auto entries = llvm::to_vector(module->getOps<plan::EntryOp>());
  ASSERT_THAT(artifact->info().entries, SizeIs(entries.size()));
  PlanPrinter planPrinter(*module);
  for (auto [planned, read] : llvm::zip(entries, artifact->info().entries)) {
    std::vector<std::string> expected, found;
    planPrinter.print(planned.getBody().front(), expected);
    CommandPrinter{artifact->info().scopes, found}.print(read.body);
    EXPECT_EQ(found, expected);
    EXPECT_EQ(read.name, planned.getEntry().getName().str());
    EXPECT_EQ(read.variant, planned.getEntry().getVariant().str());
    EXPECT_EQ(read.batch, planned.getEntry().getBatch());
    EXPECT_EQ(read.seq, planned.getEntry().getSeq());
    EXPECT_EQ(read.arena_bytes, planned.getArenaBytes());
    EXPECT_EQ(read.flops, planned.getFlops());
    EXPECT_EQ(read.record_bytes, planned.getRecordBytes());
  }
  // All kinds of commands took part: the sample holds each alternative of hal::Command.
  std::set<size_t> kinds;
  for (const hal::Command& command : artifact->info().entries[0].body)
    kinds.insert(command.body.index());
  const auto& branch = std::get<hal::SwitchCommand>(artifact->info().entries[0].body.back().body);
  kinds.insert(branch.cases.at(1).at(0).body.index());
  EXPECT_EQ(kinds.size(), std::variant_size_v<decltype(hal::Command::body)>);
}

TEST_F(ArtifactWriterTest, EnumerationsAgree) {
  EXPECT_EQ(plan::getMaxEnumValForRegion() + 1, static_cast<uint32_t>(hal::kRegionCount));
  EXPECT_EQ(static_cast<int>(plan::Region::control_state),
            static_cast<int>(hal::Region::kControlState));
  EXPECT_EQ(static_cast<int>(plan::Region::scratch), static_cast<int>(hal::Region::kScratch));
  EXPECT_EQ(static_cast<int>(plan::Region::derived), static_cast<int>(hal::Region::kDerived));
  EXPECT_EQ(plan::getMaxEnumValForMatrixLayout(),
            static_cast<uint32_t>(hal::MatrixLayout::kPacked));
  for (uint32_t i = 0; i <= plan::getMaxEnumValForReduce(); ++i)
    EXPECT_EQ(plan::stringifyReduce(static_cast<plan::Reduce>(i)).str(),
              ::hydra::artifact::ReduceName(static_cast<::hydra::artifact::Reduce>(i)));
  std::unique_ptr<Artifact> artifact = writeAndOpen();
  ASSERT_TRUE(artifact);
  for (auto size : module->getOps<plan::RegionSizeOp>())
    EXPECT_EQ(artifact->info().region_bytes[static_cast<size_t>(size.getRegion())],
              size.getBytes());
}

TEST_F(ArtifactWriterTest, ParametersAndBuffers) {
  std::unique_ptr<Artifact> artifact = writeAndOpen();
  ASSERT_TRUE(artifact);
  const auto& info = artifact->info();
  ASSERT_THAT(info.parameters, SizeIs(1));
  const auto& w = info.parameters[0];
  EXPECT_EQ(w.name, "w");
  EXPECT_THAT(w.aliases, ElementsAre("old.w"));
  EXPECT_THAT(w.buffer.shape, ElementsAre(4, 4));
  EXPECT_EQ(w.init_kind, ::hydra::artifact::InitKind::kNormal);
  EXPECT_EQ(w.init_value, 0.5);
  EXPECT_EQ(w.residual_scale, 0.25);
  EXPECT_EQ(w.lr_factor, 2.0);
  EXPECT_EQ(w.decay_factor, 0.0);
  ASSERT_TRUE(w.gradient);
  EXPECT_EQ(text(w.gradient->ref), "2:0+64");
  ASSERT_THAT(w.states, SizeIs(2));
  EXPECT_EQ(w.states[0].name, "m");
  EXPECT_EQ(w.states[1].name, "v");
  EXPECT_EQ(text(w.states[1].ref), "3:64+64");
  ASSERT_THAT(info.optimizer, SizeIs(1));
  EXPECT_EQ(info.optimizer[0].name, "steps");
  EXPECT_EQ(info.optimizer[0].type, hal::ElementType::kI32);
  ASSERT_THAT(info.control, SizeIs(1));
  EXPECT_EQ(info.control[0].initial, 0.125);
  ASSERT_THAT(info.control_state, SizeIs(1));
  EXPECT_EQ(info.control_state[0].initial, 25.0);
  ASSERT_THAT(info.cache, SizeIs(1));
  ASSERT_THAT(info.entries[0].inputs, SizeIs(2));
  EXPECT_EQ(info.entries[0].inputs[1].name, "n");
  ASSERT_THAT(info.entries[0].outputs, SizeIs(1));
  ASSERT_THAT(info.entries[0].record, SizeIs(2));
  EXPECT_EQ(info.entries[0].record[0].name, "loss.total");
  EXPECT_EQ(info.entries[0].record[0].reduce, ::hydra::artifact::Reduce::kMean);
  EXPECT_EQ(info.entries[0].record[1].reduce, ::hydra::artifact::Reduce::kLast);
  ASSERT_THAT(info.derived, SizeIs(1));
  EXPECT_EQ(info.derived[0].type, hal::ElementType::kBf16);
  ASSERT_THAT(info.entries[0].dead, SizeIs(2));
  EXPECT_EQ(info.entries[0].dead[0].before_command, 0u);
  EXPECT_EQ(text(info.entries[0].dead[0].range), "0:0+512");
  EXPECT_EQ(info.entries[0].dead[1].before_command, 2u);
  EXPECT_EQ(text(info.entries[0].dead[1].range), "0:128+32");
  // All but what bundles have, which are made of artifacts.
  ::hydra::artifact::ArtifactInfo bundle;
  bundle.sections.emplace_back().kind = SectionKind::kWeights;
  EXPECT_EQ(info.required_features,
            ::hydra::artifact::KnownFeatures() & ~::hydra::artifact::FeaturesOf(bundle))
      << ::hydra::artifact::FeatureNames(info.required_features);
  EXPECT_EQ(info.model, "sample");
  EXPECT_EQ(info.rules, "pytorch");
  EXPECT_EQ(info.vocab_size, 256);
  EXPECT_EQ(info.cache_len, 6);
}

TEST_F(ArtifactWriterTest, KernelsAndSections) {
  std::unique_ptr<Artifact> artifact = writeAndOpen();
  ASSERT_TRUE(artifact);
  const auto& kernels = artifact->info().kernels;
  ASSERT_THAT(kernels, SizeIs(3));
  EXPECT_EQ(kernels[0].name, "k");
  EXPECT_EQ(kernels[1].name, "sum");
  EXPECT_EQ(kernels[2].name, "sum_s1");
  EXPECT_EQ(kernels[2].hash, "bb");
  EXPECT_THAT(kernels[2].location, HasSubstr("sample.mlir:"));
  EXPECT_THAT(kernels[0].offsets, ElementsAre(0, 4096));
  EXPECT_THAT(kernels[2].offsets, ElementsAre(48, 64));
  EXPECT_THAT(artifact->Section(SectionKind::kCode, "x86-64-v4"), SizeIs(5000));
  EXPECT_EQ(artifact->Section(SectionKind::kCode, "x86-64-v3")[99], 0x90);

  auto constants = artifact->Section(SectionKind::kConstants);
  ASSERT_THAT(constants, SizeIs(128));
  int32_t numbers[3];
  std::memcpy(numbers, constants.data(), sizeof(numbers));
  EXPECT_THAT(numbers, ElementsAre(1, 2, 3));
  float ones[4];
  std::memcpy(ones, constants.data() + 64, sizeof(ones));
  EXPECT_THAT(ones, ElementsAre(1.0f, 1.0f, 1.0f, 1.0f));

  auto spec = artifact->Section(SectionKind::kSpec);
  EXPECT_EQ(std::string(spec.begin(), spec.end()), "hydra.model @sample");
  EXPECT_THAT(artifact->Section(SectionKind::kLedger), SizeIs(0));
}

TEST_F(ArtifactWriterTest, SameInputSameBytes) {
  std::string first, second;
  llvm::raw_string_ostream a(first), b(second);
  ASSERT_TRUE(succeeded(writeArtifact(*module, sampleCode(), sampleMetadata(), a)));
  ASSERT_TRUE(succeeded(writeArtifact(*module, sampleCode(), sampleMetadata(), b)));
  EXPECT_EQ(first, second);
}

TEST_F(ArtifactWriterTest, MissingSymbolIsNamed) {
  std::vector<CodeSection> code = sampleCode();
  code[1].symbols.erase("sum_s1");
  std::string message, out;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic& d) { message += d.str(); });
  llvm::raw_string_ostream stream(out);
  EXPECT_TRUE(failed(writeArtifact(*module, code, sampleMetadata(), stream)));
  EXPECT_THAT(message, HasSubstr("expected a function sum_s1 in the code for x86-64-v4"));
  EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace mlir::hydra::testing
