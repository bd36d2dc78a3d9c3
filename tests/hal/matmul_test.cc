// Matmuls of every driver against a float64 reference: shapes, edges, layouts, groups, row counts,
// and the same bits for every number of threads.
#include <cmath>
#include <limits>
#include <random>

#include "tests/hal/hal_fixture.h"

namespace hydra::hal {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> Random(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> values(count);
  for (float& value : values) value = uniform(generator);
  return values;
}

// A command and its operands. Leading dimensions are a little larger than the rows.
struct Problem {
  MatmulCommand command;
  std::vector<float> a, b, c;

  float OpA(uint64_t g, uint64_t i, uint64_t l) const {
    const MatmulCommand& m = command;
    return a[g * m.group_a + (m.transpose_a ? l * m.lda + i : i * m.lda + l)];
  }
  float OpB(uint64_t g, uint64_t l, uint64_t j) const {
    const MatmulCommand& m = command;
    return b[g * m.group_b + (m.transpose_b ? j * m.ldb + l : l * m.ldb + j)];
  }
  uint64_t IndexC(uint64_t g, uint64_t i, uint64_t j) const {
    return g * command.group_c + i * command.ldc + j;
  }
};

struct Shape {
  uint64_t m, n, k, tile_m, tile_n;
  bool transpose_a = false, transpose_b = false, accumulate = false;
  uint64_t groups = 1;
};

Problem Make(World& world, const Shape& s) {
  Problem p;
  MatmulCommand& m = p.command;
  m.m = s.m, m.n = s.n, m.k = s.k, m.tile_m = s.tile_m, m.tile_n = s.tile_n;
  m.transpose_a = s.transpose_a, m.transpose_b = s.transpose_b, m.accumulate = s.accumulate;
  m.groups = s.groups;
  const uint64_t a_rows = s.transpose_a ? s.k : s.m, a_columns = s.transpose_a ? s.m : s.k;
  const uint64_t b_rows = s.transpose_b ? s.n : s.k, b_columns = s.transpose_b ? s.k : s.n;
  // Groups of a and c are column blocks of one matrix, those of b are stacked.
  m.lda = a_columns * s.groups + 3, m.group_a = a_columns;
  m.ldb = b_columns + 1, m.group_b = b_rows * m.ldb;
  m.ldc = s.n * s.groups + 2, m.group_c = s.n;
  p.a = Random(a_rows * m.lda, 1);
  p.b = Random(m.group_b * s.groups, 2);
  p.c = Random(s.m * m.ldc, 3);
  m.a = world.Put(p.a, Region::kInputs);
  m.b = world.Put(p.b, Region::kParameters);
  m.c = world.Put(p.c, Region::kGradients);
  return p;
}

// Expects c[i, j] for i < rows to be the product over l < depth, and everything else in c to be as
// before unless `garbage_after_rows`.
void ExpectProduct(const Problem& p, const std::vector<float>& c, uint64_t rows, uint64_t depth,
                   bool garbage_after_rows, const std::string& what) {
  const MatmulCommand& m = p.command;
  std::vector<bool> written(c.size());
  for (uint64_t g = 0; g < m.groups; ++g) {
    for (uint64_t i = 0; i < m.m; ++i) {
      for (uint64_t j = 0; j < m.n; ++j) {
        const uint64_t at = p.IndexC(g, i, j);
        if (i >= rows) {
          written[at] = garbage_after_rows;
          continue;
        }
        written[at] = true;
        double sum = m.accumulate ? p.c[at] : 0.0;
        for (uint64_t l = 0; l < depth; ++l) {
          sum += static_cast<double>(p.OpA(g, i, l)) * p.OpB(g, l, j);
        }
        ASSERT_NEAR(c[at], sum, 1e-5 * (1 + std::sqrt(static_cast<double>(depth))))
            << what << " group " << g << " at " << i << "," << j;
      }
    }
  }
  for (size_t i = 0; i < c.size(); ++i) {
    if (!written[i]) {
      ASSERT_EQ(c[i], p.c[i]) << what << " touched element " << i;
    }
  }
}

class MatmulTest : public DriverTest {
 protected:
  void SetUp() override {
    DriverTest::SetUp();
    if (world_ != nullptr && world_->device->capabilities().matmul_types.empty()) {
      GTEST_SKIP() << "products are kernels of the artifact on this device";
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Drivers, MatmulTest, ::testing::ValuesIn(kDriverCases), DriverLabel);

TEST_P(MatmulTest, ShapesLayoutsAndGroups) {
  const Shape shapes[] = {
      {1, 1, 1, 1, 1},
      {1, 50, 33, 8, 16},
      {17, 23, 31, 8, 16},
      {64, 48, 70, 32, 48},
      {5, 100, 64, 16, 64},
      {17, 23, 31, 8, 16, true},
      {17, 23, 31, 8, 16, false, true},
      {17, 23, 31, 8, 16, true, true, true},
      {33, 20, 600, 16, 20, true, false, true},
      {10, 12, 9, 4, 8, false, true, false, 3},
      {10, 12, 9, 4, 8, true, false, true, 2},
  };
  for (const Shape& shape : shapes) {
    const Problem p = Make(*world_, shape);
    const absl::Status status = world_->Run({{p.command, 0}});
    ASSERT_TRUE(status.ok()) << status;
    const std::string what = testing::PrintToString(shape.m) + "x" +
                             testing::PrintToString(shape.n) + "x" +
                             testing::PrintToString(shape.k);
    ExpectProduct(p, world_->Get<float>(p.command.c), shape.m, shape.k, false, what);
  }
}

// Rows beyond the count hold NaN; they and their tiles may not influence the others.
TEST_P(MatmulTest, RowsBoundM) {
  constexpr uint64_t kTile = 8, kMax = 19;
  for (bool accumulate : {false, true}) {
    for (int32_t rows : {0, 1, 7, 8, 9, 19, 25, -3}) {
      Problem p = Make(*world_, {kMax, 24, 40, kTile, 16, false, true, accumulate});
      const uint64_t valid = static_cast<uint64_t>(std::clamp<int32_t>(rows, 0, kMax));
      std::vector<float> poisoned = p.a;
      for (uint64_t i = valid * p.command.lda; i < poisoned.size(); ++i) poisoned[i] = kNan;
      world_->Set(p.command.a, poisoned);
      p.command.rows = world_->Put<int32_t>({rows}, Region::kControl);
      ASSERT_TRUE(world_->Run({{p.command, 0}}).ok());
      const std::vector<float> c = world_->Get<float>(p.command.c);
      ExpectProduct(p, c, valid, p.command.k, true, "rows " + std::to_string(rows));
      // Tiles that start at or beyond the count are skipped.
      const uint64_t first_skipped = (valid + kTile - 1) / kTile * kTile;
      for (uint64_t i = first_skipped * p.command.ldc; i < c.size(); ++i) EXPECT_EQ(c[i], p.c[i]);
    }
  }
}

TEST_P(MatmulTest, RowsBoundK) {
  constexpr uint64_t kMax = 600;
  for (bool accumulate : {false, true}) {
    for (bool transpose_b : {false, true}) {
      for (int32_t rows : {0, 1, 255, 256, 257, 511, 512, 513, 599, 600, 700, -1}) {
        Problem p = Make(*world_, {20, 17, kMax, 16, 16, !transpose_b, transpose_b, accumulate});
        const uint64_t valid = static_cast<uint64_t>(std::clamp<int32_t>(rows, 0, kMax));
        std::vector<float> a = p.a, b = p.b;
        for (uint64_t l = valid; l < kMax; ++l) {
          for (uint64_t i = 0; i < p.command.m; ++i) {
            a[p.command.transpose_a ? l * p.command.lda + i : i * p.command.lda + l] = kNan;
          }
          for (uint64_t j = 0; j < p.command.n; ++j) {
            b[p.command.transpose_b ? j * p.command.ldb + l : l * p.command.ldb + j] = kNan;
          }
        }
        world_->Set(p.command.a, a);
        world_->Set(p.command.b, b);
        p.command.rows = world_->Put<int32_t>({rows}, Region::kControl);
        p.command.rows_bound_k = true;
        p.command.k_slice = 256;
        const absl::Status status = world_->Run({{p.command, 0}});
        ASSERT_TRUE(status.ok()) << status;
        ExpectProduct(p, world_->Get<float>(p.command.c), p.command.m, valid, false,
                      "rows " + std::to_string(rows));
      }
      world_.reset();  // the regions are full
      std::string reason;
      world_ = World::Create(GetParam(), &reason);
      ASSERT_NE(world_, nullptr) << reason;
    }
  }
}

// A sliced contraction is the same product, without any row count.
TEST_P(MatmulTest, SlicedContraction) {
  for (uint64_t slice : {64, 256, 600, 1000}) {
    for (bool accumulate : {false, true}) {
      Problem p = Make(*world_, {20, 17, 600, 16, 16, false, true, accumulate});
      p.command.k_slice = slice;
      ASSERT_TRUE(world_->Run({{p.command, 0}}).ok());
      ExpectProduct(p, world_->Get<float>(p.command.c), 20, 600, false,
                    "slice " + std::to_string(slice));
    }
    world_.reset();  // the regions are full
    std::string reason;
    world_ = World::Create(GetParam(), &reason);
    ASSERT_NE(world_, nullptr) << reason;
  }
}

// Row offsets: product g takes rows [offsets[g], offsets[g+1]) of A and C, and its own B. Offsets
// out of order and out of range are clamped; rows of no group stay as they were.
TEST_P(MatmulTest, RowOffsetsOfGroups) {
  constexpr uint64_t kRows = 37, kGroups = 4, kTile = 8, n = 20, k = 33;
  for (const std::vector<int32_t>& offsets : {std::vector<int32_t>{0, 8, 8, 21, 37},
                                              {3, 4, 20, 20, 30},
                                              {-5, 40, 10, 50, 60},
                                              {0, 0, 0, 0, 0}}) {
    for (bool accumulate : {false, true}) {
      MatmulCommand m;
      m.m = kRows, m.n = n, m.k = k, m.tile_m = kTile, m.tile_n = 16, m.groups = kGroups;
      m.lda = k + 2, m.ldb = k + 1, m.ldc = n + 3, m.group_b = n * m.ldb;
      m.transpose_b = true, m.accumulate = accumulate;
      std::vector<float> a = Random(kRows * m.lda, 1), b = Random(kGroups * m.group_b, 2),
                         c = Random(kRows * m.ldc, 3);
      m.a = world_->Put(a, Region::kInputs);
      m.b = world_->Put(b, Region::kParameters);
      m.c = world_->Put(c, Region::kGradients);
      m.offsets = world_->Put(offsets, Region::kControl);
      ASSERT_TRUE(world_->Run({{m, 0}}).ok());
      const std::vector<float> found = world_->Get<float>(m.c);
      int32_t end = 0;
      std::vector<int> group(kRows, -1);
      for (uint64_t g = 0; g <= kGroups; ++g) {
        const int32_t begin = end;
        end = std::max(end, std::clamp<int32_t>(offsets[g], 0, kRows));
        for (int32_t row = begin; g > 0 && row < end; ++row) group[row] = static_cast<int>(g) - 1;
      }
      for (uint64_t i = 0; i < kRows; ++i) {
        for (uint64_t j = 0; j < m.ldc; ++j) {
          const float old = c[i * m.ldc + j], now = found[i * m.ldc + j];
          if (group[i] < 0 || j >= n) {
            ASSERT_EQ(now, old) << i << "," << j;
            continue;
          }
          double sum = accumulate ? old : 0.0;
          for (uint64_t l = 0; l < k; ++l) {
            sum += static_cast<double>(a[i * m.lda + l]) *
                   b[static_cast<uint64_t>(group[i]) * m.group_b + j * m.ldb + l];
          }
          ASSERT_NEAR(now, sum, 1e-4) << i << "," << j;
        }
      }
    }
  }
}

// The same for gradients of weights: the offsets cut the contraction, each group has its own C.
TEST_P(MatmulTest, RowOffsetsOfTheContraction) {
  constexpr uint64_t kRows = 300, kGroups = 3, rows = 12, n = 10;
  for (bool accumulate : {false, true}) {
    MatmulCommand m;
    m.m = rows, m.n = n, m.k = kRows, m.tile_m = 8, m.tile_n = 10, m.groups = kGroups;
    m.lda = rows, m.ldb = n, m.ldc = n, m.group_c = rows * n;
    m.transpose_a = true, m.accumulate = accumulate, m.rows_bound_k = true, m.k_slice = 64;
    const std::vector<int32_t> offsets = {0, 130, 130, 290};
    std::vector<float> a = Random(kRows * rows, 1), b = Random(kRows * n, 2),
                       c = Random(kGroups * rows * n, 3);
    for (uint64_t row = 290; row < kRows; ++row) a[row * rows] = kNan;  // of no group
    m.a = world_->Put(a, Region::kInputs);
    m.b = world_->Put(b, Region::kParameters);
    m.c = world_->Put(c, Region::kGradients);
    m.offsets = world_->Put(offsets, Region::kControl);
    ASSERT_TRUE(world_->Run({{m, 0}}).ok());
    const std::vector<float> found = world_->Get<float>(m.c);
    for (uint64_t g = 0; g < kGroups; ++g) {
      for (uint64_t at = 0; at < rows * n; ++at) {
        double sum = accumulate ? c[g * rows * n + at] : 0.0;
        for (int32_t l = offsets[g]; l < offsets[g + 1]; ++l) {
          const auto row = static_cast<uint64_t>(l);
          sum += static_cast<double>(a[row * rows + at / n]) * b[row * n + at % n];
        }
        ASSERT_NEAR(found[g * rows * n + at], sum, 1e-4) << g << " at " << at;
      }
    }
  }
}

TEST_P(MatmulTest, MixedTypesAreRefused) {
  Problem p = Make(*world_, {8, 8, 8, 8, 8});
  p.command.a_type = ElementType::kBf16;
  const auto list = world_->Record({{p.command, 3}});
  EXPECT_EQ(KindOf(list.status()), ErrorKind::kFailure);
  EXPECT_THAT(std::string(list.status().message()),
              testing::HasSubstr("command 0 (matmul, scope 3)"));
}

// One large problem per kind, on 1, 2 and 4 threads: the bits must agree.
TEST(MatmulDeterminismTest, SameBitsForEveryThreadCount) {
  std::vector<std::vector<float>> reference;
  for (int threads : {1, 2, 4}) {
    for (int repeat = 0; repeat < 3; ++repeat) {
      std::string reason;
      auto world = World::Create({"", "cpu", {threads, false}}, &reason);
      ASSERT_NE(world, nullptr) << reason;
      std::vector<std::vector<float>> results;
      Problem plain = Make(*world, {130, 200, 256, 32, 64});
      Problem bounded = Make(*world, {100, 70, 700, 32, 32, true, false, true});
      bounded.command.rows = world->Put<int32_t>({601}, Region::kControl);
      bounded.command.rows_bound_k = true;
      bounded.command.k_slice = 256;
      const absl::Status status = world->Run({{plain.command, 0}, {bounded.command, 0}});
      ASSERT_TRUE(status.ok()) << status;
      results.push_back(world->Get<float>(plain.command.c));
      results.push_back(world->Get<float>(bounded.command.c));
      if (reference.empty()) reference = results;
      for (size_t i = 0; i < results.size(); ++i) {
        ASSERT_EQ(
            std::memcmp(results[i].data(), reference[i].data(), results[i].size() * sizeof(float)),
            0)
            << threads << " threads, result " << i;
      }
    }
  }
}

}  // namespace
}  // namespace hydra::hal
