// Interpretation of hydra.sample (HydraSamplingOps.td): sorts, adds up and looks. Kernels search
// instead, and must choose the same token.
#include "compiler/interpreter/Interpretation.h"
#include "dialects/hydra/SamplingWeights.h"
#include "runtime/base/philox.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

using namespace mlir;
using namespace mlir::hydra;

namespace {

struct SampleSettings {
  float temperature, topP, repeatPenalty;
  int64_t topK;
};

int64_t weightOf(float logit, float highest, double scale) {
  double y = (static_cast<double>(logit) - static_cast<double>(highest)) * scale;
  y = std::max(y, kLowestExponent);
  double n = std::nearbyint(y), f = y - n;
  double p = *std::rbegin(kExp2Coefficients);
  for (auto coefficient = std::rbegin(kExp2Coefficients) + 1;
       coefficient != std::rend(kExp2Coefficients); ++coefficient)
    p = std::fma(p, f, *coefficient);
  return static_cast<int64_t>(
      std::nearbyint(std::ldexp(p, static_cast<int>(n) + static_cast<int>(kWeightBits))));
}

// The id that `random` picks from the logits of one sequence; -1 if there is none.
int64_t choose(ArrayRef<float> logits, const SampleSettings &settings, uint64_t random) {
  float highest = -INFINITY;
  for (float logit : logits) {
    if (std::isnan(logit) || logit == INFINITY)
      return -1;
    highest = std::max(highest, logit);
  }
  if (highest == -INFINITY)
    return -1;
  std::vector<int64_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  if (!(settings.temperature > 0))
    return order.front();
  if (settings.topK > 0 && settings.topK < static_cast<int64_t>(order.size()))
    order.resize(settings.topK);
  double scale = kLog2E / static_cast<double>(settings.temperature);
  std::vector<int64_t> weights(logits.size(), 0);
  int64_t total = 0;
  for (int64_t id : order)
    total += weights[id] = weightOf(logits[id], highest, scale);
  int64_t wanted = nucleusWeight(settings.topP, total), kept = 0;
  for (int64_t id : order) {
    if (kept >= wanted)
      weights[id] = 0;
    kept += weights[id];
  }
  auto target = static_cast<int64_t>((static_cast<unsigned __int128>(random) * kept) >> 64);
  int64_t sum = 0;
  for (size_t id = 0; id < weights.size(); ++id)
    if ((sum += weights[id]) > target)
      return static_cast<int64_t>(id);
  llvm_unreachable("the target is below the sum of the weights");
}

LogicalResult interpretSample(SampleOp op, InterpreterFrame &frame) {
  const TensorValue &logits = frame.get(op.getLogits()), &history = frame.get(op.getHistory()),
                    &seed = frame.get(op.getSeed());
  auto single = [&](Value value) { return static_cast<float>(frame.get(value)[0]); };
  SampleSettings settings{single(op.getTemperature()), single(op.getTopP()),
                          single(op.getRepeatPenalty()), frame.integer(op.getTopK(), 0)};
  int64_t ids = std::clamp<int64_t>(frame.integer(op.getVocabulary(), 0), 1, logits.columns());
  TensorValue result = frame.zerosLike(op.getResult());
  for (int64_t b = 0; b < result.size(); ++b) {
    int64_t count = frame.integer(op.getCount(), 0, b);
    result[b] = -1;
    if (count <= 0)
      continue;
    int64_t length = frame.integer(op.getPosition(), 0, b) + count, places = history.shape()[1];
    std::vector<float> scores(ids);
    for (int64_t i = 0; i < ids; ++i)
      scores[i] = static_cast<float>(logits.row(b)[i]) + 0.0f;
    std::set<int64_t> seen;
    for (int64_t u = 0; u < std::min(length, places); ++u)
      seen.insert(static_cast<int64_t>(history[b * places + u]));
    for (int64_t id : seen)
      if (id >= 0 && id < ids)
        scores[id] = scores[id] < 0 ? scores[id] * settings.repeatPenalty
                                    : scores[id] / settings.repeatPenalty;
    auto word = [](double value) { return static_cast<uint32_t>(static_cast<int64_t>(value)); };
    ::hydra::PhiloxBlock random = ::hydra::Philox4x32(
        {0, word(static_cast<double>(length)), word(frame.get(op.getSequence())[b]), kSampleStream},
        {word(seed[2 * b]), word(seed[2 * b + 1])});
    result[b] =
        static_cast<double>(choose(scores, settings, (uint64_t{random[0]} << 32) | random[1]));
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

} // namespace

void mlir::hydra::attachSamplingInterpretation(MLIRContext *context) {
  attachInterpretation<SampleOp, interpretSample>(context);
}
