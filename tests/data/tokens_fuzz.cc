// Fuzz entry of token files: every id that is read lies in the vocabulary.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "runtime/data/token_shards.h"
#include "tests/io/fuzz_entries.h"

namespace hydra {

bool Fuzz_tokens(const uint8_t* data, size_t size) {
  const int memory = ::memfd_create("tokens", 0);
  if (memory < 0 || ::write(memory, data, size) != static_cast<ssize_t>(size)) std::abort();
  const std::string path = "/proc/self/fd/" + std::to_string(memory);
  bool accepted = false;
  {
    auto file = data::TokenFile::Open(path);
    if (file.ok()) {
      accepted = file->Verify().ok();
      const data::TokenShards shards = data::TokenShards::Of(*std::move(file));
      std::vector<int32_t> ids(shards.size());
      if (shards.Read(0, absl::MakeSpan(ids)).ok()) {
        for (const int32_t id : ids) {
          if (id < 0 || id >= shards.vocab_size()) std::abort();
        }
      } else if (accepted) {
        std::abort();
      }
    }
  }
  ::close(memory);
  return accepted;
}

}  // namespace hydra
