#include "runtime/train/checkpoint_store.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/posix_file.h"

namespace hydra::train {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kPrefix = "step-";
constexpr char kLatest[] = "latest";

std::string NameOf(int64_t step) {
  char name[40];
  std::snprintf(name, sizeof(name), "step-%08lld", static_cast<long long>(step));
  return name;
}

// The step in a checkpoint's name, or nothing for other names.
std::optional<int64_t> StepOf(absl::string_view name) {
  int64_t step = 0;
  if (!absl::ConsumePrefix(&name, kPrefix) || !absl::SimpleAtoi(name, &step) || step < 0) {
    return std::nullopt;
  }
  return step;
}

absl::Status FileError(const std::string& path, absl::string_view what,
                       const std::error_code& error) {
  return FailureError(absl::StrCat(path, ": cannot ", what, ": ", error.message()));
}

}  // namespace

absl::StatusOr<CheckpointStore> CheckpointStore::Open(const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return FileError(directory, "make the directory", error);
  CheckpointStore store(directory);
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    // Also of checkpoints that never came to be.
    const std::string name = it->path().filename().string();
    const std::string base = name.substr(0, name.find(".tmp-"));
    if (base == name || !StepOf(base)) continue;
    HYDRA_RETURN_IF_ERROR(RemoveStaleTemporaries((fs::path(directory) / base).string()));
  }
  if (error) return FileError(directory, "list", error);
  return store;
}

absl::StatusOr<std::vector<std::pair<int64_t, std::string>>> CheckpointStore::List() const {
  std::vector<std::pair<int64_t, std::string>> result;
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (const std::optional<int64_t> step = StepOf(name)) {
      result.emplace_back(*step, it->path().string());
    }
  }
  if (error) return FileError(directory_, "list", error);
  std::sort(result.begin(), result.end());
  return result;
}

absl::Status CheckpointStore::PointLatest(const std::string& name) {
  // A link cannot be changed in place; one beside it is renamed over it.
  const fs::path link = fs::path(directory_) / kLatest;
  const fs::path beside = fs::path(directory_) / absl::StrCat(kLatest, ".new");
  std::error_code error;
  fs::remove(beside, error);
  fs::create_directory_symlink(name, beside, error);
  if (error) return FileError(beside.string(), "make the link", error);
  fs::rename(beside, link, error);
  if (error) return FileError(link.string(), "replace the link", error);
  return SyncDirectory(directory_);
}

absl::StatusOr<std::string> CheckpointStore::Save(TrainEngine& engine, const RunRecord& record,
                                                  const CheckpointAttachments& attachments,
                                                  int64_t keep) {
  const std::string name = NameOf(record.step);
  const std::string path = (fs::path(directory_) / name).string();
  HYDRA_RETURN_IF_ERROR(WriteCheckpoint(path, engine, record, attachments));
  HYDRA_RETURN_IF_ERROR(PointLatest(name));
  if (keep > 0) {
    HYDRA_ASSIGN_OR_RETURN(auto checkpoints, List());
    // Only older ones: a later step here is a refused leftover of the attempt that was resumed, and
    // it will be overwritten when the run gets there.
    std::erase_if(checkpoints, [&](const auto& entry) { return entry.first > record.step; });
    for (size_t i = 0; i + static_cast<size_t>(keep) < checkpoints.size(); ++i) {
      std::error_code error;
      fs::remove_all(checkpoints[i].second, error);
      if (error) return FileError(checkpoints[i].second, "remove the old checkpoint", error);
    }
  }
  return path;
}

absl::StatusOr<std::optional<CheckpointStore::Newest>> CheckpointStore::OpenNewest() const {
  HYDRA_ASSIGN_OR_RETURN(auto checkpoints, List());
  if (checkpoints.empty()) return std::nullopt;
  std::vector<std::string> refused;
  absl::Status newest_error;
  for (auto it = checkpoints.rbegin(); it != checkpoints.rend(); ++it) {
    absl::StatusOr<Checkpoint> checkpoint = Checkpoint::Open(it->second);
    if (checkpoint.ok()) {
      return Newest{.checkpoint = *std::move(checkpoint), .refused = std::move(refused)};
    }
    refused.push_back(std::string(checkpoint.status().message()));
    if (newest_error.ok()) newest_error = checkpoint.status();
  }
  return Annotate(newest_error, "no checkpoint can be used; the newest one");
}

}  // namespace hydra::train
