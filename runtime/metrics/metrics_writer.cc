#include "runtime/metrics/metrics_writer.h"

#include <new>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "runtime/metrics/sqlite.h"

namespace hydra::metrics {
namespace {

int64_t StepOf(const Row& row) {
  return std::visit([](const auto& event) { return event.step; }, row);
}

// Evaluations and samples are no steps: a gap counts steps.
void AddSteps(absl::Span<const Row> rows, StepRanges& steps) {
  for (const Row& row : rows) {
    if (std::holds_alternative<StepRow>(row)) steps.Add(StepOf(row));
  }
}

// What is warned of once in a run.
std::string CauseOf(const absl::Status& status) {
  switch (TroubleOf(status)) {
    case Trouble::kBusy:
      return "another program holds it";
    case Trouble::kFull:
      return "there is no space for it";
    case Trouble::kDamaged:
      return "it is damaged";
    case Trouble::kOther:
      break;
  }
  return "it cannot be written";
}

}  // namespace

MetricsWriter::MetricsWriter(std::vector<std::unique_ptr<RowStore>> stores,
                             MetricsWriterOptions options)
    : options_(options) {
  for (std::unique_ptr<RowStore>& store : stores) debts_.push_back({.store = std::move(store)});
  try {
    thread_ = std::thread([this] { Loop(); });
  } catch (const std::system_error& error) {
    warnings_.push_back(absl::StrCat("metrics: no thread can be started to write them (",
                                     error.what(), "); training goes on without"));
  }
}

MetricsWriter::~MetricsWriter() { Finish(); }

void MetricsWriter::Record(Row row) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!thread_.joinable() || queue_.size() >= options_.queue_rows) {
    if (std::holds_alternative<StepRow>(row)) overflow_.Add(StepOf(row));
    return;
  }
  queue_.push_back(std::move(row));
  if (queue_.size() == 1) wake_.notify_one();
}

std::vector<std::string> MetricsWriter::TakeWarnings() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(warnings_, {});
}

void MetricsWriter::Warn(Debt& debt, const std::string& cause, const std::string& text) {
  debt.reason = cause;
  if (!debt.warned.insert(cause).second) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  warnings_.push_back(absl::StrCat("metrics: ", debt.store->path(), ": ", text));
}

absl::Status MetricsWriter::Attempt(Debt& debt, absl::Span<const Row> rows) {
  const absl::Status status = debt.store->Write(rows);
  if (const std::optional<std::string> loss = debt.store->TakeLoss()) {
    debt.gap.Add(std::exchange(debt.written, {}));
    Warn(debt, "it was lost while it was written", absl::StrCat(*loss, "; training goes on"));
  }
  if (status.ok()) {
    AddSteps(rows, debt.written);
  } else {
    Warn(debt, CauseOf(status),
         absl::StrCat(CauseOf(status), " (", status.message(),
                      "); training goes on, and steps that stay unwritten are named at the end"));
  }
  return status;
}

void MetricsWriter::Serve(Debt& debt, const std::vector<Row>& rows, bool last) {
  // In the good case nothing is copied.
  if (debt.pending.empty() && !debt.failing) {
    if (Attempt(debt, rows).ok()) return;
    debt.failing = true;
    debt.retry_at = std::chrono::steady_clock::now() + options_.retry;
    debt.pending = rows;
  } else {
    debt.pending.insert(debt.pending.end(), rows.begin(), rows.end());
  }
  if (last || std::chrono::steady_clock::now() >= debt.retry_at) {
    if (Attempt(debt, debt.pending).ok()) {
      debt.pending.clear();
      debt.failing = false;
    } else {
      debt.retry_at = std::chrono::steady_clock::now() + options_.retry;
    }
  }
  if (debt.pending.size() > options_.pending_rows) {
    const auto end = debt.pending.end() - static_cast<ptrdiff_t>(options_.pending_rows);
    AddSteps({debt.pending.data(), debt.pending.size() - options_.pending_rows}, debt.gap);
    debt.pending.erase(debt.pending.begin(), end);
  }
}

void MetricsWriter::Loop() {
  std::vector<Row> rows;
  bool last = false;
  // The first round opens the stores, so that a run can be watched from its beginning.
  for (bool first = true; !last; first = false) {
    StepRanges lost;
    rows.clear();
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (!first) {
        wake_.wait_for(lock, options_.retry, [this] { return !queue_.empty() || ending_; });
        wake_.wait_for(lock, options_.gather, [this] { return ending_; });
      }
      rows.swap(queue_);
      lost = std::exchange(overflow_, {});
      last = ending_;
    }
    for (Debt& debt : debts_) {
      debt.gap.Add(lost);
      if (!lost.empty()) debt.reason = "rows came faster than they could be written";
      if (!first && rows.empty() && !debt.failing) continue;
      try {
        if (last) debt.store->BeforeLastWrite();
        Serve(debt, rows, last);
      } catch (const std::bad_alloc&) {
        AddSteps(rows, debt.gap);
        Warn(debt, "there was no memory for its rows", "no memory for its rows; training goes on");
      }
    }
  }
}

std::vector<std::string> MetricsWriter::Finish() {
  if (finished_) return {};
  finished_ = true;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  std::vector<std::string> report;
  for (Debt& debt : debts_) {
    AddSteps(debt.pending, debt.gap);
    debt.gap.Add(overflow_);
    const absl::Status end = debt.store->End();
    if (debt.gap.empty() && end.ok()) continue;
    std::string line = absl::StrCat("metrics: ", debt.store->path(), ": ");
    if (!debt.gap.empty()) {
      absl::StrAppend(&line, "lacks ", debt.gap.count(),
                      debt.gap.count() == 1 ? " step: " : " steps: ", debt.gap.Text(),
                      debt.reason.empty() ? "" : " (", debt.reason, debt.reason.empty() ? "" : ")");
    }
    if (!end.ok()) {
      absl::StrAppend(&line, debt.gap.empty() ? "" : "; ",
                      "its end could not be written: ", end.message());
    }
    report.push_back(std::move(line));
  }
  return report;
}

}  // namespace hydra::metrics
