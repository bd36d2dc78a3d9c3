// driver_api.h against the CUDA Toolkit's cuda.h: the same layouts and numbers.
#include <gtest/gtest.h>

#if __has_include(<cuda.h>)
#include <cuda.h>

#include <cstddef>

#include "runtime/hal/cuda/driver_api.h"

namespace hydra::hal::cuda {
namespace {

#define EXPECT_SAME_FIELD(ours, our_field, theirs, their_field)        \
  EXPECT_EQ(offsetof(ours, our_field), offsetof(theirs, their_field)); \
  EXPECT_EQ(sizeof(ours::our_field), sizeof(theirs::their_field))

TEST(DriverAbiTest, StructuresHaveTheToolkitsLayout) {
  EXPECT_EQ(sizeof(Copy3D), sizeof(CUDA_MEMCPY3D));
  EXPECT_SAME_FIELD(Copy3D, source_type, CUDA_MEMCPY3D, srcMemoryType);
  EXPECT_SAME_FIELD(Copy3D, source, CUDA_MEMCPY3D, srcDevice);
  EXPECT_SAME_FIELD(Copy3D, source_pitch, CUDA_MEMCPY3D, srcPitch);
  EXPECT_SAME_FIELD(Copy3D, target_type, CUDA_MEMCPY3D, dstMemoryType);
  EXPECT_SAME_FIELD(Copy3D, target, CUDA_MEMCPY3D, dstDevice);
  EXPECT_SAME_FIELD(Copy3D, target_pitch, CUDA_MEMCPY3D, dstPitch);
  EXPECT_SAME_FIELD(Copy3D, width, CUDA_MEMCPY3D, WidthInBytes);
  EXPECT_SAME_FIELD(Copy3D, depth, CUDA_MEMCPY3D, Depth);
  EXPECT_EQ(sizeof(FillParameters), sizeof(CUDA_MEMSET_NODE_PARAMS));
  EXPECT_SAME_FIELD(FillParameters, pitch, CUDA_MEMSET_NODE_PARAMS, pitch);
  EXPECT_SAME_FIELD(FillParameters, value, CUDA_MEMSET_NODE_PARAMS, value);
  EXPECT_SAME_FIELD(FillParameters, element_bytes, CUDA_MEMSET_NODE_PARAMS, elementSize);
  EXPECT_SAME_FIELD(FillParameters, width, CUDA_MEMSET_NODE_PARAMS, width);
  EXPECT_SAME_FIELD(FillParameters, height, CUDA_MEMSET_NODE_PARAMS, height);
  EXPECT_EQ(sizeof(KernelParameters), sizeof(CUDA_KERNEL_NODE_PARAMS));
  EXPECT_EQ(offsetof(KernelParameters, block), offsetof(CUDA_KERNEL_NODE_PARAMS, blockDimX));
  EXPECT_SAME_FIELD(KernelParameters, shared_bytes, CUDA_KERNEL_NODE_PARAMS, sharedMemBytes);
  EXPECT_SAME_FIELD(KernelParameters, parameters, CUDA_KERNEL_NODE_PARAMS, kernelParams);
  EXPECT_SAME_FIELD(KernelParameters, context, CUDA_KERNEL_NODE_PARAMS, ctx);
  EXPECT_EQ(sizeof(InstantiateParameters), sizeof(CUDA_GRAPH_INSTANTIATE_PARAMS));
  EXPECT_SAME_FIELD(InstantiateParameters, error_node, CUDA_GRAPH_INSTANTIATE_PARAMS, hErrNode_out);
  EXPECT_EQ(sizeof(DevicePointer), sizeof(CUdeviceptr));
}

TEST(DriverAbiTest, NumbersAreTheToolkits) {
  EXPECT_EQ(kOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(kNotInitialized, CUDA_ERROR_NOT_INITIALIZED);
  EXPECT_EQ(kNoDevice, CUDA_ERROR_NO_DEVICE);
  EXPECT_EQ(kInvalidImage, CUDA_ERROR_INVALID_IMAGE);
  EXPECT_EQ(kInvalidContext, CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_EQ(kNotFound, CUDA_ERROR_NOT_FOUND);
  EXPECT_EQ(kIllegalAddress, CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(kMultiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  EXPECT_EQ(kCapabilityMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  EXPECT_EQ(kCapabilityMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  EXPECT_EQ(kMaxDynamicSharedBytes, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
  EXPECT_EQ(kErrorLogBuffer, CU_JIT_ERROR_LOG_BUFFER);
  EXPECT_EQ(kErrorLogBytes, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
  EXPECT_EQ(kStreamNonBlocking, unsigned{CU_STREAM_NON_BLOCKING});
  EXPECT_EQ(kDeviceMemory, unsigned{CU_MEMORYTYPE_DEVICE});
}

}  // namespace
}  // namespace hydra::hal::cuda
#else
TEST(DriverAbiTest, StructuresHaveTheToolkitsLayout) {
  GTEST_SKIP() << "no cuda.h of the CUDA Toolkit to compare with";
}
#endif
