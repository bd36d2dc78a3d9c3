// Gradients of whole routed models against central differences in float64: every mode, every
// variant of consequence, every corrected rule. Selections stay what they are for so small a step;
// what `stop` holds still is held still by making it an input.
#include <cmath>
#include <random>

#include "tests/routing/routing_fixture.h"

namespace mlir::hydra {
namespace {

constexpr double kStep = 1e-5;
// Relative to the difference itself, or to the size of gradients that matter here.
constexpr double kTolerance = 1e-6;
constexpr double kSmall = 1e-2;

struct RoutedCase {
  std::string name, mode, variant, rules, more;  // `more`: further keys of the config
};

void PrintTo(const RoutedCase& item, std::ostream* stream) { *stream << item.name; }

const char* const kExperts =
    R"(, "moe_enabled": true, "moe_num_experts": 3, "moe_num_layers": 1, "moe_top_k": 2, "moe_router_jitter": 0.2)";

std::vector<RoutedCase> routedCases() {
  std::string experts = kExperts;
  return {
      {"fixed_mod", "dynamic", "fixed_mod", "pytorch", ""},
      {"blend", "dynamic", "blend", "pytorch", ""},
      {"blend_mod", "dynamic", "blend_mod", "pytorch", ""},
      {"adaptive", "dynamic", "adaptive", "pytorch", ""},
      {"adaptive_mod", "dynamic", "adaptive_mod", "pytorch", ""},
      {"adaptive_min_depth", "dynamic", "adaptive", "pytorch", R"(, "mor_min_depth": 1)"},
      {"static_blend", "static", "blend", "pytorch", ""},
      {"static_adaptive", "static", "adaptive", "pytorch", ""},
      {"experts", "dynamic", "adaptive_mod", "pytorch", experts},
      {"experts_forced", "dynamic", "fixed_forced", "pytorch",
       experts + R"(, "moe_forced_routing_steps": 9)"},
      {"Q3", "dynamic", "adaptive_mod", "Q3", ""},
      {"Q4", "dynamic", "adaptive_mod", "Q4", ""},
      {"Q5", "static", "adaptive", "Q5", ""},
      {"Q10_sorted", "dynamic", "adaptive", "Q10", ""},
      {"Q10_blend", "dynamic", "blend_mod", "Q10", ""},
      {"Q12", "dynamic", "adaptive", "Q12", ""},
      {"Q14", "dynamic", "adaptive", "Q14", experts + R"(, "moe_capacity_factor": 0.6)"},
      {"predictor", "dynamic", "adaptive_mod", "pytorch", R"(, "mod_predictor_weight": 0.7)"},
      {"Q21", "dynamic", "adaptive_mod", "Q21", ""},
      {"corrected", "dynamic", "blend_mod", "corrected",
       experts + R"(, "moe_capacity_factor": 0.6)"},
      {"corrected_static", "static", "adaptive", "corrected", ""},
  };
}

class FiniteDifferencesTest : public DifferentiatedRoutingTest,
                              public testing::WithParamInterface<RoutedCase> {
 protected:
  OwningOpRef<ModuleOp> compile() {
    const RoutedCase& item = GetParam();
    std::string config =
        R"({"model": {"vocab_size": 11, "dim": 16, "n_mor_blocks": 3, "max_seq_len": 8,
      "recursions_per_block": 3, "n_heads": 2, "n_kv_heads": 1, "compression_factor": 2,
      "mod_loss_aware_weight": 0.5, "mod_capacity": 0.6)" +
        item.more + "}}";
    auto module = parseConfig(config, "config", context_);
    EXPECT_TRUE(succeeded(module));
    if (failed(module)) return nullptr;
    (*(*module)->getOps<LanguageModelOp>().begin()).setRules(item.rules);
    if (!runPasses(**module, "hydra-materialize-params,hydra-decide-routing{mode=" + item.mode +
                                 "},hydra-route-" + item.mode + "{variants=" + item.variant +
                                 "},hydra-verify-routing,hydra-lower-model{entries=train@2x8},"
                                 "canonicalize,cse,hydra-verify-primitives"))
      return nullptr;
    return std::move(*module);
  }

  bool runPasses(ModuleOp module, const std::string& pipeline) {
    PassManager manager(&context_);
    EXPECT_TRUE(succeeded(parsePassPipeline(pipeline, manager)));
    bool good = succeeded(manager.run(module));
    EXPECT_TRUE(good) << pipeline;
    return good;
  }

