#include "runtime/hal/cuda/step_plan.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal::cuda {
namespace {

bool IsChoice(const Work& work) { return std::holds_alternative<ChoiceWork>(work.body); }

size_t CountWork(const std::vector<Work>& work) {
  size_t count = 0;
  for (const Work& one : work) {
    ++count;
    if (const auto* choice = std::get_if<ChoiceWork>(&one.body)) {
      for (const std::vector<Work>& inner : choice->cases) count += CountWork(inner);
    }
  }
  return count;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StepPlan>> StepPlan::Create(std::vector<WorkRun> runs,
                                                           const RecordOptions& options,
                                                           const LineName& name_of,
                                                           std::shared_ptr<CudaContext> context) {
  std::unique_ptr<StepPlan> plan(new StepPlan(std::move(context)));
  CudaContext& gpu = *plan->context_;
  plan->profiling_ = options.profile;
  const bool graphs = options.capture != Capture::kOff && !options.profile;
  const std::string why_none = options.profile
                                   ? "profiled: every command is launched and timed by itself"
                                   : "graphs are off";
  bool chooses = false;
  size_t pieces = 0;
  for (const WorkRun& run : runs) {
    chooses = chooses || std::any_of(run.work.begin(), run.work.end(), IsChoice);
    pieces += CountWork(run.work);
  }
  if (chooses) {
    HYDRA_ASSIGN_OR_RETURN(plan->selected_, PinnedMemory::Create(64, "selectors", plan->context_));
  }
  if (plan->profiling_) {
    plan->times_.resize(pieces);
    for (Timed& time : plan->times_) {
      for (Event* event : {&time.begin, &time.end}) {
        HYDRA_RETURN_IF_ERROR(gpu.Check(gpu.api().cuEventCreate(event, 0), "cuEventCreate"));
      }
    }
  }
  // One run of everything, unless segments are asked for.
  if (options.capture != Capture::kSegments && !runs.empty()) {
    WorkRun all;
    all.first_line = runs.front().first_line;
    for (WorkRun& run : runs) {
      all.line_count = std::max(all.line_count, run.first_line + run.line_count);
      std::move(run.work.begin(), run.work.end(), std::back_inserter(all.work));
    }
    runs.clear();
    runs.push_back(std::move(all));
  }
  for (WorkRun& run : runs) {
    const bool cut = std::any_of(run.work.begin(), run.work.end(), IsChoice);
    HYDRA_ASSIGN_OR_RETURN(std::vector<Step> steps,
                           plan->StepsOf(std::move(run.work), graphs, name_of));
    if (!graphs) {
      plan->segments_.push_back({run.first_line, run.line_count, false, why_none, 0});
    } else if (!cut) {
      const uint64_t nodes =
          steps.empty() ? 0 : std::get<std::unique_ptr<StepGraph>>(steps.front())->nodes();
      plan->segments_.push_back(
          {run.first_line, run.line_count, true,
           options.capture == Capture::kSegments ? "segments are asked for" : "", nodes});
    }
    std::move(steps.begin(), steps.end(), std::back_inserter(plan->steps_));
  }
  return plan;
}

absl::StatusOr<std::vector<StepPlan::Step>> StepPlan::StepsOf(std::vector<Work> work, bool graphs,
                                                              const LineName& name_of) {
  std::vector<Step> steps;
  const bool cut = std::any_of(work.begin(), work.end(), IsChoice);
  for (size_t at = 0; at < work.size();) {
    size_t end = at;
    while (end < work.size() && !IsChoice(work[end])) ++end;
    if (end == at) {
      const size_t line = work[at].line;
      HYDRA_ASSIGN_OR_RETURN(
          Step choice, ChoiceOf(std::move(std::get<ChoiceWork>(work[at].body)), graphs, name_of));
      steps.push_back(std::move(choice));
      if (graphs) {
        segments_.push_back(
            {line, 1, false, absl::StrCat(name_of(line), ": the host reads which case to run"), 0});
      }
      ++at;
    } else if (graphs) {
      const absl::Span<const Work> between(&work[at], end - at);
      HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<StepGraph> graph,
                             StepGraph::Build(between, name_of, context_));
      if (cut) {
        segments_.push_back({between.front().line, between.back().line - between.front().line + 1,
                             true, "", graph->nodes()});
      }
      steps.push_back(std::move(graph));
      at = end;
    } else {
      for (; at < end; ++at) {
        if (const auto* kernel = std::get_if<KernelWork>(&work[at].body)) {
          HYDRA_RETURN_IF_ERROR(
              Annotate(AllowSharedMemory(*kernel, *context_), name_of(work[at].line)));
        }
        steps.push_back(std::move(work[at]));
      }
    }
  }
  return steps;
}

absl::StatusOr<StepPlan::Step> StepPlan::ChoiceOf(ChoiceWork work, bool graphs,
                                                  const LineName& name_of) {
  auto choice = std::make_unique<Choice>();
  choice->selector = work.selector;
  for (std::vector<Work>& inner : work.cases) {
    HYDRA_ASSIGN_OR_RETURN(std::vector<Step> steps, StepsOf(std::move(inner), graphs, name_of));
    choice->cases.push_back(std::move(steps));
  }
  return Step(std::move(choice));
}

StepPlan::~StepPlan() {
  if (times_.empty() || !context_->Enter().ok()) return;
  context_->Drain().IgnoreError();
  for (const Timed& time : times_) {
    for (Event event : {time.begin, time.end}) {
      if (event != nullptr) context_->api().cuEventDestroy_v2(event);
    }
  }
}

absl::Status StepPlan::Run() {
  timed_ = 0;
  return RunSteps(steps_);
}

absl::Status StepPlan::RunSteps(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    if (const auto* graph = std::get_if<std::unique_ptr<StepGraph>>(&step)) {
      HYDRA_RETURN_IF_ERROR((*graph)->Launch());
    } else if (const auto* work = std::get_if<Work>(&step)) {
      HYDRA_RETURN_IF_ERROR(profiling_ ? RunTimed(*work) : PutOnStream(*work, *context_));
    } else {
      HYDRA_RETURN_IF_ERROR(RunChoice(*std::get<std::unique_ptr<Choice>>(step)));
    }
  }
  return absl::OkStatus();
}

