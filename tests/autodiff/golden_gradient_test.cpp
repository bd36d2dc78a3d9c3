// Gradients of whole models and of attention against golden files, by the interpreter.
#include <optional>

#include "mlir/Pass/PassManager.h"
#include "passes/autodiff/Derivatives.h"
#include "passes/autodiff/Passes.h"
#include "runtime/diagnostics/golden.h"
#include "tests/base/test_paths.h"
#include "tests/lowering/lowering_fixture.h"

namespace mlir::hydra {
namespace {

class GoldenGradientTest : public RoutingTest, public testing::WithParamInterface<const char*> {
 protected:
  GoldenGradientTest() {
    DialectRegistry registry;
    registerDerivativeExternalModels(registry);
    context_.appendDialectRegistry(registry);
  }

  void SetUp() override {
    auto golden = ::hydra::Golden::Open(::hydra::testing::SourceDir() + "/tests/golden/" +
                                        GetParam() + ".safetensors");
    ASSERT_TRUE(golden.ok()) << golden.status();
    golden_.emplace(std::move(*golden));
  }

  OwningOpRef<ModuleOp> differentiated(const std::string& options) {
    auto module = lower(golden_->config_text(), options);
    if (!module) return nullptr;
    PassManager manager(&context_);
    manager.addPass(createHydraDifferentiate());
    EXPECT_TRUE(succeeded(manager.run(*module)));
    return module;
  }

  // A tensor of the file, if it has one of this name.
  std::optional<TensorValue> find(const std::string& name) {
    auto tensor = golden_->file().Find(name);
    if (!tensor) return std::nullopt;
    ElementKind kind = tensor->dtype == ::hydra::DType::kI32 ? ElementKind::i32 : ElementKind::f32;
    return TensorValue(kind, tensor->shape, ::hydra::ToNumeric(*tensor)->values);
  }

  // Every argument of the function: from the file, or as it is at the start of a step.
  NamedTensors inputsOf(func::FuncOp function, const std::string& prefix) {
    NamedTensors inputs;
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      std::string key = argumentKey(function, i);
      auto binding = function.getArgAttrOfType<BindingAttr>(i, kBindingAttrName);
      std::string name = binding.getName().str();
      std::optional<TensorValue> value;
      if (auto initial = function.getArgAttrOfType<FloatAttr>(i, kInitialAttrName))
        value = TensorValue::scalar(initial.getValueAsDouble());
      else if (name == "loss_scale")
        value = TensorValue::scalar(1);
      else if (name == "cotangent.y")
        value = find(prefix + "in.dy");
      else if (binding.getKind() == BindingKind::parameter)
        value = find(prefix + "param." + name);
      else if (binding.getKind() == BindingKind::input)
        value = find(prefix + "in." + name);
      else
        value = TensorValue::zeros(cast<RankedTensorType>(function.getArgumentTypes()[i]));
      EXPECT_TRUE(value) << "nothing for " << key;
      if (value) inputs.emplace(key, *value);
    }
    return inputs;
  }

  void add(const std::string& name, const TensorValue& value) {
    computed_[name] = {value.shape().vec(), value.elements().vec()};
  }

  void compareGradients() {
    ::hydra::GoldenVerdict verdict = ::hydra::CompareWithGolden(
        *golden_, computed_, {.outputs = false, .losses = false, .gradients = true});
    EXPECT_TRUE(verdict.pass) << verdict.worst << ": " << verdict.error << " > " << verdict.allowed
                              << " " << verdict.problem;
    EXPECT_GT(verdict.compared, 0);
  }

  std::optional<::hydra::Golden> golden_;
  ::hydra::NumericTensors computed_;
};

using ModelGradientTest = GoldenGradientTest;

TEST_P(ModelGradientTest, EveryGradientAgreesAndNoneIsWhereNoneMayBe) {
  const ::hydra::GoldenCase& item = golden_->cases().front();
  std::string shape = std::to_string(item.batch) + "x" + std::to_string(item.seq);
  auto module = differentiated("entries=train@" + shape);
  ASSERT_TRUE(module);
  auto function = module->lookupSymbol<func::FuncOp>("accumulate_" + shape + "_fixed");
  ASSERT_TRUE(function);
  EXPECT_TRUE(module->lookupSymbol<func::FuncOp>("apply"));
  auto outputs = interpretFunction(function, inputsOf(function, ""));
  ASSERT_TRUE(succeeded(outputs));
  for (const auto& [key, value] : *outputs)
    if (StringRef name = key; name.consume_front("gradient/")) add("grad." + name.str(), value);
  for (const std::string& name : golden_->no_grad())
    EXPECT_FALSE(computed_.count("grad." + name)) << name << " must have no gradient";
  compareGradients();
}

INSTANTIATE_TEST_SUITE_P(Models, ModelGradientTest,
                         testing::Values("02_base_gqa_train", "04_fixed_dense_train"));

class AttentionGradientTest : public GoldenGradientTest {};

TEST_P(AttentionGradientTest, EverySwitchCombinationAgrees) {
  auto module = differentiated("");
  ASSERT_TRUE(module);
  for (const ::hydra::GoldenCase& item : golden_->cases()) {
    std::string symbol = "attention_" + item.prefix.substr(0, item.prefix.size() - 1);
    auto function = module->lookupSymbol<func::FuncOp>(symbol);
    ASSERT_TRUE(function) << symbol;
    auto outputs = interpretFunction(function, inputsOf(function, item.prefix));
    ASSERT_TRUE(succeeded(outputs)) << symbol;
    for (const auto& [key, value] : *outputs)
      if (StringRef name = key; name.consume_front("output/gradient."))
        add(item.prefix + (name == "x" ? "grad_in.x" : "grad." + name.str()), value);
  }
  compareGradients();
}

INSTANTIATE_TEST_SUITE_P(Attention, AttentionGradientTest,
                         testing::Values("03_attention_switches"));

}  // namespace
}  // namespace mlir::hydra
