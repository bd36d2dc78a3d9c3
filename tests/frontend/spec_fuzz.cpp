// Fuzz entry of specs.
#include "tests/frontend/fuzz_parse.h"
#include "tests/io/fuzz_entries.h"

bool hydra::Fuzz_spec(const uint8_t* data, size_t size) {
  return mlir::hydra::fuzzParse({reinterpret_cast<const char*>(data), size},
                                mlir::hydra::parseSpec);
}
