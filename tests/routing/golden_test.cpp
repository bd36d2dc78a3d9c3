// Routed models against golden files, by the interpreter: hidden states, logits, losses and every
// routing decision of the lowered program, then every gradient of the differentiated one.
#include "runtime/diagnostics/golden_run.h"
#include "runtime/diagnostics/verify_names.h"
#include "tests/base/test_paths.h"
#include "tests/routing/routing_fixture.h"

namespace mlir::hydra {
namespace {

class RoutedGoldenTest : public DifferentiatedRoutingTest,
                         public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    auto golden = ::hydra::Golden::Open(::hydra::testing::SourceDir() + "/tests/golden/" +
                                        GetParam() + ".safetensors");
    ASSERT_TRUE(golden.ok()) << golden.status();
    golden_.emplace(std::move(*golden));
    auto run = ::hydra::GoldenRun::Read(*golden_);
    ASSERT_TRUE(run.ok()) << run.status();
    run_.emplace(std::move(*run));
  }

  // The program of the golden's phase, after `more` passes.
  OwningOpRef<ModuleOp> compile(const std::string& more) {
    const ::hydra::GoldenCase& item = golden_->cases().front();
    std::string shape = std::to_string(item.batch) + "x" + std::to_string(item.seq);
    std::string mode = "fixed", variant = "fixed";
    for (StringRef flag : run_->CompileFlags()) {
      if (flag.consume_front("--routing=")) mode = flag.str();
      if (flag.consume_front("--variant=")) variant = flag.str();
    }
    name_ = golden_->training() ? "train" : "eval";
    symbol_ = shape + "_" + variant;
    auto module = parseConfig(golden_->config_text(), "config", context_);
    EXPECT_TRUE(succeeded(module));
    if (failed(module)) return nullptr;
    PassManager manager(&context_);
    EXPECT_TRUE(succeeded(parsePassPipeline(
        "hydra-materialize-params,hydra-decide-routing{mode=" + mode + "},hydra-route-" + mode +
            "{variants=" + variant + "},hydra-verify-routing,hydra-lower-model{entries=" + name_ +
            "@" + shape + "},canonicalize,cse,hydra-verify-primitives" + more,
        manager)));
    if (failed(manager.run(**module))) return nullptr;
    return std::move(*module);
  }

  std::optional<TensorValue> find(const std::string& name) {
    auto tensor = golden_->file().Find(name);
    if (!tensor) return std::nullopt;
    ElementKind kind = tensor->dtype == ::hydra::DType::kI32 ? ElementKind::i32 : ElementKind::f32;
    return TensorValue(kind, tensor->shape, ::hydra::ToNumeric(*tensor)->values);
  }

  static std::optional<double> scalarIn(const std::vector<::hydra::GoldenScalar>& scalars,
                                        StringRef name) {
    for (const ::hydra::GoldenScalar& scalar : scalars)
      if (StringRef(scalar.name) == name) return scalar.value;
    return std::nullopt;
  }

