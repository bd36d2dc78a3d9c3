// Files and directories that appear complete or not at all, also after a power cut.
//
// What is written is a temporary beside its target (temporary.h), synced, renamed over the target,
// and the directory is synced. A crash at any point leaves the old target or the new one, and a
// temporary that the next writer of the same target removes.
#ifndef HYDRA_RUNTIME_IO_ATOMIC_FILE_H_
#define HYDRA_RUNTIME_IO_ATOMIC_FILE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/hash.h"
#include "runtime/base/status.h"
#include "runtime/io/file_digest.h"
#include "runtime/io/posix_file.h"

namespace hydra {

// One file being written. Not thread-safe; movable. Destroyed without Commit(), it leaves nothing.
class AtomicFile {
 public:
  static absl::StatusOr<AtomicFile> Create(const std::string& path);

  ~AtomicFile();
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) noexcept;

  // Adds bytes at the end of what was appended so far.
  absl::Status Append(absl::Span<const uint8_t> bytes);
  absl::Status Append(absl::string_view text);

  // Writes at a position, independently of Append; unwritten ranges before it read as zero.
  absl::Status WriteAt(uint64_t offset, absl::Span<const uint8_t> bytes);

  // Sync, rename, sync directory. After an error the target is untouched or (if only the last sync
  // failed) complete. Nothing may be written afterwards.
  absl::Status Commit();

  // Size and hash of what was written, hashed on the way: nothing is read back. A failure unless
  // every byte was written once, in order.
  absl::StatusOr<FileDigest> Digest() const;

  // The target path, not the temporary one.
  const std::string& path() const { return path_; }

 private:
  friend class AtomicDirectory;
  AtomicFile(std::string path, std::string temporary, FileDescriptor file);
  absl::Status CheckOpen() const;

  std::string path_;
  // Empty once committed or moved from. The path itself inside an AtomicDirectory, which is the one
  // to be renamed.
  std::string temporary_;
  FileDescriptor file_;
  uint64_t end_ = 0;  // where Append writes next
  Hasher hasher_;
  uint64_t hashed_ = 0;  // bytes from the beginning that are in hasher_
  bool in_order_ = true;
};

// Create, Append, Commit.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view contents);

// One directory being filled, e.g. a checkpoint. Same guarantees as AtomicFile.
class AtomicDirectory {
 public:
  // Makes the temporary directory beside `path`; the parent must exist. Clears up after writers of
  // the same path that crashed.
  static absl::StatusOr<AtomicDirectory> Create(const std::string& path);

  ~AtomicDirectory();
  AtomicDirectory(AtomicDirectory&& other) noexcept;
  AtomicDirectory& operator=(AtomicDirectory&& other) noexcept;

  // A new file in it. Its Commit syncs the file, once, and nothing else.
  absl::StatusOr<AtomicFile> CreateFile(absl::string_view name) const;
  // Where the files are until Publish(). Whoever makes one by other means syncs it.
  const std::string& temporary_path() const { return temporary_; }
  const std::string& path() const { return path_; }

  // Syncs the directory (no subdirectories), then renames it to path(). An existing path() is
  // replaced: exchanged in one step where the file system can; otherwise it steps aside for the
  // moment between two renames, and the next Create puts it back after a crash in that moment.
  absl::Status Publish();

 private:
  AtomicDirectory(std::string path, std::string temporary, FileDescriptor lock);
  absl::Status Replace();

  std::string path_;
  std::string temporary_;  // empty once published or moved from
  FileDescriptor lock_;    // on the temporary
};

// Puts a directory back that stepped aside for Publish when the crash came, or removes it if the
// new one is there. Not while a Publish of the same path runs.
absl::Status RecoverReplaced(const std::string& path);

// If `name` is that of a directory that stepped aside, the name it had; otherwise "".
absl::string_view ReplacedBase(absl::string_view name);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_ATOMIC_FILE_H_
