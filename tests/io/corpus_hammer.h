// Runs a fuzz entry on its kept corpus, and on truncations and mutations of it.
#ifndef HYDRA_TESTS_IO_CORPUS_HAMMER_H_
#define HYDRA_TESTS_IO_CORPUS_HAMMER_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace hydra {

// Files of tests/corpus/FORMAT in the order of their names: those called good-* must be accepted,
// and `rounds` mutations of them must be survived, some refused. The mutations are counter-based,
// so that a failure repeats. Expectations of GoogleTest.
void HammerCorpus(bool (*entry)(const uint8_t*, size_t), const std::string& format,
                  uint64_t rounds);

}  // namespace hydra

#endif  // HYDRA_TESTS_IO_CORPUS_HAMMER_H_
