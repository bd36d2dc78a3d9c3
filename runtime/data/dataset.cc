#include "runtime/data/dataset.h"

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "runtime/base/hash.h"
#include "runtime/data/tokenizer.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/json_file.h"
#include "runtime/io/output_guard.h"
#include "runtime/io/posix_file.h"

namespace hydra::data {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "hydra-data-1";
constexpr char kDescription[] = "data.json";
constexpr char kTrain[] = "train.tokens";
constexpr char kValidation[] = "validation.tokens";
constexpr uint64_t kLargestText = uint64_t{1} << 36;

std::string Join(const std::string& directory, absl::string_view name) {
  return (fs::path(directory) / std::string(name)).string();
}

// Opens the token file that a member of data.json describes.
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

absl::StatusOr<Json> WritePart(AtomicFile file, absl::Span<const int32_t> tokens,
                               int64_t vocab_size) {
  HYDRA_ASSIGN_OR_RETURN(const Hash128 hash, WriteTokenFile(std::move(file), tokens, vocab_size));
  return Json{{"tokens", tokens.size()}, {"hash", hash.ToHex()}};
}

const DirectoryKind kDataKind{"a data directory", [](absl::string_view name) {
                                return name == kDescription || name == kTrain ||
                                       name == kValidation;
                              }};

}  // namespace

Dataset::Dataset(std::string tokenizer, TokenFile train, std::optional<TokenFile> validation)
    : tokenizer_(std::move(tokenizer)),
      train_(std::move(train)),
      validation_(std::move(validation)) {
  Hasher hasher;
  hasher.AddField(tokenizer_).AddField(train_.hash().ToHex());
  hasher.AddField(validation_ ? validation_->hash().ToHex() : "");
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
                         JsonDocument::ReadFile(Join(directory, kDescription)));
  const JsonView root = document.root();
  HYDRA_ASSIGN_OR_RETURN(const JsonView format, root.Get("format"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view format_name, format.String());
  if (format_name != kFormat) return format.Expected(absl::StrCat("\"", kFormat, "\""));
  HYDRA_ASSIGN_OR_RETURN(const JsonView tokenizer, root.Get("tokenizer"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view tokenizer_name, tokenizer.String());
  if (const auto known = MakeTokenizer(std::string(tokenizer_name)); !known.ok()) {
    return tokenizer.Error(known.status().message());
  }
  HYDRA_ASSIGN_OR_RETURN(const JsonView train_part, root.Get("train"));
  HYDRA_ASSIGN_OR_RETURN(TokenFile train, OpenPart(directory, train_part, kTrain));
  HYDRA_ASSIGN_OR_RETURN(const JsonView vocabulary, root.Get("vocab_size"));
  HYDRA_ASSIGN_OR_RETURN(const uint64_t vocab_size, vocabulary.Uint());
  if (vocab_size != static_cast<uint64_t>(train.vocab_size())) {
    return vocabulary.Error(absl::StrCat(train.path(), " has a vocabulary of ", train.vocab_size(),
                                         ", this says ", vocab_size,
                                         "; run 'hydra-run data text' again"));
  }
  std::optional<TokenFile> validation;
  if (const std::optional<JsonView> part = root.Find("validation"); part && !part->is_null()) {
    HYDRA_ASSIGN_OR_RETURN(validation, OpenPart(directory, *part, kValidation));
    if (validation->vocab_size() != train.vocab_size()) {
      return InputError(absl::StrCat(validation->path(), ": has vocabulary size ",
                                     validation->vocab_size(), ", ", train.path(), " has ",
                                     train.vocab_size(), "; run 'hydra-run data text' again"));
    }
  }
  return Dataset(std::string(tokenizer_name), std::move(train), std::move(validation));
}

absl::StatusOr<TextSummary> PrepareText(const TextOptions& options) {
  if (!(options.validation_fraction >= 0 && options.validation_fraction < 1)) {
    return UsageError(absl::StrCat("--validation-fraction must lie in [0, 1), found ",
                                   options.validation_fraction));
  }
  if (options.files.empty()) return UsageError("expected at least one text file");
  HYDRA_RETURN_IF_ERROR(CheckOutput(options.out, kDataKind, options.force));
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer,
                         MakeTokenizer(options.tokenizer));
  TextSummary summary;
  std::vector<int32_t> tokens;
  Json sources = Json::array();
  for (const std::string& path : options.files) {
    HYDRA_ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kLargestText));
    HYDRA_ASSIGN_OR_RETURN(const std::vector<int32_t> part, tokenizer->Encode(text));
    tokens.insert(tokens.end(), part.begin(), part.end());
    summary.bytes += text.size();
    sources.push_back({{"file", fs::path(path).filename().string()},
                       {"bytes", text.size()},
                       {"hash", HashString(text).ToHex()}});
  }
  summary.validation_tokens =
      static_cast<uint64_t>(options.validation_fraction * static_cast<double>(tokens.size()));
  summary.train_tokens = tokens.size() - summary.validation_tokens;
  if (summary.train_tokens < 2) {
    return InputError(
        absl::StrCat(options.files.front(), ": ", tokens.size(),
                     " tokens leave fewer than 2 for training; use more text or a smaller "
                     "--validation-fraction"));
  }
  HYDRA_RETURN_IF_ERROR(MakeDirectories(ParentDirectory(options.out)));
  HYDRA_ASSIGN_OR_RETURN(AtomicDirectory directory, AtomicDirectory::Create(options.out));
  const absl::Span<const int32_t> all(tokens);
  Json description{{"format", kFormat},
                   {"tokenizer", std::string(tokenizer->name())},
                   {"vocab_size", tokenizer->vocab_size()},
                   {"train", nullptr},
                   {"validation", nullptr},
                   {"sources", std::move(sources)}};
  HYDRA_ASSIGN_OR_RETURN(AtomicFile train, directory.CreateFile(kTrain));
  HYDRA_ASSIGN_OR_RETURN(
      description["train"],
      WritePart(std::move(train), all.first(summary.train_tokens), tokenizer->vocab_size()));
  // A single held-out token predicts nothing.
  if (summary.validation_tokens >= 2) {
    HYDRA_ASSIGN_OR_RETURN(AtomicFile validation, directory.CreateFile(kValidation));
    HYDRA_ASSIGN_OR_RETURN(description["validation"],
                           WritePart(std::move(validation), all.subspan(summary.train_tokens),
                                     tokenizer->vocab_size()));
  }
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, directory.CreateFile(kDescription));
  HYDRA_RETURN_IF_ERROR(file.Append(
      absl::string_view(description.dump(2, ' ', false, Json::error_handler_t::replace) + "\n")));
  HYDRA_RETURN_IF_ERROR(file.Commit());
  HYDRA_RETURN_IF_ERROR(directory.Publish());
  HYDRA_ASSIGN_OR_RETURN(const Dataset dataset, Dataset::Open(options.out));
  summary.fingerprint = dataset.fingerprint();
  return summary;
}

}  // namespace hydra::data
