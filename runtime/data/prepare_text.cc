// Texts to a data directory.
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "runtime/base/hash.h"
#include "runtime/data/dataset.h"
#include "runtime/data/jsonl_reader.h"
#include "runtime/data/shard_writer.h"
#include "runtime/data/text_source.h"
#include "runtime/data/tokenizer.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/json_value.h"
#include "runtime/io/output_guard.h"
#include "runtime/io/posix_file.h"

namespace hydra::data {
namespace {

bool IsDataFile(absl::string_view name) {
  return name == kDataDescription || name == kTokenizerJson || name == kTokenizerModel ||
         IsShardName(name);
}

// Tokenizes one source after the other into shards.
class Preparation {
 public:
  Preparation(const TextOptions& options, const Tokenizer& tokenizer, ShardWriter& shards)
      : options_(options),
        document_end_(tokenizer.document_end()),
        encoder_(tokenizer.NewEncoder()),
        shards_(shards) {}

  absl::Status Add(const std::string& path) {
    HYDRA_ASSIGN_OR_RETURN(TextSource source, TextSource::Open(path));
    const uint64_t before = shards_.tokens();
    std::optional<JsonlReader> reader;
    if (options_.format == TextFormat::kJsonl) reader.emplace(source.path(), options_.field);
    const auto take = [&](absl::string_view document) { return Document(document); };
    for (;;) {
      HYDRA_ASSIGN_OR_RETURN(const absl::string_view piece, source.Read());
      if (piece.empty()) break;
      HYDRA_RETURN_IF_ERROR(reader ? reader->Append(piece, take)
                                   : Annotate(Append(piece), source.path()));
    }
    HYDRA_RETURN_IF_ERROR(reader ? reader->Finish(take) : Annotate(FinishText(), source.path()));
    bytes_ += source.bytes();
    documents_ += reader ? reader->documents() : 1;
    sources_.push_back({{"file", source.name()},
                        {"bytes", source.bytes()},
                        {"documents", reader ? reader->documents() : 1},
                        {"tokens", shards_.tokens() - before},
                        {"hash", source.hash().ToHex()}});
    ++number_;
    return absl::OkStatus();
  }

  uint64_t bytes() const { return bytes_; }
  uint64_t documents() const { return documents_; }
  JsonValue TakeSources() { return std::move(sources_); }

 private:
  absl::Status Write() {
    HYDRA_RETURN_IF_ERROR(shards_.Append(ids_, number_));
    ids_.clear();
    return absl::OkStatus();
  }
  absl::Status Append(absl::string_view piece) {
    HYDRA_RETURN_IF_ERROR(encoder_->Append(piece, ids_));
    return Write();
  }
  absl::Status FinishText() {
    HYDRA_RETURN_IF_ERROR(encoder_->Finish(ids_));
    return Write();
  }
  absl::Status Document(absl::string_view text) {
    HYDRA_RETURN_IF_ERROR(encoder_->Append(text, ids_));
    HYDRA_RETURN_IF_ERROR(encoder_->Finish(ids_));
    ids_.insert(ids_.end(), document_end_.begin(), document_end_.end());
    return Write();
  }

  const TextOptions& options_;
  const std::vector<int32_t> document_end_;
  std::unique_ptr<TokenEncoder> encoder_;
  ShardWriter& shards_;
  std::vector<int32_t> ids_;
  size_t number_ = 0;  // of the source
  uint64_t bytes_ = 0;
  uint64_t documents_ = 0;
  JsonValue sources_ = JsonValue::array();
};

JsonValue Describe(const std::vector<Shard>& shards) {
  JsonValue list = JsonValue::array();
  for (const Shard& shard : shards) {
    JsonValue sources = JsonValue::array();
    for (const auto& [source, tokens] : shard.sources) {
      sources.push_back({{"source", source}, {"tokens", tokens}});
    }
    list.push_back({{"file", shard.file},
                    {"tokens", shard.tokens},
                    {"hash", shard.hash.ToHex()},
                    {"sources", std::move(sources)}});
  }
  return list;
}

absl::Status WriteFile(const AtomicDirectory& directory, absl::string_view name,
                       absl::string_view contents) {
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, directory.CreateFile(name));
  HYDRA_RETURN_IF_ERROR(file.Append(contents));
  return file.Commit();
}

absl::Status CheckOptions(const TextOptions& options) {
  if (!(options.validation_fraction >= 0 && options.validation_fraction < 1)) {
    return UsageError(absl::StrCat("--validation-fraction must lie in [0, 1), found ",
                                   options.validation_fraction));
  }
  if (options.shard_tokens == 0) return UsageError("--shard-tokens must be at least 1, found 0");
  if (options.files.empty()) return UsageError("expected at least one text file");
  return CheckOutput(options.out, DirectoryKind{"a data directory", IsDataFile}, options.force);
}

}  // namespace

absl::StatusOr<TextSummary> PrepareText(const TextOptions& options) {
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer,
                         MakeTokenizer(options.tokenizer));
  HYDRA_RETURN_IF_ERROR(CheckOptions(options));
  HYDRA_RETURN_IF_ERROR(MakeDirectories(ParentDirectory(options.out)));
  HYDRA_ASSIGN_OR_RETURN(AtomicDirectory directory, AtomicDirectory::Create(options.out));
  ShardWriter shards(directory, tokenizer->vocab_size(), options.shard_tokens);
  Preparation preparation(options, *tokenizer, shards);
  for (const std::string& path : options.files) HYDRA_RETURN_IF_ERROR(preparation.Add(path));
  TextSummary summary;
  summary.bytes = preparation.bytes();
  summary.documents = preparation.documents();
  summary.validation_tokens =
      static_cast<uint64_t>(options.validation_fraction * static_cast<double>(shards.tokens()));
  // A single held-out token predicts nothing.
  if (summary.validation_tokens < 2) summary.validation_tokens = 0;
  summary.train_tokens = shards.tokens() - summary.validation_tokens;
  if (summary.train_tokens < 2) {
    return InputError(
        absl::StrCat(options.files.front(), ": ", shards.tokens(),
                     " tokens leave fewer than 2 for training; use more text or a smaller "
                     "--validation-fraction"));
  }
  HYDRA_ASSIGN_OR_RETURN(const ShardWriter::Parts parts, shards.Finish(summary.validation_tokens));
  JsonValue description{
      {"format", kDataFormat},
      {"tokenizer", tokenizer->name()},
      {"vocab_size", tokenizer->vocab_size()},
      {"train", Describe(parts.train)},
      {"validation", parts.validation.empty() ? JsonValue(nullptr) : Describe(parts.validation)},
      {"sources", preparation.TakeSources()}};
  if (!tokenizer->contents().empty()) {
    description["tokenizer_hash"] = HashString(tokenizer->contents()).ToHex();
    HYDRA_RETURN_IF_ERROR(WriteFile(directory, tokenizer->name(), tokenizer->contents()));
  }
  HYDRA_RETURN_IF_ERROR(WriteFile(directory, kDataDescription, description.Dump(2) + "\n"));
  HYDRA_RETURN_IF_ERROR(directory.Publish());
  HYDRA_ASSIGN_OR_RETURN(const Dataset dataset, Dataset::Open(options.out));
  summary.fingerprint = dataset.fingerprint();
  return summary;
}

}  // namespace hydra::data
