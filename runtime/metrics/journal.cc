#include "runtime/metrics/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <variant>

#include "runtime/metrics/timestamp.h"

namespace hydra::metrics {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no NaN or infinity; null says "not a number" to every reader.
Json Number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

// Tokens by pass or expert: "mor.1": [64, 40, 9].
Json Tokens(const RoutingRows& rows) {
  Json all = Json::object();
  const auto add = [&all](const char* router, const auto& layers) {
    for (const auto& layer : layers) {
      if (!layer.tokens.empty()) all[absl::StrCat(router, ".", layer.layer)] = layer.tokens;
    }
  };
  add("mor", rows.mor);
  add("mod", rows.mod);
  add("moe", rows.moe);
  return all;
}

Json ToJson(const StepRow& row) {
  Json losses = Json::object();
  for (const auto& [term, value] : row.losses) losses[term] = Number(value);
  Json step = {{"event", "step"},
               {"step", row.step},
               {"time", row.time},
               {"loss", std::move(losses)},
               {"lr", Number(row.lr)},
               {"grad_norm", Number(row.grad_norm)},
               {"grad_norm_pre_clip", Number(row.grad_norm_pre_clip)},
               {"tokens_per_second", Number(row.tokens_per_second)},
               {"step_milliseconds", Number(row.step_milliseconds)},
               {"tokens", row.tokens}};
  Json routing = Tokens(row.routing);
  if (!routing.empty()) step["routing"] = std::move(routing);
  for (const auto& [field, values] : row.record) {
    Json numbers = Json::array();
    for (const double value : values) numbers.push_back(Number(value));
    step["record"][field] = values.size() == 1 ? std::move(numbers[0]) : std::move(numbers);
  }
  return step;
}

Json ToJson(const EvaluationRow& row) {
  return {{"event", "evaluation"},
          {"step", row.step},
          {"time", row.time},
          {"data", row.data},
          {"loss", Number(row.loss)},
          {"tokens", row.tokens},
          {"seconds", Number(row.seconds)}};
}

std::string Line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::Status IoError(const std::string& path, absl::string_view what) {
  return FailureError(
      absl::StrCat(path, ": cannot ", what, ": ", std::generic_category().message(errno)));
}

}  // namespace

Journal::Journal(std::string path, RunInfo info) : path_(std::move(path)), info_(std::move(info)) {}

Journal::~Journal() { Close(); }

void Journal::Close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  watch_ = FileWatch();
}

absl::Status Journal::Open() {
  fd_ = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  struct stat info;
  if (fd_ < 0 || ::fstat(fd_, &info) != 0) {
    const absl::Status status = IoError(path_, "open");
    Close();
    return status;
  }
  watch_ = FileWatch(path_);
  size_ = info.st_size;
  // A crash may have torn the last line.
  char last = '\n';
  const bool torn = size_ > 0 && ::pread(fd_, &last, 1, size_ - 1) == 1 && last != '\n';
  const absl::Status status =
      Append(absl::StrCat(torn ? "\n" : "", Line({{"event", "start"},
                                                  {"step", info_.start_step},
                                                  {"time", UtcTimestamp()},
                                                  {"run", info_.run_id}})));
  if (!status.ok()) Close();
  return status;
}

absl::Status Journal::Append(const std::string& lines) {
  size_t done = 0;
  while (done < lines.size()) {
    const ssize_t written = ::write(fd_, lines.data() + done, lines.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      if (written == 0) errno = ENOSPC;
      const absl::Status status = IoError(path_, "write");
      if (done > 0 && ::ftruncate(fd_, size_) != 0) size_ += static_cast<int64_t>(done);
      return status;
    }
    done += static_cast<size_t>(written);
  }
  size_ += static_cast<int64_t>(done);
  return absl::OkStatus();
}

absl::Status Journal::Write(absl::Span<const Row> rows) {
  if (fd_ >= 0) {
    struct stat info;
    if (!watch_.IsSameFile()) {
      loss_ = "was deleted or replaced while it was written; a new one is begun";
      Close();
    } else if (::fstat(fd_, &info) == 0 && info.st_size < size_) {
      loss_ = absl::StrCat("was cut from ", size_, " to ", info.st_size,
                           " bytes by another program; new lines follow");
      Close();
    } else {
      size_ = info.st_size;
    }
  }
  if (fd_ < 0) HYDRA_RETURN_IF_ERROR(Open());
  std::string lines;
  for (const Row& row : rows) {
    lines += Line(std::visit([](const auto& event) { return ToJson(event); }, row));
  }
  return Append(lines);
}

std::optional<std::string> Journal::TakeLoss() { return std::exchange(loss_, std::nullopt); }

absl::Status Journal::End() {
  if (fd_ < 0) return FailureError("it could not be opened");
  Close();
  return absl::OkStatus();
}

}  // namespace hydra::metrics
