// Fuzz entry of the safetensors reader.
#include <cstdio>
#include <cstdlib>

#include "runtime/io/safetensors.h"
#include "tests/io/fuzz_entries.h"

namespace hydra {
namespace {

void Require(bool promise, const char* what) {
  if (promise) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

}  // namespace

bool Fuzz_safetensors(const uint8_t* data, size_t size) {
  const absl::StatusOr<SafetensorsFile> file = SafetensorsFile::Parse({data, size}, "fuzz");
  if (!file.ok()) {
    Require(!file.status().message().empty(), "an error has a message");
    return false;
  }
  uint64_t covered = 0;
  unsigned sum = 0;
  for (const TensorView& tensor : file->tensors()) {
    Require(file->Find(tensor.name) == &tensor, "Find finds every tensor");
    Require(tensor.num_elements() * DTypeSize(tensor.dtype) == tensor.bytes.size(),
            "bytes match the shape");
    covered += tensor.bytes.size();
    // Reading the first and last byte makes a sanitizer see a view outside the file.
    if (!tensor.bytes.empty()) sum += tensor.bytes.front() + tensor.bytes.back();
    sum += static_cast<unsigned>(tensor.Copy<float>().ok());
  }
  Require(covered <= size && sum < ~0u, "the tensors lie inside the file");
  return true;
}

}  // namespace hydra
