#include "runtime/data/tokenizer/bpe_tokenizer.h"

#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "runtime/data/tokenizer/added_tokens.h"
#include "runtime/data/tokenizer/bpe_model.h"
#include "runtime/data/tokenizer/split_regex.h"
#include "runtime/data/tokenizer/text_cutter.h"
#include "runtime/data/tokenizer/tokenizer_json.h"

namespace hydra::data {
namespace {

// Words whose ids are remembered: the longest of them, and how many.
constexpr size_t kLongestKnown = 48;
constexpr size_t kMostKnown = size_t{1} << 17;

// What encoders share.
struct Parts {
  BpeModel model;
  SplitRegex split;
  AddedTokenFinder added;
};

class BpeEncoder final : public TokenEncoder, private WordReceiver {
 public:
  explicit BpeEncoder(std::shared_ptr<const Parts> parts)
      : parts_(std::move(parts)), cutter_(parts_->split, parts_->added, *this) {}

  absl::Status Append(absl::string_view text, std::vector<int32_t>& ids) override {
    ids_ = &ids;
    return cutter_.Append(text);
  }

  absl::Status Finish(std::vector<int32_t>& ids) override {
    ids_ = &ids;
    return cutter_.Finish();
  }

 private:
  void Added(int32_t id) override { ids_->push_back(id); }

  void Word(absl::string_view word) override {
    std::vector<int32_t>& ids = *ids_;
    if (word.size() > kLongestKnown) return parts_->model.Encode(word, scratch_, ids);
    if (const auto known = known_.find(word); known != known_.end()) {
      const auto begin = known_ids_.begin() + known->second.first;
      ids.insert(ids.end(), begin, begin + known->second.second);
      return;
    }
    if (known_.size() == kMostKnown) {
      known_.clear();
      known_ids_.clear();
    }
    const size_t before = ids.size();
    parts_->model.Encode(word, scratch_, ids);
    const uint32_t count = static_cast<uint32_t>(ids.size() - before);
    known_.emplace(word, std::pair(static_cast<uint32_t>(known_ids_.size()), count));
    known_ids_.insert(known_ids_.end(), ids.end() - count, ids.end());
  }

  std::shared_ptr<const Parts> parts_;
  TextCutter cutter_;
  BpeModel::Scratch scratch_;
  std::vector<int32_t>* ids_ = nullptr;  // of the call that runs
  // Words met before: where their ids begin in known_ids_, and how many.
  absl::flat_hash_map<std::string, std::pair<uint32_t, uint32_t>> known_;
  std::vector<int32_t> known_ids_;
};

class BpeTokenizer final : public Tokenizer {
 public:
  BpeTokenizer(std::string contents, std::shared_ptr<const Parts> parts, const BpeFile& file)
      : contents_(std::move(contents)),
        parts_(std::move(parts)),
        texts_(static_cast<size_t>(file.vocab_size)) {
    for (const auto& [bytes, id] : file.table.tokens) texts_[static_cast<size_t>(id)] = bytes;
    for (const AddedToken& token : file.added) {
      texts_[static_cast<size_t>(token.id)] = token.content;
    }
    // The names that such a token has in the wild.
    for (const char* name : {"<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"}) {
      for (const AddedToken& token : file.added) {
        if (token.content == name && document_end_.empty()) document_end_ = {token.id};
      }
    }
    if (document_end_.empty()) document_end_ = {parts_->model.byte_id('\n')};
  }

  absl::string_view name() const override { return kTokenizerJson; }
  absl::string_view contents() const override { return contents_; }
  int64_t vocab_size() const override { return static_cast<int64_t>(texts_.size()); }
  std::vector<int32_t> document_end() const override { return document_end_; }
  std::unique_ptr<TokenEncoder> NewEncoder() const override {
    return std::make_unique<BpeEncoder>(parts_);
  }

  absl::StatusOr<std::string> Decode(absl::Span<const int32_t> tokens) const override {
    std::string text;
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] < 0 || tokens[i] >= vocab_size()) {
        return FailureError(absl::StrCat("token ", i, " has id ", tokens[i],
                                         ", the tokenizer knows ids 0 to ", vocab_size() - 1));
      }
      text += texts_[static_cast<size_t>(tokens[i])];
    }
    return text;
  }

 private:
  std::string contents_;
  std::shared_ptr<const Parts> parts_;
  std::vector<std::string> texts_;  // by id; ids that the file leaves out have none
  std::vector<int32_t> document_end_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> MakeBpeTokenizer(std::string contents,
                                                            absl::string_view source) {
  HYDRA_ASSIGN_OR_RETURN(const BpeFile file, ParseTokenizerJson(contents, source));
  HYDRA_ASSIGN_OR_RETURN(BpeModel model, BpeModel::Create(file.table, source));
  HYDRA_ASSIGN_OR_RETURN(SplitRegex split, SplitRegex::Compile(file.split_pattern, source));
  auto parts = std::make_shared<const Parts>(
      Parts{std::move(model), std::move(split), AddedTokenFinder(file.added)});
  return std::make_unique<BpeTokenizer>(std::move(contents), std::move(parts), file);
}

}  // namespace hydra::data
