// Where the source and build trees are, from the environment that ctest gives every test
// (cmake/HydraTargets.cmake). Run by hand, a test needs HYDRA_SOURCE_DIR and HYDRA_BINARY_DIR.
#ifndef HYDRA_TESTS_BASE_TEST_PATHS_H_
#define HYDRA_TESTS_BASE_TEST_PATHS_H_

#include <cstdio>
#include <cstdlib>
#include <string>

namespace hydra::testing {

// The value of an environment variable that holds a folder; ends the program with a hint without
// it.
inline std::string RequiredFolder(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value == '\0') {
    std::fprintf(stderr, "expected the environment variable %s, found none: run tests by ctest\n",
                 variable);
    std::exit(2);
  }
  return value;
}

inline std::string SourceDir() { return RequiredFolder("HYDRA_SOURCE_DIR"); }
inline std::string BinaryDir() { return RequiredFolder("HYDRA_BINARY_DIR"); }

}  // namespace hydra::testing

#endif  // HYDRA_TESTS_BASE_TEST_PATHS_H_
