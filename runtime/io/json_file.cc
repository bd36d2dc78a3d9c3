// Documents and typed access.
#include "runtime/io/json_file.h"

#include <algorithm>

#include "runtime/base/did_you_mean.h"
#include "runtime/io/json_tree.h"
#include "runtime/io/posix_file.h"

namespace hydra {

JsonDocument::JsonDocument(std::unique_ptr<JsonTree> tree) : tree_(std::move(tree)) {}
JsonDocument::~JsonDocument() = default;
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;

absl::StatusOr<JsonDocument> JsonDocument::Parse(absl::string_view text, absl::string_view source,
                                                 const Options& options) {
  auto tree = std::make_unique<JsonTree>();
  tree->source = std::string(source);
  tree->binary_base = options.binary_base;
  tree->first_line = options.first_line;
  HYDRA_RETURN_IF_ERROR(ParseJson(text, *tree));
  return JsonDocument(std::move(tree));
}

absl::StatusOr<JsonDocument> JsonDocument::Parse(absl::string_view text, absl::string_view source) {
  return Parse(text, source, Options());
}

absl::StatusOr<JsonDocument> JsonDocument::ReadFile(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, uint64_t{1} << 30));
  return Parse(text, path);
}

JsonView JsonDocument::root() const { return JsonView(tree_.get(), 0); }

JsonKind JsonView::kind() const { return tree_->nodes[node_].kind; }
uint64_t JsonView::offset() const { return tree_->nodes[node_].offset; }
std::string JsonView::path() const { return tree_->Path(node_); }

size_t JsonView::size() const { return is_array() || is_object() ? tree_->nodes[node_].count : 0; }

absl::StatusOr<bool> JsonView::Bool() const {
  if (kind() != JsonKind::kBool) return Expected("true or false");
  return tree_->nodes[node_].boolean;
}

absl::StatusOr<int64_t> JsonView::Int(int64_t min, int64_t max) const {
  const JsonNode& node = tree_->nodes[node_];
  if (node.kind == JsonKind::kInteger && node.integer >= min && node.integer <= max) {
    return node.integer;
  }
  const bool any = min == std::numeric_limits<int64_t>::min();
  const bool open = max == std::numeric_limits<int64_t>::max();
  if (any && open) return Expected("an integer of 64 bits with sign");
  if (open) return Expected(absl::StrCat("an integer of at least ", min));
  if (any) return Expected(absl::StrCat("an integer of at most ", max));
  return Expected(absl::StrCat("an integer from ", min, " to ", max));
}

absl::StatusOr<uint64_t> JsonView::Uint(uint64_t max) const {
  const JsonNode& node = tree_->nodes[node_];
  if (node.kind == JsonKind::kInteger && node.integer >= 0 &&
      static_cast<uint64_t>(node.integer) <= max) {
    return static_cast<uint64_t>(node.integer);
  }
  if (node.kind == JsonKind::kUnsigned && node.unsigned_integer <= max) {
    return node.unsigned_integer;
  }
  return Expected(absl::StrCat("an integer from 0 to ", max));
}

absl::StatusOr<double> JsonView::Double() const {
  const JsonNode& node = tree_->nodes[node_];
  switch (node.kind) {
    case JsonKind::kInteger:
      return static_cast<double>(node.integer);
    case JsonKind::kUnsigned:
      return static_cast<double>(node.unsigned_integer);
    case JsonKind::kNumber:
      return node.number;
    default:
      return Expected("a number");
  }
}

absl::StatusOr<absl::string_view> JsonView::String() const {
  if (!is_string()) return Expected("a string");
  return tree_->Text(tree_->nodes[node_].string);
}

absl::StatusOr<std::vector<JsonView>> JsonView::Array() const {
  if (!is_array()) return Expected("an array");
  std::vector<JsonView> elements;
  elements.reserve(size());
  for (uint32_t child = tree_->nodes[node_].first_child; child != JsonNode::kNone;
       child = tree_->nodes[child].next_sibling) {
    elements.push_back(JsonView(tree_, child));
  }
  return elements;
}

absl::StatusOr<std::vector<std::pair<absl::string_view, JsonView>>> JsonView::Object() const {
  if (!is_object()) return Expected("an object");
  std::vector<std::pair<absl::string_view, JsonView>> members;
  members.reserve(size());
  for (uint32_t child = tree_->nodes[node_].first_child; child != JsonNode::kNone;
       child = tree_->nodes[child].next_sibling) {
    members.emplace_back(tree_->Text(tree_->nodes[child].key), JsonView(tree_, child));
  }
  return members;
}

std::optional<JsonView> JsonView::Find(absl::string_view key) const {
  if (!is_object()) return std::nullopt;
  for (uint32_t child = tree_->nodes[node_].first_child; child != JsonNode::kNone;
       child = tree_->nodes[child].next_sibling) {
    if (tree_->Text(tree_->nodes[child].key) == key) return JsonView(tree_, child);
  }
  return std::nullopt;
}

absl::StatusOr<JsonView> JsonView::Get(absl::string_view key) const {
  if (std::optional<JsonView> found = Find(key)) return *found;
  HYDRA_ASSIGN_OR_RETURN(const auto members, Object());
  std::vector<absl::string_view> present;
  for (const auto& [name, value] : members) present.push_back(name);
  return Error(
      absl::StrCat("expected the key \"", key, "\", found none", DidYouMean(key, present)));
}

absl::StatusOr<std::string> JsonView::Text(absl::string_view key) const {
  HYDRA_ASSIGN_OR_RETURN(const JsonView value, Get(key));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view text, value.String());
  return std::string(text);
}

absl::Status JsonView::RejectUnknownKeys(absl::Span<const absl::string_view> known) const {
  HYDRA_ASSIGN_OR_RETURN(const auto members, Object());
  for (const auto& [name, value] : members) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return value.Error(
        absl::StrCat("unknown key ", QuoteForMessage(name), DidYouMean(name, known)));
  }
  return absl::OkStatus();
}

}  // namespace hydra
