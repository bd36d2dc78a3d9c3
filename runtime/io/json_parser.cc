// nlohmann's lexer and parser feeding JsonTree: the library checks syntax and UTF-8, this file adds
// positions, limits and the refusal of duplicate keys.
#include <cstddef>
#include <iterator>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "runtime/io/json_tree.h"

namespace hydra {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxNodes = size_t{1} << 24;
constexpr size_t kMaxBytes = size_t{1} << 30;  // offsets are 32 bits wide

// Iterates over characters and reports how many the lexer has taken, which nlohmann does not tell
// its SAX handlers.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, size_t* taken) : at_(at), taken_(taken) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    ++*taken_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  size_t* taken_;
};

bool IsBetweenTokens(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == ':';
}

// Receives the events of nlohmann's parser. Its method names are the library's.
class TreeBuilder {
 public:
  TreeBuilder(absl::string_view text, JsonTree& tree) : text_(text), tree_(tree) {}

  size_t* taken() { return &taken_; }
  const absl::Status& status() const { return status_; }

  bool null() { return Value(JsonKind::kNull).second; }
  bool boolean(bool value) {
    auto [node, good] = Value(JsonKind::kBool);
    if (good) node->boolean = value;
    return good;
  }
  bool number_integer(int64_t value) {
    auto [node, good] = Value(JsonKind::kInteger);
    if (good) node->integer = value;
    return good;
  }
  bool number_unsigned(uint64_t value) {
    const bool fits = value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    auto [node, good] = Value(fits ? JsonKind::kInteger : JsonKind::kUnsigned);
    if (!good) return false;
    if (fits) {
      node->integer = static_cast<int64_t>(value);
    } else {
      node->unsigned_integer = value;
    }
    return true;
  }
  bool number_float(double value, const std::string&) {
    auto [node, good] = Value(JsonKind::kNumber);
    if (good) node->number = value;
    return good;
  }
  bool string(const std::string& value) {
    auto [node, good] = Value(JsonKind::kString);
    if (good) node->string = Store(value);
    return good;
  }
  bool binary(const nlohmann::json::binary_t&) { return false; }  // not in JSON text
  bool start_object(size_t) { return Open(JsonKind::kObject); }
  bool start_array(size_t) { return Open(JsonKind::kArray); }
  bool end_object() { return Close(); }
  bool end_array() { return Close(); }

  bool key(const std::string& name) {
    const size_t offset = TokenStart();
    Frame& frame = open_.back();
    key_ = Store(name);
    if (!frame.keys.insert(name).second) {
      return Fail(offset, absl::StrCat(tree_.Path(frame.node), ": key ", QuoteForMessage(name),
                                       " appears twice; expected each key once"));
    }
    previous_end_ = taken_;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..."
    absl::string_view message = error.what();
    const size_t id_end = message.find("] ");
    if (id_end != absl::string_view::npos) message.remove_prefix(id_end + 2);
    if (message.substr(0, 11) == "parse error") {
      const size_t colon = message.find(": ");
      if (colon != absl::string_view::npos) message.remove_prefix(colon + 2);
    }
    return Fail(position == 0 ? 0 : position - 1,
                absl::StrCat("expected JSON, found ", PrintableForMessage(message, 200, "")));
  }

 private:
  struct Frame {
    uint32_t node;
    uint32_t last_child;
    std::unordered_set<std::string> keys;  // of an object
  };

  // Events come right after their token was taken (a number: one character later, which is then a
  // separator or the end of a container), so the token starts at the first character since the
  // previous event that is not between tokens.
  size_t TokenStart() const {
    size_t start = previous_end_;
    while (start < text_.size() && IsBetweenTokens(text_[start])) ++start;
    return start;
  }

  bool Fail(size_t offset, absl::string_view message) {
    status_ = InputError(absl::StrCat(tree_.Position(offset), ": ", message));
    return false;
  }

  JsonText Store(const std::string& text) {
    const JsonText stored{static_cast<uint32_t>(tree_.characters.size()),
                          static_cast<uint32_t>(text.size())};
    tree_.characters += text;
    return stored;
  }

  // Adds a node below the innermost open container.
  std::pair<JsonNode*, bool> Value(JsonKind kind) {
    const size_t offset = TokenStart();
    previous_end_ = taken_;
    if (tree_.nodes.size() >= kMaxNodes) {
      return {nullptr, Fail(offset, absl::StrCat("expected at most ", kMaxNodes, " values"))};
    }
    const uint32_t id = static_cast<uint32_t>(tree_.nodes.size());
    JsonNode& node = tree_.nodes.emplace_back();
    node.kind = kind;
    node.offset = static_cast<uint32_t>(offset);
    if (!open_.empty()) {
      Frame& frame = open_.back();
      JsonNode& parent = tree_.nodes[frame.node];
      node.parent = frame.node;
      node.index = static_cast<uint32_t>(parent.count++);
      if (parent.kind == JsonKind::kObject) node.key = key_;
      if (frame.last_child == JsonNode::kNone) {
        parent.first_child = id;
      } else {
        tree_.nodes[frame.last_child].next_sibling = id;
      }
      frame.last_child = id;
    }
    return {&node, true};
  }

  bool Open(JsonKind kind) {
    auto [node, good] = Value(kind);
    if (!good) return false;
    if (open_.size() >= kMaxDepth) {
      return Fail(node->offset, absl::StrCat("expected at most ", kMaxDepth, " nested levels"));
    }
    node->count = 0;
    open_.push_back({static_cast<uint32_t>(tree_.nodes.size() - 1), JsonNode::kNone, {}});
    return true;
  }

  bool Close() {
    open_.pop_back();
    previous_end_ = taken_;
    return true;
  }

  absl::string_view text_;
  JsonTree& tree_;
  std::vector<Frame> open_;
  JsonText key_ = {0, 0};
  size_t taken_ = 0;
  size_t previous_end_ = 0;
  absl::Status status_;
};

}  // namespace

absl::Status ParseJson(absl::string_view text, JsonTree& tree) {
  if (text.size() > kMaxBytes) {
    return InputError(absl::StrCat(tree.source, ": expected at most ", kMaxBytes,
                                   " bytes of JSON, found ", text.size()));
  }
  if (!tree.binary_base) {
    tree.line_starts.push_back(0);
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') tree.line_starts.push_back(static_cast<uint32_t>(i + 1));
    }
  }
  // The library takes a zero byte for the end and would ignore what follows.
  if (const size_t zero = text.find('\0'); zero != absl::string_view::npos) {
    return InputError(absl::StrCat(tree.Position(zero), ": expected JSON, found a zero byte"));
  }
  TreeBuilder builder(text, tree);
  try {
    const bool parsed = nlohmann::json::sax_parse(
        CountingIterator(text.data(), builder.taken()),
        CountingIterator(text.data() + text.size(), builder.taken()), &builder);
    if (!parsed && builder.status().ok()) {
      return InputError(absl::StrCat(tree.source, ": expected JSON"));
    }
  } catch (const std::bad_alloc&) {
    return OutOfMemoryError(
        absl::StrCat(tree.source, ": out of memory while parsing ", text.size(), " bytes of JSON"));
  } catch (const std::exception& error) {
    return InputError(absl::StrCat(tree.source, ": expected JSON, found ", error.what()));
  }
  return builder.status();
}

absl::StatusOr<std::string> JsonQuote(absl::string_view text) {
  try {
    return nlohmann::json(std::string(text)).dump();
  } catch (const nlohmann::json::exception&) {
    return FailureError(absl::StrCat("expected UTF-8 text, found ", QuoteForMessage(text)));
  }
}

}  // namespace hydra
