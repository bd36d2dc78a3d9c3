// What kernels of the sim target call where a GPU has an instruction: the thread operations that
// KernelContext::intrinsics points to. Read at fixed offsets by generated code
// (compiler/codegen/SimCode.cpp), provided by runtime/hal/sim.
//
// A kernel of the sim target is a KernelFunction that does the work of ONE thread: `args` points to
// its parameters, eight bytes each (the KernelCommand's buffers, the scratch memory, the scalars),
// `begin` is the number of the thread in the launch and `end` the one after it. A call to an
// operation may switch to another thread of the block.
#ifndef HYDRA_RUNTIME_BASE_SIM_INTRINSICS_H_
#define HYDRA_RUNTIME_BASE_SIM_INTRINSICS_H_

#include <cstdint>

namespace hydra::hal {

// Special registers, by the axis x, y or z that is added to the number.
enum SimRegister : int32_t {
  kSimThread = 0,   // of the block
  kSimBlock = 3,    // of the grid
  kSimThreads = 6,  // in a block
  kSimBlocks = 9,   // in the grid
  kSimLane = 12,    // of the warp
};

// From which lane a shuffle takes its value (PTX shfl.sync).
enum SimShuffle : int32_t { kSimXor, kSimUp, kSimDown, kSimIndex };

// Products of a warp (PTX mma.sync); see SimIntrinsics::multiply.
enum SimProduct : int32_t { kSimTf32M16N8K8, kSimBf16M16N8K16 };

// What an access does, or-ed; the alignment in bytes that the code relies on is shifted by
// kSimAlignmentShift and added.
enum SimAccess : int32_t { kSimWrite = 1, kSimShared = 2 };
inline constexpr int kSimAlignmentShift = 8;

// `place` says where in the source the operation stands, for messages. It differs between any two
// operations of a kernel, so that threads can be told apart that wait at different ones.
struct SimIntrinsics {
  int32_t (*read_register)(const SimIntrinsics* self, int32_t which);
  // The shared memory of this block. Every call of a launch asks for the same number of bytes.
  uint8_t* (*shared)(const SimIntrinsics* self, int64_t bytes);
  // Returns when all threads of the block are here.
  void (*barrier)(const SimIntrinsics* self, const char* place);
  // Returns when the lanes in `mask` are here.
  void (*warp_barrier)(const SimIntrinsics* self, uint32_t mask, const char* place);
  // `control` is PTX's operand c: the clamp in bits 0-4, the segment mask in bits 8-12.
  uint32_t (*shuffle)(const SimIntrinsics* self, int32_t kind, uint32_t mask, uint32_t value,
                      uint32_t operand, uint32_t control, const char* place);
  // A bit for each lane in `mask` whose value is not 0.
  uint32_t (*ballot)(const SimIntrinsics* self, uint32_t mask, uint32_t value, const char* place);
  // Before memory is read or written. Does not return if it may not be.
  void (*access)(const SimIntrinsics* self, const void* address, int64_t bytes, int32_t kind,
                 const char* place);
  // The same for elements of a vector, those whose bit in `elements` is set.
  void (*access_elements)(const SimIntrinsics* self, const void* address, int64_t element_bytes,
                          uint32_t elements, int32_t kind, const char* place);
  // D = A B + C of all 32 lanes. `words` holds this lane's fragments as PTX numbers their
  // registers: A, then B, then the four f32 of C, which D replaces.
  void (*multiply)(const SimIntrinsics* self, int32_t product, uint32_t* words, const char* place);
  // 2^x: PTX's ex2.approx.ftz, of which this is one result that it allows.
  float (*exp2)(const SimIntrinsics* self, float x);
};

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_BASE_SIM_INTRINSICS_H_
