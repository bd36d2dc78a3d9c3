#include "runtime/data/dataset.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "runtime/base/hash.h"
#include "runtime/data/shard_writer.h"
#include "runtime/data/tokenizer.h"
#include "runtime/io/json_file.h"
#include "runtime/io/posix_file.h"

namespace hydra::data {
namespace {

namespace fs = std::filesystem;

constexpr char kOldFormat[] = "hydra-data-1";
constexpr uint64_t kLargestTokenizer = uint64_t{1} << 28;

std::string Join(const std::string& directory, absl::string_view name) {
  return (fs::path(directory) / std::string(name)).string();
}

// Opens the token file that data.json describes.
absl::StatusOr<TokenFile> OpenPart(const std::string& directory, const JsonView& part,
                                   absl::string_view file_name) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView hash_value, part.Get("hash"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view hash, hash_value.String());
  HYDRA_ASSIGN_OR_RETURN(TokenFile file, TokenFile::Open(Join(directory, file_name)));
  if (file.hash().ToHex() != hash) {
    return InputError(
        absl::StrCat(file.path(), ": is another file than data.json describes: expected hash ",
                     hash, ", found ", file.hash().ToHex(), "; run 'hydra-run data text' again"));
  }
  HYDRA_ASSIGN_OR_RETURN(const JsonView count, part.Get("tokens"));
  HYDRA_ASSIGN_OR_RETURN(const uint64_t tokens, count.Uint());
  if (tokens != static_cast<uint64_t>(file.size())) {
    return count.Error(absl::StrCat(file.path(), " has ", file.size(), " tokens, this says ",
                                    tokens, "; run 'hydra-run data text' again"));
  }
  return file;
}

// The shards of a part; version 1 had one of each.
absl::StatusOr<TokenShards> OpenShards(const std::string& directory, const JsonView& part,
                                       absl::string_view name) {
  if (!part.is_array()) {
    HYDRA_ASSIGN_OR_RETURN(TokenFile file, OpenPart(directory, part, ShardName(name, 0)));
    return TokenShards::Of(std::move(file));
  }
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> list, part.Array());
  std::vector<TokenFile> files;
  for (const JsonView& shard : list) {
    HYDRA_ASSIGN_OR_RETURN(TokenFile file,
                           OpenPart(directory, shard, ShardName(name, files.size())));
    files.push_back(std::move(file));
  }
  if (files.empty()) return part.Expected("at least one shard");
  return TokenShards::Create(std::move(files));
}

// Which of the sources that data.json lists each id of a part is from.
absl::StatusOr<std::vector<SourceRange>> ReadSources(const JsonView& root, const JsonView& part) {
  std::vector<SourceRange> ranges;
  const std::optional<JsonView> listed = root.Find("sources");
  if (!listed || !part.is_array()) return ranges;  // version 1
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> sources, listed->Array());
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> shards, part.Array());
  std::optional<uint64_t> last;
  uint64_t end = 0, begin_of_shard = 0;
  for (const JsonView& shard : shards) {
    HYDRA_ASSIGN_OR_RETURN(const JsonView member, shard.Get("sources"));
    HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> pieces, member.Array());
    for (const JsonView& piece : pieces) {
      HYDRA_ASSIGN_OR_RETURN(const JsonView number, piece.Get("source"));
      HYDRA_ASSIGN_OR_RETURN(const uint64_t source, number.Uint());
      HYDRA_ASSIGN_OR_RETURN(const JsonView count, piece.Get("tokens"));
      HYDRA_ASSIGN_OR_RETURN(const uint64_t tokens, count.Uint());
      if (source >= sources.size())
        return number.Expected(
            absl::StrCat("a number below that of the sources, ", sources.size()));
      HYDRA_ASSIGN_OR_RETURN(const JsonView file, sources[source].Get("file"));
      HYDRA_ASSIGN_OR_RETURN(const absl::string_view name, file.String());
      if (last != source) ranges.push_back({std::string(name), end, end});
      last = source;
      end += tokens;
      ranges.back().end = end;
    }
    HYDRA_ASSIGN_OR_RETURN(const JsonView total, shard.Get("tokens"));
    HYDRA_ASSIGN_OR_RETURN(const uint64_t tokens, total.Uint());
    if (end != begin_of_shard + tokens)
      return total.Expected(absl::StrCat("the sum over its sources, ", end - begin_of_shard));
    begin_of_shard = end;
  }
  return ranges;
}

