#include "runtime/exec/parameter_init.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/hash.h"
#include "runtime/base/philox.h"

namespace hydra {

void InitialValues(const artifact::ParameterInfo& parameter, uint64_t seed, uint64_t first,
                   absl::Span<float> values) {
  const auto scale = static_cast<float>(parameter.init_value * parameter.residual_scale);
  if (parameter.init_kind == artifact::InitKind::kConstant) {
    std::fill(values.begin(), values.end(), scale);
    return;
  }
  const Philox random(seed, Hash64(absl::StrCat("init:", parameter.name)));
  random.FillNormal(first, 0.0f, scale, values);
}

void InitializeAll(absl::Span<const ParameterTarget> targets, uint64_t seed, int threads) {
  constexpr uint64_t kPiece = uint64_t{1} << 18;
  struct Piece {
    const ParameterTarget* target;
    uint64_t first;
  };
  std::vector<Piece> pieces;
  for (const ParameterTarget& target : targets) {
    for (uint64_t first = 0; first < target.values.size(); first += kPiece) {
      pieces.push_back({&target, first});
    }
  }
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next.fetch_add(1); i < pieces.size(); i = next.fetch_add(1)) {
      const Piece& piece = pieces[i];
      InitialValues(*piece.target->parameter, seed, piece.first,
                    piece.target->values.subspan(piece.first, kPiece));
    }
  };
  const size_t helpers =
      std::min(pieces.size(), static_cast<size_t>(std::max(threads, 1))) - (pieces.empty() ? 0 : 1);
  std::vector<std::thread> pool;
  pool.reserve(helpers);
  try {
    for (size_t i = 0; i < helpers; ++i) pool.emplace_back(work);
  } catch (const std::system_error&) {
    // The values do not depend on how many threads compute them: those that started are enough.
  }
  work();
  for (std::thread& thread : pool) thread.join();
}

}  // namespace hydra
