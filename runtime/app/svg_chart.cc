#include "runtime/app/svg_chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace hydra::app {
namespace {

constexpr double kWidth = 640, kHeight = 300;
constexpr double kLegendRow = 16;
constexpr double kLeft = 68, kRight = 16, kTop = 34, kBottom = 44;
constexpr int kColumns = static_cast<int>(kWidth - kLeft - kRight);

struct Axis {
  double least = 0, most = 1;
  bool logarithmic = false;

  // 0 at the least, 1 at the most.
  double Place(double value) const {
    if (logarithmic) return std::log(value / least) / std::log(most / least);
    return (value - least) / (most - least);
  }
};

// 1, 2 or 5 times a power of ten that gives at most `count` steps.
double NiceStep(double span, int count) {
  const double power = std::pow(10, std::floor(std::log10(span / count)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (span / (factor * power) <= count) return factor * power;
  }
  return 10 * power;
}

std::vector<double> Ticks(const Axis& axis, int count) {
  std::vector<double> ticks;
  if (axis.logarithmic) {
    const int first = static_cast<int>(std::floor(std::log10(axis.least)));
    const int last = static_cast<int>(std::ceil(std::log10(axis.most)));
    // Powers of ten alone where they are enough.
    for (const bool between : {false, true}) {
      ticks.clear();
      for (int power = first; power <= last; ++power) {
        for (const double factor : {1.0, 2.0, 5.0}) {
          const double tick = factor * std::pow(10, power);
          if (factor > 1 && !between) continue;
          if (axis.Place(tick) > -1e-9 && axis.Place(tick) < 1 + 1e-9) ticks.push_back(tick);
        }
      }
      if (ticks.size() >= 3) return ticks;
    }
    ticks.clear();
  }
  const double step = NiceStep(axis.most - axis.least, count);
  const int64_t first = static_cast<int64_t>(std::ceil(axis.least / step - 1e-9));
  const int64_t last = static_cast<int64_t>(std::floor(axis.most / step + 1e-9));
  for (int64_t n = first; n <= last; ++n) ticks.push_back(static_cast<double>(n) * step);
  return ticks;
}

std::string Label(double value, bool bytes) {
  if (!bytes) {
    const double size = std::abs(value);
    if (size >= 1e6 || (size > 0 && size < 1e-3)) return absl::StrFormat("%.3g", value);
    if (size >= 1e4) return absl::StrFormat("%gk", value / 1e3);
    return absl::StrFormat("%g", std::round(value * 1e6) / 1e6);
  }
  static constexpr std::array<const char*, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  while (std::abs(value) >= 1000 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return absl::StrFormat("%g %s", value, kUnits[unit]);
}

Axis AxisOf(double least, double most, bool logarithmic, double margin) {
  if (logarithmic) {
    if (least == most) return {least / 2, most * 2, true};
    const double factor = std::pow(most / least, margin);
    return {least / factor, most * factor, true};
  }
  if (least == most) {
    const double room = least == 0 ? 1 : std::abs(least) * 0.1;
    return {least - room, most + room, false};
  }
  const double room = (most - least) * margin;
  return {least - room, most + room, false};
}

// Coordinates of a series, runs of finite points apart.
std::vector<std::vector<std::pair<double, double>>> Runs(const ChartSeries& series, const Axis& x,
                                                         const Axis& y) {
  std::vector<std::vector<std::pair<double, double>>> runs(1);
  const bool dense = series.points.size() > 2 * kColumns;
  double column = -1, least = 0, most = 0;
  const auto flush = [&] {
    if (column < 0) return;
    runs.back().emplace_back(column, most);
    if (least != most) runs.back().emplace_back(column, least);
    column = -1;
  };
  for (const auto& [at, value] : series.points) {
    if (!std::isfinite(value)) {
      flush();
      if (!runs.back().empty()) runs.emplace_back();
      continue;
    }
    const double px = kLeft + x.Place(at) * (kWidth - kLeft - kRight);
    const double py = kHeight - kBottom - y.Place(value) * (kHeight - kTop - kBottom);
    if (!dense) {
      runs.back().emplace_back(px, py);
      continue;
    }
    const double pixel = std::round(px);
    if (pixel != column) {
      flush();
      column = pixel;
      least = most = py;
    }
    least = std::max(least, py);  // y grows downwards
    most = std::min(most, py);
  }
  flush();
  return runs;
}

void DrawAxes(const Chart& chart, const Axis& x, const Axis& y, std::string& svg) {
  const double bottom = kHeight - kBottom;
  for (const double tick : Ticks(y, 5)) {
    const double at = bottom - y.Place(tick) * (bottom - kTop);
    absl::StrAppend(&svg, absl::StrFormat("<line class=\"grid\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" "
                                          "y2=\"%.1f\"/><text class=\"end\" x=\"%g\" y=\"%.1f\">%s"
                                          "</text>",
                                          kLeft, kWidth - kRight, at, at, kLeft - 6, at + 4,
                                          Label(tick, chart.bytes)));
  }
  for (const double tick : Ticks(x, 6)) {
    const double at = kLeft + x.Place(tick) * (kWidth - kLeft - kRight);
    absl::StrAppend(
        &svg, absl::StrFormat("<line class=\"tick\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%g\" "
                              "y2=\"%g\"/><text class=\"mid\" x=\"%.1f\" y=\"%g\">%s"
                              "</text>",
                              at, at, bottom, bottom + 4, at, bottom + 16, Label(tick, false)));
  }
  absl::StrAppend(
      &svg,
      absl::StrFormat("<line class=\"axis\" x1=\"%g\" x2=\"%g\" y1=\"%g\" y2=\"%g\"/>", kLeft,
                      kWidth - kRight, bottom, bottom),
      absl::StrFormat("<text class=\"mid label\" x=\"%g\" y=\"%g\">%s</text>",
                      (kLeft + kWidth - kRight) / 2, kHeight - 8, EscapeHtml(chart.x_label)),
      absl::StrFormat(
          "<text class=\"mid label\" transform=\"translate(14 %g) rotate(-90)\">%s</text>",
          (kTop + bottom) / 2, EscapeHtml(chart.y_label)));
}

// The page's style says how faint that is on its paper.
constexpr char kFaint[] = " class=\"faint\"";

void DrawSeries(const ChartSeries& series, const Axis& x, const Axis& y, std::string& svg) {
  const std::string color = ChartColor(series.color);
  for (const auto& run : Runs(series, x, y)) {
    if (run.empty()) continue;
    std::string path;
    for (size_t i = 0; i < run.size(); ++i) {
      if (series.filled && i > 0) absl::StrAppend(&path, absl::StrFormat("H%.1f", run[i].first));
      absl::StrAppend(
          &path, absl::StrFormat("%s%.1f %.1f", i == 0 ? "M" : "L", run[i].first, run[i].second));
    }
    if (series.filled) {
      absl::StrAppend(&svg, absl::StrFormat("<path d=\"%sV%gH%.1fZ\" fill=\"%s\" "
                                            "fill-opacity=\"0.25\"/>",
                                            path, kHeight - kBottom, run.front().first, color));
    }
    absl::StrAppend(
        &svg, absl::StrFormat("<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"%g\"%s/>",
                              path, color, series.faint ? 0.8 : 1.6, series.faint ? kFaint : ""));
    if (!series.dots && run.size() > 1) continue;
    for (const auto& [px, py] : run) {
      absl::StrAppend(
          &svg, absl::StrFormat("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.8\" fill=\"%s\"/>", px, py,
                                color));
    }
  }
}

// The names of the series, each behind a bar of its colour, as contents of texts that end at the
// right edge; the first row stands beside the title. The widths are guessed, the rendering does not
// depend on them.
std::vector<std::string> LegendRows(const Chart& chart) {
  const auto width = [](absl::string_view name) {
    return 7.0 * static_cast<double>(name.size()) + 36;
  };
  std::vector<std::string> rows;
  double room = 0;
  for (const ChartSeries& series : chart.series) {
    if (series.name.empty() || series.points.empty()) continue;
    if (rows.empty() || width(series.name) > room) {
      room = kWidth - kLeft - kRight - (rows.empty() ? width(chart.title) : 0);
      rows.emplace_back();
    }
    room -= width(series.name);
    absl::StrAppend(
        &rows.back(),
        absl::StrFormat("<tspan dx=\"%d\" fill=\"%s\"%s>\xE2\x94\x81\xE2\x94\x81</tspan>"
                        "<tspan dx=\"5\">%s</tspan>",
                        rows.back().empty() ? 0 : 14, ChartColor(series.color),
                        series.faint ? kFaint : "", EscapeHtml(series.name)));
  }
  return rows;
}

}  // namespace

std::string ChartColor(int number) {
  // Told apart by people who see few colours (Okabe and Ito).
  static constexpr std::array<const char*, 7> kPalette = {
      "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9", "#777777"};
  return kPalette[static_cast<size_t>(number) % kPalette.size()];
}

std::string EscapeHtml(absl::string_view text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string ChartSvg(const Chart& chart) {
  double x_least = std::numeric_limits<double>::infinity(), x_most = -x_least;
  double y_least = x_least, y_most = -x_least;
  for (const ChartSeries& series : chart.series) {
    for (const auto& [at, value] : series.points) {
      if (!std::isfinite(value)) continue;
      x_least = std::min(x_least, at);
      x_most = std::max(x_most, at);
      y_least = std::min(y_least, value);
      y_most = std::max(y_most, value);
    }
  }
  if (!(x_least <= x_most)) return "";
  if (chart.from_zero) y_least = std::min(y_least, 0.0);
  const bool logarithmic = chart.logarithmic && y_least > 0;
  const Axis x = AxisOf(x_least, x_most, false, 0);
  Axis y = AxisOf(y_least, y_most, logarithmic, 0.05);
  if (chart.from_zero && y_least == 0) y.least = 0;
  const std::vector<std::string> legend = LegendRows(chart);
  // Rows of the legend that do not fit beside the title push it up.
  const double above = kLegendRow * static_cast<double>(std::max<size_t>(1, legend.size()) - 1);
  std::string svg = absl::StrFormat(
      "<svg class=\"chart\" viewBox=\"0 %g %g %g\" role=\"img\"><title>%s</title>"
      "<text class=\"title\" x=\"%g\" y=\"%g\">%s</text>",
      -above, kWidth, kHeight + above, EscapeHtml(chart.title), kLeft, 16 - above,
      EscapeHtml(chart.title));
  for (size_t row = 0; row < legend.size(); ++row) {
    absl::StrAppend(
        &svg, absl::StrFormat("<text class=\"end\" x=\"%g\" y=\"%g\">%s</text>", kWidth - kRight,
                              16 - above + kLegendRow * static_cast<double>(row), legend[row]));
  }
  DrawAxes(chart, x, y, svg);
  for (const bool faint : {true, false}) {
    for (const ChartSeries& series : chart.series) {
      if (series.faint == faint) DrawSeries(series, x, y, svg);
    }
  }
  return svg + "</svg>\n";
}

}  // namespace hydra::app
