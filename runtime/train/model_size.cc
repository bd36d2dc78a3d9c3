#include "runtime/train/model_size.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "runtime/base/did_you_mean.h"

namespace hydra::train {
namespace {

struct Row {
  absl::string_view name;
  double millions;  // an estimate fixed per name; 0: max_lr is stated
  double max_lr;
  double grad_clip;
};

// model.md 13.
constexpr Row kRows[] = {
    {"debug", 15, 0, 2},  {"debug_tall_skinny", 100, 0, 5},
    {"DIAG", 50, 0, 5},   {"50M", 50, 0, 4},
    {"100M", 220, 0, 5},  {"250M", 250, 0, 5},
    {"300M", 300, 0, 5},  {"500M", 0, 5.5e-5, 5},
    {"750M", 750, 0, 5},  {"1B", 1000, 0, 5},
    {"1.5B", 1500, 0, 5},
};
constexpr double kOtherGradClip = 5;

double MaxLearningRate(double millions) { return 1e-4 / std::sqrt(millions / 100.0); }

ModelSize FromRow(const Row& row) {
  return {.name = std::string(row.name),
          .max_lr = row.millions == 0 ? row.max_lr : MaxLearningRate(row.millions),
          .grad_clip = row.grad_clip,
          .from_table = true,
          .millions = row.millions};
}

const Row* FindRow(absl::string_view name) {
  for (const Row& row : kRows) {
    if (absl::EqualsIgnoreCase(row.name, name)) return &row;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<ModelSize> FindModelSize(absl::string_view size, absl::string_view model,
                                        int64_t parameters) {
  if (size != "auto") {
    if (const Row* row = FindRow(size)) return FromRow(*row);
    std::vector<absl::string_view> names = {"auto"};
    for (const Row& row : kRows) names.push_back(row.name);
    return UsageError(absl::StrCat("setting 'size' expects one of ", absl::StrJoin(names, ", "),
                                   ", found '", size, "'", DidYouMean(size, names)));
  }
  const std::string named = absl::StrReplaceAll(model, {{"-", "_"}});
  if (const Row* row = FindRow(absl::StripPrefix(named, "hydra_"))) return FromRow(*row);
  const double millions = std::max(1.0, static_cast<double>(parameters)) / 1e6;
  return ModelSize{.name = absl::StrFormat("%.3gM", millions),
                   .max_lr = MaxLearningRate(millions),
                   .grad_clip = kOtherGradClip,
                   .from_table = false,
                   .millions = millions};
}

}  // namespace hydra::train
