// Strict reading of JSON from untrusted files.
//
// RFC 8259 in UTF-8, nothing more: no comments, no trailing commas, no duplicate keys, no numbers
// outside the range of float64, at most 64 levels and 2^24 values. Nothing throws. Errors are
// kDataLoss for text that is not JSON, kFailedPrecondition for JSON that does not say what was
// asked; each names source, position (line:column, or byte in a binary file) and path:
//   config.json:3:12: $.model.dim: expected an integer, found the string "x"
#ifndef HYDRA_RUNTIME_IO_JSON_FILE_H_
#define HYDRA_RUNTIME_IO_JSON_FILE_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/status.h"

namespace hydra {

struct JsonTree;  // the parsed nodes, runtime/io/json_tree.h

enum class JsonKind : uint8_t {
  kNull,
  kBool,
  kInteger,
  kUnsigned,
  kNumber,
  kString,
  kArray,
  kObject
};

// One value inside a JsonDocument, which must outlive it. Cheap to copy; thread-safe to read.
class JsonView {
 public:
  // kUnsigned is an integer above 2^63 - 1; kNumber has a fraction or an exponent.
  JsonKind kind() const;
  bool is_null() const { return kind() == JsonKind::kNull; }
  bool is_object() const { return kind() == JsonKind::kObject; }
  bool is_array() const { return kind() == JsonKind::kArray; }
  bool is_string() const { return kind() == JsonKind::kString; }

  // Typed values. An integer is one without fraction or exponent; Double() accepts integers too.
  absl::StatusOr<bool> Bool() const;
  absl::StatusOr<int64_t> Int(int64_t min = std::numeric_limits<int64_t>::min(),
                              int64_t max = std::numeric_limits<int64_t>::max()) const;
  absl::StatusOr<uint64_t> Uint(uint64_t max = std::numeric_limits<uint64_t>::max()) const;
  absl::StatusOr<double> Double() const;
  absl::StatusOr<absl::string_view> String() const;  // lives as long as the document
  absl::StatusOr<std::vector<JsonView>> Array() const;
  // Members in file order.
  absl::StatusOr<std::vector<std::pair<absl::string_view, JsonView>>> Object() const;

  // Elements of an array or members of an object; 0 for everything else.
  size_t size() const;

  // The member `key`; nothing if absent or if this is no object. Linear in the members.
  std::optional<JsonView> Find(absl::string_view key) const;
  // The same, or an error that lists near names.
  absl::StatusOr<JsonView> Get(absl::string_view key) const;
  // The string of the member `key`, which must be there.
  absl::StatusOr<std::string> Text(absl::string_view key) const;

  // An error at the first member whose key is not among `known`, with a did-you-mean.
  absl::Status RejectUnknownKeys(absl::Span<const absl::string_view> known) const;

  // Byte of the value's first character, from the beginning of the parsed text.
  uint64_t offset() const;
  // "$.model.layers[3]"
  std::string path() const;
  // "config.json:3:12: $.model.dim"
  std::string Where() const;
  // The value as an error message shows it: `the string "x"`, `the integer 7`, `an object`.
  std::string Describe() const;
  // "WHERE: expected EXPECTED, found DESCRIPTION", kFailedPrecondition.
  absl::Status Expected(absl::string_view expected) const;
  // "WHERE: MESSAGE", kFailedPrecondition.
  absl::Status Error(absl::string_view message) const;

 private:
  friend class JsonDocument;
  JsonView(const JsonTree* tree, uint32_t node) : tree_(tree), node_(node) {}

  const JsonTree* tree_;
  uint32_t node_;
};

// Owns a parsed text. Movable; views stay valid when it moves.
class JsonDocument {
 public:
  // Positions in messages: line:column of a text file, or the byte in a binary file that has the
  // JSON text at `base`.
  struct Options {
    std::optional<uint64_t> binary_base;
    // Of the text in its file, from 1: a line of JSON Lines.
    uint64_t first_line = 1;
  };

  // `source` names the text in messages.
  static absl::StatusOr<JsonDocument> Parse(absl::string_view text, absl::string_view source,
                                            const Options& options);
  static absl::StatusOr<JsonDocument> Parse(absl::string_view text, absl::string_view source);

  // Reads and parses a file of at most 1 GiB.
  static absl::StatusOr<JsonDocument> ReadFile(const std::string& path);

  ~JsonDocument();
  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;

  JsonView root() const;

 private:
  explicit JsonDocument(std::unique_ptr<JsonTree> tree);
  std::unique_ptr<JsonTree> tree_;
};

// `text` as a JSON string literal with its quotes; an error if it is not UTF-8.
absl::StatusOr<std::string> JsonQuote(absl::string_view text);

// `text` made printable for an error message: escaped, at most 80 bytes of it.
std::string QuoteForMessage(absl::string_view text);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_JSON_FILE_H_
