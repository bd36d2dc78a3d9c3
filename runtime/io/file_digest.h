// Size and content hash of a file: what a manifest keeps of it.
#ifndef HYDRA_RUNTIME_IO_FILE_DIGEST_H_
#define HYDRA_RUNTIME_IO_FILE_DIGEST_H_

#include <cstdint>
#include <string>

#include "runtime/base/hash.h"
#include "runtime/base/status.h"

namespace hydra {

struct FileDigest {
  uint64_t bytes = 0;
  Hash128 hash;

  friend bool operator==(const FileDigest&, const FileDigest&) = default;
};

// Reads a regular file once, in pieces. kInput for what is missing or no
// file.
absl::StatusOr<FileDigest> DigestOfFile(const std::string& path);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_FILE_DIGEST_H_
