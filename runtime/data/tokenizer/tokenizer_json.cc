#include "runtime/data/tokenizer/tokenizer_json.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "runtime/data/tokenizer/byte_level.h"
#include "runtime/data/tokenizer/split_regex.h"
#include "runtime/io/json_file.h"
#include "runtime/io/json_value.h"

namespace hydra::data {
namespace {

constexpr int64_t kLargestId = (int64_t{1} << 24) - 1;
constexpr size_t kLargestAdded = size_t{1} << 16;

// Refuses a member that is there with anything but null, or the value that means nothing.
absl::Status ExpectNone(const JsonView& object, absl::string_view key, absl::string_view what) {
  const std::optional<JsonView> member = object.Find(key);
  if (!member || member->is_null()) return absl::OkStatus();
  if (member->is_string() && member->String()->empty()) return absl::OkStatus();
  return member->Error(
      absl::StrCat("expected none: ", what, " is not supported; found ", member->Describe()));
}

absl::StatusOr<bool> Bool(const JsonView& object, absl::string_view key, bool otherwise) {
  const std::optional<JsonView> member = object.Find(key);
  if (!member || member->is_null()) return otherwise;
  return member->Bool();
}

absl::StatusOr<absl::string_view> Type(const JsonView& object) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView member, object.Get("type"));
  return member.String();
}

absl::Status ReadVocabulary(const JsonView& model, BpeTable& table) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView vocabulary, model.Get("vocab"));
  HYDRA_ASSIGN_OR_RETURN(const auto members, vocabulary.Object());
  absl::flat_hash_set<int64_t> ids;
  for (const auto& [token, member] : members) {
    HYDRA_ASSIGN_OR_RETURN(const int64_t id, member.Int(0, kLargestId));
    if (!ids.insert(id).second) return member.Error("expected an id of its own for every token");
    table.tokens.emplace_back(FromByteLevel(token), static_cast<int32_t>(id));
  }
  return absl::OkStatus();
}

// ["a b", ...] or, written by newer versions, [["a", "b"], ...].
absl::Status ReadMerges(const JsonView& model, BpeTable& table) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView merges, model.Get("merges"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> elements, merges.Array());
  table.merges.reserve(elements.size());
  for (const JsonView& element : elements) {
    absl::string_view left, right;
    if (element.is_array() && element.size() == 2) {
      HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> parts, element.Array());
      HYDRA_ASSIGN_OR_RETURN(left, parts[0].String());
      HYDRA_ASSIGN_OR_RETURN(right, parts[1].String());
    } else if (element.is_string()) {
      HYDRA_ASSIGN_OR_RETURN(const absl::string_view pair, element.String());
      const size_t space = pair.find(' ');
      if (space != absl::string_view::npos) {
        left = pair.substr(0, space);
        right = pair.substr(space + 1);
      }
    }
    if (left.empty() || right.empty()) {
      return element.Expected("a merge: two tokens, as \"a b\" or [\"a\", \"b\"]");
    }
    table.merges.emplace_back(FromByteLevel(left), FromByteLevel(right));
  }
  return absl::OkStatus();
}

absl::Status ReadModel(const JsonView& model, BpeTable& table) {
  HYDRA_RETURN_IF_ERROR(model.RejectUnknownKeys(
      {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
       "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"}));
  // Files of before there were types have none.
  if (model.Find("type")) {
    HYDRA_ASSIGN_OR_RETURN(const absl::string_view type, Type(model));
    if (type != "BPE") return model.Find("type")->Expected("\"BPE\", of byte level");
  }
  HYDRA_RETURN_IF_ERROR(ExpectNone(model, "dropout", "random dropping of merges"));
  HYDRA_RETURN_IF_ERROR(ExpectNone(model, "continuing_subword_prefix", "a prefix of subwords"));
  HYDRA_RETURN_IF_ERROR(ExpectNone(model, "end_of_word_suffix", "a suffix of words"));
  HYDRA_ASSIGN_OR_RETURN(table.whole_words_first, Bool(model, "ignore_merges", false));
  HYDRA_RETURN_IF_ERROR(ReadVocabulary(model, table));
  return ReadMerges(model, table);
}

// Whether a ByteLevel step cuts words itself.
absl::StatusOr<bool> ReadByteLevel(const JsonView& step) {
  HYDRA_ASSIGN_OR_RETURN(const bool prefix, Bool(step, "add_prefix_space", true));
  if (prefix) return step.Error("add_prefix_space is not supported; expected it to be false");
  return Bool(step, "use_regex", true);
}

