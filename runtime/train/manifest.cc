#include "runtime/train/manifest.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "runtime/base/hash.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/json_file.h"
#include "runtime/io/mapped_file.h"

namespace hydra::train {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "hydra-manifest-1";

struct Entry {
  std::string file;
  uint64_t bytes = 0;
  std::string hash;
};

std::string Join(const std::string& directory, const std::string& file) {
  return (fs::path(directory) / file).string();
}

// The hash of the list itself: a changed manifest is damage like any other.
std::string HashOfEntries(const std::vector<Entry>& entries) {
  Hasher hasher;
  for (const Entry& entry : entries) {
    hasher.AddField(entry.file).AddField(entry.bytes).AddField(entry.hash);
  }
  return hasher.Digest().ToHex();
}

absl::StatusOr<Entry> Measure(const std::string& directory, const std::string& file) {
  HYDRA_ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::Open(Join(directory, file)));
  return Entry{file, mapped.bytes().size(), HashBytes(mapped.bytes()).ToHex()};
}

absl::StatusOr<std::vector<Entry>> ReadEntries(const JsonView& root) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView format, root.Get("format"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view format_name, format.String());
  if (format_name != kFormat) return format.Expected(absl::StrCat("\"", kFormat, "\""));
  HYDRA_ASSIGN_OR_RETURN(const JsonView files, root.Get("files"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> list, files.Array());
  std::vector<Entry> entries;
  for (const JsonView& item : list) {
    HYDRA_ASSIGN_OR_RETURN(const JsonView file, item.Get("file"));
    HYDRA_ASSIGN_OR_RETURN(const absl::string_view name, file.String());
    // Names stay inside the checkpoint, whatever the manifest says.
    if (name.empty() || name == ".." || name.find('/') != absl::string_view::npos) {
      return file.Expected("a file name without directories");
    }
    HYDRA_ASSIGN_OR_RETURN(const JsonView size, item.Get("bytes"));
    HYDRA_ASSIGN_OR_RETURN(const uint64_t bytes, size.Uint());
    HYDRA_ASSIGN_OR_RETURN(const JsonView hash_value, item.Get("hash"));
    HYDRA_ASSIGN_OR_RETURN(const absl::string_view hash, hash_value.String());
    entries.push_back({std::string(name), bytes, std::string(hash)});
  }
  HYDRA_ASSIGN_OR_RETURN(const JsonView own, root.Get("hash"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view own_hash, own.String());
  if (own_hash != HashOfEntries(entries)) return own.Error("the manifest was altered");
  return entries;
}

}  // namespace

absl::Status WriteManifest(const std::string& directory, const std::vector<std::string>& files) {
  std::vector<std::string> sorted = files;
  std::sort(sorted.begin(), sorted.end());
  std::vector<Entry> entries;
  Json list = Json::array();
  for (const std::string& file : sorted) {
    HYDRA_ASSIGN_OR_RETURN(Entry entry, Measure(directory, file));
    list.push_back({{"file", entry.file}, {"bytes", entry.bytes}, {"hash", entry.hash}});
    entries.push_back(std::move(entry));
  }
  const Json json{
      {"format", kFormat}, {"files", std::move(list)}, {"hash", HashOfEntries(entries)}};
  return WriteFileAtomically(Join(directory, kManifestFile),
                             json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

absl::StatusOr<std::vector<std::string>> VerifyManifest(const std::string& directory) {
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document,
                         JsonDocument::ReadFile(Join(directory, kManifestFile)));
  absl::StatusOr<std::vector<Entry>> entries = ReadEntries(document.root());
  if (!entries.ok()) return InputError(entries.status().message());
  std::vector<std::string> files;
  for (const Entry& expected : *entries) {
    const std::string path = Join(directory, expected.file);
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored)) {
      return InputError(absl::StrCat(path, ": is missing, the manifest lists it"));
    }
    HYDRA_ASSIGN_OR_RETURN(const Entry found, Measure(directory, expected.file));
    if (found.bytes != expected.bytes) {
      return InputError(absl::StrCat(path, ": is torn: expected ", expected.bytes, " bytes, found ",
                                     found.bytes));
    }
    if (found.hash != expected.hash) {
      return InputError(absl::StrCat(path, ": was altered: expected hash ", expected.hash,
                                     ", found ", found.hash));
    }
    files.push_back(expected.file);
  }
  return files;
}

}  // namespace hydra::train