  // Of a fixed size whatever the initial values: every path matters.
  NamedTensors inputsOf(func::FuncOp function) {
    NamedTensors inputs;
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto binding = function.getArgAttrOfType<BindingAttr>(i, kBindingAttrName);
      StringRef name = binding.getName().getValue();
      auto type = cast<RankedTensorType>(function.getArgument(i).getType());
      TensorValue value = TensorValue::zeros(type);
      bool norm = name.contains("norm");
      for (int64_t e = 0; e < value.size(); ++e) {
        double draw = std::normal_distribution<double>()(generator_);
        if (binding.getKind() == BindingKind::parameter)
          value[e] = norm ? 1 + 0.1 * draw : (name.contains("router") ? 0.5 : 0.25) * draw;
        else if (name == "tokens")
          value[e] = static_cast<double>(generator_() % 11);
        else if (name == "targets")
          value[e] = e % 5 == 3 ? -100 : static_cast<double>(generator_() % 11);
        else if (name.starts_with("moe_noise"))
          value[e] = draw;
      }
      const std::map<StringRef, double> scalars = {{"teacher_expert", 1},
                                                   {"forced_expert", -1},
                                                   {"mor_blend", 0.3},
                                                   {"mor_ponder_warmup", 0.7},
                                                   {"ponder_weight", 0.5},
                                                   {"advantage_weight", 0.8},
                                                   {"moe_ramp", 0.9},
                                                   {"moe_teacher_weight", 1},
                                                   {"mod_aux_weight", 0.6},
                                                   {"moe_aux_weight", 0.4},
                                                   {"loss_scale", 1},
                                                   {"loss_ema", 2.5},
                                                   {"loss_variance", 0.6},
                                                   {"loss_steps", 1500},
                                                   {"loss_initialized", 1},
                                                   {"mod_loss_aware_weight", 0.5},
                                                   {"mod_predictor_weight", 0.7}};
      if (auto found = scalars.find(name); found != scalars.end()) value[0] = found->second;
      inputs[argumentKey(function, i)] = value;
    }
    return inputs;
  }

  // Values that carry no gradient although they depend on parameters.
  static SmallVector<Value> frozenValues(func::FuncOp function) {
    SmallVector<Value> values;
    function.walk([&](Operation* op) {
      if (auto stop = dyn_cast<StopOp>(op)) values.push_back(stop.getResult());
      if (auto loss = dyn_cast<CrossEntropyOp>(op)) values.push_back(loss.getTokenLoss());
    });
    return values;
  }

  // Makes what `stop` holds still an input, with the values of this run.
  void freeze(func::FuncOp function, NamedTensors& inputs) {
    OpBuilder builder(&context_);
    func::FuncOp shown = function.clone();
    Operation* end = shown.getBody().front().getTerminator();
    SmallVector<Type> types(shown.getResultTypes());
    for (auto [index, value] : llvm::enumerate(frozenValues(shown))) {
      end->insertOperands(end->getNumOperands(), value);
      types.push_back(value.getType());
    }
    unsigned firstResult = function.getNumResults();
    shown.setType(builder.getFunctionType(shown.getArgumentTypes(), types));
    auto binding = [&](unsigned index) {
      return BindingAttr::get(&context_, BindingKind::input,
                              builder.getStringAttr("frozen." + Twine(index)));
    };
    for (unsigned i = firstResult; i < types.size(); ++i)
      shown.setResultAttr(i, kBindingAttrName, binding(i - firstResult));
    NamedTensors results = interpretInDouble(shown, inputs);
    shown.erase();
    for (auto [index, value] : llvm::enumerate(frozenValues(function))) {
      std::string key = "input/frozen." + std::to_string(index);
      inputs[key] = results.at(key);
      auto attributes = builder.getDictionaryAttr(
          builder.getNamedAttr(kBindingAttrName, binding(static_cast<unsigned>(index))));
      unsigned position = function.getNumArguments();
      ASSERT_TRUE(succeeded(
          function.insertArgument(position, value.getType(), attributes, function.getLoc())));
      value.replaceAllUsesWith(function.getArgument(position));
    }
  }

  std::mt19937 generator_{7};
};

TEST_P(FiniteDifferencesTest, GradientsAgree) {
  auto forward = compile(), backward = compile();
  ASSERT_TRUE(forward && backward);
  ASSERT_TRUE(runPasses(*backward, "hydra-differentiate,canonicalize,cse"));
  std::string suffix = "_2x8_" + GetParam().variant;
  auto train = forward->lookupSymbol<func::FuncOp>("train" + suffix);
  auto accumulate = backward->lookupSymbol<func::FuncOp>("accumulate" + suffix);
  ASSERT_TRUE(train && accumulate);
  NamedTensors inputs = inputsOf(accumulate);
  // Gradients and presence start at zero.
  NamedTensors gradients = interpretInDouble(accumulate, inputs);
  freeze(train, inputs);

  int64_t checked = 0, nonzero = 0;
  for (auto& [key, value] : inputs) {
    StringRef name = key;
    if (!name.consume_front("parameter/")) continue;
    auto found = gradients.find("gradient/" + name.str());
    SmallVector<int64_t> elements = {static_cast<int64_t>(generator_() % value.size())};
    if (found != gradients.end()) {
      const TensorValue& gradient = found->second;
      int64_t largest = 0;
      for (int64_t e = 0; e < gradient.size(); ++e)
        if (std::fabs(gradient[e]) > std::fabs(gradient[largest])) largest = e;
      elements.push_back(largest);
    }
    for (int64_t e : elements) {
      double origin = value[e];
      value[e] = origin + kStep;
      double above = interpretInDouble(train, inputs).at("output/loss.total")[0];
      value[e] = origin - kStep;
      double below = interpretInDouble(train, inputs).at("output/loss.total")[0];
      value[e] = origin;
      double expected = (above - below) / (2 * kStep);
      double actual = found == gradients.end() ? 0 : found->second[e];
      EXPECT_NEAR(actual, expected, kTolerance * std::max(kSmall, std::fabs(expected)))
          << name.str() << " at " << e;
      ++checked;
      nonzero += expected != 0;
    }
  }
  EXPECT_GT(nonzero, checked / 2);
}

INSTANTIATE_TEST_SUITE_P(Cases, FiniteDifferencesTest, testing::ValuesIn(routedCases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace mlir::hydra
