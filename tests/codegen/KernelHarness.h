// Compiles one primitive to machine code and runs it the way a device would.
#ifndef HYDRA_TESTS_CODEGEN_KERNELHARNESS_H
#define HYDRA_TESTS_CODEGEN_KERNELHARNESS_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/codegen/CpuCode.h"
#include "dialects/plan/KernelWork.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "runtime/base/command.h"

namespace mlir::hydra::testing {

// The elements of a tensor of f32 or i32, as bits; of bf16, as floats with that value.
struct Words {
  std::vector<uint32_t> words;

  static Words floats(const std::vector<float>& values);
  static Words integers(const std::vector<int32_t>& values);
  std::vector<float> asFloats() const;
  std::vector<int32_t> asIntegers() const;
};

// Executable memory with a code image in it.
class LoadedImage {
 public:
  explicit LoadedImage(const CodeImage& image);
  ~LoadedImage();
  LoadedImage(const LoadedImage&) = delete;
  LoadedImage& operator=(const LoadedImage&) = delete;
  void* at(uint64_t offset) const { return static_cast<char*>(memory) + offset; }

 private:
  void* memory;
  size_t bytes;
};

// How the items of a stage are handed out.
enum class Split { whole, single, irregular };

class KernelHarness {
 public:
  // `function` is the text of one func.func named "f" that holds one hydra op, or a region
  // of row-wise ones, and returns results of it. `workers` are those of the target.
  explicit KernelHarness(const std::string& function,
                         plan::Workers workers = plan::Workers::processor);

  // Compiles for `isaLevel`. False, with the diagnostics in messages(), if that fails.
  bool compile(const std::string& isaLevel);
  const std::string& messages() const { return diagnostics; }

  func::FuncOp function() { return source; }
  const CodeImage& image() const { return code; }
  plan::KernelOp kernel() { return planned; }
  ModuleOp planModule() { return *module; }

  // One buffer per argument; one per result comes back. Results start as NaN, scratch and partial
  // results as garbage; red zones around every buffer are checked. `inPlace[i]` >= 0 makes result i
  // share the buffer of that argument.
  std::vector<Words> run(const std::vector<Words>& arguments, Split split = Split::whole,
                         std::vector<int> inPlace = {});

  // For callers with buffers of their own: the function of a stage and the scalars of its launch.
  // Valid until the next compile().
  ::hydra::hal::KernelFunction stageFunction(int stage) const;
  const int64_t* launchScalars() const { return scalars.data(); }

 private:
  std::unique_ptr<MLIRContext> context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp source;
  plan::KernelOp planned;
  std::vector<int64_t> scalars;
  std::string diagnostics;
  CodeImage code;
  std::unique_ptr<LoadedImage> loaded;
};

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_CODEGEN_KERNELHARNESS_H
