#include "runtime/data/tokenizer/text_cutter.h"

#include <algorithm>

#include "runtime/data/tokenizer/utf8.h"

namespace hydra::data {
namespace {

// What comes in is gathered up to this size before it is looked at.
constexpr size_t kPiece = size_t{1} << 18;
// A word has an end: without this bound a text without one would be held in memory whole.
constexpr size_t kLongestWord = size_t{1} << 24;

}  // namespace

absl::Status TextCutter::Append(absl::string_view text) {
  while (!text.empty()) {
    const absl::string_view piece = text.substr(0, kPiece);
    text.remove_prefix(piece.size());
    buffer_.append(piece.data(), piece.size());
    // A word that has not ended is looked at again only after it has doubled.
    if (buffer_.size() < std::max(kPiece, 2 * held_)) continue;
    HYDRA_RETURN_IF_ERROR(Consume(false));
  }
  return absl::OkStatus();
}

absl::Status TextCutter::Finish() { return Consume(true); }

// Cuts the buffer, up to what is certain whatever follows unless `complete`.
absl::Status TextCutter::Consume(bool complete) {
  const absl::string_view text(buffer_);
  size_t done = 0;
  while (done < text.size()) {
    const AddedTokenFinder::Found found = added_.Next(text, done, complete);
    const bool ends = complete || found.bytes > 0;
    HYDRA_ASSIGN_OR_RETURN(const size_t taken,
                           CutText(text.substr(done, found.begin - done), ends));
    done += taken;
    if (found.bytes == 0) break;
    receiver_.Added(found.id);
    done = found.begin + found.bytes;
  }
  buffer_.erase(0, done);
  held_ = complete ? 0 : buffer_.size();
  if (held_ <= kLongestWord) return absl::OkStatus();
  return InputError(absl::StrCat("the text has a word of more than ", kLongestWord,
                                 " bytes, too long for this tokenizer"));
}

// Cuts text without added tokens and returns how much of it.
absl::StatusOr<size_t> TextCutter::CutText(absl::string_view text, bool complete) {
  size_t done = 0;
  while (done < text.size()) {
    const absl::string_view rest = text.substr(done);
    const absl::string_view good = rest.substr(0, WellFormedPrefix(rest));
    if (good.empty()) {
      if (!complete && FirstCharacter(rest).cut) return done;
      receiver_.Word(rest.substr(0, 1));
      ++done;
      continue;
    }
    // What is no UTF-8 ends a word; a character that was cut does not.
    const bool ends = good.size() == rest.size()
                          ? complete
                          : complete || !FirstCharacter(rest.substr(good.size())).cut;
    for (size_t at = 0; at < good.size();) {
      HYDRA_ASSIGN_OR_RETURN(const size_t end, cutter_.Next(good, at, ends));
      if (end == 0) return done + at;
      receiver_.Word(good.substr(at, end - at));
      at = end;
    }
    done += good.size();
  }
  return done;
}

}  // namespace hydra::data
