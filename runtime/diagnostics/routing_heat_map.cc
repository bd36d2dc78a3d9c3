#include "runtime/diagnostics/routing_heat_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/diagnostics/pixel_font.h"

namespace hydra {
namespace {

constexpr Rgb kPaper{255, 255, 255}, kNone{224, 224, 224};
constexpr int kMargin = 16, kLabels = 17 * kLetterWidth, kRow = 20, kGap = 2, kHistory = 800;
constexpr int kScaleWidth = 200;

struct Panel {
  const char* router;
  const char* title;
  const char* part;
};
constexpr Panel kPanels[] = {
    {"mod", "mixture of depths: share of tokens whose mlp runs in a pass", "pass"},
    {"mor", "mixture of recursions: share of tokens of a depth", "depth"},
    {"moe", "mixture of experts: share of tokens sent to an expert", "expert"}};

void Fill(int left, int top, int width, int height, Rgb colour, Picture& picture) {
  for (int y = top; y < top + height; ++y) {
    for (int x = left; x < left + width; ++x) picture.at(x, y) = colour;
  }
}

int64_t TracksOf(const metrics::RoutingReport& report, absl::string_view router) {
  return std::count_if(report.history.begin(), report.history.end(),
                       [&](const metrics::RoutingTrack& track) { return track.router == router; });
}

// Its rows, and above them a title.
int DrawPanel(const Panel& panel, const metrics::RoutingReport& report, int top, Picture& picture) {
  if (TracksOf(report, panel.router) == 0) return top;
  DrawText(panel.title, kMargin, top, picture);
  top += kRow + kGap;
  for (const metrics::RoutingTrack& track : report.history) {
    if (track.router != panel.router) continue;
    DrawText(absl::StrCat("layer ", track.layer, " ", panel.part, " ", track.part), kMargin,
             top + kGap, picture);
    const auto buckets = static_cast<int>(track.shares.size());
    for (int bucket = 0; bucket < buckets; ++bucket) {
      const int begin = bucket * kHistory / buckets, end = (bucket + 1) * kHistory / buckets;
      Fill(kMargin + kLabels + begin, top, end - begin, kRow - kGap,
           ColourOf(track.shares[static_cast<size_t>(bucket)]), picture);
    }
    top += kRow;
  }
  return top + kRow / 2;
}

}  // namespace

Rgb ColourOf(double share) {
  // Dark violet over green to yellow: evenly brighter, also without colours.
  static constexpr std::array<Rgb, 5> kColours = {
      {{68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}}};
  if (std::isnan(share)) return kNone;
  const double place = std::clamp(share, 0.0, 1.0) * (kColours.size() - 1);
  const size_t below = std::min(static_cast<size_t>(place), kColours.size() - 2);
  const double rest = place - static_cast<double>(below);
  const auto between = [rest](uint8_t from, uint8_t to) {
    return static_cast<uint8_t>(std::lround(from + rest * (to - from)));
  };
  const Rgb &a = kColours[below], &b = kColours[below + 1];
  return {between(a.red, b.red), between(a.green, b.green), between(a.blue, b.blue)};
}

Picture RoutingHeatMap(const metrics::RoutingReport& report) {
  int height = 2 * kMargin + 3 * kRow;
  for (const Panel& panel : kPanels) {
    const auto tracks = static_cast<int>(TracksOf(report, panel.router));
    if (tracks > 0) height += (tracks + 1) * kRow + kGap + kRow / 2;
  }
  Picture picture(2 * kMargin + kLabels + kHistory, height, kPaper);
  int top = kMargin;
  for (const Panel& panel : kPanels) top = DrawPanel(panel, report, top, picture);
  const int left = kMargin + kLabels;
  const std::string last = absl::StrCat(report.last_step);
  DrawText(absl::StrCat("step ", report.first_step), left, top, picture);
  DrawText(last, left + kHistory - static_cast<int>(last.size()) * kLetterWidth, top, picture);
  top += kRow + kRow / 2;
  DrawText("0%", left - 3 * kLetterWidth, top, picture);
  for (int x = 0; x < kScaleWidth; ++x) {
    Fill(left + x, top, 1, kRow - kGap, ColourOf(x / (kScaleWidth - 1.0)), picture);
  }
  DrawText("100%  grey: not routed", left + kScaleWidth + kLetterWidth, top, picture);
  return picture;
}

}  // namespace hydra