// The bytes of the tokenizer's file that data.json describes.
absl::StatusOr<std::string> OpenTokenizerFile(const std::string& directory, const JsonView& root,
                                              absl::string_view name) {
  if (name == kByteTokenizer) return std::string();
  HYDRA_ASSIGN_OR_RETURN(const JsonView hash_value, root.Get("tokenizer_hash"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view hash, hash_value.String());
  const std::string path = Join(directory, name);
  HYDRA_ASSIGN_OR_RETURN(std::string contents, ReadWholeFile(path, kLargestTokenizer));
  if (HashString(contents).ToHex() == hash) return contents;
  return InputError(absl::StrCat(path, ": is another tokenizer than data.json describes: expected ",
                                 "hash ", hash, ", found ", HashString(contents).ToHex(),
                                 "; run 'hydra-run data text' again"));
}

}  // namespace

Dataset::Dataset(std::string tokenizer, std::string tokenizer_contents, TokenShards train,
                 std::vector<SourceRange> train_sources, std::optional<TokenShards> validation)
    : tokenizer_(std::move(tokenizer)),
      tokenizer_contents_(std::move(tokenizer_contents)),
      train_(std::move(train)),
      train_sources_(std::move(train_sources)),
      validation_(std::move(validation)) {
  Hasher hasher;
  hasher.AddField(tokenizer_);
  for (const TokenFile& file : train_.files()) hasher.AddField(file.hash().ToHex());
  if (!validation_) hasher.AddField("");
  for (const TokenFile& file : validation_ ? validation_->files() : absl::Span<const TokenFile>()) {
    hasher.AddField(file.hash().ToHex());
  }
  if (!tokenizer_contents_.empty()) hasher.AddField(tokenizer_contents_);
  fingerprint_ = hasher.Digest().ToHex();
}

absl::StatusOr<Dataset> Dataset::Open(const std::string& directory) {
  std::error_code ignored;
  if (!fs::is_directory(directory, ignored)) {
    const bool file = fs::exists(directory, ignored);
    return InputError(
        absl::StrCat(directory, ": expected a data directory, found ", file ? "a file" : "nothing",
                     "; make one with 'hydra-run data text ", file ? directory : "FILE", " --out ",
                     file ? "DIR" : directory, "'"));
  }
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document,
                         JsonDocument::ReadFile(Join(directory, kDataDescription)));
  const JsonView root = document.root();
  HYDRA_ASSIGN_OR_RETURN(const JsonView format, root.Get("format"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view format_name, format.String());
  if (format_name != kDataFormat && format_name != kOldFormat)
    return format.Expected(absl::StrCat("\"", kDataFormat, "\""));
  HYDRA_ASSIGN_OR_RETURN(const JsonView tokenizer, root.Get("tokenizer"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view tokenizer_name, tokenizer.String());
  if (tokenizer_name != kByteTokenizer && tokenizer_name != kTokenizerJson &&
      tokenizer_name != kTokenizerModel) {
    return tokenizer.Expected(absl::StrCat("\"", kByteTokenizer, "\", \"", kTokenizerJson,
                                           "\" or \"", kTokenizerModel, "\""));
  }
  HYDRA_ASSIGN_OR_RETURN(std::string tokenizer_contents,
                         OpenTokenizerFile(directory, root, tokenizer_name));
  HYDRA_ASSIGN_OR_RETURN(const JsonView train_part, root.Get("train"));
  HYDRA_ASSIGN_OR_RETURN(TokenShards train, OpenShards(directory, train_part, "train"));
  HYDRA_ASSIGN_OR_RETURN(std::vector<SourceRange> sources, ReadSources(root, train_part));
  HYDRA_ASSIGN_OR_RETURN(const JsonView vocabulary, root.Get("vocab_size"));
  HYDRA_ASSIGN_OR_RETURN(const uint64_t vocab_size, vocabulary.Uint());
  if (vocab_size != static_cast<uint64_t>(train.vocab_size())) {
    return vocabulary.Error(absl::StrCat(train.path(), " has a vocabulary of ", train.vocab_size(),
                                         ", this says ", vocab_size,
                                         "; run 'hydra-run data text' again"));
  }
  std::optional<TokenShards> validation;
  if (const std::optional<JsonView> part = root.Find("validation"); part && !part->is_null()) {
    HYDRA_ASSIGN_OR_RETURN(validation, OpenShards(directory, *part, "validation"));
    if (validation->vocab_size() != train.vocab_size()) {
      return InputError(absl::StrCat(validation->path(), ": has vocabulary size ",
                                     validation->vocab_size(), ", ", train.path(), " has ",
                                     train.vocab_size(), "; run 'hydra-run data text' again"));
    }
  }
  return Dataset(std::string(tokenizer_name), std::move(tokenizer_contents), std::move(train),
                 std::move(sources), std::move(validation));
}

}  // namespace hydra::data
