#include "runtime/toolchain/model_facts.h"

#include <vector>

#include "runtime/io/json_file.h"
#include "runtime/io/posix_file.h"
#include "runtime/toolchain/compile.h"
#include "runtime/toolchain/process.h"

namespace hydra::toolchain {

absl::StatusOr<int64_t> LongestSequence(const std::string& spec) {
  // A missing file is said by us, with its path; the rest is the compiler's to judge.
  HYDRA_RETURN_IF_ERROR(ReadWholeFile(spec, kLargestSpec).status());
  HYDRA_ASSIGN_OR_RETURN(const std::string compiler, FindProgram(kCompiler));
  HYDRA_ASSIGN_OR_RETURN(const ProcessResult result, RunProcess({compiler, spec, "--facts"}));
  if (result.exit_status != 0) return CompilerError(result.exit_status, spec);
  HYDRA_ASSIGN_OR_RETURN(
      const JsonDocument facts,
      JsonDocument::Parse(result.output, absl::StrCat(compiler, " ", spec, " --facts")));
  HYDRA_ASSIGN_OR_RETURN(const JsonView models, facts.root().Get("models"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> list, models.Array());
  if (!list.empty()) {
    HYDRA_ASSIGN_OR_RETURN(const JsonView longest, list.front().Get("max_seq_len"));
    return longest.Int(1);
  }
  return InputError(absl::StrCat(spec,
                                 ": expected a hydra.model with max_seq_len, found functions only; "
                                 "compile one with hydra-opt --function=NAME -o FILE.hydra and "
                                 "pass FILE.hydra"));
}

}  // namespace hydra::toolchain
