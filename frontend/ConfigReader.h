// Strict reading of the members of one JSON object into the fields of a struct.
#ifndef HYDRA_FRONTEND_CONFIGREADER_H
#define HYDRA_FRONTEND_CONFIGREADER_H

#include "runtime/io/json_file.h"

#include <optional>
#include <string>
#include <vector>

namespace mlir::hydra {

// Each call declares a known key and, if the object has it, checks and stores its value; absent
// keys leave the field alone. The first error is kept and everything after it skipped. finish()
// also rejects keys that were not declared, with a did-you-mean.
class ConfigReader {
public:
  explicit ConfigReader(::hydra::JsonView object);

  void integer(absl::string_view key, int64_t &field, int64_t min, int64_t max);
  void number(absl::string_view key, double &field, double min, double max);
  // null: no value.
  void optionalNumber(absl::string_view key, std::optional<double> &field, double min, double max);
  void boolean(absl::string_view key, bool &field);
  void choice(absl::string_view key, std::string &field, std::vector<absl::string_view> allowed);
  void text(absl::string_view key, std::string &field);
  // A key that is known but not read here.
  void ignore(absl::string_view key) { known.push_back(key); }
  // An error unless the object has `key`.
  void require(absl::string_view key);

  // An error at the value of `key`, or at the object if it is absent, unless `condition` holds.
  void check(bool condition, absl::string_view key, absl::string_view message);

  absl::Status finish();
  // What was declared so far.
  const std::vector<absl::string_view> &keys() const { return known; }
  // Byte at which the value of `key` starts, or the object itself.
  uint64_t offset(absl::string_view key) const;

private:
  std::optional<::hydra::JsonView> declare(absl::string_view key);

  ::hydra::JsonView object;
  std::vector<absl::string_view> known;
  absl::Status status;
};

} // namespace mlir::hydra

#endif // HYDRA_FRONTEND_CONFIGREADER_H
