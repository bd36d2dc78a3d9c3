// Golden files: configuration, inputs and expected tensors in one safetensors file (format
// `hydra-golden-1`), and the comparison with what a program computed.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_GOLDEN_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_GOLDEN_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/io/json_file.h"
#include "runtime/io/safetensors.h"

namespace hydra {

// A tensor of numbers, widened to double.
struct NumericTensor {
  std::vector<int64_t> shape;
  std::vector<double> values;
};
using NumericTensors = std::map<std::string, NumericTensor>;

// Allowed deviations; absent where the file has none of that kind. `step`, `final_of_update`: of
// trajectories.
struct GoldenTolerance {
  std::optional<double> out, loss, grad, step, final_of_update;
};

// One model run, or one sub-case of a file that tests a module alone.
struct GoldenCase {
  std::string prefix;  // of its tensors, e.g. "c03."; empty for whole models
  int64_t batch = 0;
  int64_t seq = 0;
};

// An opened golden file. Thread-safe to read.
class Golden {
 public:
  // Errors: those of SafetensorsFile::Open; kFailedPrecondition if it is no golden file or its
  // configuration lacks something, naming it.
  static absl::StatusOr<Golden> Open(const std::string& path);

  const std::string& path() const { return file_->source(); }
  const SafetensorsFile& file() const { return *file_; }
  JsonView config() const { return config_->root(); }
  const std::string& config_text() const { return config_text_; }
  // Metadata `spec`: the model as a spec (.mlir); empty where the configuration describes it.
  const std::string& spec_text() const { return spec_text_; }
  const GoldenTolerance& tolerance() const { return tolerance_; }
  const std::vector<GoldenCase>& cases() const { return cases_; }

  // Whether the file is about attention alone (config.cases) instead of a whole model.
  bool is_module() const { return !cases_.empty() && !cases_.front().prefix.empty(); }
  // Optimizer steps of a file that holds a trajectory (config.optimizer); 0 for all others.
  int64_t trajectory_steps() const { return trajectory_steps_; }
  // Whether it holds what routers select (`route.`).
  bool routed() const;
  // run.training; true for modules, which all have gradients.
  bool training() const { return training_; }
  // Parameters that must receive no gradient at all.
  const std::vector<std::string>& no_grad() const { return no_grad_; }
  // derived.aux_loss_weight, or nothing.
  std::optional<double> aux_loss_weight() const { return aux_loss_weight_; }

 private:
  Golden() = default;
  absl::Status ReadConfig();
  absl::Status ReadCases(JsonView cases);
  // Of an input that begins with batch and sequence; an input error otherwise.
  absl::StatusOr<std::vector<int64_t>> ShapeOf(const std::string& name) const;

  std::optional<SafetensorsFile> file_;
  std::string config_text_, spec_text_;
  std::optional<JsonDocument> config_;
  GoldenTolerance tolerance_;
  std::vector<GoldenCase> cases_;
  bool training_ = true;
  int64_t trajectory_steps_ = 0;
  std::vector<std::string> no_grad_;
  std::optional<double> aux_loss_weight_;
};

// Any dtype of a golden file as doubles.
absl::StatusOr<NumericTensor> ToNumeric(const TensorView& tensor);

// The outcome of one comparison: the tensor that came closest to, or went furthest beyond, its
// bound.
struct GoldenVerdict {
  bool pass = false;
  std::string worst;  // tensor name in the golden file
  double error = 0;   // in units of what its bound is relative to
  double allowed = 0;
  std::string problem;   // a missing or mis-shaped tensor, a gradient where none may be; or empty
  int64_t compared = 0;  // number of tensors
};

// Which of the expected tensors a program was asked to compute.
struct GoldenScope {
  bool outputs = true;
  bool losses = true;
  bool gradients = true;
  // Of a program whose matmuls take bf16 operands: bounds below instead of the file's.
  bool bf16 = false;
};

// Compares every expected tensor (`out.`, `loss.`, `grad.`, `grad_in.`, `route.`) with `computed`,
// which uses the golden's own names. Tolerances as documented with the files: outputs relative to
// the tensor's largest magnitude, losses to max(|b|, 1e-3), gradients to max(max|b|, 1e-2 G) with G
// the largest entry of all gradients, integers exactly. Non-finite values never pass. Under bf16:
// outputs 2e-2 of the largest magnitude (3e-2 of routed models), losses 1e-3 of max(|b|, |total|),
// of a gradient's difference the norm 5e-2 of max(its norm, 1e-2 of the norm of all gradients).
GoldenVerdict CompareWithGolden(const Golden& golden, const NumericTensors& computed,
                                const GoldenScope& scope);

// The same for the steps of a trajectory: `step.N.*` and `baseline.*` relative to the expected
// value, `final.*` to the largest movement of its tensor over the steps. Under bf16 the losses of
// the steps alone, by the bound of losses.
GoldenVerdict CompareTrajectory(const Golden& golden, const NumericTensors& computed, bool bf16);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_GOLDEN_H_
