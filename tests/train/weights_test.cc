// Weights by name: aliases, ties, element types.
#include "runtime/train/weights.h"

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/train/weights_conversion.h"
#include "tests/data/temporary_directory.h"
#include "tests/train/unigram_engine.h"

namespace hydra::train {
namespace {

using testing::HasSubstr;

template <typename T>
absl::Span<const uint8_t> Raw(const std::vector<T>& values) {
  return absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(values.data()),
                             values.size() * sizeof(T));
}

class WeightsTest : public testing::Test {
 protected:
  absl::Status Load(const std::vector<TensorView>& tensors,
                    ElementTypes types = ElementTypes::kExact) {
    const std::string path = directory_ / "w.safetensors";
    EXPECT_TRUE(WriteSafetensors(path, {}, tensors).ok());
    const SafetensorsFile file = *SafetensorsFile::Open(path);
    if (types == ElementTypes::kConvertible)
      return LoadWeights(*WeightsSource::Of(file), engine_).status();
    return LoadTensors(
        WeightsSource::Exactly(file), engine_.state(StateKind::kParameters),
        [&](size_t i) { return engine_.aliases(i); }, types,
        [&](size_t i, absl::Span<const uint8_t> b) {
          return engine_.WriteState(StateKind::kParameters, i, b);
        });
  }

  TemporaryDirectory directory_;
  UnigramEngine engine_{1, 4, 1};
  const std::vector<float> values_ = std::vector<float>(256, 0.5f);
};

TEST_F(WeightsTest, ThoseOfAnotherModelAreRefused) {
  const auto bytes = Raw(values_);
  EXPECT_TRUE(Load({{"head.bias", DType::kF32, {256}, bytes}}).ok());
  EXPECT_EQ(engine_.logits(), values_);
  EXPECT_TRUE(Load({{"bias", DType::kF32, {256}, bytes}}).ok());  // its alias
  EXPECT_THAT(std::string(Load({{"head.bais", DType::kF32, {256}, bytes}}).message()),
              HasSubstr("did you mean 'head.bais'"));
  EXPECT_THAT(std::string(Load({{"head.bias", DType::kF32, {2, 128}, bytes}}).message()),
              HasSubstr("[2, 128]"));
  EXPECT_THAT(std::string(Load({{"head.bias", DType::kI32, {256}, bytes}}).message()),
              HasSubstr("I32"));
  EXPECT_THAT(std::string(Load({{"head.bias", DType::kF32, {256}, bytes},
                                {"extra", DType::kF32, {256}, bytes}})
                              .message()),
              HasSubstr("'extra'"));
}

TEST_F(WeightsTest, TiedTensorsMustBeEqual) {
  std::vector<float> other = values_;
  EXPECT_TRUE(Load({{"head.bias", DType::kF32, {256}, Raw(values_)},
                    {"bias", DType::kF32, {256}, Raw(other)}})
                  .ok());
  other[200] = 0.25f;
  const std::vector<float> before = engine_.logits();
  const absl::Status status = Load(
      {{"head.bias", DType::kF32, {256}, Raw(values_)}, {"bias", DType::kF32, {256}, Raw(other)}});
  EXPECT_EQ(KindOf(status), ErrorKind::kInput);
  EXPECT_THAT(std::string(status.message()), HasSubstr("'head.bias' and 'bias'"));
  EXPECT_EQ(engine_.logits(), before);
}

TEST_F(WeightsTest, EveryFloatTypeIsTakenAsWeights) {
  const std::vector<uint16_t> bf16(256, 0x3fc0), f16(256, 0x3e00);
  const std::vector<double> f64(256, 1.5 + 1e-12);
  for (const auto& [type, bytes] :
       {std::pair{DType::kBF16, Raw(bf16)}, std::pair{DType::kF16, Raw(f16)},
        std::pair{DType::kF64, Raw(f64)}}) {
    ASSERT_TRUE(engine_.InitializeParameters(1).ok());
    const std::vector<TensorView> tensors = {{"head.bias", type, {256}, bytes}};
    EXPECT_EQ(KindOf(Load(tensors)), ErrorKind::kInput) << DTypeName(type);
    const absl::Status status = Load(tensors, ElementTypes::kConvertible);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(engine_.logits(), std::vector<float>(256, 1.5f)) << DTypeName(type);
  }
  const std::vector<double> huge(256, 1e39);
  EXPECT_THAT(
      std::string(Load({{"head.bias", DType::kF64, {256}, Raw(huge)}}, ElementTypes::kConvertible)
                      .message()),
      HasSubstr("element 0 of type F64 is larger than any F32 number"));
  const std::vector<int32_t> integers(256, 1);
  EXPECT_FALSE(
      Load({{"head.bias", DType::kI32, {256}, Raw(integers)}}, ElementTypes::kConvertible).ok());
}

// By the definition: sign, 2^(exponent - bias), fraction; every one of the 65536 patterns.
TEST(WeightsConversion, EveryHalfPrecisionNumberIsExact) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const std::vector<uint16_t> from = {static_cast<uint16_t>(bits)};
    std::vector<float> to(1);
    const int exponent = static_cast<int>(bits >> 10 & 31),
              fraction = static_cast<int>(bits & 1023);
    ASSERT_FALSE(ConvertToFloat(DType::kF16, Raw(from), absl::MakeSpan(to)));
    ASSERT_EQ(std::signbit(to[0]), bits >> 15 == 1) << bits;
    if (exponent == 31) {
      ASSERT_EQ(std::isinf(to[0]), fraction == 0) << bits;
      ASSERT_EQ(std::isnan(to[0]), fraction != 0) << bits;
    } else {
      const double expected = exponent == 0 ? fraction * std::exp2(-24.0)
                                            : (1024 + fraction) * std::exp2(exponent - 25.0);
      ASSERT_EQ(std::fabs(static_cast<double>(to[0])), expected) << bits;
    }
    ASSERT_FALSE(ConvertToFloat(DType::kBF16, Raw(from), absl::MakeSpan(to)));
    ASSERT_EQ(std::bit_cast<uint32_t>(to[0]), bits << 16);
  }
}

TEST(WeightsConversion, DoublesRoundToNearestEven) {
  const float one_up = std::nextafter(1.0f, 2.0f), two_up = std::nextafter(one_up, 2.0f);
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> from = {(1.0 + one_up) / 2, (double{one_up} + two_up) / 2, -infinity};
  std::vector<float> to(3);
  EXPECT_FALSE(ConvertToFloat(DType::kF64, Raw(from), absl::MakeSpan(to)));
  EXPECT_THAT(to, testing::ElementsAre(1.0f, two_up, -static_cast<float>(infinity)));
}

TEST_F(WeightsTest, FindsParametersThatAreNotFinite) {
  EXPECT_EQ(*FindNonFiniteParameter(engine_), "");
  std::vector<float> broken = values_;
  broken[255] = INFINITY;
  ASSERT_TRUE(Load({{"head.bias", DType::kF32, {256}, Raw(broken)}}).ok());
  EXPECT_EQ(*FindNonFiniteParameter(engine_), "head.bias");
}

}  // namespace
}  // namespace hydra::train