absl::StatusOr<std::string> ReadSplit(const JsonView& step) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView behavior, step.Get("behavior"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view name, behavior.String());
  if (name != "Isolated") return behavior.Expected("\"Isolated\"");
  HYDRA_ASSIGN_OR_RETURN(const bool invert, Bool(step, "invert", false));
  if (invert) return step.Error("an inverted split is not supported");
  HYDRA_ASSIGN_OR_RETURN(const JsonView pattern, step.Get("pattern"));
  HYDRA_ASSIGN_OR_RETURN(const JsonView regex, pattern.Get("Regex"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view text, regex.String());
  return std::string(text);
}

// ByteLevel alone, or a Split and then ByteLevel without one of its own.
absl::StatusOr<std::string> ReadPreTokenizer(const JsonView& root) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView top, root.Get("pre_tokenizer"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view top_type, Type(top));
  std::vector<JsonView> steps = {top};
  if (top_type == "Sequence") {
    HYDRA_ASSIGN_OR_RETURN(const JsonView list, top.Get("pretokenizers"));
    HYDRA_ASSIGN_OR_RETURN(steps, list.Array());
  }
  std::vector<std::string> patterns;
  bool byte_level = false;
  for (const JsonView& step : steps) {
    HYDRA_ASSIGN_OR_RETURN(const absl::string_view type, Type(step));
    if (byte_level || (type != "ByteLevel" && type != "Split")) {
      return step.Error(
          absl::StrCat("expected ByteLevel, or a Split before it, found ", QuoteForMessage(type)));
    }
    if (type == "Split") {
      HYDRA_ASSIGN_OR_RETURN(std::string pattern, ReadSplit(step));
      patterns.push_back(std::move(pattern));
      continue;
    }
    byte_level = true;
    HYDRA_ASSIGN_OR_RETURN(const bool own, ReadByteLevel(step));
    if (own) patterns.push_back(kGpt2Pattern);
  }
  if (!byte_level || patterns.size() != 1) {
    return top.Error(absl::StrCat("expected ByteLevel and one pattern of words, found ",
                                  byte_level ? "" : "no ByteLevel and ", patterns.size(),
                                  " patterns"));
  }
  return std::move(patterns.front());
}

