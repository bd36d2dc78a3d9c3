// Token shards of a data directory under construction: a stream of ids, cut into files of equal
// size; at its end the last part is set aside for validation.
#ifndef HYDRA_RUNTIME_DATA_SHARD_WRITER_H_
#define HYDRA_RUNTIME_DATA_SHARD_WRITER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/data/token_file.h"
#include "runtime/io/atomic_file.h"

namespace hydra::data {

// "train.tokens", "train-00001.tokens", ...
std::string ShardName(absl::string_view part, size_t index);
// Whether a data directory can have a file of this name.
bool IsShardName(absl::string_view name);

struct Shard {
  std::string file;
  uint64_t tokens = 0;
  Hash128 hash = {};
  // Where its ids come from, in order: a source's number and how many.
  std::vector<std::pair<size_t, uint64_t>> sources = {};
};

// Borrows the directory. Not thread-safe.
class ShardWriter {
 public:
  // Shards of `shard_tokens` ids, at least 1.
  ShardWriter(const AtomicDirectory& directory, int64_t vocab_size, uint64_t shard_tokens)
      : directory_(directory), vocab_size_(vocab_size), shard_tokens_(shard_tokens) {}

  absl::Status Append(absl::Span<const int32_t> tokens, size_t source);
  // Ids appended so far.
  uint64_t tokens() const { return tokens_; }

  struct Parts {
    std::vector<Shard> train, validation;
  };
  // Sets the last `validation` ids aside, at most tokens(). One shard at most is written again.
  absl::StatusOr<Parts> Finish(uint64_t validation);

 private:
  absl::Status BeginShard();
  absl::Status EndShard();
  absl::StatusOr<Shard> CopyPart(const Shard& from, uint64_t first, uint64_t count,
                                 const std::string& name) const;
  absl::Status MoveTo(Shard& shard, const std::string& name) const;

  const AtomicDirectory& directory_;
  int64_t vocab_size_;
  uint64_t shard_tokens_;
  uint64_t tokens_ = 0;
  std::vector<Shard> shards_;  // those that are written
  Shard open_;
  std::optional<TokenFileWriter> writer_;
};

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_SHARD_WRITER_H_
