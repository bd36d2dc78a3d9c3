#include "runtime/app/flow_check.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "runtime/app/phase_in_use.h"
#include "runtime/app/random_batches.h"
#include "runtime/app/recompile.h"
#include "runtime/data/batches.h"
#include "runtime/data/dataset.h"
#include "runtime/train/checkpoint_start.h"
#include "runtime/train/executor_engine.h"
#include "runtime/train/weights.h"
#include "runtime/train/weights_source.h"

namespace hydra::app {
namespace {

namespace fs = std::filesystem;
using artifact::NamedBuffer;
using artifact::ParameterInfo;

// block.* and moe.*: what blocks and layers of experts give.
constexpr char kProbes[] = "[bm]*";
constexpr absl::string_view kProbe = "probe.";

constexpr double kConstant = 1e-6;       // a deviation below it is none
constexpr double kLargestOutput = 1000;  // magnitude
constexpr double kLeastChange = 1e-4;    // of an output from the one before it, relative
constexpr double kVanishing = 1e-8, kExploding = 1;  // mean magnitude of gradients
constexpr double kLeastUpdate = 1e-10;
constexpr double kRate = 1e-3;           // of the step
constexpr double kWorseThanGuess = 1.5;  // times ln(vocabulary)
constexpr int64_t kIdleShare = 10;       // of so many gradients, one may be zero everywhere

// The part that a parameter belongs to: "layers.3" of "layers.3.mlp.down.weight", "tok_emb".
std::string PartOf(absl::string_view name) {
  const std::vector<absl::string_view> words = absl::StrSplit(name, '.');
  const bool numbered =
      words.size() > 2 && !words[1].empty() &&
      std::all_of(words[1].begin(), words[1].end(), [](char c) { return absl::ascii_isdigit(c); });
  return numbered ? absl::StrCat(words[0], ".", words[1]) : std::string(words[0]);
}

// The probed program with the weights, and its step.
struct Step {
  Recompiled program;
  std::unique_ptr<train::ExecutorEngine> engine;

