#include "runtime/data/tokenizer/sentencepiece_check.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "runtime/data/tokenizer/utf8.h"
#include "runtime/io/json_file.h"

namespace hydra::data {
namespace {

// Fields of sentencepiece_model.proto.
constexpr uint32_t kPieces = 1, kTrainer = 2, kNormalizer = 3, kDenormalizer = 5;
constexpr uint32_t kPieceText = 1, kPieceScore = 2, kPieceType = 3;
constexpr uint32_t kModelType = 3;
constexpr uint32_t kCharacterMap = 2;
constexpr uint64_t kUserDefined = 4, kByte = 6;  // types of pieces, from 1
constexpr uint64_t kUnigram = 1, kBpe = 2;       // types of models

constexpr size_t kMostPieces = size_t{1} << 22;
constexpr size_t kLongestPiece = 1024;
// The library keeps so many matches of one position on its stack and does not look whether there
// are more.
constexpr size_t kMostUserPrefixes = 64;
constexpr int kMostMapPrefixes = 32;
constexpr size_t kLongestReplacement = 1024;

// One field of a protocol buffer message.
struct Field {
  uint32_t number = 0;
  uint32_t wire = 0;  // 0: value, 1 and 5: fixed, 2: bytes
  uint64_t value = 0;
  absl::string_view bytes;
};

// The model, and what messages call it; `where` gives the place of any part of it.
struct Source {
  absl::string_view model, name;

  std::string Where(absl::string_view part) const {
    return absl::StrCat(name, ": byte ", part.data() - model.data());
  }
  // `rest` begins with what is no field.
  absl::Status Torn(absl::string_view rest) const {
    return InputError(absl::StrCat(
        Where(rest), ": expected a field of a SentencePiece model, found ",
        rest.empty() ? "the end" : "bytes that are none", " in a file of ", model.size(),
        " bytes; the file is damaged, or neither a tokenizer.json nor a SentencePiece model"));
  }
};

// Reads the fields of a message, a part of a model, one after the other.
class Fields {
 public:
  Fields(absl::string_view message, const Source& source) : rest_(message), source_(source) {}

  bool done() const { return rest_.empty(); }
  // An input error if the message is torn.
  absl::StatusOr<Field> Next() {
    const absl::string_view from = rest_;
    const std::optional<Field> field = Read();
    if (!field) return source_.Torn(from);
    return *field;
  }

 private:
  std::optional<Field> Read() {
    Field field;
    uint64_t tag = 0;
    if (!Varint(tag) || tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF) return std::nullopt;
    field.number = static_cast<uint32_t>(tag >> 3);
    field.wire = tag & 7;
    uint64_t size = 0;
    switch (field.wire) {
      case 0:
        if (!Varint(field.value)) return std::nullopt;
        return field;
      case 1:
        size = 8;
        break;
      case 5:
        size = 4;
        break;
      case 2:
        if (!Varint(size)) return std::nullopt;
        break;
      default:
        return std::nullopt;  // groups: no version of the format has them
    }
    if (size > rest_.size()) return std::nullopt;
    field.bytes = rest_.substr(0, size);
    if (field.wire != 2) std::memcpy(&field.value, field.bytes.data(), size);
    rest_.remove_prefix(size);
    return field;
  }

  bool Varint(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const uint8_t byte = static_cast<uint8_t>(rest_[0]);
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  absl::string_view rest_;
  const Source& source_;
};

// The double array of darts-clone. Equal ends of keys are kept once, so that it is a graph; walking
// it must come to an end.
class Trie {
 public:
  Trie(absl::string_view units, absl::string_view replacements)
      : units_(units), replacements_(replacements), entries_(units.size() / 4, kUnvisited) {}

  // What is wrong with it, "" if nothing.
  std::string Check() {
    std::string wrong = Enter(0);
    while (wrong.empty() && !open_.empty()) {
      Frame& frame = open_.back();
      if (frame.label == 256) {
        wrong = Leave();
        continue;
      }
      const uint32_t label = frame.label++;
      const uint64_t child = frame.base ^ label;
      const uint32_t unit = Unit(child);
      // A unit that nobody uses is zero, which looks like a child of that label.
      if ((unit & 0x800000FF) != label || unit == 0) continue;
      if (entries_[child] == kUnvisited) {
        wrong = Enter(child);
      } else if (entries_[child] == kOpen) {
        wrong = "runs in circles";
      } else {
        frame.entries = std::max(frame.entries, entries_[child]);
      }
    }
    return wrong;
  }

