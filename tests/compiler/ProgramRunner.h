// A generated program on the CPU and in the interpreter: values and gradients.
#ifndef HYDRA_TESTS_COMPILER_PROGRAMRUNNER_H
#define HYDRA_TESTS_COMPILER_PROGRAMRUNNER_H

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/compiler/CompilerHarness.h"
#include "tests/compiler/ProgramGenerator.h"

namespace mlir::hydra::testing {

// |cpu - interpreter| <= kProgramTolerance max|interpreter| for every output tensor.
inline constexpr double kProgramTolerance = 2e-5;

// In [0, 1).
double uniform(std::mt19937_64& generator);

struct ProgramStatistics {
  int outputs = 0, illConditioned = 0, runs = 0;
  int64_t elements = 0;
  // The largest deviation of a tensor, relative to its largest magnitude.
  double worst = 0;
  // Kernel launches with --fusion=off and as fused.
  int64_t launchesApart = 0, launches = 0;
  // By name; those with a row count in the second.
  std::map<std::string, int> operations, counted;
};

// Writes the program to a file, compiles it, runs the artifact with 1, 2 and 4 threads and every
// command checked, and the function after autodiff in the float32 interpreter, for several row
// counts if it has any. Deviations are test failures that name program and seed.
//
// Every output is held to kProgramTolerance; a gradient, which may be zero but for rounding errors,
// counts as at least a hundredth of the program's largest gradient. Some random programs subtract
// nearly equal numbers, so that float32 itself is worse than that: such a tensor is ill-conditioned
// and may deviate by 18 times what the float64 interpreter's result moves by if every float input
// and every intermediate value moves by half a unit in its last place, at random, the most of eight
// times. Integers are equal, infinities too.
//
// Inputs depend on the seed and the program alone, never on what was computed.
class ProgramRunner {
 public:
  // `name` is that of the files.
  ProgramRunner(const std::string& name, GeneratedProgram program, uint64_t seed);

  // Row counts: 0, 1, one less and one more than each of `tiles`, the tiles, and everything.
  void run(CompilerHarness& compiler, const std::set<int64_t>& tiles,
           ProgramStatistics& statistics);
  // Beside all that: the program with --fusion=off is another device whose results are compared,
  // and kernels are as many fewer as the ledger says.
  void compareWithUnfused() { comparesUnfused_ = true; }

 private:
  void checkLaunches(CompilerHarness& compiler, ProgramStatistics& statistics);
  void runOnce(CompilerHarness& compiler, std::vector<CpuProgram>& devices, CpuProgram* unfused,
               int64_t count, ProgramStatistics& statistics);
  void compare(CompilerHarness& compiler, const NamedTensors& inputs, const NamedTensors& expected,
               const NamedTensors& actual, ProgramStatistics& statistics);
  // How many rows of a value are defined; -1: all.
  int64_t definedRows(const std::string& key) const;
  NamedTensors drawInputs(int64_t count);
  NamedTensors drawArguments(int64_t count);

  std::string name_, path_;
  uint64_t seed_;
  bool comparesUnfused_ = false;
  GeneratedProgram program_;
  std::mt19937_64 random_;
  OwningOpRef<ModuleOp> derivative_;
  func::FuncOp function_;
  std::map<std::string, int64_t> rows_;
};

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_COMPILER_PROGRAMRUNNER_H
