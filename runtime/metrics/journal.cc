#include "runtime/metrics/journal.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "runtime/metrics/timestamp.h"

namespace hydra::metrics {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no NaN or infinity; null says "not a number" to every reader.
Json Number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The step of a complete line, or -1 if the line is not one of ours.
int64_t StepOf(const std::string& line) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return -1;
  const auto step = json.find("step");
  return step != json.end() && step->is_number_integer() ? step->get<int64_t>() : -1;
}

absl::Status IoError(const std::string& path, absl::string_view what) {
  return FailureError(absl::StrCat(path, ": cannot ", what, ": ", std::strerror(errno)));
}

// Rewrites `path` with the lines up to and including `start_step`.
absl::Status DropLaterLines(const std::string& path, int64_t start_step) {
  std::ifstream in(path);
  if (!in) return absl::OkStatus();
  const std::string beside = path + ".new";
  std::ofstream out(beside, std::ios::trunc);
  for (std::string line; std::getline(in, line);) {
    const int64_t step = StepOf(line);
    if (step >= 0 && step <= start_step) out << line << '\n';
  }
  out.close();
  if (!out) return IoError(beside, "write");
  std::error_code error;
  std::filesystem::rename(beside, path, error);
  if (error) return FailureError(absl::StrCat(path, ": ", error.message()));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Journal> Journal::Open(const std::string& path, int64_t start_step) {
  HYDRA_RETURN_IF_ERROR(DropLaterLines(path, start_step));
  std::FILE* file = std::fopen(path.c_str(), "ab");
  if (file == nullptr) return IoError(path, "open");
  return Journal(file, path);
}

absl::Status Journal::Write(const std::string& line) {
  if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size() ||
      std::fputc('\n', file_.get()) == EOF || std::fflush(file_.get()) != 0) {
    return IoError(path_, "write");
  }
  return absl::OkStatus();
}

absl::Status Journal::RecordStep(const StepRow& row) {
  Json losses = Json::object();
  for (const auto& [term, value] : row.losses) losses[term] = Number(value);
  return Write(Dump({{"event", "step"},
                     {"step", row.step},
                     {"time", UtcTimestamp()},
                     {"loss", std::move(losses)},
                     {"lr", Number(row.lr)},
                     {"grad_norm", Number(row.grad_norm)},
                     {"grad_norm_pre_clip", Number(row.grad_norm_pre_clip)},
                     {"tokens_per_second", Number(row.tokens_per_second)},
                     {"step_milliseconds", Number(row.step_milliseconds)},
                     {"tokens", row.tokens}}));
}

absl::Status Journal::RecordEvaluation(const EvaluationRow& row) {
  return Write(Dump({{"event", "evaluation"},
                     {"step", row.step},
                     {"time", UtcTimestamp()},
                     {"data", row.data},
                     {"loss", Number(row.loss)},
                     {"tokens", row.tokens},
                     {"seconds", Number(row.seconds)}}));
}

}  // namespace hydra::metrics
