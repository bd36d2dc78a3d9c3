#include "runtime/data/shard_writer.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"

namespace hydra::data {
namespace {

constexpr absl::string_view kTrain = "train", kValidation = "validation", kEnding = ".tokens";

std::string Join(const AtomicDirectory& directory, const std::string& name) {
  return (std::filesystem::path(directory.temporary_path()) / name).string();
}

void AddSource(Shard& shard, size_t source, uint64_t count) {
  if (count == 0) return;
  if (shard.sources.empty() || shard.sources.back().first != source) {
    shard.sources.emplace_back(source, 0);
  }
  shard.sources.back().second += count;
}

}  // namespace

std::string ShardName(absl::string_view part, size_t index) {
  return index == 0 ? absl::StrCat(part, kEnding)
                    : absl::StrFormat("%s-%05d%s", part, index, kEnding);
}

bool IsShardName(absl::string_view name) {
  if (!absl::EndsWith(name, kEnding)) return false;
  name.remove_suffix(kEnding.size());
  const absl::string_view part = absl::StartsWith(name, kTrain) ? kTrain : kValidation;
  if (!absl::StartsWith(name, part)) return false;
  name.remove_prefix(part.size());
  return name.empty() || (name.size() >= 6 && name[0] == '-' &&
                          name.find_first_not_of("0123456789", 1) == absl::string_view::npos);
}

absl::Status ShardWriter::BeginShard() {
  open_ = Shard{.file = ShardName(kTrain, shards_.size())};
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, directory_.CreateFile(open_.file));
  HYDRA_ASSIGN_OR_RETURN(writer_, TokenFileWriter::Create(std::move(file), vocab_size_));
  return absl::OkStatus();
}

absl::Status ShardWriter::EndShard() {
  HYDRA_ASSIGN_OR_RETURN(open_.hash, writer_->Finish());
  writer_.reset();
  shards_.push_back(std::move(open_));
  return absl::OkStatus();
}

absl::Status ShardWriter::Append(absl::Span<const int32_t> tokens, size_t source) {
  while (!tokens.empty()) {
    if (!writer_) HYDRA_RETURN_IF_ERROR(BeginShard());
    const absl::Span<const int32_t> part = tokens.first(
        static_cast<size_t>(std::min<uint64_t>(tokens.size(), shard_tokens_ - open_.tokens)));
    HYDRA_RETURN_IF_ERROR(writer_->Append(part));
    AddSource(open_, source, part.size());
    open_.tokens += part.size();
    tokens_ += part.size();
    tokens.remove_prefix(part.size());
    if (open_.tokens == shard_tokens_) HYDRA_RETURN_IF_ERROR(EndShard());
  }
  return absl::OkStatus();
}

// A new shard of ids of one that is written.
absl::StatusOr<Shard> ShardWriter::CopyPart(const Shard& from, uint64_t first, uint64_t count,
                                            const std::string& name) const {
  constexpr uint64_t kPiece = uint64_t{1} << 18;
  HYDRA_ASSIGN_OR_RETURN(const TokenFile file, TokenFile::Open(Join(directory_, from.file)));
  HYDRA_ASSIGN_OR_RETURN(AtomicFile target, directory_.CreateFile(name));
  HYDRA_ASSIGN_OR_RETURN(TokenFileWriter writer,
                         TokenFileWriter::Create(std::move(target), vocab_size_));
  std::vector<int32_t> ids;
  for (uint64_t done = 0; done < count; done += ids.size()) {
    ids.resize(std::min(kPiece, count - done));
    HYDRA_RETURN_IF_ERROR(file.Read(first + done, absl::MakeSpan(ids)));
    HYDRA_RETURN_IF_ERROR(writer.Append(ids));
  }
  Shard shard{.file = name, .tokens = count};
  HYDRA_ASSIGN_OR_RETURN(shard.hash, writer.Finish());
  uint64_t begin = 0;
  for (const auto& [source, tokens] : from.sources) {
    const uint64_t low = std::max(begin, first), high = std::min(begin + tokens, first + count);
    if (low < high) AddSource(shard, source, high - low);
    begin += tokens;
  }
  return shard;
}

absl::Status ShardWriter::MoveTo(Shard& shard, const std::string& name) const {
  HYDRA_RETURN_IF_ERROR(RenamePath(Join(directory_, shard.file), Join(directory_, name)));
  shard.file = name;
  return absl::OkStatus();
}

absl::StatusOr<ShardWriter::Parts> ShardWriter::Finish(uint64_t validation) {
  if (writer_) HYDRA_RETURN_IF_ERROR(EndShard());
  Parts parts;
  const uint64_t train = tokens_ - validation;
  uint64_t begin = 0;
  for (Shard& shard : shards_) {
    const uint64_t end = begin + shard.tokens;
    if (end <= train) {
      parts.train.push_back(std::move(shard));
    } else if (begin >= train) {
      HYDRA_RETURN_IF_ERROR(MoveTo(shard, ShardName(kValidation, parts.validation.size())));
      parts.validation.push_back(std::move(shard));
    } else {
      // Both parts beside it, then the first in its place.
      const uint64_t kept = train - begin;
      HYDRA_ASSIGN_OR_RETURN(Shard set_aside,
                             CopyPart(shard, kept, shard.tokens - kept, ShardName(kValidation, 0)));
      const std::string name = shard.file;
      HYDRA_ASSIGN_OR_RETURN(Shard rest, CopyPart(shard, 0, kept, "train-rest.tokens"));
      HYDRA_RETURN_IF_ERROR(MoveTo(rest, name));
      parts.train.push_back(std::move(rest));
      parts.validation.push_back(std::move(set_aside));
    }
    begin = end;
  }
  return parts;
}

}  // namespace hydra::data
