#include "tools/hydra-run/progress.h"

#include <cstdio>

#include "absl/strings/str_format.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {
namespace {

constexpr int kBarWidth = 24;
constexpr std::chrono::milliseconds kRedraw(100);

std::string Bar(double fraction) {
  const int full = static_cast<int>(fraction * kBarWidth);
  return absl::StrCat("[", std::string(full, '#'), std::string(kBarWidth - full, '.'), "]");
}

}  // namespace

Progress::Progress(int64_t stop_step, int64_t log_interval)
    : bar_(StderrIsTerminal()), stop_step_(stop_step), log_interval_(log_interval) {}

void Progress::Line(const std::string& text) {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
  PrintNote(text);
}

void Progress::OnStart(const train::RunStart& start) {
  total_steps_ = start.total_steps;
  Line(absl::StrCat("run ", start.run_id, ": ", start.model, ", ",
                    WithCommas(start.parameter_count), " parameters, ",
                    start.start_step == 0 ? std::string("starting")
                                          : absl::StrCat("resuming at step ", start.start_step),
                    ", ", total_steps_, " steps"));
  for (const std::string& line : start.lines) Line("  " + line);
}

std::string Progress::Describe(const train::StepReport& report) const {
  const double left = seconds_per_step_ * static_cast<double>(stop_step_ - report.step);
  return absl::StrFormat(
      "step %d/%d  loss %.4f  lr %.2e  norm %.2f  %s tokens/s  %s left", report.step, total_steps_,
      report.loss_ema, report.lr, report.grad_norm,
      WithCommas(static_cast<int64_t>(static_cast<double>(report.tokens) / seconds_per_step_)),
      HumanSeconds(left));
}

void Progress::OnStep(const train::StepReport& report) {
  if (warm_) {
    seconds_ += report.seconds;
    device_seconds_ += report.device_seconds;
  }
  warm_ = true;
  seconds_per_step_ =
      seconds_per_step_ == 0 ? report.seconds : 0.9 * seconds_per_step_ + 0.1 * report.seconds;
  // The lines stay, on a terminal too: the bar only shows what is between them.
  if (report.step % log_interval_ == 0 || report.step == stop_step_) Line(Describe(report));
  if (!bar_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - last_drawn_ < kRedraw && report.step != stop_step_) return;
  last_drawn_ = now;
  drawn_ = true;
  const std::string text =
      absl::StrCat(Bar(static_cast<double>(report.step) / static_cast<double>(total_steps_)), " ",
                   Describe(report));
  std::fprintf(stderr, "\r\033[K%s", text.c_str());
  std::fflush(stderr);
}

void Progress::OnEvaluation(int64_t step, const train::Evaluation& evaluation, double seconds) {
  Line(absl::StrFormat("step %d  held-out loss %.4f over %s tokens (%s)", step, evaluation.loss,
                       WithCommas(evaluation.tokens), HumanSeconds(seconds)));
}

void Progress::OnSample(int64_t step, const train::TextSample& sample) {
  Line(absl::StrCat("step ", step, "  sample ", sample.prompt, sample.text));
}

void Progress::OnCheckpoint(int64_t step, const std::string& path) {
  Line(absl::StrCat("step ", step, "  checkpoint ", path));
}

void Progress::OnWarning(const std::string& message) {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
  PrintWarning(message);
}

void Progress::OnEnd() {
  if (drawn_) std::fputc('\n', stderr);
  drawn_ = false;
}

}  // namespace hydra::tools
