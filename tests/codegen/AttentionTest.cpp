// What attention promises beyond its values on small shapes: scratch that does not grow, queries
// that do not depend on how they are cut, keys that nobody sees.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "dialects/target/CpuFacts.h"
#include "runtime/base/cpu_detection.h"
#include "tests/codegen/KernelHarness.h"

using namespace mlir::hydra;
using namespace mlir::hydra::testing;

namespace {

constexpr int64_t kWidth = 16;

std::string tensor(int64_t rows, int64_t width, const char* type = "f32") {
  return "tensor<1x" + std::to_string(rows) + "x" + std::to_string(width) + "x" + type + ">";
}

std::string attributes(int64_t heads) {
  return "{heads = " + std::to_string(heads) + ", kv_heads = 1, scale = 0.25 : f64}";
}

std::string forward(int64_t queries, int64_t keys, int64_t heads) {
  std::string q = tensor(queries, heads * kWidth), k = tensor(keys, kWidth);
  std::string types = "(" + q + ", " + k + ", " + k + ", tensor<1xi32>) -> (" + q + ", " +
                      tensor(queries, heads) + ")";
  return "func.func @f(%q: " + q + ", %k: " + k + ", %v: " + k + ", %p: tensor<1xi32>) -> (" + q +
         ", " + tensor(queries, heads) + ") { %r:2 = hydra.attention %q, %k, %v position %p " +
         attributes(heads) + " : " + types + " return %r#0, %r#1 : " + q + ", " +
         tensor(queries, heads) + " }";
}

std::string backward(int64_t rows, int64_t heads) {
  std::string q = tensor(rows, heads * kWidth), k = tensor(rows, kWidth);
  std::string operands = q + ", " + q + ", " + k + ", " + k + ", " + q + ", " + tensor(rows, heads);
  std::string results = q + ", " + k + ", " + k;
  return "func.func @f(%dy: " + q + ", %q: " + q + ", %k: " + k + ", %v: " + k + ", %y: " + q +
         ", %l: " + tensor(rows, heads) + ") -> (" + results +
         ") { %r:3 = hydra.attention_grad %dy, %q, %k, %v, %y, %l " + attributes(heads) + " : (" +
         operands + ") -> (" + results + ") return %r#0, %r#1, %r#2 : " + results + " }";
}

std::vector<float> random(int64_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> draw(-1, 1);
  std::vector<float> values(count);
  for (float& value : values) value = draw(engine);
  return values;
}

const std::string& bestLevel() {
  static const std::string level = ::hydra::RunnableLevels(::hydra::HostCpu()).front();
  return level;
}

double dot(const std::vector<float>& a, int64_t i, const std::vector<float>& b, int64_t j) {
  double sum = 0;
  for (int64_t d = 0; d < kWidth; ++d) sum += double(a[i * kWidth + d]) * b[j * kWidth + d];
  return sum;
}

TEST(Attention, ScratchDoesNotGrowWithTheSequence) {
  for (int64_t heads : {1, 4}) {
    KernelHarness a(forward(1024, 1024, heads)), b(forward(16384, 16384, heads));
    EXPECT_EQ(a.kernel().getScratchBytes(), b.kernel().getScratchBytes());
    EXPECT_EQ(b.kernel().getPartialBytes(), 0);
    KernelHarness c(backward(1024, heads)), d(backward(16384, heads));
    EXPECT_EQ(c.kernel().getScratchBytes(), d.kernel().getScratchBytes());
    EXPECT_LE(d.kernel().getScratchBytes(), 1 << 20);
  }
}

// One head of 16384 rows, the gradient too; a few rows against sums in double precision.
TEST(Attention, SixteenThousandRows) {
  constexpr int64_t kRows = 16384;
  std::vector<float> q = random(kRows * kWidth, 1), k = random(kRows * kWidth, 2),
                     v = random(kRows * kWidth, 3), dy = random(kRows * kWidth, 4);
  KernelHarness harness(forward(kRows, kRows, 1));
  ASSERT_TRUE(harness.compile(bestLevel())) << harness.messages();
  std::vector<Words> made =
      harness.run({Words::floats(q), Words::floats(k), Words::floats(v), Words::integers({0})});
  std::vector<float> y = made[0].asFloats(), lse = made[1].asFloats();
  KernelHarness gradient(backward(kRows, 1));
  ASSERT_TRUE(gradient.compile(bestLevel())) << gradient.messages();
  std::vector<Words> gradients = gradient.run(
      {Words::floats(dy), Words::floats(q), Words::floats(k), Words::floats(v), made[0], made[1]});
  std::vector<float> dq = gradients[0].asFloats(), dk = gradients[1].asFloats();
  auto weight = [&](int64_t t, int64_t u) { return std::exp(0.25 * dot(q, t, k, u) - lse[t]); };
  auto slope = [&](int64_t t, int64_t u) {
    return 0.25 * weight(t, u) * (dot(dy, t, v, u) - dot(dy, t, y, t));
  };
  for (int64_t t : {0L, 63L, 64L, 8191L, kRows - 1}) {
    double total = 0;
    std::vector<double> value(kWidth), slopes(kWidth);
    for (int64_t u = 0; u <= t; ++u) {
      total += weight(t, u);
      for (int64_t d = 0; d < kWidth; ++d) {
        value[d] += weight(t, u) * v[u * kWidth + d];
        slopes[d] += slope(t, u) * k[u * kWidth + d];
      }
    }
    EXPECT_NEAR(total, 1, 2e-5) << t;
    for (int64_t d = 0; d < kWidth; ++d) {
      EXPECT_NEAR(y[t * kWidth + d], value[d], 1e-5) << t;
      EXPECT_NEAR(dq[t * kWidth + d], slopes[d], 1e-5) << t;
    }
  }
  for (int64_t u : {0L, 8192L, kRows - 65, kRows - 1}) {
    std::vector<double> slopes(kWidth);
    for (int64_t t = u; t < kRows; ++t)
      for (int64_t d = 0; d < kWidth; ++d) slopes[d] += slope(t, u) * q[t * kWidth + d];
    for (int64_t d = 0; d < kWidth; ++d) EXPECT_NEAR(dk[u * kWidth + d], slopes[d], 2e-4) << u;
  }
}

// A chunk of queries gets the bits that each of them gets alone, and keys behind the last one that
// is seen may hold anything.
TEST(Attention, QueriesDoNotDependOnTheirTile) {
  constexpr int64_t kHeads = 4, kQueries = 70, kKeys = 200, kPosition = 100;
  std::vector<float> q = random(kQueries * kHeads * kWidth, 1), k = random(kKeys * kWidth, 2),
                     v = random(kKeys * kWidth, 3);
  for (std::vector<float>* cache : {&k, &v})
    std::fill(cache->begin() + (kPosition + kQueries) * kWidth, cache->end(), NAN);
  KernelHarness together(forward(kQueries, kKeys, kHeads)), alone(forward(1, kKeys, kHeads));
  ASSERT_TRUE(together.compile(bestLevel()) && alone.compile(bestLevel()));
  std::vector<uint32_t> all = together
                                  .run({Words::floats(q), Words::floats(k), Words::floats(v),
                                        Words::integers({kPosition})})[0]
                                  .words;
  constexpr int64_t kRow = kHeads * kWidth;
  for (int32_t t = 0; t < kQueries; ++t) {
    std::vector<float> row(q.begin() + t * kRow, q.begin() + (t + 1) * kRow);
    std::vector<uint32_t> one =
        alone
            .run({Words::floats(row), Words::floats(k), Words::floats(v),
                  Words::integers({static_cast<int32_t>(kPosition) + t})})[0]
            .words;
    EXPECT_EQ(one, std::vector<uint32_t>(all.begin() + t * kRow, all.begin() + (t + 1) * kRow))
        << t;
    for (uint32_t bits : one) EXPECT_TRUE(std::isfinite(llvm::bit_cast<float>(bits)));
  }
}

// Scores of a few hundred, of either sign, which exp would not hold without the maximum.
TEST(Attention, LargeScores) {
  constexpr int64_t kRows = 150;
  for (float sign : {1.0f, -1.0f}) {
    std::vector<float> q(kRows * kWidth, 20.0f), k = random(kRows * kWidth, 2),
                                                 v = random(kRows * kWidth, 3);
    for (float& value : k) value = sign * (8 + value);
    KernelHarness harness(forward(kRows, kRows, 1));
    ASSERT_TRUE(harness.compile(bestLevel())) << harness.messages();
    std::vector<Words> made =
        harness.run({Words::floats(q), Words::floats(k), Words::floats(v), Words::integers({0})});
    std::vector<float> y = made[0].asFloats(), lse = made[1].asFloats();
    for (int64_t t = 0; t < kRows; t += 7) {
      double maximum = -INFINITY, total = 0;
      for (int64_t u = 0; u <= t; ++u) maximum = std::max(maximum, 0.25 * dot(q, t, k, u));
      for (int64_t u = 0; u <= t; ++u) total += std::exp(0.25 * dot(q, t, k, u) - maximum);
      EXPECT_NEAR(lse[t], maximum + std::log(total), 1e-5 * std::fabs(maximum));
      for (int64_t d = 0; d < kWidth; ++d) {
        double value = 0;
        for (int64_t u = 0; u <= t; ++u)
          value += std::exp(0.25 * dot(q, t, k, u) - maximum) / total * v[u * kWidth + d];
        EXPECT_NEAR(y[t * kWidth + d], value, 2e-3);
      }
    }
  }
}

}  // namespace