 private:
  static constexpr uint8_t kUnvisited = 0xFF, kOpen = 0xFE;
  struct Frame {
    uint64_t at;
    uint64_t base;    // of its children
    uint32_t label;   // of the child that is next
    uint8_t entries;  // on the best path below, as far as it is known
    bool has_entry;
  };

  std::string Enter(uint64_t at) {
    if (entries_.empty()) return "has an empty trie";
    const uint32_t unit = Unit(at);
    const uint64_t base = at ^ Offset(unit);
    if ((base | 0xFF) >= entries_.size()) return "leads out of its trie";
    const bool has_entry = at != 0 && (unit >> 8 & 1) != 0;
    if (has_entry) {
      const uint32_t place = Unit(base) & 0x7FFFFFFF;
      if (place >= replacements_.size()) return "leads out of its replacements";
      const size_t end = replacements_.find('\0', place);
      if (end == replacements_.npos || end - place > kLongestReplacement) {
        return "has a replacement without an end";
      }
      if (WellFormedPrefix(replacements_.substr(place, end - place)) != end - place) {
        return "has a replacement that is no UTF-8";
      }
    }
    entries_[at] = kOpen;
    open_.push_back({at, base, 0, 0, has_entry});
    return "";
  }

  std::string Leave() {
    const Frame frame = open_.back();
    open_.pop_back();
    const int entries = frame.entries + (frame.has_entry ? 1 : 0);
    if (entries > kMostMapPrefixes) return "has too many entries that begin alike";
    entries_[frame.at] = static_cast<uint8_t>(entries);
    if (!open_.empty()) {
      open_.back().entries = std::max(open_.back().entries, static_cast<uint8_t>(entries));
    }
    return "";
  }

  uint32_t Unit(uint64_t at) const {
    uint32_t unit;
    std::memcpy(&unit, units_.data() + at * 4, 4);
    return unit;
  }
  static uint32_t Offset(uint32_t unit) { return (unit >> 10) << ((unit & 1u << 9) >> 6); }

