// Windows, attention, the loss, and operations that belong to decoding and the optimizer.
#include <algorithm>
#include <cmath>

#include "tests/compiler/ProgramOperations.h"

namespace mlir::hydra::testing {

void ProgramOperations::rope() {
  auto found = text.pick([](const GeneratedValue& v) {
    return !v.integer && v.rows < 0 && v.shape.size() == 3 && v.shape[2] % 2 == 0;
  });
  int x = found ? *found : text.argument({leading[0][0], leading[0][1], 2 * width()});
  int64_t positions = at(x).shape[1] + text.oneOf<int64_t>({0, 3}), width = at(x).shape[2];
  std::vector<int64_t> heads = {width};
  for (int64_t h : {2, 3, 4})
    if (width % (2 * h) == 0) heads.push_back(width / h);
  int64_t head = text.oneOf(heads);
  int table = text.emitOne("rope_table", {},
                           "{" + integerAttribute("positions", positions) + ", " +
                               integerAttribute("head_dim", head) + ", " +
                               floatAttribute("theta", 10000) + "}",
                           {positions, head}, {.bound = 1, .final = true});
  std::vector<int> operands = {x, table};
  // The last positions may lie behind the table.
  if (text.chance(0.5)) operands.push_back(text.integerArgument({at(x).shape[0]}, 0, 4));
  text.emitOne("rope", operands, text.chance(0.3) ? "{inverse}" : "", at(x).shape,
               {.bound = at(x).bound * 1.4});
}

// A history that is not differentiated, and sometimes the position that says where it counts.
void ProgramOperations::addHistory(std::vector<int>& operands, const Shape& shape) {
  int before = full(shape);
  operands.push_back(text.emitOne("stop", {before}, "", shape, {.bound = at(before).bound}));
  if (text.chance(0.5)) operands.push_back(text.integerArgument({shape[0]}, 0, 1));
}

// The operands as window ops write them: the first ones plain, then a history and a position.
std::string ProgramOperations::behind(const std::vector<int>& operands, size_t plain) {
  std::string written;
  for (size_t i = 0; i < operands.size(); ++i) {
    const char* before = i == 0 ? "" : i < plain ? ", " : i == plain ? " history " : " position ";
    written += before + text.name(operands[i]);
  }
  return written;
}

void ProgramOperations::shift() {
  int x = sequence();
  int64_t channels = at(x).shape[2], from = text.below(channels);
  bool reverse = text.chance(0.3), history = !reverse && text.chance(0.3);
  std::vector<int> operands = {x};
  if (history) addHistory(operands, {at(x).shape[0], 1, channels - from});
  text.emitOne("shift", operands,
               "{" + integerAttribute("from_channel", from) + (reverse ? ", reverse}" : "}"),
               at(x).shape, {.bound = at(x).bound, .exact = at(x).exact && !history},
               behind(operands, 1));
}

void ProgramOperations::causalConv() {
  int x = tame(sequence());
  int64_t channels = at(x).shape[2], window = text.oneOf<int64_t>({1, 2, 3, 5, 7});
  std::vector<int64_t> groups = {1, channels};
  for (int64_t g : {2, 3})
    if (channels % g == 0) groups.push_back(g);
  int64_t group = text.oneOf(groups), out = group * text.oneOf<int64_t>({1, 1, 2});
  int filter = weight({out, channels / group, window});
  std::vector<int> operands = {x, filter};
  if (window > 1 && text.chance(0.3)) addHistory(operands, {at(x).shape[0], window - 1, channels});
  double terms = static_cast<double>(channels / group * window);
  text.emitOne("causal_conv", operands, "", {at(x).shape[0], at(x).shape[1], out},
               {.bound = at(x).bound * std::sqrt(terms)}, behind(operands, 2));
}

void ProgramOperations::unfold() {
  int x = sequence();
  int64_t window = text.oneOf<int64_t>({1, 2, 3, 5});
  std::vector<int> operands = {x};
  if (window > 1 && text.chance(0.3))
    addHistory(operands, {at(x).shape[0], window - 1, at(x).shape[2]});
  text.emitOne("unfold", operands, "{" + integerAttribute("width", window) + "}",
               withLast(at(x).shape, at(x).shape[2] * window), {.bound = at(x).bound},
               behind(operands, 1));
}

void ProgramOperations::fold() {
  int64_t window = text.oneOf<int64_t>({1, 2, 3, 4});
  auto found = text.pick([&](const GeneratedValue& v) {
    return !v.integer && v.rows < 0 && v.shape.size() == 3 && v.shape[2] % window == 0;
  });
  int y = found ? *found : text.argument({leading[0][0], leading[0][1], window * 7});
  text.emitOne("fold", {y}, "{" + integerAttribute("width", window) + "}",
               withLast(at(y).shape, at(y).shape[2] / window),
               {.bound = at(y).bound * std::sqrt(static_cast<double>(window)) * 1.5});
}

void ProgramOperations::attention() {
  int64_t kvHeads = text.oneOf<int64_t>({1, 1, 2, 3}), heads = kvHeads * (1 + text.below(3));
  int64_t head = text.oneOf<int64_t>({2, 4, 5, 6, 16, 18});
  Shape wide = {leading[0][0], leading[0][1], heads * head},
        narrow = withLast(wide, kvHeads * head);
  int q = tame(full(wide)), k = tame(full(narrow)), v = tame(full(narrow));
  ResultFacts facts{.bound = at(v).bound};
  ResultFacts lse{.bound = at(q).bound * at(k).bound + 5, .final = true};
  std::vector<int> results = text.emit("attention", {q, k, v},
                                       "{" + integerAttribute("heads", heads) + ", " +
                                           integerAttribute("kv_heads", kvHeads) + ", " +
                                           floatAttribute("scale", 0.4) + "}",
                                       {wide, withLast(wide, heads)}, {facts, lse});
  // The log-sum-exp has no derivative.
  text.emitOne("stop", {results[1]}, "", withLast(wide, heads), {.bound = lse.bound});
}

// As decoding does it: more keys than queries, and not differentiated.
void ProgramOperations::attentionWithPosition() {
  int64_t kvHeads = text.oneOf<int64_t>({1, 2}), heads = kvHeads * (1 + text.below(3));
  int64_t head = text.oneOf<int64_t>({2, 5, 16}), queries = text.oneOf<int64_t>({1, 3, 9});
  int64_t keys = queries + text.oneOf<int64_t>({0, 1, 8, 61}), batch = leading[0][0];
  Shape wide = {batch, queries, heads * head}, narrow = {batch, keys, kvHeads * head};
  std::vector<int> operands;
  for (const Shape& shape : {wide, narrow, narrow}) {
    int x = tame(full(shape));
    operands.push_back(text.emitOne("stop", {x}, "", shape, {.bound = at(x).bound}));
  }
  std::string written =
      text.name(operands[0]) + ", " + text.name(operands[1]) + ", " + text.name(operands[2]);
  if (text.chance(0.7)) {
    operands.push_back(text.integerArgument({batch}, 0, keys - queries));
    written += " position " + text.name(operands.back());
  }
  ResultFacts facts{.bound = at(operands[2]).bound};
  ResultFacts lse{.bound = 10};
  text.emit("attention", operands,
            "{" + integerAttribute("heads", heads) + ", " + integerAttribute("kv_heads", kvHeads) +
                ", " + floatAttribute("scale", 0.4) + "}",
            {wide, withLast(wide, heads)}, {facts, lse}, written);
}

void ProgramOperations::crossEntropy() {
  auto found = text.pick(
      [](const GeneratedValue& v) { return !v.integer && v.rows < 0 && v.shape.size() >= 2; });
  int x = tame(found ? *found : text.argument(anyShape(), -4, 4));
  Shape lead(at(x).shape.begin(), at(x).shape.end() - 1);
  int64_t vocabulary = at(x).shape.back();
  // Many ignored targets, or none.
  bool ignored = text.chance(0.3);
  int targets = ignored ? text.integerArgument(lead, -101, -99)
                        : text.integerArgument(lead, 0, vocabulary - 1);
  double bound = 2 * at(x).bound + std::log(static_cast<double>(vocabulary));
  std::vector<int> results = text.emit(
      "cross_entropy", {x, targets}, "", {{}, lead, lead},
      {{.bound = bound}, {.bound = bound, .final = true}, {.bound = bound, .final = true}});
  // The log-sum-exp has no derivative.
  text.emitOne("stop", {results[2]}, "", lead, {.bound = bound});
}

void ProgramOperations::decodingState() {
  int64_t batch = leading[0][0], channels = width(), count = text.oneOf<int64_t>({1, 3, 9});
  auto stopped = [&](const Shape& shape) {
    int x = full(shape);
    return text.emitOne("stop", {x}, "", shape, {.bound = at(x).bound});
  };
  int length = text.integerArgument({batch}, 0, count);
  int position = text.integerArgument({batch}, 0, 10);
  Shape recent = {batch, count, channels};
  if (text.chance(0.5)) {
    Shape cache = {batch, count + 8, channels};
    int into = stopped(cache), x = stopped(recent);
    text.emitOne("cache_update", {into, x, position, length}, "", cache,
                 {.bound = std::max(at(into).bound, at(x).bound)});
  } else {
    Shape history = {batch, text.oneOf<int64_t>({1, 3, 6}), channels};
    int before = stopped(history), x = stopped(recent);
    text.emitOne("window_tail", {before, x, position, length}, "", history,
                 {.bound = std::max(at(before).bound, at(x).bound)});
  }
}

void ProgramOperations::optimizerStep() {
  Shape shape = {text.oneOf<int64_t>({1, 16, 33, 700})};
  auto stopped = [&](double low, double high) {
    int x = text.argument(shape, low, high);
    return text.emitOne("stop", {x}, "", shape, {.bound = high});
  };
  int parameter = stopped(-1, 1), gradient = stopped(-0.5, 0.5), m = stopped(-0.1, 0.1),
      v = stopped(0.01, 0.1);
  int norm = text.emitOne("global_norm", {gradient, m}, "", {}, {.bound = 30, .final = true});
  int steps = text.integerArgument({3}, 1, 20), present = text.integerArgument({3}, 0, 1);
  int clip = text.emitOne("stop", {text.argument({}, 0.1, 1)}, "", {}, {.bound = 1, .final = true});
  int rate = text.emitOne("stop", {text.argument({}, 0.01, 0.1)}, "", {}, {.final = true});
  (void)norm;
  text.emit("adamw", {parameter, gradient, m, v, steps, present, clip, rate, clip},
            "{" + integerAttribute("index", text.below(3)) + ", " +
                floatAttribute("lr_factor", 0.5) + ", " + floatAttribute("decay_factor", 0.1) +
                ", " + floatAttribute("beta1", 0.9) + ", " + floatAttribute("beta2", 0.95) + ", " +
                floatAttribute("eps", 1e-8) + "}",
            {shape, shape, shape, shape},
            {{.bound = 1}, {.bound = 1}, {.bound = 1}, {.bound = 0, .final = true}});
}

}  // namespace mlir::hydra::testing
