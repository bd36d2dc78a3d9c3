#include "frontend/ConfigReader.h"

#include "absl/strings/str_join.h"
#include "runtime/base/did_you_mean.h"

#include <algorithm>
#include <limits>

using namespace mlir::hydra;
using ::hydra::JsonView;

ConfigReader::ConfigReader(JsonView object) : object(object) {
  if (!object.is_object())
    status = object.Expected("an object");
}

std::optional<JsonView> ConfigReader::declare(absl::string_view key) {
  known.push_back(key);
  if (!status.ok())
    return std::nullopt;
  return object.Find(key);
}

void ConfigReader::integer(absl::string_view key, int64_t &field, int64_t min, int64_t max) {
  if (std::optional<JsonView> value = declare(key)) {
    absl::StatusOr<int64_t> result = value->Int(min, max);
    if (result.ok())
      field = *result;
    else
      status = result.status();
  }
}

void ConfigReader::number(absl::string_view key, double &field, double min, double max) {
  if (std::optional<JsonView> value = declare(key)) {
    absl::StatusOr<double> result = value->Double();
    if (result.ok() && *result >= min && *result <= max)
      field = *result;
    else if (max == std::numeric_limits<double>::max())
      status = value->Expected(absl::StrCat("a number of at least ", min));
    else
      status = value->Expected(absl::StrCat("a number from ", min, " to ", max));
  }
}

void ConfigReader::optionalNumber(absl::string_view key, std::optional<double> &field, double min,
                                  double max) {
  std::optional<JsonView> value = object.Find(key);
  if (value && value->is_null()) {
    known.push_back(key);
    field.reset();
    return;
  }
  double number = field.value_or(min);
  this->number(key, number, min, max);
  if (value && status.ok())
    field = number;
}

void ConfigReader::boolean(absl::string_view key, bool &field) {
  if (std::optional<JsonView> value = declare(key)) {
    absl::StatusOr<bool> result = value->Bool();
    if (result.ok())
      field = *result;
    else
      status = result.status();
  }
}

void ConfigReader::text(absl::string_view key, std::string &field) {
  if (std::optional<JsonView> value = declare(key)) {
    absl::StatusOr<absl::string_view> result = value->String();
    if (result.ok())
      field = std::string(*result);
    else
      status = result.status();
  }
}

void ConfigReader::choice(absl::string_view key, std::string &field,
                          std::vector<absl::string_view> allowed) {
  std::string found = field;
  text(key, found);
  if (!status.ok())
    return;
  if (std::find(allowed.begin(), allowed.end(), found) == allowed.end())
    status = object.Find(key)->Expected(
        absl::StrCat("one of \"", absl::StrJoin(allowed, "\", \""), "\""));
  else
    field = found;
}

void ConfigReader::require(absl::string_view key) {
  if (status.ok())
    status = object.Get(key).status();
}

void ConfigReader::check(bool condition, absl::string_view key, absl::string_view message) {
  if (status.ok() && !condition)
    status = object.Find(key).value_or(object).Error(message);
}

absl::Status ConfigReader::finish() {
  if (object.is_object())
    // A misspelt key explains other errors, so that it comes first.
    if (absl::Status unknown = object.RejectUnknownKeys(known); !unknown.ok())
      return unknown;
  return status;
}

uint64_t ConfigReader::offset(absl::string_view key) const {
  return object.Find(key).value_or(object).offset();
}
