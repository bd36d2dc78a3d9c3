#include "runtime/toolchain/model_facts.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "runtime/io/posix_file.h"
#include "runtime/toolchain/compile.h"
#include "runtime/toolchain/process.h"

namespace hydra::toolchain {

absl::StatusOr<int64_t> LongestSequence(const std::string& spec) {
  // A missing file is said by us, with its path; the rest is the compiler's to judge.
  HYDRA_RETURN_IF_ERROR(ReadWholeFile(spec, kLargestSpec).status());
  HYDRA_ASSIGN_OR_RETURN(const std::string compiler, FindProgram(kCompiler));
  HYDRA_ASSIGN_OR_RETURN(const ProcessResult result,
                         RunProcess({compiler, spec, "--stop-after=model"}));
  if (result.exit_status != 0) return CompilerError(result.exit_status, spec);
  constexpr absl::string_view kKey = "max_seq_len = ";
  for (const absl::string_view line : absl::StrSplit(result.output, '\n')) {
    if (line.find("hydra.model @") == absl::string_view::npos) continue;
    const size_t at = line.find(kKey);
    if (at == absl::string_view::npos) continue;
    const absl::string_view digits = line.substr(at + kKey.size());
    int64_t longest = 0;
    if (absl::SimpleAtoi(digits.substr(0, digits.find_first_not_of("0123456789")), &longest)) {
      return longest;
    }
  }
  return InputError(absl::StrCat(spec,
                                 ": expected a hydra.model with max_seq_len, found functions only; "
                                 "compile one with hydra-opt --function=NAME -o FILE.hydra and "
                                 "pass FILE.hydra"));
}

}  // namespace hydra::toolchain
