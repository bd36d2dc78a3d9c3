// The parsed form behind json_file.h, and its parser; private to runtime/io.
//
// Nodes are small and flat because a hostile header of a hundred megabytes may hold tens of
// millions of them.
#ifndef HYDRA_RUNTIME_IO_JSON_TREE_H_
#define HYDRA_RUNTIME_IO_JSON_TREE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/io/json_file.h"

namespace hydra {

// Range of JsonTree::characters. Trivial, because it lives in a union below.
struct JsonText {
  uint32_t begin;
  uint32_t size;
};

struct JsonNode {
  static constexpr uint32_t kNone = 0xFFFFFFFFu;

  union {
    bool boolean;
    int64_t integer;
    uint64_t unsigned_integer = 0;
    double number;
    JsonText string;
    uint64_t count;  // members or elements
  };
  JsonText key = {0, 0};  // of a member
  uint32_t offset = 0;    // of the first character
  uint32_t parent = kNone;
  uint32_t first_child = kNone;
  uint32_t next_sibling = kNone;
  uint32_t index = 0;  // of an element in its array
  JsonKind kind = JsonKind::kNull;
};

struct JsonTree {
  std::string source;
  std::optional<uint64_t> binary_base;
  uint64_t first_line = 1;
  std::vector<JsonNode> nodes;        // nodes[0] is the root
  std::string characters;             // all decoded strings and keys
  std::vector<uint32_t> line_starts;  // offset of the first character of each line

  absl::string_view Text(JsonText text) const {
    return absl::string_view(characters).substr(text.begin, text.size);
  }

  // "source:line:column" or "source: byte N".
  std::string Position(uint64_t offset) const;
  std::string Path(uint32_t node) const;
  std::string Where(uint32_t node) const;
};

// Fills `tree` (its source and how it counts set by the caller) from `text`.
absl::Status ParseJson(absl::string_view text, JsonTree& tree);

// Bytes of the well-formed UTF-8 character that `text` begins with, or 0 if there is none. `text`
// is not empty.
size_t Utf8Length(absl::string_view text);

// `text` with control characters and malformed UTF-8 as \xNN, a backslash before characters in
// `escaped`, cut with "..." after `limit` bytes: hostile text must not reach a terminal raw.
std::string PrintableForMessage(absl::string_view text, size_t limit, absl::string_view escaped);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_JSON_TREE_H_
