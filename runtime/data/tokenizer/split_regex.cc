#include "runtime/data/tokenizer/split_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "runtime/io/json_file.h"

namespace hydra::data {

namespace {

// Unicode's White_Space, which is what \s means to Oniguruma; PCRE2 would add U+180E.
constexpr char kWhiteSpace[] =
    R"(\x09-\x0d\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

// Steps of one match, far more than any sensible pattern takes.
constexpr uint32_t kMatchLimit = 1'000'000;
constexpr size_t kLargestPattern = 1 << 14;
constexpr size_t kJitStack = 1 << 20;

absl::Status Refuse(absl::string_view source, absl::string_view pattern, size_t at,
                    absl::string_view what) {
  return InputError(absl::StrCat(source, ": split pattern ", QuoteForMessage(pattern),
                                 ", character ", at + 1, ": ", what));
}

// The pattern for PCRE2: the same characters for every escape.
absl::StatusOr<std::string> Translate(absl::string_view pattern, absl::string_view source) {
  std::string result;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (in_class && (c == '[' || absl::StartsWith(pattern.substr(i), "&&"))) {
      return Refuse(source, pattern, i, "expected a plain class, found a nested one");
    }
    if (c == '[') {
      in_class = true;
    } else if (c == ']') {
      in_class = false;
    }
    if (c != '\\') {
      result.push_back(c);
      continue;
    }
    if (++i == pattern.size()) return Refuse(source, pattern, i - 1, "ends with a backslash");
    const char escaped = pattern[i];
    if (escaped == 's') {
      absl::StrAppend(&result, in_class ? "" : "[", kWhiteSpace, in_class ? "" : "]");
    } else if (escaped == 'S' && !in_class) {
      absl::StrAppend(&result, "[^", kWhiteSpace, "]");
    } else if (absl::string_view("dDpPnrtfx").find(escaped) != absl::string_view::npos ||
               (static_cast<uint8_t>(escaped) < 0x80 && !std::isalnum(escaped))) {
      result.push_back('\\');
      result.push_back(escaped);
    } else {
      return Refuse(
          source, pattern, i - 1,
          absl::StrCat("\\", absl::string_view(&escaped, 1), in_class ? " in a class" : "",
                       " is not supported; supported are \\s \\S \\d \\D \\p \\P \\n \\r "
                       "\\t \\f \\x and escaped punctuation"));
    }
  }
  return result;
}

std::string ErrorText(int code) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(code, text, sizeof(text));
  return reinterpret_cast<const char*>(text);
}

}  // namespace

struct SplitRegex::Code {
  explicit Code(pcre2_code* compiled) : code(compiled) {}
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  pcre2_code* code;
};

absl::StatusOr<SplitRegex> SplitRegex::Compile(absl::string_view pattern,
                                               absl::string_view source) {
  if (pattern.size() > kLargestPattern) {
    return InputError(absl::StrCat(source, ": expected a split pattern of at most ",
                                   kLargestPattern, " bytes, found ", pattern.size()));
  }
  HYDRA_ASSIGN_OR_RETURN(const std::string translated, Translate(pattern, source));
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr);
  if (code == nullptr) {
    return InputError(
        absl::StrCat(source, ": split pattern ", QuoteForMessage(pattern), ": ", ErrorText(error)));
  }
  auto owned = std::make_shared<const Code>(code);
  uint32_t matches_empty = 0, behind = 0;
  pcre2_pattern_info(code, PCRE2_INFO_MATCHEMPTY, &matches_empty);
  pcre2_pattern_info(code, PCRE2_INFO_MAXLOOKBEHIND, &behind);
  if (matches_empty != 0 || behind != 0) {
    return InputError(absl::StrCat(
        source, ": split pattern ", QuoteForMessage(pattern),
        matches_empty != 0 ? " matches the empty text" : " looks at what stands before a word",
        ", which is not supported"));
  }
  // Without just-in-time compilation (a hardened system) matching is slower and otherwise the same.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
  return SplitRegex(std::move(owned));
}

struct SplitRegex::Cutter::State {
  explicit State(std::shared_ptr<const Code> compiled)
      : code(std::move(compiled)),
        data(pcre2_match_data_create(1, nullptr)),
        context(pcre2_match_context_create(nullptr)),
        stack(pcre2_jit_stack_create(1 << 15, kJitStack, nullptr)) {
    pcre2_set_match_limit(context, kMatchLimit);
    if (stack != nullptr) pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~State() {
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::shared_ptr<const Code> code;
  pcre2_match_data* data;
  pcre2_match_context* context;
  pcre2_jit_stack* stack;
};

SplitRegex::Cutter::Cutter(const SplitRegex& regex)
    : state_(std::make_unique<State>(regex.code_)) {}
SplitRegex::Cutter::~Cutter() = default;

absl::StatusOr<size_t> SplitRegex::Cutter::Next(absl::string_view text, size_t from,
                                                bool complete) {
  const uint32_t options = PCRE2_NO_UTF_CHECK | (complete ? 0 : PCRE2_PARTIAL_HARD);
  const int found = pcre2_match(state_->code->code, reinterpret_cast<PCRE2_SPTR>(text.data()),
                                text.size(), from, options, state_->data, state_->context);
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(state_->data);
  if (found >= 0) {
    // \K would move the beginning; it is refused as an escape.
    return range[0] > from ? range[0] : range[1];
  }
  if (found == PCRE2_ERROR_PARTIAL) return range[0] > from ? range[0] : 0;
  if (found == PCRE2_ERROR_NOMATCH) return complete ? text.size() : 0;
  return InputError(absl::StrCat("the tokenizer's split pattern cannot be matched at byte ", from,
                                 " of a piece of text: ", ErrorText(found)));
}

}  // namespace hydra::data