  Executor& executor() { return program.model.executor(); }
};

absl::Status LoadStepWeights(const FlowRequest& request, const Model& model, Step& step,
                             FlowReport& report) {
  report.trained = true;
  if (!request.weights.empty()) {
    HYDRA_ASSIGN_OR_RETURN(const train::WeightsSource source,
                           train::WeightsSource::Open(request.weights));
    return train::LoadWeights(source, *step.engine).status();
  }
  if (model.checkpoint) {
    return Annotate(model.checkpoint->RestoreParameters(*step.engine), model.checkpoint->path());
  }
  report.trained = false;
  return step.engine->InitializeParameters(request.model.settings.Integer("seed"));
}

// Where the tokens are: as named, else what the run trains on; "" if there is neither.
std::string DataOf(const FlowRequest& request, const Model& model) {
  if (!request.data.empty() || !model.checkpoint) return request.data;
  const fs::path run = fs::absolute(model.checkpoint->path()).parent_path().parent_path();
  const absl::StatusOr<train::RunInputs> inputs = train::ReadRunInputs(run.string());
  std::error_code ignored;
  return inputs.ok() && fs::exists(inputs->data, ignored) ? inputs->data : "";
}

absl::Status FillBatch(const FlowRequest& request, const Model& model, Step& step,
                       absl::Span<int32_t> tokens, absl::Span<int32_t> targets,
                       FlowReport& report) {
  const int64_t vocabulary = step.engine->facts().vocab_size;
  report.data = DataOf(request, model);
  if (report.data.empty()) {
    RandomTokens(vocabulary, 0, tokens);
    RandomTokens(vocabulary, 1, targets);
    return absl::OkStatus();
  }
  HYDRA_ASSIGN_OR_RETURN(const data::Dataset dataset, data::Dataset::Open(report.data));
  if (dataset.vocab_size() > vocabulary) {
    return InputError(absl::StrCat(report.data, ": expected ids of a vocabulary of at most ",
                                   vocabulary, ", the model's, found ", dataset.vocab_size(),
                                   "; use data of the model's tokenizer"));
  }
  HYDRA_ASSIGN_OR_RETURN(
      const data::TrainingBatches batches,
      data::TrainingBatches::Create(dataset.train(), report.batch, report.seq,
                                    static_cast<uint64_t>(request.model.settings.Integer("seed"))));
  return batches.Fill(0, 0, tokens, targets);
}

absl::Status SetInputs(const FlowRequest& request, const Model& model, Step& step, Launch& launch,
                       FlowReport& report) {
  std::vector<int32_t> tokens(static_cast<size_t>(report.batch * report.seq)), targets(tokens);
  HYDRA_RETURN_IF_ERROR(
      FillBatch(request, model, step, absl::MakeSpan(tokens), absl::MakeSpan(targets), report));
  for (const NamedBuffer& input : launch.entry().inputs) {
    if (input.type == hal::ElementType::kF32) {  // noise of routers: none
      const std::vector<float> zeros(input.elements());
      HYDRA_RETURN_IF_ERROR(launch.SetInput<float>(input.name, zeros));
    } else if (input.type == hal::ElementType::kI32) {
      const std::vector<int32_t> none(input.elements(), -1);  // experts that a source asks for
      HYDRA_RETURN_IF_ERROR(launch.SetInput<int32_t>(input.name, input.name == "tokens"    ? tokens
                                                                 : input.name == "targets" ? targets
                                                                                           : none));
    }
  }
  return absl::OkStatus();
}

void JudgeOutput(const FlowOutput& output, std::vector<Finding>& findings) {
  const FloatStatistics& values = output.values;
  const auto add = [&](std::string problem, const char* advice) {
    findings.push_back({output.name, std::move(problem), advice});
  };
  if (values.not_finite > 0) {
    add(absl::StrFormat("%d of %d values are not finite", values.not_finite, values.values),
        "`hydra-run bisect` names the first op that makes such a value");
  } else if (values.deviation < kConstant) {
    add(absl::StrFormat("all values are %g: nothing of the input is left", values.mean),
        "look at the weights of this block with `hydra-run diag weights`");
  } else if (values.magnitude() > kLargestOutput) {
    add(absl::StrFormat("magnitude %.4g, at most %g expected", values.magnitude(), kLargestOutput),
        "lower the learning rate; smaller initial values; a norm before the parts of this block");
  } else if (output.change && *output.change < kLeastChange) {
    add(absl::StrFormat("differs from the output before it by %.2g of its size, at least %g "
                        "expected: the block does nothing",
                        *output.change, kLeastChange),
        "do its weights train? see the gradients below; a router may have closed it");
  }
}

absl::Status ReadOutputs(Launch& launch, FlowReport& report) {
  std::vector<float> before;
  for (const NamedBuffer* buffer : launch.entry().Results()) {
    if (buffer->name == "loss.ce") {
      HYDRA_ASSIGN_OR_RETURN(const std::vector<float> loss, launch.ReadOutput<float>(buffer->name));
      report.loss = loss[0];
    }
    if (!absl::StartsWith(buffer->name, kProbe)) continue;
    HYDRA_ASSIGN_OR_RETURN(std::vector<float> values, launch.ReadOutput<float>(buffer->name));
    FlowOutput output{.name = buffer->name.substr(kProbe.size()),
                      .values = StatisticsOfFloats(values)};
    if (before.size() == values.size()) output.change = RelativeChange(before, values);
    JudgeOutput(output, report.findings);
    report.outputs.push_back(std::move(output));
    before = std::move(values);
  }
  return absl::OkStatus();
}

// What a part's gradients come to, before the sums are divided.
struct Sums {
  double magnitude = 0, elements = 0, update = 0, updated = 0;
};

struct Gradients {
  std::vector<FlowPart> parts;
  std::vector<Sums> sums;
  std::vector<std::string> zero;  // parameters whose gradient is zero everywhere
  int64_t count = 0;              // of gradients

