#include "tests/compiler/CompilerHarness.h"

#include <filesystem>
#include <fstream>

#include "compiler/pipeline/EmitArtifact.h"
#include "compiler/pipeline/InterpretModule.h"
#include "compiler/pipeline/Registration.h"
#include "dialects/hydra/HydraDialect.h"
#include "frontend/LoadSpec.h"
#include "gtest/gtest.h"
#include "runtime/base/status.h"
#include "tests/base/test_paths.h"

namespace mlir::hydra::testing {
namespace {

// Registers passes for the process, once.
const DialectRegistry& registry() {
  static const DialectRegistry* all = [] {
    auto* made = new DialectRegistry;
    registerEverything(*made);
    return made;
  }();
  return *all;
}

template <typename T>
std::vector<T> valuesOf(const TensorValue& source) {
  std::vector<T> values(source.size());
  for (int64_t i = 0; i < source.size(); ++i) values[i] = static_cast<T>(source[i]);
  return values;
}

template <typename T>
TensorValue tensorOf(const ::hydra::artifact::NamedBuffer& buffer, const std::vector<T>& values) {
  ElementKind kind = std::is_same_v<T, int32_t> ? ElementKind::i32 : ElementKind::f32;
  return TensorValue(kind, buffer.shape, std::vector<double>(values.begin(), values.end()));
}

bool isInteger(const ::hydra::artifact::NamedBuffer& buffer) {
  return buffer.type == ::hydra::hal::ElementType::kI32;
}

}  // namespace

std::string canonicalKey(const std::string& key) {
  if (key.find('/') != std::string::npos) return key;
  return (key.compare(0, 3, "arg") == 0 ? "input/" : "output/") + key;
}

NamedTensors withCanonicalKeys(NamedTensors tensors) {
  NamedTensors result;
  for (auto& [key, tensor] : tensors) result.emplace(canonicalKey(key), std::move(tensor));
  return result;
}

std::string testDirectory(const std::string& name) {
  std::string path = ::hydra::testing::BinaryDir() + "/tests/" + name;
  std::filesystem::create_directories(path);
  return path;
}

void writeText(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  EXPECT_TRUE(file.good()) << "cannot write " << path;
}

CompilerHarness::CompilerHarness() : context_(registry()) { context_.loadAllAvailableDialects(); }

OwningOpRef<ModuleOp> CompilerHarness::lower(const std::string& spec, Stage last,
                                             const CompileOptions& options) {
  FailureOr<OwningOpRef<ModuleOp>> module = loadSpec(spec, context_);
  if (failed(module)) {
    ADD_FAILURE() << spec << " does not parse";
    return nullptr;
  }
  if (failed(runStages(**module, last, resolveOptions(**module, options), nullptr))) {
    ADD_FAILURE() << spec << " does not compile";
    return nullptr;
  }
  return std::move(*module);
}

bool CompilerHarness::compile(const std::string& spec, const CompileOptions& options,
                              const std::string& artifact) {
  OwningOpRef<ModuleOp> plan = lower(spec, Stage::plan, options);
  if (!plan) return false;
  if (succeeded(emitArtifact(*plan, resolveOptions(*plan, options),
                             {.specText = "", .buildId = "test", .cachesKernels = false},
                             artifact)))
    return true;
  ADD_FAILURE() << spec << " has no artifact";
  return false;
}

NamedTensors CompilerHarness::interpret(func::FuncOp function, const NamedTensors& inputs,
                                        Precision precision, uint64_t perturbation) {
  NamedTensors bindings;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    std::string key = argumentKey(function, i);
    if (auto found = inputs.find(canonicalKey(key)); found != inputs.end()) {
      bindings.emplace(key, found->second);
      continue;
    }
    TensorValue value = TensorValue::zeros(cast<RankedTensorType>(function.getArgumentTypes()[i]));
    if (auto initial = function.getArgAttrOfType<FloatAttr>(i, kInitialAttrName))
      value[0] = initial.getValueAsDouble();
    bindings.emplace(key, std::move(value));
  }
  InterpretOptions options;
  options.precision = precision;
  options.perturbation = perturbation;
  FailureOr<NamedTensors> results = interpretFunction(function, bindings, options);
  if (failed(results)) {
    ADD_FAILURE() << function.getSymName().str() << " cannot be interpreted";
    return {};
  }
  return withCanonicalKeys(*std::move(results));
}

