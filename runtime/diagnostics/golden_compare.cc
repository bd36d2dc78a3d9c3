// Comparing computed tensors with a golden file.
#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "runtime/diagnostics/golden.h"

namespace hydra {
namespace {

enum class Kind { kNone, kOut, kLoss, kGrad, kRoute };

// What a tensor name without its case prefix is compared as.
Kind KindOf(absl::string_view name) {
  if (absl::StartsWith(name, "out.")) return Kind::kOut;
  if (absl::StartsWith(name, "loss.")) return Kind::kLoss;
  if (absl::StartsWith(name, "grad.") || absl::StartsWith(name, "grad_in.")) return Kind::kGrad;
  if (absl::StartsWith(name, "route.")) return Kind::kRoute;
  return Kind::kNone;
}

double LargestMagnitude(const std::vector<double>& values) {
  double largest = 0;
  for (double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

// Largest |a - b|; infinity if any pair is not finite.
double LargestDeviation(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    double deviation = std::abs(a[i] - b[i]);
    if (!std::isfinite(deviation)) return INFINITY;
    largest = std::max(largest, deviation);
  }
  return largest;
}

// Square roots of sums of squares: of the values, and of a - b.
double Norm(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value * value;
  return std::sqrt(sum);
}
double DistanceNorm(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::isfinite(sum) ? std::sqrt(sum) : INFINITY;
}

// Bounds of a program whose matmuls take bf16 operands: of the largest output, of the larger of a
// loss term and the total, of the gradient's norm. A golden file's own are for float32.
constexpr double kBf16Output = 2e-2, kBf16Routed = 3e-2, kBf16Loss = 1e-3, kBf16Gradient = 5e-2;
// A gradient counts as at least this part of all gradients together.
constexpr double kGradientFloor = 1e-2;

// What the tensors of a case are measured by.
struct CaseScale {
  double largest_gradient = 0, gradient_norm = 0, total_loss = 0;
};

// An error in units of its bound's unit, and the bound.
struct Measured {
  double error = 0, allowed = 0;
};
Measured MeasureBf16(Kind kind, const std::vector<double>& got, const std::vector<double>& want,
                     const CaseScale& scale, bool routed) {
  if (kind == Kind::kGrad) {
    const double unit = std::max(Norm(want), kGradientFloor * scale.gradient_norm);
    const double error = DistanceNorm(got, want);
    return {unit > 0 ? error / unit : error, kBf16Gradient};
  }
  const double size = LargestMagnitude(want), error = LargestDeviation(got, want);
  const double unit = kind == Kind::kLoss ? std::max(size, scale.total_loss) : size;
  const double output = routed ? kBf16Routed : kBf16Output;
  return {unit > 0 ? error / unit : error, kind == Kind::kLoss ? kBf16Loss : output};
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// Keeps the tensor whose error is largest in units of its bound.
void Consider(GoldenVerdict& verdict, const std::string& name, double error, double allowed) {
  double ratio = allowed > 0 ? error / allowed : (error > 0 ? INFINITY : 0);
  double worst =
      verdict.allowed > 0 ? verdict.error / verdict.allowed : (verdict.error > 0 ? INFINITY : -1);
  if (verdict.compared++ == 0 || ratio > worst) {
    verdict.worst = name;
    verdict.error = error;
    verdict.allowed = allowed;
  }
  if (!(error <= allowed)) verdict.pass = false;
}

void Fail(GoldenVerdict& verdict, const std::string& name, const std::string& problem) {
  verdict.pass = false;
  if (!verdict.problem.empty()) return;
  verdict.problem = absl::StrCat(name, ": ", problem);
}

}  // namespace

GoldenVerdict CompareWithGolden(const Golden& golden, const NumericTensors& computed,
                                const GoldenScope& scope) {
  GoldenVerdict verdict;
  verdict.pass = true;
  for (const GoldenCase& item : golden.cases()) {
    std::map<std::string, NumericTensor> expected;
    CaseScale scale;
    for (const TensorView& tensor : golden.file().tensors()) {
      if (!absl::StartsWith(tensor.name, item.prefix)) continue;
      Kind kind = KindOf(absl::string_view(tensor.name).substr(item.prefix.size()));
      bool wanted =
          (kind == Kind::kOut && scope.outputs) || (kind == Kind::kLoss && scope.losses) ||
          (kind == Kind::kGrad && scope.gradients) || (kind == Kind::kRoute && scope.outputs);
      if (!wanted) continue;
      absl::StatusOr<NumericTensor> values = ToNumeric(tensor);
      if (!values.ok()) {
        Fail(verdict, tensor.name, std::string(values.status().message()));
        continue;
      }
      if (kind == Kind::kGrad) {
        scale.largest_gradient = std::max(scale.largest_gradient, LargestMagnitude(values->values));
        scale.gradient_norm = std::hypot(scale.gradient_norm, Norm(values->values));
      }
      if (tensor.name == item.prefix + "loss.total")
        scale.total_loss = LargestMagnitude(values->values);
      expected.emplace(tensor.name, *std::move(values));
    }
    for (const auto& [name, want] : expected) {
      auto got = computed.find(name);
      if (got == computed.end()) {
        Fail(verdict, name, "expected by the golden file, not computed by the program");
        continue;
      }
      // A scalar may be [] on one side and [1] on the other.
      bool same_shape = got->second.shape == want.shape ||
                        (got->second.values.size() == 1 && want.values.size() == 1);
      if (!same_shape || got->second.values.size() != want.values.size()) {
        Fail(verdict, name,
             absl::StrCat("expected shape ", ShapeText(want.shape), ", found ",
                          ShapeText(got->second.shape)));
        continue;
      }
      double error = LargestDeviation(got->second.values, want.values);
      double size = LargestMagnitude(want.values);
      const GoldenTolerance& tolerance = golden.tolerance();
      Kind kind = KindOf(absl::string_view(name).substr(item.prefix.size()));
      bool exact = kind == Kind::kRoute && !absl::EndsWith(name, ".prob");
      if (exact) {
        Consider(verdict, name, error, 0);
        continue;
      }
      if (scope.bf16) {
        const Measured measured =
            MeasureBf16(kind, got->second.values, want.values, scale, golden.routed());
        Consider(verdict, name, measured.error, measured.allowed);
        continue;
      }
      std::optional<double> bound = kind == Kind::kLoss   ? tolerance.loss
                                    : kind == Kind::kGrad ? tolerance.grad
                                                          : tolerance.out;
      if (!bound) {
        Fail(verdict, name, "the golden file states no tolerance for tensors of its kind");
        continue;
      }
      double unit = kind == Kind::kLoss   ? std::max(size, 1e-3)
                    : kind == Kind::kGrad ? std::max(size, kGradientFloor * scale.largest_gradient)
                                          : size;
      Consider(verdict, name, unit > 0 ? error / unit : error, *bound);
    }
  }
  if (scope.gradients && golden.training())
    for (const std::string& name : golden.no_grad())
      if (computed.count("grad." + name))
        Fail(verdict, "grad." + name, "expected no gradient at all, found one");
  if (verdict.compared == 0 && verdict.pass)
    Fail(verdict, golden.path(), "nothing to compare: the file holds no expected tensors");
  return verdict;
}

GoldenVerdict CompareTrajectory(const Golden& golden, const NumericTensors& computed, bool bf16) {
  GoldenVerdict verdict;
  verdict.pass = true;
  const auto values_of = [&](const std::string& name) {
    absl::StatusOr<const TensorView*> tensor = golden.file().Get(name);
    if (!tensor.ok()) return absl::StatusOr<NumericTensor>(tensor.status());
    return ToNumeric(**tensor);
  };
  for (const TensorView& tensor : golden.file().tensors()) {
    absl::string_view parameter = tensor.name;
    const bool is_final = absl::ConsumePrefix(&parameter, "final.");
    if (!is_final && !absl::StartsWith(tensor.name, "step.") &&
        !absl::StartsWith(tensor.name, "baseline."))
      continue;
    absl::string_view loss = tensor.name;
    const bool is_loss = absl::ConsumePrefix(&loss, "step.") &&
                         !absl::EndsWith(loss, ".grad_norm") && !absl::EndsWith(loss, ".lr");
    if (bf16 && !is_loss) continue;
    const absl::StatusOr<NumericTensor> want = values_of(tensor.name);
    const absl::StatusOr<NumericTensor> start =
        is_final ? values_of(absl::StrCat("param.", parameter)) : want;
    const auto got = computed.find(tensor.name);
    const std::optional<double> bound =
        is_final ? golden.tolerance().final_of_update : golden.tolerance().step;
    if (!want.ok() || !start.ok()) {
      Fail(verdict, tensor.name, std::string((want.ok() ? start : want).status().message()));
    } else if (got == computed.end() || got->second.values.size() != want->values.size() ||
               start->values.size() != want->values.size()) {
      Fail(verdict, tensor.name, "expected by the golden file, not computed by the program");
    } else if (!bound) {
      Fail(verdict, tensor.name, "the golden file states no tolerance for tensors of its kind");
    } else {
      double unit =
          is_final ? LargestDeviation(want->values, start->values) : LargestMagnitude(want->values);
      if (bf16) {
        const std::string step(loss.substr(0, loss.find('.')));
        const absl::StatusOr<NumericTensor> total = values_of(absl::StrCat("step.", step, ".loss"));
        if (total.ok()) unit = std::max(unit, LargestMagnitude(total->values));
      }
      const double error = LargestDeviation(got->second.values, want->values);
      Consider(verdict, tensor.name, unit > 0 ? error / unit : error, bf16 ? kBf16Loss : *bound);
    }
  }
  if (verdict.compared == 0 && verdict.pass)
    Fail(verdict, golden.path(), "nothing to compare: the file holds no expected tensors");
  return verdict;
}

}  // namespace hydra
