// Charts as SVG elements for a page of our own: lines over a common x axis, without scripts or
// other files.
#ifndef HYDRA_RUNTIME_APP_SVG_CHART_H_
#define HYDRA_RUNTIME_APP_SVG_CHART_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace hydra::app {

struct ChartSeries {
  std::string name;
  std::vector<std::pair<double, double>> points;  // ascending x; what is not finite is a gap
  int color = 0;                                  // number in the palette
  bool faint = false;                             // behind the others, as a thin line
  bool dots = false;                              // marks its points
  bool filled = false;                            // down to the x axis, in steps
};

struct Chart {
  std::string title, x_label, y_label;
  std::vector<ChartSeries> series;
  bool logarithmic = false;  // y; ignored unless every value is positive
  bool from_zero = false;    // the y axis begins at 0
  bool bytes = false;        // y labels are bytes
};

// One <svg>; "" if no series has a finite point. Series of many points are drawn by the least and
// the most of each column of pixels, so nothing that sticks out is lost.
std::string ChartSvg(const Chart& chart);

// The colour of that number, "#0072b2".
std::string ChartColor(int number);

// Text for HTML and SVG.
std::string EscapeHtml(absl::string_view text);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_SVG_CHART_H_
