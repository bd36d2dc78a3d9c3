// libFuzzer's entry point for the format named by HYDRA_FUZZ_ENTRY.
#include "tests/io/fuzz_entries.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hydra::HYDRA_FUZZ_ENTRY(data, size);
  return 0;
}
