// safetensors files: named tensors in one file, read without copying.
//
//   u64 little-endian N | N bytes of JSON | data, tensor after tensor without gaps
//   JSON: {"__metadata__": {KEY: STRING ...}, NAME: {"dtype","shape","data_offsets":[begin,end]}
//   ...}
// with offsets from the beginning of the data. Files are untrusted: Open() accepts a file only if
// its tensors tile the data exactly, and its errors name file, byte, tensor, expected and found.
#ifndef HYDRA_RUNTIME_IO_SAFETENSORS_H_
#define HYDRA_RUNTIME_IO_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/dtype.h"
#include "runtime/base/status.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/mapped_file.h"

namespace hydra {

struct SafetensorsHeader;

// Longest header that is read or written, as in the reference implementation.
inline constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;

// Elements of a shape (1 for no dimensions), or nothing if a dimension is negative or the product
// does not fit in int64.
std::optional<int64_t> NumElements(absl::Span<const int64_t> shape);

// A tensor in memory that somebody else owns: row-major, little-endian.
struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  absl::Span<const uint8_t> bytes;   // NumElements(shape) * DTypeSize(dtype); any alignment
  const MappedFile* file = nullptr;  // that `bytes` are mapped from; none for memory

  int64_t num_elements() const { return *NumElements(shape); }

  // The values in place, or an error naming the stored type; also if they are not aligned for T,
  // which files of other writers may cause: use Copy() where that matters.
  template <typename T>
  absl::StatusOr<absl::Span<const T>> Values() const {
    HYDRA_RETURN_IF_ERROR(CheckAccess(DTypeOf<T>::value, alignof(T)));
    return absl::Span<const T>(reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T));
  }

  // Copies the bytes to `to`, which has their size. Those of a file are read, not taken from the
  // mapping: a file that was shortened meanwhile is an error here (kInput), not a crash.
  absl::Status ReadBytes(absl::Span<uint8_t> to) const;

  // The values copied with ReadBytes, whatever their alignment.
  template <typename T>
  absl::StatusOr<std::vector<T>> Copy() const {
    HYDRA_RETURN_IF_ERROR(CheckAccess(DTypeOf<T>::value, 1));
    std::vector<T> values(bytes.size() / sizeof(T));
    HYDRA_RETURN_IF_ERROR(
        ReadBytes({reinterpret_cast<uint8_t*>(values.data()), values.size() * sizeof(T)}));
    return values;
  }

 private:
  absl::Status CheckAccess(DType expected, size_t alignment) const;
};

// An opened file. Movable; views stay valid until the object that owns the mapping is destroyed.
// Thread-safe to read.
class SafetensorsFile {
 public:
  // Maps the file and checks everything but the values.
  // kInput for what is missing, no regular file, or damaged.
  static absl::StatusOr<SafetensorsFile> Open(const std::string& path);

  // The same for `bytes` bytes of a larger file from `offset`, e.g. a section of a bundle; they
  // must lie inside it, and the mapping must outlive the result. `source` names them in messages.
  static absl::StatusOr<SafetensorsFile> Inside(const MappedFile& file, uint64_t offset,
                                                uint64_t bytes, absl::string_view source);

  // The same for bytes in memory that the caller keeps alive.
  static absl::StatusOr<SafetensorsFile> Parse(absl::Span<const uint8_t> bytes,
                                               absl::string_view source);

  // The strings of __metadata__.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  // In the order of their data.
  const std::vector<TensorView>& tensors() const { return tensors_; }

  // Nullptr if there is none.
  const TensorView* Find(absl::string_view name) const;
  // The tensor, or an error with a did-you-mean.
  absl::StatusOr<const TensorView*> Get(absl::string_view name) const;

  const std::string& source() const { return source_; }

 private:
  SafetensorsFile(SafetensorsHeader header, absl::Span<const uint8_t> data, std::string source);

  std::unique_ptr<const MappedFile> mapped_;  // where it stays when this object moves
  std::string source_;
  std::map<std::string, std::string> metadata_;
  std::vector<TensorView> tensors_;
  std::map<std::string, size_t> index_;
};

// What a file to be written will contain.
struct TensorSpec {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
};

// Writes a file atomically, tensor by tensor, so that only what the caller holds is in memory.
// The same specs, metadata and values give the same bytes. The data is laid out with wider types
// first (otherwise in the order of the specs), so that every tensor is aligned to its element size.
// Not thread-safe; movable. Without Finish() nothing appears.
class SafetensorsWriter {
 public:
  // A failure for names that repeat, are reserved or not UTF-8, shapes that overflow
  // and headers above the limit; otherwise those of AtomicFile.
  static absl::StatusOr<SafetensorsWriter> Create(
      const std::string& path, const std::map<std::string, std::string>& metadata,
      const std::vector<TensorSpec>& specs);
  // The same into a file that the caller made, e.g. one of an AtomicDirectory.
  static absl::StatusOr<SafetensorsWriter> Create(
      AtomicFile file, const std::map<std::string, std::string>& metadata,
      const std::vector<TensorSpec>& specs);

  // Indices of the specs in the order of their data.
  const std::vector<size_t>& layout() const { return layout_; }

  // Adds the next bytes of tensor `name`; tensors may come in any order and in any pieces.
  absl::Status Append(absl::string_view name, absl::Span<const uint8_t> bytes);

  // Checks that every tensor is complete, then makes the file appear.
  absl::Status Finish();

  // Of the finished file; a failure unless the tensors came in the order of layout().
  absl::StatusOr<FileDigest> Digest() const { return file_.Digest(); }

 private:
  struct Slot {
    uint64_t begin;  // in the file
    uint64_t size;
    uint64_t written = 0;
  };

  explicit SafetensorsWriter(AtomicFile file) : file_(std::move(file)) {}

  AtomicFile file_;
  std::vector<size_t> layout_;
  std::map<std::string, Slot> slots_;
};

// Create, Append each, Finish.
absl::Status WriteSafetensors(const std::string& path,
                              const std::map<std::string, std::string>& metadata,
                              const std::vector<TensorView>& tensors);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_SAFETENSORS_H_
