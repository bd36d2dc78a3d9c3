#include "tests/compiler/ProgramRunner.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "dialects/plan/PlanDialect.h"
#include "gtest/gtest.h"
#include "passes/fusion/FusionLedger.h"
#include "tests/compiler/Comparison.h"

namespace mlir::hydra::testing {
namespace {

// Seeds of Monte Carlo arithmetic. One sample can miss by luck (a difference of equal terms moves
// both alike); that eight do has a chance of about 1 in 250 where there is a single cancellation.
constexpr uint64_t kPerturbations = 8;
// Rounding errors of one float32 operation, in half units of its terms, next to the one that a
// perturbation makes: no sum of a program has more than about 300 terms in sequence, and errors of
// random sign grow with the root of their number, sqrt(300) < 18.
constexpr double kRoundingFactor = 18;

std::set<int64_t> rowCounts(const std::set<int64_t>& tiles, int64_t maximum) {
  std::set<int64_t> counts = {0, 1, maximum};
  for (int64_t tile : tiles)
    for (int64_t count : {tile - 1, tile, tile + 1})
      if (count <= maximum) counts.insert(count);
  return counts;
}

bool isGradient(const std::string& key) { return key.rfind("output/gradient.", 0) == 0; }

// What kernels do, as planned.
struct Moves {
  int64_t launches = 0, bytes = 0;
};
Moves movesOf(ModuleOp plan) {
  Moves moves;
  SymbolTable symbols(plan);
  plan.walk([&](plan::LaunchOp launch) {
    ++moves.launches;
    // All stages together move that much.
    if (launch.getStage() == 0)
      moves.bytes += symbols.lookup(launch.getKernel())
                         ->getAttrOfType<IntegerAttr>(kKernelBytesAttrName)
                         .getInt();
  });
  return moves;
}

}  // namespace

double uniform(std::mt19937_64& generator) {
  return static_cast<double>(generator() >> 11) * 0x1p-53;
}

ProgramRunner::ProgramRunner(const std::string& name, GeneratedProgram program, uint64_t seed)
    : name_(name), seed_(seed), program_(std::move(program)), random_(seed) {}

void ProgramRunner::run(CompilerHarness& compiler, const std::set<int64_t>& tiles,
                        ProgramStatistics& statistics) {
  std::string directory = testDirectory("random_programs");
  path_ = directory + "/" + name_ + ".mlir";
  writeText(path_, program_.text);
  SCOPED_TRACE("seed " + std::to_string(seed_) + ", program " + path_);
  derivative_ = compiler.lower(path_, Stage::autodiff, {});
  std::string artifact = directory + "/" + name_ + ".hydra";
  if (!derivative_ || !compiler.compile(path_, {}, artifact)) return;
  function_ = *derivative_->getOps<func::FuncOp>().begin();
  function_.walk([&](Operation* op) {
    if (op->hasTrait<PrimitiveTier>()) ++statistics.operations[op->getName().getStringRef().str()];
  });
  for (const auto& [name, uses] : program_.counted) statistics.counted[name] += uses;
  std::vector<CpuProgram> devices;
  for (int threads : {1, 2, 4}) {
    absl::StatusOr<CpuProgram> device = CpuProgram::open(artifact, threads, /*validate=*/true);
    ASSERT_TRUE(device.ok()) << device.status();
    devices.push_back(*std::move(device));
  }
  std::optional<CpuProgram> unfused;
  std::string apart = directory + "/" + name_ + "_unfused.hydra";
  if (comparesUnfused_) {
    checkLaunches(compiler, statistics);
    CompileOptions options;
    options.fusion = "off";
    if (!compiler.compile(path_, options, apart)) return;
    absl::StatusOr<CpuProgram> device = CpuProgram::open(apart, 1, /*validate=*/true);
    ASSERT_TRUE(device.ok()) << device.status();
    unfused = *std::move(device);
  }
  std::set<int64_t> counts = {0};
  if (program_.maximumRows > 0) counts = rowCounts(tiles, program_.maximumRows);
  for (int64_t count : counts) {
    SCOPED_TRACE("row count " + std::to_string(count));
    runOnce(compiler, devices, unfused ? &*unfused : nullptr, count, statistics);
  }
  if (::testing::Test::HasFailure()) return;
  std::remove(artifact.c_str());
  std::remove(apart.c_str());
}

void ProgramRunner::checkLaunches(CompilerHarness& compiler, ProgramStatistics& statistics) {
  CompileOptions options;
  OwningOpRef<ModuleOp> fused = compiler.lower(path_, Stage::plan, options);
  options.fusion = "off";
  OwningOpRef<ModuleOp> apart = compiler.lower(path_, Stage::plan, options);
  ASSERT_TRUE(fused && apart);
  Moves before = movesOf(*apart), after = movesOf(*fused), saved;
  auto ledger = (*fused)->getAttrOfType<DictionaryAttr>(kLedgerAttrName);
  ASSERT_TRUE(ledger);
  for (auto decision : ledger.getAs<ArrayAttr>("decisions").getAsRange<DictionaryAttr>()) {
    if (!decision.getAs<BoolAttr>("accepted").getValue()) continue;
    auto fall = [&](StringRef what) {
      auto of = [&](StringRef side) {
        return decision.getAs<DictionaryAttr>(side).getAs<IntegerAttr>(what).getInt();
      };
      // What a matmul reads of its accumulator no kernel reads.
      auto first = cast<DictionaryAttr>(decision.getAs<ArrayAttr>("ops")[0]);
      bool inProduct = what == "bytes" && first.getAs<StringAttr>("op") == "matmul";
      return decision.getAs<IntegerAttr>("instances").getInt() *
             (of("before") - (inProduct ? 0 : of("after")));
    };
    saved.launches += fall("launches");
    saved.bytes += fall("bytes");
  }
  EXPECT_EQ(before.launches - after.launches, saved.launches)
      << before.launches << " launches apart, " << after.launches << " fused";
  EXPECT_EQ(before.bytes - after.bytes, saved.bytes)
      << before.bytes << " bytes of kernels apart, " << after.bytes << " fused";
  statistics.launchesApart += before.launches;
  statistics.launches += after.launches;
}

void ProgramRunner::runOnce(CompilerHarness& compiler, std::vector<CpuProgram>& devices,
                            CpuProgram* unfused, int64_t count, ProgramStatistics& statistics) {
  NamedTensors inputs = drawInputs(count);
  NamedTensors expected = compiler.interpret(function_, inputs, Precision::float32);
  absl::StatusOr<NamedTensors> actual = devices[0].run("program", 0, 0, inputs);
  ASSERT_TRUE(actual.ok()) << actual.status();
  for (size_t i = 1; i < devices.size(); ++i) {
    absl::StatusOr<NamedTensors> other = devices[i].run("program", 0, 0, inputs);
    ASSERT_TRUE(other.ok()) << other.status();
    for (const auto& [key, tensor] : *actual)
      EXPECT_EQ(compareTensors(tensor, other->at(key), definedRows(key)).difference, 0)
          << key << " depends on the number of threads";
  }
  ++statistics.runs;
  EXPECT_EQ(expected.size(), actual->size());
  compare(compiler, inputs, expected, *actual, statistics);
  if (!unfused) return;
  absl::StatusOr<NamedTensors> apart = unfused->run("program", 0, 0, inputs);
  ASSERT_TRUE(apart.ok()) << apart.status();
  SCOPED_TRACE("fused against --fusion=off");
  compare(compiler, inputs, *actual, *apart, statistics);
}

void ProgramRunner::compare(CompilerHarness& compiler, const NamedTensors& inputs,
                            const NamedTensors& expected, const NamedTensors& actual,
                            ProgramStatistics& statistics) {
  NamedTensors exact;
  std::vector<NamedTensors> perturbed;
  double largestGradient = 0;
  for (const auto& [key, tensor] : expected)
    if (isGradient(key))
      largestGradient = std::max(largestGradient, compareTensors(tensor, tensor).magnitude);
  for (const auto& [key, tensor] : expected) {
    ASSERT_TRUE(actual.count(key)) << "the artifact lacks " << key;
    int64_t rows = definedRows(key);
    Deviation deviation = compareTensors(tensor, actual.at(key), rows);
    if (isGradient(key)) deviation.magnitude = std::max(deviation.magnitude, largestGradient / 100);
    ++statistics.outputs;
    statistics.elements += tensor.size();
    double allowed =
        tensor.kind() == ElementKind::i32 ? 0 : kProgramTolerance * deviation.magnitude;
    if (deviation.difference <= allowed) {
      statistics.worst = std::max(statistics.worst, deviation.relative());
      continue;
    }
    if (exact.empty()) {
      exact = compiler.interpret(function_, inputs, Precision::float64);
      for (uint64_t sample = 1; sample <= kPerturbations; ++sample)
        perturbed.push_back(compiler.interpret(function_, inputs, Precision::float64, sample));
    }
    double rounding = compareTensors(exact.at(key), tensor, rows).difference;
    for (const NamedTensors& sample : perturbed)
      rounding = std::max(rounding, compareTensors(exact.at(key), sample.at(key), rows).difference);
    ++statistics.illConditioned;
    EXPECT_LE(deviation.difference, allowed + kRoundingFactor * rounding)
        << key << " at " << deviation.index << ": expected " << tensor[deviation.index]
        << ", found " << actual.at(key)[deviation.index] << ", the largest magnitude is "
        << deviation.magnitude << ", half a unit in every value is worth " << rounding;
  }
}

int64_t ProgramRunner::definedRows(const std::string& key) const {
  auto found = rows_.find(key);
  return found == rows_.end() ? -1 : found->second;
}

NamedTensors ProgramRunner::drawArguments(int64_t count) {
  NamedTensors inputs;
  rows_.clear();
  std::vector<int64_t> drawn;
  bool first = true;
  for (const auto& [i, argument] : llvm::enumerate(program_.arguments)) {
    TensorValue tensor(argument.integer ? ElementKind::i32 : ElementKind::f32, argument.shape);
    for (int64_t k = 0; k < tensor.size(); ++k) {
      double span = argument.high - argument.low;
      tensor[k] = argument.integer ? argument.low + std::floor(uniform(random_) * (span + 1))
                                   : argument.low + uniform(random_) * span;
    }
    if (argument.rowCount) {
      // The second count is any.
      tensor[0] = static_cast<double>(
          first ? count : static_cast<int64_t>(random_() % (program_.maximumRows + 1)));
      first = false;
    }
    tensor.round();
    drawn.push_back(static_cast<int64_t>(tensor.rank() == 0 ? tensor[0] : 0));
    inputs.emplace("input/arg" + std::to_string(i), std::move(tensor));
  }
  for (const auto& [i, result] : llvm::enumerate(program_.results))
    if (result.rowCount >= 0) rows_["output/result" + std::to_string(i)] = drawn[result.rowCount];
  return inputs;
}

NamedTensors ProgramRunner::drawInputs(int64_t count) {
  NamedTensors inputs = drawArguments(count);
  // Cotangents; what lies behind a row count must have no influence.
  for (unsigned i = 0; i < function_.getNumArguments(); ++i) {
    std::string key = canonicalKey(argumentKey(function_, i));
    if (inputs.count(key)) continue;
    TensorValue tensor =
        TensorValue::zeros(cast<RankedTensorType>(function_.getArgumentTypes()[i]));
    for (int64_t k = 0; k < tensor.size(); ++k) tensor[k] = 2 * uniform(random_) - 1;
    int64_t rows = definedRows("output/" + key.substr(std::string("input/cotangent.").size()));
    if (rows >= 0) tensor.poisonRows(std::min(rows, tensor.rows()));
    tensor.round();
    inputs.emplace(key, std::move(tensor));
  }
  return inputs;
}

}  // namespace mlir::hydra::testing
