// Random functions of hydra primitives that can be compiled, run and differentiated.
#ifndef HYDRA_TESTS_COMPILER_PROGRAMGENERATOR_H
#define HYDRA_TESTS_COMPILER_PROGRAMGENERATOR_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mlir::hydra::testing {

struct ProgramArgument {
  std::vector<int64_t> shape;
  bool integer = false;
  // Floats are drawn from [low, high), integers from low .. high. A scalar is never drawn if it is
  // a row count.
  double low = -1, high = 1;
  bool rowCount = false;
};

struct ProgramResult {
  bool integer = false;
  // The argument that says how many rows of it are defined; -1: all are.
  int rowCount = -1;
};

struct GeneratedProgram {
  // A module with one function @program that has the attribute hydra.vjp.
  std::string text;
  std::vector<ProgramArgument> arguments;
  std::vector<ProgramResult> results;
  int operations = 0;
  // The largest number of rows of anything that has a row count; 0 if the program has none.
  int64_t maximumRows = 0;
  // How many operations of a name ("unary") have a row count.
  std::map<std::string, int> counted;
};

// The program of a seed: 5 to 40 operations on values that are used any number of times. Every
// value stays within a few powers of ten, arguments of log, division and roots are positive, and
// jumps (comparisons, rounding) apply to values without rounding errors only, so that a program
// computes nearly the same with any correct order of summation.
//
// Chains are elementwise operations, norms and sums over values of few shapes, so that most of them
// can run in one kernel.
enum class ProgramKind { any, chains };
GeneratedProgram generateProgram(uint64_t seed, ProgramKind kind = ProgramKind::any);

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_COMPILER_PROGRAMGENERATOR_H
