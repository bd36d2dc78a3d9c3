// What the routers of a run in float32 selected, given to a run in bf16: rounded scores would order
// tokens otherwise, and everything behind them would be compared in vain. Private to this folder.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_SELECTIONS_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_SELECTIONS_H_

#include <string>
#include <vector>

#include "runtime/diagnostics/golden.h"
#include "runtime/exec/executor.h"

namespace hydra {

// Selections by their names in the program: route.mor.N.depth, route.mod.N.index.C,
// route.moe.J.index, and the labels of the loss-aware term, label.mod.N.
class Selections {
 public:
  // Of everything that a run computed, under the golden's names.
  static Selections Of(const NumericTensors& computed);

  bool empty() const { return values_.empty(); }
  // Flags of hydra-opt: --inject=NAME for each.
  std::vector<std::string> CompileFlags() const;
  // Adds the inputs to a file for the interpreter; views of these values.
  void AddInputs(std::vector<TensorView>& views) const;
  // Sets those inputs of an entry; the others are the caller's.
  absl::Status SetInputs(const artifact::EntryInfo& entry, Launch& launch) const;
  // Adds to what a program with injected selections computed the selections themselves, and the
  // probabilities that nothing but selections was made of.
  void AddTo(NumericTensors& computed) const;

 private:
  std::map<std::string, std::vector<int32_t>> values_;
  NumericTensors selected_;  // as they were found, calls of depth routing also together
  NumericTensors probabilities_;
};

// Of every step of a trajectory.
using StepSelections = std::vector<Selections>;
// Flags for the names of all steps.
std::vector<std::string> CompileFlags(const StepSelections& steps);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_SELECTIONS_H_
