#include "runtime/metrics/journal.h"

#include <cmath>
#include <nlohmann/json.hpp>
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

Json ToJson(const SampleRow& row) {
  return {{"event", "sample"},
          {"step", row.step},
          {"time", row.time},
          {"prompt", row.prompt},
          {"text", row.text}};
}

std::string Line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

Journal::Journal(std::string path, RunInfo info) : path_(std::move(path)), info_(std::move(info)) {}

absl::Status Journal::Open() {
  HYDRA_RETURN_IF_ERROR(file_.Open(path_));
  // A crash may have torn the last line.
  const absl::Status status = file_.Append(
      absl::StrCat(file_.EndsOtherThan('\n') ? "\n" : "", Line({{"event", "start"},
                                                                {"step", info_.start_step},
                                                                {"time", UtcTimestamp()},
                                                                {"run", info_.run_id}})));
  if (!status.ok()) file_.Close();
  return status;
}

absl::Status Journal::Write(absl::Span<const Row> rows) {
  if (std::string lost = file_.CloseIfLost(); !lost.empty()) loss_ = std::move(lost);
  if (!file_.is_open()) HYDRA_RETURN_IF_ERROR(Open());
  std::string lines;
  for (const Row& row : rows) {
    lines += Line(std::visit([](const auto& event) { return ToJson(event); }, row));
  }
  return file_.Append(lines);
}

std::optional<std::string> Journal::TakeLoss() { return std::exchange(loss_, std::nullopt); }

absl::Status Journal::End() {
  if (!file_.is_open()) return FailureError("it could not be opened");
  file_.Close();
  return absl::OkStatus();
}

}  // namespace hydra::metrics
