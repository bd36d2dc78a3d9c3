// accumulate and apply, run as the trainer runs them.
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/autodiff/gradient_check.h"

namespace mlir::hydra {
namespace {

constexpr char kModel[] = R"mlir(
hydra.param @emb : tensor<5x4xf32> <normal 2.0e-02 : f32> {lr_factor = 0.1, decay_factor = 0.0}
hydra.param @w : tensor<4x4xf32> <normal 2.0e-02 : f32>
hydra.param @router : tensor<4xf32> <constant 0.0 : f32>
hydra.param @g : tensor<4xf32> <constant 1.0 : f32> {decay_factor = 0.5}
func.func @train_1x3(%t: tensor<1x3xi32> {hydra.binding = #hydra.binding<input "tokens">},
    %y: tensor<1x3xi32> {hydra.binding = #hydra.binding<input "targets">},
    %emb: tensor<5x4xf32> {hydra.binding = #hydra.binding<parameter "emb">},
    %w: tensor<4x4xf32> {hydra.binding = #hydra.binding<parameter "w">},
    %router: tensor<4xf32> {hydra.binding = #hydra.binding<parameter "router">},
    %g: tensor<4xf32> {hydra.binding = #hydra.binding<parameter "g">})
    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">})
    attributes {hydra.entry = #hydra.entry<"train", 1 x 3, "">} {
  %0 = hydra.embedding %emb, %t {scale = 2.0} : (tensor<5x4xf32>, tensor<1x3xi32>) -> tensor<1x3x4xf32>
  %1 = hydra.rms_norm %0, %g {eps = 1.0e-6} : (tensor<1x3x4xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  %2 = hydra.matmul %1, %w {transpose_b} : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  %3 = hydra.matmul %2, %w {transpose_b} : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  %4 = hydra.matmul %3, %emb {transpose_b} : (tensor<1x3x4xf32>, tensor<5x4xf32>) -> tensor<1x3x5xf32>
  %loss, %token_loss, %lse = hydra.cross_entropy %4, %y : (tensor<1x3x5xf32>, tensor<1x3xi32>) -> (tensor<f32>, tensor<1x3xf32>, tensor<1x3xf32>)
  return %loss : tensor<f32>
}
)mlir";

using Values = std::vector<double>;

const std::vector<std::string> kTrained = {"emb", "w", "g"};

class TrainingStepTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto& [name, shape] : {std::pair<std::string, std::vector<int64_t>>{"emb", {5, 4}},
                                      {"w", {4, 4}},
                                      {"g", {4}},
                                      {"router", {4}}}) {
      TensorValue parameter(ElementKind::f32, shape), zero(ElementKind::f32, shape);
      for (int64_t i = 0; i < parameter.size(); ++i)
        parameter[i] = std::sin(1.3 * i + shape.size()) + 0.2;
      state["parameter/" + name] = parameter;
      state["gradient/" + name] = state["optimizer/m/" + name] = state["optimizer/v/" + name] =
          zero;
    }
    state["optimizer/steps"] = TensorValue(ElementKind::i32, {4}, {7, 0, 3, 0});
    state["optimizer/present"] = TensorValue(ElementKind::i32, {4}, 0.0);
    // -100 is ignored.
    state["input/tokens"] = TensorValue(ElementKind::i32, {1, 3}, {1, 4, 1});
    state["input/targets"] = TensorValue(ElementKind::i32, {1, 3}, {2, 0, -100});
    for (const auto& [name, value] :
         std::vector<std::pair<std::string, double>>{{"loss_scale", 1},
                                                     {"lr", 0.01},
                                                     {"weight_decay", 0.1},
                                                     {"clip_min", 0.05},
                                                     {"clip_max", 3},
                                                     {"clip_factor", 2},
                                                     {"clip_ema_decay", 0.05},
                                                     {"spike_norm", 1e9},
                                                     {"spike_lr_factor", 0.5}})
      state["control/" + name] = TensorValue::scalar(value);
    state["control_state/grad_norm_ema"] = TensorValue::scalar(0.1);
    state["control_state/halted"] = TensorValue::scalar(0);
  }

  void load(bool probe = false) {
    module = context.differentiate(kModel, probe);
    ASSERT_TRUE(module);
    for (auto function : module->getOps<func::FuncOp>())
      (function.getSymName() == "apply" ? apply : accumulate) = function;
  }

  // Runs a function and keeps what it updates.
  void step(func::FuncOp function, bool probes = false) {
    NamedTensors results = context.run(function, state, Precision::float64, probes);
    for (auto& [name, value] : results) state[name] = value;
  }

  double scalarOf(const std::string& name) { return state.at(name)[0]; }
  Values integers(const std::string& name) {
    return Values(state.at(name).elements().begin(), state.at(name).elements().end());
  }
  double gradientNorm() {
    double sum = 0;
    for (const std::string& name : kTrained)
      for (double value : state.at("gradient/" + name).elements()) sum += value * value;
    return std::sqrt(sum);
  }

  DerivativeContext context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp accumulate, apply;
  NamedTensors state;
};

TEST_F(TrainingStepTest, GradientsAreThoseOfTheScaledLossAndAddUp) {
  load();
  state["control/loss_scale"] = TensorValue::scalar(0.5);
  NamedTensors before = state;
  step(accumulate);
  EXPECT_EQ(integers("optimizer/present"), (Values{1, 1, 0, 1}));
  EXPECT_EQ(before.count("gradient/router"), 1u);
  for (const std::string& name : kTrained) {
    const TensorValue once = state.at("gradient/" + name);
    for (int64_t i = 0; i < once.size(); ++i) {
      constexpr double kStep = 1e-5;
      auto lossAt = [&](double delta) {
        NamedTensors moved = before;
        moved["parameter/" + name][i] += delta;
        return context.run(accumulate, moved).at("output/loss.total")[0];
      };
      double expected = 0.5 * (lossAt(kStep) - lossAt(-kStep)) / (2 * kStep);
      EXPECT_NEAR(once[i], expected, 1e-8) << name << " at " << i;
    }
  }
  NamedTensors once = state;
  step(accumulate);
  for (const std::string& name : kTrained)
    for (int64_t i = 0; i < once.at("gradient/" + name).size(); ++i)
      EXPECT_NEAR(state.at("gradient/" + name)[i], 2 * once.at("gradient/" + name)[i], 1e-14);
}

TEST_F(TrainingStepTest, ProbesShowRawGradientsAndChangeNothing) {
  load();
  for (const std::string& name : kTrained) state["gradient/" + name][0] = 10;
  NamedTensors start = state;
  step(accumulate);
  NamedTensors folded = state;
  state = start;
  load(/*probe=*/true);
  step(accumulate, /*probes=*/true);
  for (const std::string& name : kTrained) {
    const TensorValue& raw = state.at("probe/gradient." + name);
    for (int64_t i = 0; i < raw.size(); ++i) {
      EXPECT_NEAR(state.at("gradient/" + name)[i], folded.at("gradient/" + name)[i], 1e-12);
      EXPECT_NEAR(raw[i], folded.at("gradient/" + name)[i] - (i == 0 ? 10 : 0), 1e-12);
    }
  }
}

// model.md 13 in full, for one step.
TEST_F(TrainingStepTest, ApplyIsOneClippedAdamWStep) {
  load();
  step(accumulate);
  NamedTensors before = state;
  double norm = gradientNorm();
  double limit = std::min(3.0, std::max(0.05, 2 * 0.1));
  double clip = std::min(1.0, limit / (norm + 1e-6));
  ASSERT_LT(clip, 1) << "the test must clip";
  step(apply);
  EXPECT_NEAR(scalarOf("output/grad_norm"), norm, 1e-12);
  // Constants in the program are float32: 1e-6 is not exact.
  EXPECT_NEAR(scalarOf("output/clip_scale"), clip, 1e-12);
  EXPECT_NEAR(scalarOf("control_state/grad_norm_ema"), 0.95 * 0.1 + 0.05 * norm, 1e-12);
  EXPECT_EQ(scalarOf("output/grad_norm_ema"), scalarOf("control_state/grad_norm_ema"));
  EXPECT_NEAR(scalarOf("output/clip_limit"), limit, 1e-12);
  EXPECT_EQ(scalarOf("output/lr"), 0.01);
  EXPECT_EQ(scalarOf("output/halted"), 0);
  EXPECT_EQ(scalarOf("control_state/halted"), 0);
  EXPECT_EQ(integers("optimizer/steps"), (Values{8, 1, 3, 1}));
  EXPECT_EQ(integers("optimizer/present"), (Values{0, 0, 0, 0}));

  struct Group {
    double lr, decay, steps;
  };
  for (const auto& [name, group] :
       std::map<std::string, Group>{{"emb", {0.1, 0, 8}}, {"w", {1, 1, 1}}, {"g", {1, 0.5, 1}}}) {
    for (int64_t i = 0; i < before.at("parameter/" + name).size(); ++i) {
      double g = before.at("gradient/" + name)[i] * clip, p = before.at("parameter/" + name)[i];
      double m = 0.1 * g, v = 0.05 * g * g, lr = 0.01 * group.lr;
      p *= 1 - lr * 0.1 * group.decay;
      p -= lr / (1 - std::pow(0.9, group.steps)) * m /
           (std::sqrt(v / (1 - std::pow(0.95, group.steps))) + 1e-8);
      EXPECT_NEAR(state.at("parameter/" + name)[i], p, 1e-12) << name << " at " << i;
      EXPECT_NEAR(state.at("optimizer/m/" + name)[i], m, 1e-12);
      EXPECT_NEAR(state.at("optimizer/v/" + name)[i], v, 1e-12);
      EXPECT_EQ(state.at("gradient/" + name)[i], 0);
    }
  }
}

TEST_F(TrainingStepTest, AnAbsentParameterIsUntouched) {
  load();
  step(accumulate);
  state["optimizer/present"] = TensorValue(ElementKind::i32, {4}, {1, 0, 0, 1});
  NamedTensors before = state;
  step(apply);
  for (const char* kind : {"parameter/", "optimizer/m/", "optimizer/v/"})
    EXPECT_EQ(integers(std::string(kind) + "w"),
              Values(before.at(std::string(kind) + "w").elements().vec()));
  EXPECT_NE(integers("parameter/emb"), Values(before.at("parameter/emb").elements().vec()));
  EXPECT_EQ(integers("optimizer/steps"), (Values{8, 0, 3, 1}));
}

TEST_F(TrainingStepTest, ASpikeLowersTheLearningRate) {
  load();
  step(accumulate);
  NamedTensors before = state;
  step(apply);
  NamedTensors calm = state;
  state = before;
  state["control/spike_norm"] = TensorValue::scalar(gradientNorm() * 0.99);
  state["control/weight_decay"] = TensorValue::scalar(0);
  step(apply);
  double start = before.at("parameter/emb")[4];
  EXPECT_NEAR(scalarOf("output/lr"), 0.005, 1e-12);
  EXPECT_NEAR(state.at("parameter/emb")[4] - start, 0.5 * (calm.at("parameter/emb")[4] - start),
              1e-12);
}

TEST_F(TrainingStepTest, AStepWithoutAFiniteNormChangesNoParameter) {
  for (double broken : {std::nan(""), HUGE_VAL}) {
    SetUp();
    load();
    step(accumulate);
    state["gradient/w"][3] = broken;
    NamedTensors before = state;
    step(apply);
    EXPECT_FALSE(std::isfinite(scalarOf("output/grad_norm")));
    EXPECT_EQ(scalarOf("control_state/grad_norm_ema"), 0.1);
    EXPECT_EQ(integers("optimizer/steps"), (Values{7, 0, 3, 0}));
    EXPECT_EQ(integers("optimizer/present"), (Values{0, 0, 0, 0}));
    for (const std::string& name : kTrained) {
      for (const char* kind : {"parameter/", "optimizer/m/", "optimizer/v/"})
        EXPECT_EQ(integers(kind + name), Values(before.at(kind + name).elements().vec()));
      EXPECT_THAT(integers("gradient/" + name), ::testing::Each(0.0));
    }
  }
}

// Steps that were submitted before the host saw the failure leave everything as the failed step
// did, whatever their own norm is; after the host clears the latch, training goes on.
TEST_F(TrainingStepTest, AFailedStepHaltsUntilTheHostClearsIt) {
  load();
  step(accumulate);
  NamedTensors good = state;
  state["gradient/w"][3] = HUGE_VAL;
  step(apply);
  EXPECT_EQ(scalarOf("output/halted"), 1);
  EXPECT_EQ(scalarOf("control_state/halted"), 1);
  NamedTensors failed = state;
  for (int late = 0; late < 3; ++late) {
    step(accumulate);
    EXPECT_GT(gradientNorm(), 0);
    step(apply);
    EXPECT_TRUE(std::isfinite(scalarOf("output/grad_norm")));
    EXPECT_EQ(scalarOf("output/halted"), 1);
    for (const auto& [name, value] : failed)
      if (!llvm::StringRef(name).starts_with("output/"))
        EXPECT_EQ(integers(name), Values(value.elements().vec())) << name;
  }
  state["control_state/halted"] = TensorValue::scalar(0);
  step(accumulate);
  step(apply);
  NamedTensors resumed = state;
  state = good;
  step(apply);
  EXPECT_EQ(scalarOf("output/halted"), 0);
  for (const std::string& name : kTrained)
    EXPECT_EQ(integers("parameter/" + name),
              Values(resumed.at("parameter/" + name).elements().vec()));
}

}  // namespace
}  // namespace mlir::hydra
