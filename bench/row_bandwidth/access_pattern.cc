// The peer of fused row kernels: reads and writes as many tensors in the same order, row by row,
// and computes nothing but a sum. Prints the fastest time of a pass in seconds.
//
//   access_pattern READS IN_PLACE WRITES ROWS COLUMNS ROUNDS
//
// READS tensors are read, IN_PLACE of them written where they stand, WRITES other ones written. All
// are float32 [ROWS, COLUMNS], COLUMNS a multiple of 16.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace {

struct Freed {
  void operator()(float* memory) const { std::free(memory); }
};
using Tensor = std::unique_ptr<float[], Freed>;

// 16 floats, as the generated code has them.
using Lanes = float __attribute__((vector_size(64)));
constexpr std::ptrdiff_t kLanes = 16;

float sink;  // so that a pass without writes has a result

// One loop for a number of reads and writes. Tensors that are written where they stand are the only
// ones that share memory.
template <int kReads, int kWrites>
void Pass(const float* const* in, float* const* out, std::ptrdiff_t rows, std::ptrdiff_t columns) {
  const float* from[kReads];
  float* to[kWrites + 1];
  std::copy_n(in, kReads, from);
  std::copy_n(out, kWrites, to);
  Lanes total = {};
  for (std::ptrdiff_t j = 0; j + kLanes <= rows * columns; j += kLanes) {
    Lanes sum = {};
    for (int i = 0; i < kReads; ++i) sum += *reinterpret_cast<const Lanes*>(from[i] + j);
    for (int i = 0; i < kWrites; ++i) *reinterpret_cast<Lanes*>(to[i] + j) = sum;
    if (kWrites == 0) total += sum;
  }
  if (kWrites == 0) sink = sink + total[0];
}

using PassFunction = void (*)(const float* const*, float* const*, std::ptrdiff_t, std::ptrdiff_t);
PassFunction Choose(int reads, int writes) {
  static constexpr PassFunction kPasses[5][5] = {
      {Pass<1, 0>, Pass<1, 1>, Pass<1, 2>, Pass<1, 3>, Pass<1, 4>},
      {Pass<2, 0>, Pass<2, 1>, Pass<2, 2>, Pass<2, 3>, Pass<2, 4>},
      {Pass<3, 0>, Pass<3, 1>, Pass<3, 2>, Pass<3, 3>, Pass<3, 4>},
      {Pass<4, 0>, Pass<4, 1>, Pass<4, 2>, Pass<4, 3>, Pass<4, 4>},
      {Pass<5, 0>, Pass<5, 1>, Pass<5, 2>, Pass<5, 3>, Pass<5, 4>}};
  return reads < 1 || reads > 5 || writes < 0 || writes > 4 ? nullptr : kPasses[reads - 1][writes];
}

Tensor Make(std::ptrdiff_t elements) {
  constexpr std::size_t kAlignment = 64;
  Tensor tensor(static_cast<float*>(
      std::aligned_alloc(kAlignment, static_cast<std::size_t>(elements) * sizeof(float))));
  for (std::ptrdiff_t i = 0; i < elements; ++i) tensor[i] = static_cast<float>(i % 7) - 3;
  return tensor;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "access_pattern READS IN_PLACE WRITES ROWS COLUMNS ROUNDS\n");
    return 2;
  }
  const int reads = std::atoi(argv[1]), in_place = std::atoi(argv[2]), writes = std::atoi(argv[3]);
  const std::ptrdiff_t rows = std::atol(argv[4]), columns = std::atol(argv[5]);
  const PassFunction pass = Choose(reads, in_place + writes);
  if (pass == nullptr || in_place > reads || rows < 1 || columns % kLanes != 0) {
    std::fprintf(stderr, "expected 1 to 5 reads, up to 4 writes and rows of whole vectors\n");
    return 2;
  }
  std::vector<Tensor> tensors;
  std::vector<const float*> in;
  std::vector<float*> out;
  for (int i = 0; i < reads; ++i) {
    tensors.push_back(Make(rows * columns));
    in.push_back(tensors.back().get());
    if (i < in_place) out.push_back(tensors.back().get());
  }
  for (int i = 0; i < writes; ++i) {
    tensors.push_back(Make(rows * columns));
    out.push_back(tensors.back().get());
  }
  double fastest = 1e300;
  for (int round = std::atoi(argv[6]); round > 0; --round) {
    const auto start = std::chrono::steady_clock::now();
    pass(in.data(), out.data(), rows, columns);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    fastest = std::min(fastest, seconds.count());
  }
  std::printf("%.9g\n", fastest);
  return 0;
}