  absl::string_view units_;
  absl::string_view replacements_;
  std::vector<uint8_t> entries_;  // on the best path from a unit, itself included
  std::vector<Frame> open_;
};

struct Piece {
  absl::string_view text;
  float score = 0;
  uint64_t type = 1;
};

absl::StatusOr<Piece> ReadPiece(absl::string_view message, const Source& source) {
  const std::string where = source.Where(message);
  Piece piece;
  for (Fields fields(message, source); !fields.done();) {
    HYDRA_ASSIGN_OR_RETURN(const Field field, fields.Next());
    if (field.number == kPieceText && field.wire == 2) piece.text = field.bytes;
    if (field.number == kPieceType && field.wire == 0) piece.type = field.value;
    if (field.number == kPieceScore && field.wire == 5) {
      std::memcpy(&piece.score, field.bytes.data(), sizeof(piece.score));
    }
  }
  const std::string quoted = QuoteForMessage(piece.text);
  if (piece.text.empty() || piece.text.size() > kLongestPiece ||
      piece.text.find('\0') != piece.text.npos ||
      WellFormedPrefix(piece.text) != piece.text.size()) {
    return InputError(absl::StrCat(where, ": expected a piece of 1 to ", kLongestPiece,
                                   " bytes of UTF-8 without zero bytes, found ", quoted));
  }
  if (!std::isfinite(piece.score)) {
    return InputError(absl::StrCat(where, ": expected a finite score for piece ", quoted));
  }
  const auto digit = [&](size_t i) {
    const unsigned char c = static_cast<unsigned char>(piece.text[i]);
    return std::isdigit(c) || (c >= 'A' && c <= 'F');
  };
  if (piece.type == kByte && (piece.text.size() != 6 || !absl::StartsWith(piece.text, "<0x") ||
                              piece.text[5] != '>' || !digit(3) || !digit(4))) {
    return InputError(
        absl::StrCat(where, ": expected a byte piece like \"<0x0A>\", found ", quoted));
  }
  return piece;
}

// How many pieces, the longest itself included, begin one of them: none may exceed the bound.
absl::Status CheckUserPieces(std::vector<absl::string_view> pieces, absl::string_view source) {
  std::sort(pieces.begin(), pieces.end());
  std::vector<absl::string_view> open;  // each begins with the one before
  for (const absl::string_view piece : pieces) {
    while (!open.empty() && !absl::StartsWith(piece, open.back())) open.pop_back();
    open.push_back(piece);
    if (open.size() <= kMostUserPrefixes) continue;
    return InputError(absl::StrCat(source, ": expected at most ", kMostUserPrefixes,
                                   " user-defined pieces that begin each other, found more up to ",
                                   QuoteForMessage(piece)));
  }
  return absl::OkStatus();
}

absl::Status CheckTrainer(absl::string_view message, const Source& source) {
  for (Fields fields(message, source); !fields.done();) {
    HYDRA_ASSIGN_OR_RETURN(const Field field, fields.Next());
    if (field.number != kModelType || field.wire != 0) continue;
    if (field.value == kUnigram || field.value == kBpe) continue;
    return InputError(absl::StrCat(source.Where(message),
                                   ": expected a unigram or BPE model (type 1 or 2), found ",
                                   "type ", field.value));
  }
  return absl::OkStatus();
}

absl::Status CheckNormalizer(absl::string_view message, const Source& source) {
  for (Fields fields(message, source); !fields.done();) {
    HYDRA_ASSIGN_OR_RETURN(const Field field, fields.Next());
    if (field.number != kCharacterMap || field.wire != 2 || field.bytes.empty()) continue;
    HYDRA_RETURN_IF_ERROR(CheckCharacterMap(field.bytes, source.Where(field.bytes)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckCharacterMap(absl::string_view map, absl::string_view where) {
  uint32_t size = 0;
  if (map.size() > sizeof(size)) std::memcpy(&size, map.data(), sizeof(size));
  if (size == 0 || size % 4 != 0 || size >= map.size() - sizeof(size)) {
    return InputError(absl::StrCat(where, ": the normalization table is damaged: a trie of ", size,
                                   " bytes in a table of ", map.size()));
  }
  const absl::string_view units = map.substr(sizeof(size), size);
  const std::string wrong = Trie(units, map.substr(sizeof(size) + size)).Check();
  if (wrong.empty()) return absl::OkStatus();
  return InputError(absl::StrCat(where, ": the normalization table ", wrong));
}

absl::Status CheckSentencePieceModel(absl::string_view model, absl::string_view name) {
  const Source source = {model, name};
  absl::flat_hash_set<absl::string_view> texts;
  std::vector<absl::string_view> user_defined;
  for (Fields fields(model, source); !fields.done();) {
    HYDRA_ASSIGN_OR_RETURN(const Field field, fields.Next());
    if (field.wire != 2) continue;
    if (field.number == kPieces) {
      HYDRA_ASSIGN_OR_RETURN(const Piece piece, ReadPiece(field.bytes, source));
      if (!texts.insert(piece.text).second || texts.size() > kMostPieces) {
        return InputError(
            absl::StrCat(source.Where(field.bytes), ": expected every piece once and at most ",
                         kMostPieces, ", found ", QuoteForMessage(piece.text), " again or beyond"));
      }
      if (piece.type == kUserDefined) user_defined.push_back(piece.text);
    } else if (field.number == kTrainer) {
      HYDRA_RETURN_IF_ERROR(CheckTrainer(field.bytes, source));
    } else if (field.number == kNormalizer || field.number == kDenormalizer) {
      HYDRA_RETURN_IF_ERROR(CheckNormalizer(field.bytes, source));
    }
  }
  if (texts.empty()) return source.Torn(model.substr(model.size()));
  return CheckUserPieces(std::move(user_defined), name);
}

}  // namespace hydra::data
