// Element types: names round trip, sizes, unknown names.
#include "runtime/base/dtype.h"

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace hydra {
namespace {

TEST(DTypeTest, EveryNameRoundTrips) {
  const std::vector<std::string> names = absl::StrSplit(AllDTypeNames(), ", ");
  ASSERT_EQ(names.size(), 13u);
  for (const std::string& name : names) {
    const std::optional<DType> dtype = ParseDType(name);
    ASSERT_TRUE(dtype.has_value()) << name;
    EXPECT_EQ(DTypeName(*dtype), name);
  }
}

TEST(DTypeTest, Sizes) {
  EXPECT_EQ(DTypeSize(DType::kBool), 1u);
  EXPECT_EQ(DTypeSize(DType::kBF16), 2u);
  EXPECT_EQ(DTypeSize(DTypeOf<float>::value), sizeof(float));
  EXPECT_EQ(DTypeSize(DTypeOf<int32_t>::value), sizeof(int32_t));
  EXPECT_EQ(DTypeSize(DTypeOf<double>::value), sizeof(double));
  EXPECT_EQ(DTypeSize(DTypeOf<uint64_t>::value), sizeof(uint64_t));
}

TEST(DTypeTest, UnknownNamesAreRefused) {
  EXPECT_FALSE(ParseDType("f32").has_value());
  EXPECT_FALSE(ParseDType("F8_E4M3").has_value());
  EXPECT_FALSE(ParseDType("").has_value());
}

}  // namespace
}  // namespace hydra
