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

// The names of the texts.
absl::StatusOr<std::vector<std::string>> ReadSources(const JsonView& root) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView value, root.Get("sources"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> list, value.Array());
  std::vector<std::string> names;
  for (const JsonView& source : list) {
    HYDRA_ASSIGN_OR_RETURN(const JsonView file, source.Get("file"));
    HYDRA_ASSIGN_OR_RETURN(const absl::string_view name, file.String());
    names.emplace_back(name);
  }
  return names;
}

// Which of `sources` texts the ids of a part are of: as many as its shards have.
absl::StatusOr<SourceMap> ReadSourceMap(const JsonView& part, const TokenShards& tokens,
                                        size_t sources) {
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> shards, part.Array());
  SourceMap map;
  uint64_t end = 0;
  for (size_t i = 0; i < shards.size(); ++i) {
    HYDRA_ASSIGN_OR_RETURN(const JsonView value, shards[i].Get("sources"));
    HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> runs, value.Array());
    end += tokens.files()[i].size();
    for (const JsonView& run : runs) {
      HYDRA_ASSIGN_OR_RETURN(const JsonView number, run.Get("source"));
      HYDRA_ASSIGN_OR_RETURN(const uint64_t source, number.Uint());
      if (source >= sources) return number.Expected("the number of a source");
      HYDRA_ASSIGN_OR_RETURN(const JsonView count, run.Get("tokens"));
      HYDRA_ASSIGN_OR_RETURN(const uint64_t ids, count.Uint(end - map.size()));
      map.Append(source, ids);
    }
    if (map.size() != end) {
      return value.Expected(absl::StrCat("runs of together ", tokens.files()[i].size(), " tokens"));
    }
  }
  return map;
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
                 std::optional<TokenShards> validation)
    : tokenizer_(std::move(tokenizer)),
      tokenizer_contents_(std::move(tokenizer_contents)),
      train_(std::move(train)),
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
  Dataset dataset(std::string(tokenizer_name), std::move(tokenizer_contents), std::move(train),
                  std::move(validation));
  if (format_name == kOldFormat) return dataset;
  HYDRA_ASSIGN_OR_RETURN(dataset.sources_, ReadSources(root));
  const size_t sources = dataset.sources_.size();
  HYDRA_ASSIGN_OR_RETURN(dataset.train_sources_,
                         ReadSourceMap(train_part, dataset.train_, sources));
  if (dataset.validation_) {
    HYDRA_ASSIGN_OR_RETURN(const JsonView part, root.Get("validation"));
    HYDRA_ASSIGN_OR_RETURN(dataset.validation_sources_,
                           ReadSourceMap(part, *dataset.validation_, sources));
  }
  return dataset;
}

}  // namespace hydra::data
