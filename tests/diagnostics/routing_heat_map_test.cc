// The picture of a run's routing: colours where the shares are.
#include "runtime/diagnostics/routing_heat_map.h"

#include <cmath>
#include <set>
#include <tuple>

#include "gtest/gtest.h"

namespace hydra {
namespace {

TEST(RoutingHeatMapTest, BrighterIsMore) {
  int before = -1;
  for (int percent = 0; percent <= 100; ++percent) {
    const Rgb colour = ColourOf(percent / 100.0);
    const int brightness = 2 * colour.red + 5 * colour.green + colour.blue;
    EXPECT_GE(brightness, before) << percent;
    before = brightness;
  }
  EXPECT_EQ(ColourOf(0), (Rgb{68, 1, 84}));
  EXPECT_EQ(ColourOf(1), (Rgb{253, 231, 37}));
  const Rgb none = ColourOf(std::nan(""));
  EXPECT_EQ(none.red, none.blue) << "what is not routed has no colour";
}

TEST(RoutingHeatMapTest, EveryTrackIsARow) {
  metrics::RoutingReport report{.first_step = 1, .last_step = 2};
  const double nan = std::nan("");
  report.history = {{"mor", 0, 0, {nan, 0.25}}, {"mor", 0, 1, {nan, 0.75}}, {"moe", 0, 0, {1, 1}}};
  const Picture picture = RoutingHeatMap(report);
  // One column of pixels in the first bucket, one in the second.
  const auto colours = [&](int x) {
    std::set<std::tuple<int, int, int>> seen;
    for (int y = 0; y < picture.height; ++y) {
      const Rgb& pixel = picture.pixels[static_cast<size_t>(y) * picture.width + x];
      seen.insert({pixel.red, pixel.green, pixel.blue});
    }
    return seen;
  };
  const auto has = [&](int x, double share) {
    const Rgb colour = ColourOf(share);
    return colours(x).contains({colour.red, colour.green, colour.blue});
  };
  const int right = picture.width - 20, left = right - 500;
  EXPECT_TRUE(has(left, nan));
  EXPECT_FALSE(has(left, 0.25));
  for (const double share : {0.25, 0.75, 1.0}) EXPECT_TRUE(has(right, share)) << share;
  EXPECT_FALSE(has(right, nan));
  report.history.push_back({"moe", 0, 1, {0, 0}});
  EXPECT_GT(RoutingHeatMap(report).height, picture.height);
}

}  // namespace
}  // namespace hydra
