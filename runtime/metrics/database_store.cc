#include "runtime/metrics/database_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

namespace hydra::metrics {
namespace {

// How every SQLite 3 file begins.
constexpr absl::string_view kMagic("SQLite format 3\0", 16);

// At the end of a run there is no later attempt.
constexpr int kLastBusyMilliseconds = 5000;

bool Exists(const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0;
}

}  // namespace

DatabaseStore::DatabaseStore(std::string path, RunInfo info, int busy_milliseconds)
    : path_(std::move(path)), info_(std::move(info)), busy_milliseconds_(busy_milliseconds) {}

void DatabaseStore::Forget() {
  database_.reset();
  watch_ = FileWatch();
}

absl::Status DatabaseStore::OpenFile() {
  HYDRA_ASSIGN_OR_RETURN(MetricsDatabase database,
                         MetricsDatabase::Open(path_, busy_milliseconds_));
  RunInfo info = info_;
  // A file that was lost is replaced in the middle of the run.
  if (begun_ && totals_.end_step > info.start_step) info.start_step = totals_.end_step;
  HYDRA_RETURN_IF_ERROR(database.BeginRun(info));
  if (begun_) {
    database.set_totals(totals_);
  } else {
    totals_ = database.totals();
  }
  begun_ = true;
  watch_ = FileWatch(path_);
  database_.emplace(std::move(database));
  return absl::OkStatus();
}

absl::Status DatabaseStore::Open() {
  const absl::Status status = OpenFile();
  if (TroubleOf(status) != Trouble::kDamaged) return status;
  HYDRA_RETURN_IF_ERROR(SetAside());
  return OpenFile();
}

absl::Status DatabaseStore::SetAside() {
  if (database_) database_->database().KeepLogOnClose();
  Forget();
  std::string aside;
  for (int number = 1; aside.empty() || Exists(aside); ++number) {
    aside = absl::StrCat(path_, ".damaged-", number);
  }
  if (std::rename(path_.c_str(), aside.c_str()) != 0) {
    return FailureError(absl::StrCat(
        path_, ": is damaged and cannot be renamed: ", std::generic_category().message(errno)));
  }
  // The log belongs to the damaged file; the shared memory beside it to nobody.
  std::rename((path_ + "-wal").c_str(), (aside + "-wal").c_str());
  ::unlink((path_ + "-shm").c_str());
  loss_ = absl::StrCat("is damaged; it is set aside as ", aside, " and a new one is begun");
  return absl::OkStatus();
}

absl::Status DatabaseStore::Record(absl::Span<const Row> rows) {
  HYDRA_RETURN_IF_ERROR(database_->Record(rows));
  totals_ = database_->totals();
  return absl::OkStatus();
}

absl::Status DatabaseStore::Write(absl::Span<const Row> rows) {
  const absl::Status status = WriteOnce(rows);
  last_write_failed_ = !status.ok();
  return status;
}

absl::Status DatabaseStore::WriteOnce(absl::Span<const Row> rows) {
  bool damaged = false;
  if (database_) {
    if (!watch_.IsSameFile()) {
      Forget();
      loss_ = "was deleted or replaced while it was written; a new one is begun";
    } else {
      damaged = !watch_.BeginsWith(kMagic);
    }
  }
  if (database_ && !damaged) {
    const absl::Status status = Record(rows);
    if (TroubleOf(status) != Trouble::kDamaged) return status;
    damaged = true;
  }
  if (damaged) HYDRA_RETURN_IF_ERROR(SetAside());
  HYDRA_RETURN_IF_ERROR(Open());
  return Record(rows);
}

std::optional<std::string> DatabaseStore::TakeLoss() { return std::exchange(loss_, std::nullopt); }

void DatabaseStore::BeforeLastWrite() {
  busy_milliseconds_ = kLastBusyMilliseconds;
  if (database_) database_->database().SetBusyTimeout(busy_milliseconds_);
}

absl::Status DatabaseStore::End() {
  if (!database_) return FailureError("it could not be opened");
  // Who waited in vain for the last rows does not wait again.
  if (last_write_failed_) database_->database().SetBusyTimeout(0);
  const absl::Status status = database_->EndRun();
  if (TroubleOf(status) == Trouble::kDamaged) database_->database().KeepLogOnClose();
  Forget();
  return status;
}

}  // namespace hydra::metrics
