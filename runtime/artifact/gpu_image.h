// Code for GPUs as an artifact holds it, one section per architecture: a cubin, which is an ELF
// file, under the name sm_NN, or PTX, text that ends in a zero byte, under compute_NN. Read here,
// without a driver, by whoever writes an artifact and by whoever opens it.
#ifndef HYDRA_RUNTIME_ARTIFACT_GPU_IMAGE_H_
#define HYDRA_RUNTIME_ARTIFACT_GPU_IMAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace hydra::artifact {

// How the names of sections with PTX begin; what follows is the oldest architecture it is for.
inline constexpr absl::string_view kPtxPrefix = "compute_";
// The one function that code for GPUs may leave to the driver: it sets the condition of a
// conditional graph node.
inline constexpr absl::string_view kDriverFunction = "cudaGraphSetConditional";

// Where a kernel is in an image: the byte offset of its machine code (cubin) or of its declaration
// (PTX). For people and for checks: drivers find kernels by name.
struct GpuKernelPlace {
  std::string name;
  uint64_t offset = 0;
};

// The kernels of the image of section `level`, in the image's order. An input error, with what was
// expected and found, for bytes that are neither a whole cubin nor PTX, and for code that needs a
// function which it does not have.
absl::StatusOr<std::vector<GpuKernelPlace>> ReadGpuImage(absl::string_view level,
                                                         absl::Span<const uint8_t> image);

}  // namespace hydra::artifact

#endif  // HYDRA_RUNTIME_ARTIFACT_GPU_IMAGE_H_