absl::StatusOr<CpuProgram> CpuProgram::open(const std::string& artifact, int threads,
                                            bool validate) {
  ::hydra::SessionOptions options;
  options.threads = threads;
  options.validate = validate;
  HYDRA_ASSIGN_OR_RETURN(::hydra::Session session, ::hydra::Session::Open(artifact, options));
  return CpuProgram(std::move(session));
}

absl::StatusOr<NamedTensors> CpuProgram::run(const std::string& entry, int64_t batch, int64_t seq,
                                             const NamedTensors& inputs) {
  const ::hydra::artifact::EntryInfo* found = nullptr;
  for (const auto& candidate : executor().info().entries)
    if (candidate.name == entry && (!batch || (candidate.batch == batch && candidate.seq == seq)))
      found = &candidate;
  if (!found) return ::hydra::InputError("the artifact has no entry " + entry);
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<::hydra::Launch> launch, executor().Prepare(*found));
  for (const auto& buffer : found->inputs) {
    auto input = inputs.find("input/" + buffer.name);
    if (input == inputs.end()) return ::hydra::InputError("no value for input " + buffer.name);
    if (isInteger(buffer)) {
      HYDRA_RETURN_IF_ERROR(
          launch->SetInput<int32_t>(buffer.name, valuesOf<int32_t>(input->second)));
    } else {
      HYDRA_RETURN_IF_ERROR(launch->SetInput<float>(buffer.name, valuesOf<float>(input->second)));
    }
  }
  for (const auto& parameter : executor().info().parameters) {
    if (parameter.gradient) {
      HYDRA_RETURN_IF_ERROR(executor().Write<float>(
          *parameter.gradient, std::vector<float>(parameter.gradient->elements())));
    }
    auto input = inputs.find("parameter/" + parameter.name);
    if (input == inputs.end()) continue;
    HYDRA_RETURN_IF_ERROR(
        executor().Write<float>(parameter.buffer, valuesOf<float>(input->second)));
  }
  for (const auto& buffer : executor().info().control) {
    auto input = inputs.find("control/" + buffer.name);
    if (input == inputs.end()) continue;
    HYDRA_RETURN_IF_ERROR(executor().Write<float>(buffer, valuesOf<float>(input->second)));
  }
  HYDRA_RETURN_IF_ERROR(launch->Run());
  NamedTensors results;
  for (const auto* result : found->Results()) {
    const auto& buffer = *result;
    if (isInteger(buffer)) {
      HYDRA_ASSIGN_OR_RETURN(auto values, launch->ReadOutput<int32_t>(buffer.name));
      results.emplace("output/" + buffer.name, tensorOf(buffer, values));
    } else {
      HYDRA_ASSIGN_OR_RETURN(auto values, launch->ReadOutput<float>(buffer.name));
      results.emplace("output/" + buffer.name, tensorOf(buffer, values));
    }
  }
  if (entry == "accumulate")
    for (const auto& parameter : executor().info().parameters)
      if (parameter.gradient) {
        HYDRA_ASSIGN_OR_RETURN(auto values, executor().Read<float>(*parameter.gradient));
        results.emplace("gradient/" + parameter.name, tensorOf(*parameter.gradient, values));
      }
  return results;
}

absl::StatusOr<NamedTensors> CpuProgram::parameters() {
  NamedTensors result;
  for (const auto& parameter : executor().info().parameters) {
    HYDRA_ASSIGN_OR_RETURN(auto values, executor().Read<float>(parameter.buffer));
    result.emplace("parameter/" + parameter.name, tensorOf(parameter.buffer, values));
  }
  return result;
}

}  // namespace mlir::hydra::testing