  // Every argument of the function: tensors of the file, scalars of its run, zeros for what starts
  // so.
  NamedTensors inputsOf(func::FuncOp function) {
    int64_t step = run_->first_step();
    NamedTensors inputs;
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto binding = function.getArgAttrOfType<BindingAttr>(i, kBindingAttrName);
      std::string name = binding.getName().str();
      TensorValue value =
          TensorValue::zeros(cast<RankedTensorType>(function.getArgument(i).getType()));
      std::optional<TensorValue> given;
      std::optional<double> scalar;
      switch (binding.getKind()) {
        case BindingKind::input:
          given = find("in." + name);
          scalar = scalarIn(run_->Inputs(step), name);
          EXPECT_TRUE(given || scalar) << name;
          break;
        case BindingKind::parameter:
          given = find("param." + name);
          EXPECT_TRUE(given) << name;
          break;
        case BindingKind::control: {
          scalar = scalarIn(run_->Controls(step), name);
          auto initial = function.getArgAttrOfType<FloatAttr>(i, kInitialAttrName);
          EXPECT_TRUE(scalar || initial) << name;
          if (!scalar && initial) scalar = initial.getValueAsDouble();
          break;
        }
        case BindingKind::control_state:
          scalar = scalarIn(run_->control_state(), name);
          EXPECT_TRUE(scalar || name == "halted") << name;
          break;
        default:
          break;
      }
      if (given)
        value = *given;
      else if (scalar)
        value[0] = *scalar;
      inputs.emplace(argumentKey(function, i), value);
    }
    return inputs;
  }

  void run(OwningOpRef<ModuleOp>& module, const std::string& name) {
    auto function = module->lookupSymbol<func::FuncOp>(name + "_" + symbol_);
    ASSERT_TRUE(function) << name << "_" << symbol_;
    InterpretOptions options;
    options.probes = true;
    auto outputs = interpretFunction(function, inputsOf(function), options);
    ASSERT_TRUE(succeeded(outputs));
    for (auto& [key, value] : *outputs) {
      StringRef text = key;
      std::string binding = text.consume_front("probe/") ? "output/probe." + text.str() : key;
      std::string tensor = ::hydra::TensorOfBinding(binding);
      if (!tensor.empty()) computed_[tensor] = {value.shape().vec(), value.elements().vec()};
    }
    ::hydra::StackCalls(computed_);
    ::hydra::CompleteLosses(*golden_, computed_);
    if (auto present = outputs->find("optimizer/present"); present != outputs->end())
      checkPresence(*module, present->second);
  }

  // A parameter that the golden file lists without a gradient is absent, or has no gradient.
  void checkPresence(ModuleOp module, const TensorValue& present) {
    int64_t index = 0;
    for (auto param : module.getOps<ParamOp>()) {
      bool expected = !llvm::is_contained(golden_->no_grad(), param.getSymName().str());
      EXPECT_EQ(present[index++] != 0, expected) << param.getSymName().str();
      if (!expected) computed_.erase("grad." + param.getSymName().str());
    }
  }

  void compare(const ::hydra::GoldenScope& scope) {
    ::hydra::GoldenVerdict verdict = ::hydra::CompareWithGolden(*golden_, computed_, scope);
    EXPECT_TRUE(verdict.pass) << verdict.worst << ": " << verdict.error << " > " << verdict.allowed
                              << " " << verdict.problem;
    EXPECT_GT(verdict.compared, 0);
    RecordProperty("worst", verdict.worst);
  }

  std::optional<::hydra::Golden> golden_;
  std::optional<::hydra::GoldenRun> run_;
  ::hydra::NumericTensors computed_;
  std::string name_, symbol_;
};

TEST_P(RoutedGoldenTest, LoweredProgramAgrees) {
  auto module = compile("");
  ASSERT_TRUE(module);
  run(module, name_);
  compare({.outputs = true, .losses = true, .gradients = false});
}

TEST_P(RoutedGoldenTest, DifferentiatedProgramAgrees) {
  if (!golden_->training()) GTEST_SKIP() << "an evaluation has no gradients";
  auto module = compile(",hydra-differentiate,canonicalize,cse");
  ASSERT_TRUE(module);
  run(module, "accumulate");
  compare({.outputs = true, .losses = true, .gradients = true});
}

INSTANTIATE_TEST_SUITE_P(Models, RoutedGoldenTest,
                         testing::Values("04_fixed_dense_train", "05_fixed_modhard_train",
                                         "06_mor_adaptive_train", "07_mor_min1_modhard_train",
                                         "08_hard_eval_oddheads", "09_static_train",
                                         "10_static_eval_oob", "11_rampup_train",
                                         "12_moe_top1_train", "13_moe_top2_train",
                                         "14_moe_forced_train"));

}  // namespace
}  // namespace mlir::hydra
