#include "runtime/train/checkpoint_start.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/io/atomic_file.h"
#include "runtime/io/json_file.h"
#include "runtime/io/posix_file.h"

namespace hydra::train {
namespace {

constexpr char kFormat[] = "hydra-run-inputs-1";

std::string InputsPath(const std::string& out) {
  return (std::filesystem::path(out) / "inputs.json").string();
}

}  // namespace

absl::StatusOr<StartingPoint> OpenStartingPoint(const StartRequest& request) {
  // Nothing is made where something should be.
  if (request.mode == StartMode::kResume && !PathExists(request.out)) {
    return InputError(absl::StrCat(
        request.out,
        ": expected a run to resume, found nothing; drop --resume to start one, or use "
        "--resume=auto for whichever fits"));
  }
  HYDRA_ASSIGN_OR_RETURN(CheckpointStore store, CheckpointStore::Open(request.out));
  HYDRA_ASSIGN_OR_RETURN(const auto present, store.List());
  if (request.mode == StartMode::kNew && !present.empty()) {
    return UsageError(absl::StrCat(request.out, ": already contains a run with ", present.size(),
                                   present.size() == 1 ? " checkpoint" : " checkpoints",
                                   "; continue it with --resume or choose another --out"));
  }
  if (request.mode == StartMode::kResume && present.empty()) {
    return InputError(
        absl::StrCat(store.directory(),
                     ": expected a checkpoint to resume from, found none; drop --resume to "
                     "start, or use --resume=auto for whichever fits"));
  }
  StartingPoint start{.store = std::move(store), .checkpoint = std::nullopt};
  if (present.empty()) return start;
  if (request.step) {
    HYDRA_ASSIGN_OR_RETURN(start.checkpoint, start.store.OpenStep(*request.step));
  } else {
    HYDRA_ASSIGN_OR_RETURN(start.checkpoint, start.store.OpenNewest());
  }
  return start;
}

absl::Status WriteRunInputs(const std::string& out, const RunInputs& inputs) {
  using Json = nlohmann::ordered_json;
  const Json json{{"format", kFormat}, {"data", inputs.data}};
  return WriteFileAtomically(InputsPath(out),
                             json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

absl::StatusOr<RunInputs> ReadRunInputs(const std::string& out) {
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::ReadFile(InputsPath(out)));
  const JsonView root = document.root();
  HYDRA_ASSIGN_OR_RETURN(const JsonView format, root.Get("format"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view format_name, format.String());
  if (format_name != kFormat) return format.Expected(absl::StrCat("\"", kFormat, "\""));
  HYDRA_ASSIGN_OR_RETURN(const JsonView data, root.Get("data"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view path, data.String());
  return RunInputs{.data = std::string(path)};
}

}  // namespace hydra::train
