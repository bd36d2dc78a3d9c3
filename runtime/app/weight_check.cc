#include "runtime/app/weight_check.h"

#include <cmath>
#include <filesystem>
#include <map>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/app/file_kind.h"
#include "runtime/app/model.h"
#include "runtime/io/safetensors.h"
#include "runtime/train/weights_conversion.h"
#include "runtime/train/weights_source.h"

namespace hydra::app {
namespace {

namespace fs = std::filesystem;

// Healthy weights of a model that trains stay inside these.
constexpr double kLargestMean = 1;
constexpr double kLeastDeviation = 1e-6, kLargestDeviation = 10;
constexpr double kLargestMagnitude = 100;
// Experts that are larger than the MLPs beside them by more drown these.
constexpr double kLargestExpertRatio = 5;
constexpr absl::string_view kFirstMatrix = ".gate_up.weight";

// Vectors that begin as ones or zeros, and may stay so.
bool MayBeConstant(const CheckedTensor& tensor) {
  for (const char* word : {"norm", "bias", "temperature"}) {
    if (absl::StrContains(tensor.name, word)) return true;
  }
  return tensor.values.values <= 1;
}

bool IsExpert(absl::string_view name) { return absl::StrContains(name, ".experts."); }

const char* PartOf(absl::string_view name) {
  if (IsExpert(name)) return "experts";
  if (absl::StrContains(name, "router")) return "routers";
  if (absl::StrContains(name, "norm")) return "norms";
  if (absl::StrContains(name, "attention") || absl::StrContains(name, "attn")) return "attention";
  if (absl::StrContains(name, "mlp")) return "mlp";
  if (absl::StrContains(name, "emb")) return "embeddings";
  if (absl::StartsWith(name, "output.")) return "output";
  return "other";
}

// Opened weights, and what they come from.
struct Opened {
  std::optional<SafetensorsFile> file;
  std::optional<train::WeightsSource> source;
};

bool IsWeights(const std::string& path) {
  std::error_code ignored;
  for (const char* name : {"model.safetensors", "model.safetensors.index.json"}) {
    if (fs::exists(fs::path(path) / name, ignored)) return true;
  }
  return !fs::is_directory(path, ignored);
}

absl::Status Open(const std::string& path, const Notices& notices, Opened& opened,
                  WeightReport& report) {
  if (IsWeights(path)) {
    HYDRA_ASSIGN_OR_RETURN(opened.source, train::WeightsSource::Open(path));
    report.path = path;
    return absl::OkStatus();
  }
  HYDRA_ASSIGN_OR_RETURN(const train::Checkpoint checkpoint,
                         OpenCheckpointWithWarnings(path, notices));
  HYDRA_ASSIGN_OR_RETURN(opened.file, SafetensorsFile::Open(checkpoint.weights_path()));
  opened.source = train::WeightsSource::Exactly(*opened.file);
  report.path = checkpoint.path();
  report.step = checkpoint.run().step;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<float>> Read(const train::SourceTensor& tensor) {
  std::vector<uint8_t> bytes(tensor.bytes());
  HYDRA_RETURN_IF_ERROR(tensor.ReadBytes(absl::MakeSpan(bytes)));
  std::vector<float> values(bytes.size() / DTypeSize(tensor.dtype));
  // A number of float64 beyond float32 becomes infinite here, and is found as such.
  train::ConvertToFloat(tensor.dtype, bytes, absl::MakeSpan(values));
  return values;
}

void Judge(const CheckedTensor& tensor, std::vector<Finding>& findings) {
  const FloatStatistics& values = tensor.values;
  const auto add = [&](std::string problem, const char* advice) {
    findings.push_back({tensor.name, std::move(problem), advice});
  };
  if (values.not_finite > 0) {
    add(absl::StrFormat("%d of %d values are not finite", values.not_finite, values.values),
        "`hydra-run bisect CHECKPOINT` names the first op that makes such a value; go on from an "
        "earlier checkpoint");
    return;
  }
  if (values.deviation < kLeastDeviation && !MayBeConstant(tensor)) {
    add(absl::StrFormat("all values are %g (deviation %.2g, at least %g expected)", values.mean,
                        values.deviation, kLeastDeviation),
        "was the tensor initialized, and does its gradient arrive? see `hydra-run diag flow`");
  }
  if (values.deviation > kLargestDeviation) {
    add(absl::StrFormat("deviation %.3g, at most %g expected", values.deviation, kLargestDeviation),
        "lower the learning rate, or raise weight_decay");
  } else if (values.magnitude() > kLargestMagnitude) {
    add(absl::StrFormat("a value of magnitude %.4g, at most %g expected", values.magnitude(),
                        kLargestMagnitude),
        "lower the learning rate, or clip gradients earlier (grad_clip)");
  }
  if (std::abs(values.mean) > kLargestMean && !MayBeConstant(tensor)) {
    add(absl::StrFormat("mean %.3g, a magnitude of at most %g expected", values.mean, kLargestMean),
        "lower the learning rate, or raise weight_decay");
  }
}

double Cosine(absl::Span<const float> a, absl::Span<const float> b) {
  double product = 0, a_square = 0, b_square = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    product += static_cast<double>(a[i]) * b[i];
    a_square += static_cast<double>(a[i]) * a[i];
    b_square += static_cast<double>(b[i]) * b[i];
  }
  const double scale = std::sqrt(a_square * b_square);
  return scale > 0 ? product / scale : 0;
}

absl::Status CompareExperts(const train::WeightsSource& source, WeightReport& report) {
  std::map<std::string, std::vector<const train::SourceTensor*>> layers;
  for (const train::SourceTensor& tensor : source.tensors()) {
    const size_t at = tensor.name.find(".experts.");
    if (at == std::string::npos || !absl::EndsWith(tensor.name, kFirstMatrix)) continue;
    layers[tensor.name.substr(0, at)].push_back(&tensor);
  }
  double sum = 0;
  for (const auto& [name, tensors] : layers) {
    std::vector<std::vector<float>> experts;
    for (const train::SourceTensor* tensor : tensors) {
      if (tensor->shape != tensors.front()->shape) {
        return InputError(absl::StrCat(report.path, ": ", tensor->name, ": expected the shape of ",
                                       tensors.front()->name, ", found another"));
      }
      HYDRA_ASSIGN_OR_RETURN(experts.emplace_back(), Read(*tensor));
    }
    ExpertWeights layer{.layer = name, .experts = static_cast<int64_t>(experts.size())};
    int64_t pairs = 0;
    for (size_t i = 0; i < experts.size(); ++i) {
      for (size_t j = i + 1; j < experts.size(); ++j, ++pairs) {
        layer.divergence += 1 - Cosine(experts[i], experts[j]);
      }
    }
    if (pairs > 0) layer.divergence /= static_cast<double>(pairs);
    sum += layer.divergence;
    report.experts.push_back(std::move(layer));
  }
  if (!layers.empty()) report.divergence = sum / static_cast<double>(layers.size());
  return absl::OkStatus();
}

// Norms by kind of tensor, and of experts against the MLPs beside them.
void SumUp(WeightReport& report) {
  std::map<std::string, WeightPart> parts;
  double expert = 0, mlp = 0;
  int64_t experts = 0, mlps = 0;
  for (const CheckedTensor& tensor : report.tensors) {
    WeightPart& part = parts[PartOf(tensor.name)];
    ++part.tensors;
    part.values += tensor.values.values;
    part.norm += tensor.values.norm;
    if (!absl::EndsWith(tensor.name, kFirstMatrix)) continue;
    (IsExpert(tensor.name) ? expert : mlp) += tensor.values.norm;
    ++(IsExpert(tensor.name) ? experts : mlps);
  }
  for (auto& [name, part] : parts) {
    part.name = name;
    part.norm /= static_cast<double>(part.tensors);
    report.parts.push_back(std::move(part));
  }
  if (experts == 0 || mlps == 0 || mlp == 0) return;
  report.expert_ratio = expert / static_cast<double>(experts) * static_cast<double>(mlps) / mlp;
  if (*report.expert_ratio <= kLargestExpertRatio) return;
  report.findings.push_back(
      {"experts",
       absl::StrFormat("their first matrices are %.1f times those of the MLPs, at most %g expected",
                       *report.expert_ratio, kLargestExpertRatio),
       "lower the experts' learning rate, or begin again from balanced weights"});
}

}  // namespace

absl::StatusOr<WeightReport> CheckWeights(const std::string& path, const Notices& notices) {
  WeightReport report;
  Opened opened;
  HYDRA_RETURN_IF_ERROR(Open(path, notices, opened, report));
  for (const train::SourceTensor& tensor : opened.source->tensors()) {
    if (!train::IsFloat(tensor.dtype)) continue;
    HYDRA_ASSIGN_OR_RETURN(const std::vector<float> values, Read(tensor));
    report.tensors.push_back({tensor.name, tensor.shape, StatisticsOfFloats(values)});
    Judge(report.tensors.back(), report.findings);
  }
  if (report.tensors.empty()) {
    return InputError(absl::StrCat(report.path,
                                   ": expected weights, found no floating-point "
                                   "tensor"));
  }
  HYDRA_RETURN_IF_ERROR(CompareExperts(*opened.source, report));
  SumUp(report);
  return report;
}

}  // namespace hydra::app