absl::Status StepPlan::RunTimed(const Work& work) {
  CudaContext& gpu = *context_;
  Timed& time = times_[timed_++];
  time.line = work.line;
  HYDRA_RETURN_IF_ERROR(
      gpu.CheckWork(gpu.api().cuEventRecord(time.begin, gpu.stream()), "cuEventRecord"));
  HYDRA_RETURN_IF_ERROR(PutOnStream(work, gpu));
  return gpu.CheckWork(gpu.api().cuEventRecord(time.end, gpu.stream()), "cuEventRecord");
}

absl::Status StepPlan::RunChoice(const Choice& choice) {
  CudaContext& gpu = *context_;
  int32_t selector = 0;
  HYDRA_RETURN_IF_ERROR(
      gpu.CheckWork(gpu.api().cuMemcpyDtoHAsync_v2(selected_->data(), choice.selector,
                                                   sizeof(selector), gpu.stream()),
                    "cuMemcpyDtoHAsync"));
  HYDRA_RETURN_IF_ERROR(
      gpu.CheckWork(gpu.api().cuStreamSynchronize(gpu.stream()), "cuStreamSynchronize"));
  std::memcpy(&selector, selected_->data(), sizeof(selector));
  const auto last = static_cast<int64_t>(choice.cases.size()) - 1;
  if (last < 0) return absl::OkStatus();
  return RunSteps(choice.cases[static_cast<size_t>(std::clamp<int64_t>(selector, 0, last))]);
}

absl::Status StepPlan::ReadTimes(const std::function<void(size_t, double)>& add) {
  for (size_t i = 0; i < timed_; ++i) {
    float milliseconds = 0;
    HYDRA_RETURN_IF_ERROR(context_->CheckWork(
        context_->api().cuEventElapsedTime(&milliseconds, times_[i].begin, times_[i].end),
        "cuEventElapsedTime"));
    add(times_[i].line, static_cast<double>(milliseconds) / 1e3);
  }
  return absl::OkStatus();
}

}  // namespace hydra::hal::cuda
