// Machine code of kernels that were compiled before, by content, level and compiler.
#ifndef HYDRA_COMPILER_CODEGEN_KERNELCACHE_H
#define HYDRA_COMPILER_CODEGEN_KERNELCACHE_H

#include "compiler/codegen/CpuCode.h"

#include <optional>

namespace mlir::hydra {

// One file per kernel. Files are written beside their place and renamed, so that several programs
// may share a directory, and checked when read: what is damaged, cut short or of another format is
// not there. Nothing here fails a compilation: a directory that cannot be written keeps nothing.
// Not for sharing between users: what it holds is run.
class KernelCache {
public:
  // `compiler` is part of every key: another build of the compiler emits other code. The directory
  // is made when something is stored and holds `mostBytes` at most, give or take what several
  // programs store at once.
  KernelCache(StringRef directory, StringRef compiler, uint64_t mostBytes = uint64_t{64} << 20);

  // The image stored under `key`; its isaLevel is empty.
  std::optional<CodeImage> load(StringRef key) const;
  void store(StringRef key, const CodeImage &image) const;
  // Removes the oldest files beyond the bound, down to three quarters of it.
  void trim() const;

private:
  std::string pathOf(StringRef key) const;

  std::string directory, compiler;
  uint64_t mostBytes;
};

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_KERNELCACHE_H
