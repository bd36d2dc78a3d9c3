#include "runtime/data/token_shards.h"

#include <algorithm>

namespace hydra::data {

TokenShards::TokenShards(std::vector<TokenFile> files) : files_(std::move(files)), begins_({0}) {
  for (const TokenFile& file : files_) begins_.push_back(begins_.back() + file.size());
}

TokenShards TokenShards::Of(TokenFile file) {
  std::vector<TokenFile> files;
  files.push_back(std::move(file));
  return TokenShards(std::move(files));
}

absl::StatusOr<TokenShards> TokenShards::Create(std::vector<TokenFile> files) {
  if (files.empty()) return InputError("expected at least one token file, found none");
  for (const TokenFile& file : files) {
    if (file.vocab_size() == files.front().vocab_size()) continue;
    return InputError(absl::StrCat(file.path(), ": has vocabulary size ", file.vocab_size(), ", ",
                                   files.front().path(), " has ", files.front().vocab_size(),
                                   "; run 'hydra-run data text' again"));
  }
  return TokenShards(std::move(files));
}

template <typename Visit>
absl::Status TokenShards::ForParts(uint64_t first, uint64_t count, const Visit& visit) const {
  size_t file = static_cast<size_t>(std::upper_bound(begins_.begin(), begins_.end(), first) -
                                    begins_.begin() - 1);
  for (uint64_t done = 0; done < count; ++file) {
    const uint64_t from = first + done;
    const uint64_t part = std::min(begins_[file + 1] - from, count - done);
    HYDRA_RETURN_IF_ERROR(visit(files_[file], from - begins_[file], done, part));
    done += part;
  }
  return absl::OkStatus();
}

absl::Status TokenShards::Read(uint64_t first, absl::Span<int32_t> out) const {
  return ForParts(first, out.size(),
                  [&](const TokenFile& file, uint64_t from, uint64_t done, uint64_t count) {
                    return file.Read(from, out.subspan(done, count));
                  });
}

void TokenShards::Prefetch(uint64_t first, uint64_t count) const {
  ForParts(first, count, [](const TokenFile& file, uint64_t from, uint64_t, uint64_t part) {
    file.Prefetch(from, part);
    return absl::OkStatus();
  }).IgnoreError();
}

}  // namespace hydra::data
