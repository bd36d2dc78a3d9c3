// Positions, paths and printable values for the messages of json_file.h.
#include <algorithm>

#include "runtime/io/json_tree.h"

namespace hydra {
namespace {

// Keys that read as identifiers are shown after a dot, all others in brackets.
bool IsPlainKey(absl::string_view key) {
  if (key.empty()) return false;
  return std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

}  // namespace

size_t Utf8Length(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates and code points above U+10FFFF.
  const bool bad = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F) ||
                   (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F);
  return bad ? 0 : length;
}

std::string PrintableForMessage(absl::string_view text, size_t limit, absl::string_view escaped) {
  std::string out;
  size_t at = 0;
  while (at < text.size() && at < limit) {
    const size_t length = Utf8Length(text.substr(at));
    const unsigned char c = static_cast<unsigned char>(text[at]);
    if (length == 0 || c < 0x20 || c == 0x7F) {
      absl::StrAppend(&out, "\\x", absl::Hex(c, absl::kZeroPad2));
      ++at;
      continue;
    }
    if (escaped.find(text[at]) != absl::string_view::npos) out += '\\';
    out.append(text.data() + at, length);
    at += length;
  }
  if (at < text.size()) out += "...";
  return out;
}

std::string QuoteForMessage(absl::string_view text) {
  constexpr size_t kShown = 80;
  const std::string shown = PrintableForMessage(text, kShown, "\"\\");
  if (text.size() <= kShown) return absl::StrCat("\"", shown, "\"");
  return absl::StrCat("\"", shown, "\" (", text.size(), " bytes)");
}

std::string JsonTree::Position(uint64_t offset) const {
  if (binary_base) return absl::StrCat(source, ": byte ", *binary_base + offset);
  const auto next = std::upper_bound(line_starts.begin(), line_starts.end(), offset);
  const size_t line = static_cast<size_t>(next - line_starts.begin());
  const uint64_t column = offset - line_starts[line - 1] + 1;
  return absl::StrCat(source, ":", first_line + line - 1, ":", column);
}

std::string JsonTree::Path(uint32_t node) const {
  std::vector<uint32_t> chain;
  for (uint32_t n = node; nodes[n].parent != JsonNode::kNone; n = nodes[n].parent) {
    chain.push_back(n);
  }
  std::string path = "$";
  for (auto n = chain.rbegin(); n != chain.rend(); ++n) {
    const JsonNode& child = nodes[*n];
    const absl::string_view key = Text(child.key);
    if (nodes[child.parent].kind == JsonKind::kArray) {
      absl::StrAppend(&path, "[", child.index, "]");
    } else if (IsPlainKey(key) && key.size() <= 80) {
      absl::StrAppend(&path, ".", key);
    } else {
      absl::StrAppend(&path, "[", QuoteForMessage(key), "]");
    }
  }
  return path;
}

std::string JsonTree::Where(uint32_t node) const {
  return absl::StrCat(Position(nodes[node].offset), ": ", Path(node));
}

std::string JsonView::Where() const { return tree_->Where(node_); }

std::string JsonView::Describe() const {
  const JsonNode& node = tree_->nodes[node_];
  switch (node.kind) {
    case JsonKind::kNull:
      return "null";
    case JsonKind::kBool:
      return node.boolean ? "true" : "false";
    case JsonKind::kInteger:
      return absl::StrCat("the integer ", node.integer);
    case JsonKind::kUnsigned:
      return absl::StrCat("the integer ", node.unsigned_integer);
    case JsonKind::kNumber:
      return absl::StrCat("the number ", node.number);
    case JsonKind::kString:
      return absl::StrCat("the string ", QuoteForMessage(tree_->Text(node.string)));
    case JsonKind::kArray:
      return absl::StrCat("an array of ", node.count, node.count == 1 ? " element" : " elements");
    case JsonKind::kObject:
      return absl::StrCat("an object with ", node.count, node.count == 1 ? " key" : " keys");
  }
  return "an unknown value";
}

absl::Status JsonView::Expected(absl::string_view expected) const {
  return Error(absl::StrCat("expected ", expected, ", found ", Describe()));
}

absl::Status JsonView::Error(absl::string_view message) const {
  return InputError(absl::StrCat(Where(), ": ", message));
}

}  // namespace hydra