absl::StatusOr<AddedToken> ReadAddedToken(const JsonView& element) {
  AddedToken token;
  HYDRA_ASSIGN_OR_RETURN(const JsonView content, element.Get("content"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view text, content.String());
  if (text.empty()) return content.Expected("a text");
  token.content = std::string(text);
  HYDRA_ASSIGN_OR_RETURN(const JsonView id, element.Get("id"));
  HYDRA_ASSIGN_OR_RETURN(const int64_t value, id.Int(0, kLargestId));
  token.id = static_cast<int32_t>(value);
  for (const char* key : {"single_word", "lstrip", "rstrip"}) {
    HYDRA_ASSIGN_OR_RETURN(const bool set, Bool(element, key, false));
    if (set) return element.Error(absl::StrCat(key, " is not supported; expected it to be false"));
  }
  HYDRA_ASSIGN_OR_RETURN(token.special, Bool(element, "special", false));
  HYDRA_ASSIGN_OR_RETURN(token.normalized, Bool(element, "normalized", !token.special));
  return token;
}

absl::Status ReadAddedTokens(const JsonView& root, BpeFile& file) {
  const std::optional<JsonView> list = root.Find("added_tokens");
  if (!list || list->is_null()) return absl::OkStatus();
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> elements, list->Array());
  if (elements.size() > kLargestAdded) {
    return list->Expected(absl::StrCat("at most ", kLargestAdded, " tokens"));
  }
  absl::flat_hash_map<absl::string_view, int32_t> ids;
  absl::flat_hash_map<int32_t, absl::string_view> contents;
  for (const auto& [bytes, id] : file.table.tokens) {
    ids.emplace(bytes, id);
    contents.emplace(id, bytes);
  }
  file.added.reserve(elements.size());  // the maps point into it
  for (const JsonView& element : elements) {
    HYDRA_ASSIGN_OR_RETURN(AddedToken token, ReadAddedToken(element));
    // A token may stand in the vocabulary too, as itself.
    const auto same_text = ids.find(token.content);
    const auto same_id = contents.find(token.id);
    if ((same_text != ids.end() && same_text->second != token.id) ||
        (same_id != contents.end() && same_id->second != token.content)) {
      return element.Error("expected text and id of its own, found one that another token has");
    }
    const AddedToken& kept = file.added.emplace_back(std::move(token));
    ids.emplace(kept.content, kept.id);
    contents.emplace(kept.id, kept.content);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BpeFile> ParseTokenizerJson(absl::string_view text, absl::string_view source) {
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(text, source));
  const JsonView root = document.root();
  if (!root.is_object()) return root.Expected("a tokenizer.json of Hugging Face's tokenizers");
  BpeFile file;
  HYDRA_RETURN_IF_ERROR(ExpectNone(root, "normalizer", "normalization"));
  HYDRA_RETURN_IF_ERROR(ExpectNone(root, "truncation", "truncation"));
  HYDRA_RETURN_IF_ERROR(ExpectNone(root, "padding", "padding"));
  HYDRA_ASSIGN_OR_RETURN(const JsonView model, root.Get("model"));
  HYDRA_RETURN_IF_ERROR(ReadModel(model, file.table));
  HYDRA_ASSIGN_OR_RETURN(file.split_pattern, ReadPreTokenizer(root));
  if (const std::optional<JsonView> decoder = root.Find("decoder");
      decoder && !decoder->is_null()) {
    HYDRA_ASSIGN_OR_RETURN(const absl::string_view type, Type(*decoder));
    if (type != "ByteLevel") return decoder->Error("expected a ByteLevel decoder");
  }
  HYDRA_RETURN_IF_ERROR(ReadAddedTokens(root, file));
  for (const auto& [bytes, id] : file.table.tokens) {
    file.vocab_size = std::max<int64_t>(file.vocab_size, id + int64_t{1});
  }
  for (const AddedToken& token : file.added) {
    file.vocab_size = std::max<int64_t>(file.vocab_size, token.id + int64_t{1});
  }
  return file;
}

std::string TokenizerJsonText(const BpeTable& table, const std::vector<AddedToken>& added) {
  JsonValue added_json = JsonValue::array();
  for (const AddedToken& token : added) {
    added_json.push_back({{"id", token.id},
                          {"content", token.content},
                          {"single_word", false},
                          {"lstrip", false},
                          {"rstrip", false},
                          {"normalized", token.normalized},
                          {"special", token.special}});
  }
  std::vector<std::pair<int32_t, std::string>> ordered;
  for (const auto& [bytes, id] : table.tokens) ordered.emplace_back(id, ToByteLevel(bytes));
  for (const AddedToken& token : added) ordered.emplace_back(token.id, token.content);
  std::sort(ordered.begin(), ordered.end());
  // Member by member: operator[] of an object looks through all of them.
  std::string vocabulary;
  for (const auto& [id, token] : ordered) {
    absl::StrAppend(&vocabulary, vocabulary.empty() ? "" : ",", "\n      ", JsonValue(token).Dump(),
                    ": ", id);
  }
  std::string merges;
  for (const auto& [left, right] : table.merges) {
    absl::StrAppend(&merges, merges.empty() ? "" : ",", "\n      ",
                    JsonValue(absl::StrCat(ToByteLevel(left), " ", ToByteLevel(right))).Dump());
  }
  const auto byte_level = [](bool cuts) {
    return JsonValue{{"type", "ByteLevel"},
                     {"add_prefix_space", false},
                     {"trim_offsets", true},
                     {"use_regex", cuts}};
  };
  return absl::StrCat(
      "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n"
      "  \"added_tokens\": ",
      added_json.Dump(),
      ",\n  \"normalizer\": null,\n  \"pre_tokenizer\": ", byte_level(true).Dump(),
      ",\n  \"post_processor\": null,\n  \"decoder\": ", byte_level(true).Dump(),
      ",\n  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n"
      "    \"unk_token\": null,\n    \"continuing_subword_prefix\": null,\n"
      "    \"end_of_word_suffix\": null,\n    \"fuse_unk\": false,\n"
      "    \"byte_fallback\": false,\n    \"ignore_merges\": ",
      table.whole_words_first ? "true" : "false", ",\n    \"vocab\": {", vocabulary,
      "\n    },\n    \"merges\": [", merges, "\n    ]\n  }\n}\n");
}

}  // namespace hydra::data
