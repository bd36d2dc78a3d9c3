// A directory per test, sample rows, and queries on the database through a connection of their own.
#ifndef HYDRA_TESTS_METRICS_METRICS_FIXTURE_H_
#define HYDRA_TESTS_METRICS_METRICS_FIXTURE_H_

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/status.h"
#include "runtime/metrics/rows.h"
#include "runtime/metrics/sqlite.h"

namespace hydra::metrics {

class MetricsTest : public testing::Test {
 protected:
  void SetUp() override {
    const testing::TestInfo* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = std::filesystem::path(testing::TempDir()) / absl::StrCat("metrics_", info->name());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string Path(const std::string& name) const { return (directory_ / name).string(); }

  // The single value of a query on the file, through a connection of its own.
  double Query(const std::string& sql) const {
    absl::StatusOr<Database> database =
        Database::Open(Path("metrics.db"), Database::Mode::kReadOnly);
    EXPECT_TRUE(database.ok()) << database.status();
    absl::StatusOr<Statement> statement = database->Prepare(sql);
    EXPECT_TRUE(statement.ok()) << statement.status();
    absl::StatusOr<bool> row = statement->Step();
    EXPECT_TRUE(row.ok() && *row) << sql;
    return statement->IsNull(0) ? std::nan("") : statement->Real(0);
  }

  std::vector<std::string> Lines(const std::string& name) const {
    std::vector<std::string> lines;
    std::ifstream in(Path(name));
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  std::filesystem::path directory_;
};

inline StepRow Step(int64_t step, double loss) {
  return {.step = step,
          .time = "2025-01-31T12:34:56.789Z",
          .losses = {{"total", loss + 1}, {"ce", loss}, {"moe_aux", 0.5}},
          .routing = {.mor = {{.layer = 1, .tokens = {16, 9}}}},
          .record = {{"clip_limit", {50}}, {"histogram", {0.25, 0.75}}},
          .lr = 1e-3,
          .grad_norm = 1,
          .grad_norm_pre_clip = 2,
          .tokens_per_second = 100,
          .step_milliseconds = 10,
          .batch_size = 2,
          .seq_len = 8,
          .tokens = 16};
}

inline RunInfo Info(int64_t start_step) {
  return {.run_id = "r",
          .model_id = "m",
          .architecture_json = "{}",
          .config_json = "{}",
          .params_millions = 1.5,
          .start_step = start_step,
          .environment = {{"threads", "2"}}};
}

}  // namespace hydra::metrics

#endif  // HYDRA_TESTS_METRICS_METRICS_FIXTURE_H_
