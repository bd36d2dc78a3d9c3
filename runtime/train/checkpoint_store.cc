#include "runtime/train/checkpoint_store.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/posix_file.h"
#include "runtime/io/temporary.h"
#include "runtime/train/manifest.h"

namespace hydra::train {
namespace {

namespace fs = std::filesystem;

constexpr char kCheckpoints[] = "checkpoints";
constexpr char kAbandoned[] = "abandoned";
constexpr char kLock[] = "run.lock";
constexpr char kLatest[] = "latest";
constexpr absl::string_view kPrefix = "step-";
// Left by versions that kept what they replaced.
constexpr absl::string_view kPrevious = ".previous";

using Checkpoints = std::vector<std::pair<int64_t, std::string>>;

std::string Join(const std::string& directory, const std::string& name) {
  return (fs::path(directory) / name).string();
}

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

absl::StatusOr<std::vector<std::string>> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(directory, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return ErrnoStatus(error.value(), "list", directory, ErrorKind::kInput);
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<Checkpoints> ListCheckpoints(const std::string& directory) {
  HYDRA_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(directory));
  Checkpoints result;
  for (const std::string& name : names) {
    if (const std::optional<int64_t> step = StepOf(name)) {
      result.emplace_back(*step, Join(directory, name));
    }
  }
  std::sort(result.begin(), result.end());
  return result;
}

// Whether the checkpoint itself is the reason; with too little memory an older one is no answer.
bool IsUnusable(const absl::Status& status) { return KindOf(status) == ErrorKind::kInput; }

absl::StatusOr<std::optional<Checkpoint>> OpenNewestIn(const std::string& directory) {
  HYDRA_ASSIGN_OR_RETURN(const Checkpoints checkpoints, ListCheckpoints(directory));
  if (checkpoints.empty()) return std::nullopt;
  std::vector<std::string> refused;
  absl::Status newest_error;
  for (auto it = checkpoints.rbegin(); it != checkpoints.rend(); ++it) {
    absl::StatusOr<Checkpoint> checkpoint = Checkpoint::Open(it->second);
    if (checkpoint.ok()) {
      checkpoint->set_refused(std::move(refused));
      return *std::move(checkpoint);
    }
    if (!IsUnusable(checkpoint.status())) return checkpoint.status();
    refused.push_back(std::string(checkpoint.status().message()));
    if (newest_error.ok()) newest_error = checkpoint.status();
  }
  return Annotate(newest_error, "no checkpoint can be used; the newest one");
}

// The directory of checkpoints that `path` stands for, "" if for none.
std::string CheckpointsOf(const std::string& path) {
  if (FileName(path) == kLatest) return CheckpointsOf(ParentDirectory(path));
  for (const std::string& candidate : {path, Join(path, kCheckpoints)}) {
    const absl::StatusOr<Checkpoints> found = ListCheckpoints(candidate);
    if (found.ok() && !found->empty()) return candidate;
  }
  return "";
}

// A run is not begun in place of a file, nor inside a checkpoint or among those of another run: a
// checkpoint with files that it does not list is refused ever after.
absl::Status CheckRunDirectory(const std::string& out) {
  if (!PathExists(out)) return absl::OkStatus();
  std::error_code ignored;
  if (!fs::is_directory(out, ignored)) {
    return UsageError(absl::StrCat(out, ": expected a run directory or nothing yet, found ",
                                   fs::exists(out, ignored) ? "a file" : "a link to nothing",
                                   "; choose another --out"));
  }
  if (PathExists(Join(out, kManifestFile))) {
    return UsageError(absl::StrCat(out,
                                   ": expected a run directory, found a checkpoint; choose "
                                   "another --out (as MODEL it gives its weights)"));
  }
  HYDRA_ASSIGN_OR_RETURN(const Checkpoints inside, ListCheckpoints(out));
  if (inside.empty()) return absl::OkStatus();
  return UsageError(absl::StrCat(out,
                                 ": expected a run directory, found the checkpoints of one; "
                                 "pass --out ",
                                 ParentDirectory(out), " for that run, or choose another"));
}

}  // namespace

absl::StatusOr<Checkpoint> OpenCheckpoint(const std::string& path) {
  const std::string directory = CheckpointsOf(path);
  if (directory.empty()) return Checkpoint::Open(path);
  HYDRA_ASSIGN_OR_RETURN(std::optional<Checkpoint> newest, OpenNewestIn(directory));
  if (newest) return *std::move(newest);
  return InputError(absl::StrCat(directory, ": expected a checkpoint, found none"));
}

CheckpointStore::CheckpointStore(std::string out, FileLock lock)
    : out_(std::move(out)), directory_(Join(out_, kCheckpoints)), lock_(std::move(lock)) {}

absl::StatusOr<CheckpointStore> CheckpointStore::Open(const std::string& out) {
  HYDRA_RETURN_IF_ERROR(CheckRunDirectory(out));
  HYDRA_RETURN_IF_ERROR(MakeDirectories(out));
  HYDRA_ASSIGN_OR_RETURN(FileLock lock, FileLock::Acquire(Join(out, kLock), "a run that trains"));
  CheckpointStore store(out, std::move(lock));
  HYDRA_RETURN_IF_ERROR(MakeDirectories(store.directory_));
  HYDRA_RETURN_IF_ERROR(store.RemoveLeftovers());
  return store;
}

absl::Status CheckpointStore::RemoveLeftovers() const {
  HYDRA_RETURN_IF_ERROR(RemoveStaleTemporaries(directory_));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(directory_));
  for (const std::string& name : names) {
    const std::string path = Join(directory_, name);
    std::error_code ignored;
    if (TemporaryBase(name) == kLatest && fs::is_symlink(path, ignored)) {
      HYDRA_RETURN_IF_ERROR(RemoveTree(path));
    } else if (!ReplacedBase(name).empty()) {
      HYDRA_RETURN_IF_ERROR(RecoverReplaced(Join(directory_, std::string(ReplacedBase(name)))));
    } else if (absl::string_view base = name;
               absl::ConsumeSuffix(&base, kPrevious) && StepOf(base)) {
      const std::string target = Join(directory_, std::string(base));
      HYDRA_RETURN_IF_ERROR(PathExists(target) ? RemoveTree(path) : RenamePath(path, target));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Checkpoints> CheckpointStore::List() const { return ListCheckpoints(directory_); }

absl::StatusOr<std::optional<Checkpoint>> CheckpointStore::OpenNewest() const {
  return OpenNewestIn(directory_);
}

absl::StatusOr<Checkpoint> CheckpointStore::OpenStep(int64_t step) const {
  HYDRA_ASSIGN_OR_RETURN(const Checkpoints checkpoints, List());
  std::vector<int64_t> steps;
  for (const auto& [present, path] : checkpoints) {
    if (present == step) return Checkpoint::Open(path);
    steps.push_back(present);
  }
  return InputError(
      absl::StrCat(directory_, ": expected a checkpoint of step ", step, ", found ",
                   steps.empty() ? std::string("none") : "steps " + absl::StrJoin(steps, ", ")));
}

absl::StatusOr<std::vector<std::string>> CheckpointStore::SetAsideAfter(int64_t step) {
  HYDRA_ASSIGN_OR_RETURN(const Checkpoints checkpoints, List());
  std::vector<std::string> lines;
  const std::string aside = Join(out_, kAbandoned);
  // The newest first: after a crash in between, the newest that is left still belongs to the rest.
  for (auto it = checkpoints.rbegin(); it != checkpoints.rend() && it->first > step; ++it) {
    HYDRA_RETURN_IF_ERROR(MakeDirectories(aside));
    std::string to = Join(aside, NameOf(it->first));
    for (int copy = 2; PathExists(to); ++copy) {
      to = Join(aside, absl::StrCat(NameOf(it->first), "-", copy));
    }
    HYDRA_RETURN_IF_ERROR(RenamePath(it->second, to));
    HYDRA_RETURN_IF_ERROR(SyncDirectory(aside));
    HYDRA_RETURN_IF_ERROR(SyncDirectory(directory_));
    lines.push_back(absl::StrCat("the run goes on from step ", step, "; its checkpoint of step ",
                                 it->first, " is now ", to));
  }
  if (!lines.empty()) HYDRA_RETURN_IF_ERROR(PointLatest(NameOf(step)));
  return lines;
}

absl::Status CheckpointStore::PointLatest(const std::string& name) const {
  // A link cannot be changed in place; one beside it is renamed over it.
  const std::string link = Join(directory_, kLatest);
  const std::string beside = TemporaryPath(link);
  std::error_code error;
  fs::create_directory_symlink(name, beside, error);
  if (error) return ErrnoStatus(error.value(), "make the link", beside);
  if (absl::Status status = RenamePath(beside, link); !status.ok()) {
    RemoveTree(beside).IgnoreError();
    return status;
  }
  return SyncDirectory(directory_);
}

absl::Status CheckpointStore::RemoveOld(int64_t step, int64_t keep) const {
  HYDRA_ASSIGN_OR_RETURN(Checkpoints checkpoints, List());
  std::erase_if(checkpoints, [&](const auto& entry) { return entry.first > step; });
  if (keep == 0 || checkpoints.size() <= static_cast<size_t>(keep)) return absl::OkStatus();
  checkpoints.resize(checkpoints.size() - static_cast<size_t>(keep));
  // Never in place: half a checkpoint under its own name would look like damage. It loses its name,
  // durably, and then its files.
  std::vector<std::string> nameless;
  for (const auto& [old, path] : checkpoints) {
    nameless.push_back(TemporaryPath(path));
    HYDRA_RETURN_IF_ERROR(RenamePath(path, nameless.back()));
  }
  HYDRA_RETURN_IF_ERROR(SyncDirectory(directory_));
  for (const std::string& path : nameless) HYDRA_RETURN_IF_ERROR(RemoveTree(path));
  return absl::OkStatus();
}

absl::StatusOr<CheckpointStore::Saved> CheckpointStore::Save(
    TrainEngine& engine, const RunRecord& record, const CheckpointAttachments& attachments,
    int64_t keep) {
  const std::string name = NameOf(record.step);
  Saved saved{.path = Join(directory_, name), .warnings = {}};
  HYDRA_RETURN_IF_ERROR(WriteCheckpoint(saved.path, engine, record, attachments));
  for (const absl::Status& status : {PointLatest(name), RemoveOld(record.step, keep)}) {
    if (status.ok()) continue;
    saved.warnings.push_back(
        absl::StrCat("the checkpoint of step ", record.step,
                     " is written, but clearing up failed: ", status.message()));
  }
  return saved;
}

}  // namespace hydra::train
