#include "runtime/hal/sim/warp.h"

#include <bit>

namespace hydra::hal::sim {
namespace {

using Lanes = std::array<LaneWords, kWarp>;

// PTX ISA, shfl.sync.
uint32_t SourceOf(const LaneWords& lane, uint32_t number) {
  const uint32_t clamp = lane.control & 31, segment = (lane.control >> 8) & 31;
  const uint32_t last = (number & segment) | (clamp & ~segment), first = number & segment;
  uint32_t source = number;
  bool inside = false;
  switch (static_cast<SimShuffle>(lane.kind)) {
    case kSimUp:
      source = number - lane.operand;
      inside = static_cast<int32_t>(source) >= static_cast<int32_t>(last);
      break;
    case kSimDown:
      source = number + lane.operand;
      inside = source <= last;
      break;
    case kSimXor:
      source = number ^ lane.operand;
      inside = source <= last;
      break;
    case kSimIndex:
      source = first | (lane.operand & ~segment & 31);
      inside = source <= last;
      break;
  }
  return inside ? source & 31 : number;
}

// Element (row, column) of A and of B: PTX ISA, matrix fragments of mma.m16n8k8 and m16n8k16.
float Tf32(uint32_t word) { return std::bit_cast<float>(word & ~uint32_t{0x1fff}); }
float Bf16(uint32_t word, uint32_t half) {
  return std::bit_cast<float>(half == 0 ? word << 16 : word & 0xffff0000u);
}
float ElementOfA(const Lanes& lanes, int32_t product, uint32_t row, uint32_t k) {
  if (product == kSimTf32M16N8K8) {
    return Tf32(lanes[row % 8 * 4 + k % 4].words[row / 8 + k / 4 * 2]);
  }
  return Bf16(lanes[row % 8 * 4 + k % 8 / 2].words[row / 8 + k / 8 * 2], k % 2);
}
float ElementOfB(const Lanes& lanes, int32_t product, uint32_t k, uint32_t column) {
  if (product == kSimTf32M16N8K8) return Tf32(lanes[column * 4 + k % 4].words[4 + k / 4]);
  return Bf16(lanes[column * 4 + k % 8 / 2].words[4 + k / 8], k % 2);
}

void Multiply(Lanes& lanes) {
  const int32_t product = lanes[0].kind;
  const uint32_t depth = product == kSimTf32M16N8K8 ? 8 : 16;
  Lanes result = lanes;
  for (uint32_t lane = 0; lane < kWarp; ++lane) {
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
      float sum = std::bit_cast<float>(lanes[lane].words[6 + i]);
      for (uint32_t k = 0; k < depth; ++k) {
        sum += ElementOfA(lanes, product, row, k) * ElementOfB(lanes, product, k, column);
      }
      result[lane].words[6 + i] = std::bit_cast<uint32_t>(sum);
    }
  }
  lanes = result;
}

}  // namespace

void Carry(Lanes& lanes, uint32_t mask) {
  const uint32_t first = static_cast<uint32_t>(std::countr_zero(mask));
  switch (lanes[first].exchange) {
    case Exchange::kBarrier:
      return;
    case Exchange::kShuffle: {
      const Lanes before = lanes;
      for (uint32_t lane = 0; lane < kWarp; ++lane) {
        if ((mask >> lane & 1) == 0) continue;
        lanes[lane].words[0] = before[SourceOf(before[lane], lane)].words[0];
      }
      return;
    }
    case Exchange::kBallot: {
      uint32_t votes = 0;
      for (uint32_t lane = 0; lane < kWarp; ++lane) {
        if ((mask >> lane & 1) != 0 && lanes[lane].words[0] != 0) votes |= uint32_t{1} << lane;
      }
      for (LaneWords& lane : lanes) lane.words[0] = votes;
      return;
    }
    case Exchange::kMultiply:
      return Multiply(lanes);
  }
}

}  // namespace hydra::hal::sim
