// Verifying golden files from their paths: the compiler, a place to work in, what is left behind.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_FILE_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_FILE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/diagnostics/verify.h"

namespace hydra {

struct VerifyFileOptions {
  std::string target = "cpu";
  std::string precision = "f32";
  std::string arch = "native";
  int threads = 0;
  std::vector<std::string> settings;  // further compile settings, KEY=VALUE
  std::string dump;  // safetensors file for every computed tensor, under the golden's names; "": no
  std::function<void(absl::string_view)> messages = nullptr;  // of the compiler
  std::function<bool()> interrupted = nullptr;                // whether the user asked to stop
};

// VerifyGolden on a file. Messages of the compiler name the golden file rather than the copy of its
// configuration that it reads. Errors name the file; the golden file is opened before anything else
// is looked for.
absl::StatusOr<VerifyReport> VerifyFile(const std::string& path, const VerifyFileOptions& options);

// The check that decides what to say of a report: the first that failed, else the one closest to
// its bound.
const VerifyCheck& DecisiveCheck(const VerifyReport& report);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_FILE_H_