  size_t IndexOf(const std::string& name) {
    const auto found = std::find_if(parts.begin(), parts.end(),
                                    [&](const FlowPart& part) { return part.name == name; });
    if (found != parts.end()) return static_cast<size_t>(found - parts.begin());
    parts.push_back({.name = name});
    sums.emplace_back();
    return parts.size() - 1;
  }
};

absl::Status ReadGradients(Executor& executor, const std::vector<int32_t>& present,
                           Gradients& gradients) {
  const std::vector<ParameterInfo>& parameters = executor.info().parameters;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const size_t at = gradients.IndexOf(PartOf(parameters[i].name));
    FlowPart& part = gradients.parts[at];
    ++part.parameters;
    if (!parameters[i].gradient || present[i] == 0) {
      ++part.without_gradient;
      continue;
    }
    HYDRA_ASSIGN_OR_RETURN(const std::vector<float> values,
                           executor.Read<float>(*parameters[i].gradient));
    const FloatStatistics found = StatisticsOfFloats(values);
    ++gradients.count;
    if (found.zeros == found.values) gradients.zero.push_back(parameters[i].name);
    const double counted = static_cast<double>(found.values - found.not_finite - found.zeros);
    gradients.sums[at].magnitude += found.mean_magnitude * counted;
    gradients.sums[at].elements += counted;
    part.largest_norm = std::max(part.largest_norm, found.norm);
    part.not_finite += found.not_finite;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::vector<float>>> ReadParameters(Executor& executor) {
  std::vector<std::vector<float>> values;
  for (const ParameterInfo& parameter : executor.info().parameters) {
    HYDRA_ASSIGN_OR_RETURN(values.emplace_back(), executor.Read<float>(parameter.buffer));
  }
  return values;
}

void SumUpdates(const Executor& executor, const std::vector<int32_t>& present,
                const std::vector<std::vector<float>>& before,
                const std::vector<std::vector<float>>& after, Gradients& gradients) {
  const std::vector<ParameterInfo>& parameters = executor.info().parameters;
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (!parameters[i].gradient || present[i] == 0) continue;
    Sums& sums = gradients.sums[gradients.IndexOf(PartOf(parameters[i].name))];
    for (size_t j = 0; j < before[i].size(); ++j) {
      sums.update += std::abs(static_cast<double>(after[i][j]) - before[i][j]);
    }
    sums.updated += static_cast<double>(before[i].size());
  }
}

void JudgeParts(const Gradients& gradients, FlowReport& report) {
  for (size_t i = 0; i < gradients.parts.size(); ++i) {
    FlowPart part = gradients.parts[i];
    const Sums& sums = gradients.sums[i];
    if (sums.elements > 0) part.mean_magnitude = sums.magnitude / sums.elements;
    if (sums.updated > 0) part.update = sums.update / sums.updated;
    const auto add = [&](std::string problem, const char* advice) {
      report.findings.push_back({part.name, std::move(problem), advice});
    };
    const bool takes_part = part.without_gradient < part.parameters;
    if (part.not_finite > 0) {
      add(absl::StrFormat("%d elements of its gradients are not finite", part.not_finite),
          "`hydra-run bisect` names the first op that makes such a value");
    } else if (takes_part && part.mean_magnitude < kVanishing) {
      add(absl::StrFormat("its gradients vanish: mean magnitude %.2g, at least %g expected",
                          part.mean_magnitude, kVanishing),
          "is it cut off from the loss? smaller depth, or other initial values");
    } else if (part.mean_magnitude > kExploding) {
      add(absl::StrFormat("its gradients explode: mean magnitude %.3g, at most %g expected",
                          part.mean_magnitude, kExploding),
          "lower the learning rate, clip (grad_clip); a norm before the parts of this block");
    } else if (takes_part && !(part.update >= kLeastUpdate)) {
      add(absl::StrFormat("a step at rate %g changes it by %.2g, at least %g expected", kRate,
                          part.update, kLeastUpdate),
          "it does not train; is the step halted? see `hydra-run bisect`");
    }
    report.parts.push_back(std::move(part));
  }
  const int64_t zero = static_cast<int64_t>(gradients.zero.size());
  if (zero * kIdleShare < gradients.count || zero == 0) return;
  report.findings.push_back(
      {gradients.zero[0],
       absl::StrFormat("and %d more of %d gradients are zero everywhere", zero - 1,
                       gradients.count),
       "which parts does the loss depend on? tokens that no router chose train nothing"});
}

absl::Status Run(const FlowRequest& request, const Model& model, const train::PhaseForUse& phase,
                 Step& step, FlowReport& report) {
  Executor& executor = step.executor();
  HYDRA_ASSIGN_OR_RETURN(ControlBlock control, ControlBlock::Create(executor.info()));
  for (const auto& [name, value] : phase.controls) control.Set(name, value);
  // A step that clips nothing.
  const std::pair<const char*, double> values[] = {
      {"loss_scale", 1},  {"lr", kRate},        {"weight_decay", 0},   {"clip_min", 1e30},
      {"clip_max", 1e30}, {"spike_norm", 1e30}, {"spike_lr_factor", 1}};
  for (const auto& [name, value] : values) control.Set(name, value);
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<Launch> launch,
                         executor.Prepare(step.engine->accumulate_entry()));
  HYDRA_RETURN_IF_ERROR(SetInputs(request, model, step, *launch, report));
  HYDRA_RETURN_IF_ERROR(launch->StageControl(control));
  HYDRA_RETURN_IF_ERROR(launch->Run());
  HYDRA_RETURN_IF_ERROR(ReadOutputs(*launch, report));
  if (report.loss && !(*report.loss <= kWorseThanGuess * report.guess)) {
    report.findings.push_back(
        {"loss",
         absl::StrFormat("%.4g nats per token; a model that knows nothing has %.4g", *report.loss,
                         report.guess),
         report.trained ? "are these the model's weights, and the data of its tokenizer?"
                        : "the initial values are too large"});
  }
  HYDRA_ASSIGN_OR_RETURN(const std::vector<int32_t> present,
                         executor.Read<int32_t>(hal::Region::kOptimizer, "present"));
  Gradients gradients;
  HYDRA_RETURN_IF_ERROR(ReadGradients(executor, present, gradients));
  HYDRA_ASSIGN_OR_RETURN(const auto before, ReadParameters(executor));
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<Launch> apply,
                         executor.Prepare(step.engine->apply_entry()));
  HYDRA_RETURN_IF_ERROR(apply->StageControl(control));
  HYDRA_RETURN_IF_ERROR(apply->Run());
  HYDRA_ASSIGN_OR_RETURN(const auto after, ReadParameters(executor));
  SumUpdates(executor, present, before, after, gradients);
  JudgeParts(gradients, report);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FlowReport> CheckFlow(FlowRequest request) {
  train::Settings settings = request.model.settings;
  std::error_code ignored;
  if (fs::is_directory(request.model.model, ignored)) {
    HYDRA_ASSIGN_OR_RETURN(request.model.checkpoint,
                           OpenCheckpointWithWarnings(request.model.model, request.model.notices));
    HYDRA_RETURN_IF_ERROR(settings.Restore(request.model.checkpoint->run().settings).status());
  }
  int64_t batch = settings.Integer("batch"), seq = settings.Integer("seq");
  request.model.entries = {EntryRequest::Of("train", batch, seq)};
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(request.model));
  if (model.bundle) {
    return UsageError(absl::StrCat(model.artifact_path,
                                   ": a bundle is for serving and has no training step; pass the "
                                   "checkpoint that it was made from"));
  }
  if (model.checkpoint && batch == 0) batch = model.checkpoint->run().batch;
  if (model.checkpoint && seq == 0) seq = model.checkpoint->run().seq;
  HYDRA_ASSIGN_OR_RETURN(
      const std::unique_ptr<train::ExecutorEngine> shape,
      train::ExecutorEngine::Create(model.executor(), {.batch = batch, .seq = seq}));
  FlowReport report{
      .model = model.artifact->info().model, .batch = shape->batch(), .seq = shape->seq()};
  HYDRA_ASSIGN_OR_RETURN(const train::PhaseForUse phase,
                         PhaseInUse(model, "accumulate", request.at_step));
  report.variant = phase.variant;
  HYDRA_ASSIGN_OR_RETURN(Recompilation probed, Recompile(model, request.model, report.batch,
                                                         report.seq, {{"probe", kProbes}}));
  if (!probed.program) {
    return UsageError(absl::StrCat(probed.obstacle,
                                   "; the outputs of blocks are seen in a model "
                                   "that is compiled for it"));
  }
  Step step{*std::move(probed.program), nullptr};
  HYDRA_ASSIGN_OR_RETURN(
      step.engine,
      train::ExecutorEngine::Create(
          step.executor(), {.batch = report.batch, .seq = report.seq, .variant = phase.variant}));
  report.guess = std::log(static_cast<double>(step.engine->facts().vocab_size));
  HYDRA_RETURN_IF_ERROR(LoadStepWeights(request, model, step, report));
  HYDRA_RETURN_IF_ERROR(Run(request, model, phase, step, report));
  return report;
}

}  // namespace hydra::app
