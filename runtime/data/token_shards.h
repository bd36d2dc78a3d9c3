// Token files read as one: the ids of the first, then those of the second, and so on. What is read
// does not depend on where the files were cut.
#ifndef HYDRA_RUNTIME_DATA_TOKEN_SHARDS_H_
#define HYDRA_RUNTIME_DATA_TOKEN_SHARDS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/data/token_file.h"

namespace hydra::data {

// At least one file; immutable; thread-safe.
class TokenShards {
 public:
  // kInput if the files have different vocabularies.
  static absl::StatusOr<TokenShards> Create(std::vector<TokenFile> files);
  static TokenShards Of(TokenFile file);

  uint64_t size() const { return begins_.back(); }
  int64_t vocab_size() const { return files_.front().vocab_size(); }
  // The path of the first file, for messages.
  const std::string& path() const { return files_.front().path(); }
  absl::Span<const TokenFile> files() const { return files_; }

  // TokenFile::Read over all of them.
  absl::Status Read(uint64_t first, absl::Span<int32_t> out) const;
  // Tells the system that these ids are read soon, so that it fetches them from the disk meanwhile.
  // Changes nothing else, and waits for nothing.
  void Prefetch(uint64_t first, uint64_t count) const;

 private:
  explicit TokenShards(std::vector<TokenFile> files);
  // Calls visit(file, first id in it, count) for the parts of a range, in order.
  template <typename Visit>
  absl::Status ForParts(uint64_t first, uint64_t count, const Visit& visit) const;

  std::vector<TokenFile> files_;
  std::vector<uint64_t> begins_;  // of each file among all ids, and the end
};

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKEN_SHARDS_H_
