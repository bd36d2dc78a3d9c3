// Files and directories that appear complete or not at all, also after a power cut.
//
// A file is written beside its target as TARGET.tmp-PID-N, synced, renamed over the target, and the
// directory is synced. A directory likewise; the one it replaces is kept as TARGET.previous.
#ifndef HYDRA_RUNTIME_IO_ATOMIC_FILE_H_
#define HYDRA_RUNTIME_IO_ATOMIC_FILE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/status.h"
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

  // The target path, not the temporary one.
  const std::string& path() const { return path_; }

 private:
  AtomicFile(std::string path, std::string temporary, FileDescriptor file);
  absl::Status CheckOpen() const;

  std::string path_;
  std::string temporary_;  // empty once committed or moved from
  FileDescriptor file_;
  uint64_t end_ = 0;  // where Append writes next
};

// Create, Append, Commit.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view contents);

// One directory being filled, e.g. a checkpoint. Same guarantees as AtomicFile.
class AtomicDirectory {
 public:
  // Makes the temporary directory beside `path`; the parent must exist.
  static absl::StatusOr<AtomicDirectory> Create(const std::string& path);

  ~AtomicDirectory();
  AtomicDirectory(AtomicDirectory&& other) noexcept;
  AtomicDirectory& operator=(AtomicDirectory&& other) noexcept;

  // Where to put the files until Publish().
  const std::string& temporary_path() const { return temporary_; }
  const std::string& path() const { return path_; }

  // Syncs every file and directory inside, then renames to path(). An existing path() is exchanged
  // in one step where the file system can (no moment without it; otherwise only path().previous
  // exists between two renames) and kept as PreviousPath(path()), replacing an older one.
  absl::Status Publish();

 private:
  AtomicDirectory(std::string path, std::string temporary);
  absl::Status Replace();

  std::string path_;
  std::string temporary_;  // empty once published or moved from
};

// "DIR.previous": where Publish() keeps what it replaced.
std::string PreviousPath(const std::string& path);

// Removes temporaries of `path` whose process no longer runs, left by a crash.
absl::Status RemoveStaleTemporaries(const std::string& path);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_ATOMIC_FILE_H_
