// Lowered models and attention modules against golden files, by the interpreter.
#include "runtime/diagnostics/golden.h"

#include "tests/base/test_paths.h"
#include "tests/lowering/lowering_fixture.h"

namespace mlir::hydra {
namespace {

class GoldenRoutingTest : public RoutingTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    auto golden = ::hydra::Golden::Open(::hydra::testing::SourceDir() + "/tests/golden/" +
                                        GetParam() + ".safetensors");
    ASSERT_TRUE(golden.ok()) << golden.status();
    golden_.emplace(std::move(*golden));
  }

  // Inputs and parameters of a case under the interpreter's keys.
  NamedTensors bindings(const std::string& prefix) {
    NamedTensors result;
    for (const ::hydra::TensorView& tensor : golden_->file().tensors()) {
      StringRef name = tensor.name;
      if (!name.consume_front(prefix)) continue;
      std::string key;
      if (name.consume_front("param."))
        key = "parameter/" + name.str();
      else if (name.consume_front("in."))
        key = "input/" + name.str();
      else
        continue;
      ElementKind kind = tensor.dtype == ::hydra::DType::kI32 ? ElementKind::i32 : ElementKind::f32;
      result.emplace(key, TensorValue(kind, tensor.shape, ::hydra::ToNumeric(tensor)->values));
    }
    return result;
  }

  void add(const std::string& name, const TensorValue& value) {
    computed_[name] = {value.shape().vec(), value.elements().vec()};
  }

  void compare(const ::hydra::GoldenScope& scope) {
    ::hydra::GoldenVerdict verdict = ::hydra::CompareWithGolden(*golden_, computed_, scope);
    EXPECT_TRUE(verdict.pass) << verdict.worst << ": " << verdict.error << " > " << verdict.allowed
                              << " " << verdict.problem;
    EXPECT_GT(verdict.compared, 0);
  }

  std::optional<::hydra::Golden> golden_;
  ::hydra::NumericTensors computed_;
};

using ModelGoldenTest = GoldenRoutingTest;

TEST_P(ModelGoldenTest, HiddenStatesLogitsAndLossesAgree) {
  const ::hydra::GoldenCase& item = golden_->cases().front();
  std::string shape = std::to_string(item.batch) + "x" + std::to_string(item.seq);
  std::string name = golden_->training() ? "train" : "eval";
  auto module = lower(golden_->config_text(), "entries=" + name + "@" + shape);
  ASSERT_TRUE(module);
  auto function = module->lookupSymbol<func::FuncOp>(name + "_" + shape + "_fixed");
  ASSERT_TRUE(function);

  NamedTensors inputs = bindings("");
  // The weight of the balance loss is a control value; the spec's is recorded as its initial one.
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (auto initial = function.getArgAttrOfType<FloatAttr>(i, kInitialAttrName)) {
      EXPECT_DOUBLE_EQ(initial.getValueAsDouble(), *golden_->aux_loss_weight());
      inputs[argumentKey(function, i)] = TensorValue::scalar(initial.getValueAsDouble());
    }

  InterpretOptions options;
  options.probes = true;
  auto outputs = interpretFunction(function, inputs, options);
  ASSERT_TRUE(succeeded(outputs));
  for (const auto& [key, value] : *outputs) {
    StringRef text = key;
    if (text.consume_front("probe/block.") || text == "probe/logits")
      add("out." + StringRef(key).drop_front(6).str(), value);
    else if (text.consume_front("output/loss."))
      add("loss." + text.str(), value);
  }
  // Golden evaluations list the total too, which is the cross-entropy alone.
  if (!golden_->training()) computed_["loss.total"] = computed_.at("loss.ce");
  // At fixed depth these are empty sums; the function does not return them.
  for (const char* term : {"ponder", "advantage", "advantage_raw", "moe_aux", "moe_teacher"})
    if (golden_->file().Find(std::string("loss.") + term))
      computed_[std::string("loss.") + term] = {{}, {0.0}};
  compare({.outputs = true, .losses = true, .gradients = false});
}

INSTANTIATE_TEST_SUITE_P(Models, ModelGoldenTest,
                         testing::Values("01_base_untied_eval", "02_base_gqa_train",
                                         "04_fixed_dense_train"));

class AttentionGoldenTest : public GoldenRoutingTest {};

TEST_P(AttentionGoldenTest, EverySwitchCombinationAgrees) {
  auto module = lower(golden_->config_text(), "");
  ASSERT_TRUE(module);
  EXPECT_EQ(golden_->cases().size(), 15u);
  for (const ::hydra::GoldenCase& item : golden_->cases()) {
    std::string symbol = "attention_" + item.prefix.substr(0, item.prefix.size() - 1);
    auto function = module->lookupSymbol<func::FuncOp>(symbol);
    ASSERT_TRUE(function) << symbol;
    auto outputs = interpretFunction(function, bindings(item.prefix));
    ASSERT_TRUE(succeeded(outputs)) << symbol;
    add(item.prefix + "out.y", outputs->at("output/y"));
  }
  compare({.outputs = true, .losses = false, .gradients = false});
}

INSTANTIATE_TEST_SUITE_P(Attention, AttentionGoldenTest, testing::Values("03_attention_switches"));

}  // namespace
}  // namespace mlir::hydra
