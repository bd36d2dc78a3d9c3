// Specs through the whole compiler, and their artifacts on the CPU.
#ifndef HYDRA_TESTS_COMPILER_COMPILERHARNESS_H
#define HYDRA_TESTS_COMPILER_COMPILERHARNESS_H

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "compiler/interpreter/Interpreter.h"
#include "compiler/pipeline/Stages.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "runtime/exec/session.h"

namespace mlir::hydra::testing {

// Keys of interpreter and artifact in one form: "input/NAME" for arguments and "output/NAME" for
// results without a binding too.
std::string canonicalKey(const std::string& key);
NamedTensors withCanonicalKeys(NamedTensors tensors);

// A directory of this test for files it writes, made if it is not there.
std::string testDirectory(const std::string& name);
void writeText(const std::string& path, const std::string& text);

// The compiler in this process. Diagnostics go to stderr; failures are test failures.
class CompilerHarness {
 public:
  CompilerHarness();

  MLIRContext& context() { return context_; }

  // The file after `last`; null if it does not compile.
  OwningOpRef<ModuleOp> lower(const std::string& spec, Stage last, const CompileOptions& options);
  // The file as an artifact.
  bool compile(const std::string& spec, const CompileOptions& options, const std::string& artifact);
  // Interprets one function of a lowered module. `inputs` has canonical keys; gradients, optimizer
  // state and caches that it lacks are zeros, control values that it lacks their initial value.
  // `perturbation`: InterpretOptions::perturbation.
  NamedTensors interpret(func::FuncOp function, const NamedTensors& inputs, Precision precision,
                         uint64_t perturbation = 0);

 private:
  MLIRContext context_;
};

// An artifact on the CPU, with every command checked (--validate) if `validate`.
class CpuProgram {
 public:
  static absl::StatusOr<CpuProgram> open(const std::string& artifact, int threads, bool validate);

  ::hydra::Executor& executor() { return session_.executor(); }

  // Writes the inputs, parameters and control values that the entry has out of `inputs` (canonical
  // keys), runs it from zero gradients, and returns outputs and gradients. The entry is the first
  // of that name with this batch and length, if they are not 0.
  absl::StatusOr<NamedTensors> run(const std::string& entry, int64_t batch, int64_t seq,
                                   const NamedTensors& inputs);
  // All parameters, as "parameter/NAME".
  absl::StatusOr<NamedTensors> parameters();

 private:
  explicit CpuProgram(::hydra::Session session) : session_(std::move(session)) {}

  ::hydra::Session session_;
};

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_COMPILER_COMPILERHARNESS_H
