// The products that kernels for GPUs are proved on: every form, odd and even sizes, counts.
#ifndef HYDRA_TESTS_CODEGEN_PRODUCTCASES_H
#define HYDRA_TESTS_CODEGEN_PRODUCTCASES_H

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace mlir::hydra::testing {

struct CountedRows {
  int64_t begin = 0, end = 0;
};

struct ProductCase {
  std::string name;
  std::string text;             // one func.func named "f"
  std::vector<int32_t> counts;  // of the i32 argument, if there is one
  // Rows that count of the first two arguments and of the result; nullopt: all. The others are NaN,
  // and in the result nobody writes them.
  std::optional<CountedRows> a, b, result;
  int accumulator = -1;  // the argument that the result may replace
  bool half = false;     // bf16, which only some processors round to
};

struct ProductForm {
  bool transposeA = false, transposeB = false, accumulate = false;
  int64_t groups = 1;
  std::optional<int32_t> rows = std::nullopt;
  std::string element = "f32", result = "f32";
};

// hydra.matmul of `groups` products m x n with contraction k.
ProductCase matmulCase(const std::string& name, int64_t m, int64_t n, int64_t k,
                       const ProductForm& form);

std::vector<ProductCase> productCases();

// What GoogleTest prints for a case.
void PrintTo(const ProductCase& item, std::ostream* stream);

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_CODEGEN_PRODUCTCASES_H
