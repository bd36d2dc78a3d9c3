// JSON Lines: the text field of every line, one document each.
#ifndef HYDRA_RUNTIME_DATA_JSONL_READER_H_
#define HYDRA_RUNTIME_DATA_JSONL_READER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"

namespace hydra::data {

// Takes the file in pieces and hands on its documents. Not thread-safe.
class JsonlReader {
 public:
  using TakeDocument = std::function<absl::Status(absl::string_view text)>;
  // `source` begins messages: the path as the user knows it.
  JsonlReader(std::string source, std::string field)
      : source_(std::move(source)), field_(std::move(field)) {}

  // Errors are those of `take`, and kInput with the line for what is no JSON object with a text
  // in the field, and for a line of more than 64 MiB. Lines of white space are skipped.
  absl::Status Append(absl::string_view piece, const TakeDocument& take);
  // The last line may end without a break.
  absl::Status Finish(const TakeDocument& take);

  uint64_t documents() const { return documents_; }

 private:
  absl::Status Line(absl::string_view line, const TakeDocument& take);

  std::string source_;
  std::string field_;
  std::string pending_;
  uint64_t lines_ = 0;
  uint64_t documents_ = 0;
};

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_JSONL_READER_H_
