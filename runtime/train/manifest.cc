#include "runtime/train/manifest.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "runtime/base/hash.h"
#include "runtime/io/json_file.h"
#include "runtime/io/posix_file.h"

namespace hydra::train {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "hydra-manifest-1";
// Of the files that are read whole.
constexpr uint64_t kLargestText = uint64_t{1} << 30;

std::string Join(const std::string& directory, const std::string& file) {
  return (fs::path(directory) / file).string();
}

// The hash of the list itself: a changed manifest is damage like any other.
std::string HashOfEntries(const std::vector<ManifestEntry>& entries) {
  Hasher hasher;
  for (const ManifestEntry& entry : entries) {
    hasher.AddField(entry.file).AddField(entry.digest.bytes).AddField(entry.digest.hash.ToHex());
  }
  return hasher.Digest().ToHex();
}

absl::Status Compare(const std::string& path, const FileDigest& expected, const FileDigest& found) {
  if (found.bytes != expected.bytes) {
    return InputError(
        absl::StrCat(path, ": is torn: expected ", expected.bytes, " bytes, found ", found.bytes));
  }
  if (found.hash != expected.hash) {
    return InputError(absl::StrCat(path, ": was altered: expected hash ", expected.hash.ToHex(),
                                   ", found ", found.hash.ToHex()));
  }
  return absl::OkStatus();
}

const ManifestEntry* Find(const std::vector<ManifestEntry>& entries, absl::string_view file) {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const ManifestEntry& entry) { return entry.file == file; });
  return found == entries.end() ? nullptr : &*found;
}

absl::StatusOr<std::vector<ManifestEntry>> ReadEntries(const JsonView& root) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView format, root.Get("format"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view format_name, format.String());
  if (format_name != kFormat) return format.Expected(absl::StrCat("\"", kFormat, "\""));
  HYDRA_ASSIGN_OR_RETURN(const JsonView files, root.Get("files"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> list, files.Array());
  std::vector<ManifestEntry> entries;
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
    HYDRA_ASSIGN_OR_RETURN(const absl::string_view hex, hash_value.String());
    const std::optional<Hash128> hash = Hash128::FromHex(hex);
    if (!hash) return hash_value.Expected("32 hexadecimal digits");
    if (Find(entries, name) != nullptr) return file.Error("the file is listed twice");
    entries.push_back({std::string(name), {.bytes = bytes, .hash = *hash}});
  }
  HYDRA_ASSIGN_OR_RETURN(const JsonView own, root.Get("hash"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view own_hash, own.String());
  if (own_hash != HashOfEntries(entries)) return own.Error("the manifest was altered");
  return entries;
}

}  // namespace

absl::Status WriteManifest(const AtomicDirectory& directory, std::vector<ManifestEntry> entries) {
  std::sort(entries.begin(), entries.end(),
            [](const ManifestEntry& a, const ManifestEntry& b) { return a.file < b.file; });
  Json list = Json::array();
  for (const ManifestEntry& entry : entries) {
    list.push_back(
        {{"file", entry.file}, {"bytes", entry.digest.bytes}, {"hash", entry.digest.hash.ToHex()}});
  }
  const Json json{
      {"format", kFormat}, {"files", std::move(list)}, {"hash", HashOfEntries(entries)}};
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, directory.CreateFile(kManifestFile));
  HYDRA_RETURN_IF_ERROR(file.Append(
      absl::string_view(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n")));
  return file.Commit();
}

absl::StatusOr<std::vector<ManifestEntry>> VerifyManifest(
    const std::string& directory, absl::Span<const absl::string_view> required) {
  const std::string manifest = Join(directory, kManifestFile);
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::ReadFile(manifest));
  absl::StatusOr<std::vector<ManifestEntry>> entries = ReadEntries(document.root());
  if (!entries.ok()) return InputError(entries.status().message());
  for (const absl::string_view file : required) {
    if (Find(*entries, file) == nullptr) {
      return InputError(absl::StrCat(manifest, ": does not list ", file));
    }
  }
  std::error_code error;
  for (fs::directory_iterator it(directory, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name == kManifestFile || Find(*entries, name) != nullptr) continue;
    return InputError(absl::StrCat(it->path().string(),
                                   ": is not listed in the manifest; a checkpoint holds "
                                   "listed files only, so move it elsewhere"));
  }
  if (error) return ErrnoStatus(error.value(), "list", directory, ErrorKind::kInput);
  for (const ManifestEntry& expected : *entries) {
    const std::string path = Join(directory, expected.file);
    // The size first: it costs nothing.
    const uint64_t bytes = fs::is_regular_file(path, error) ? fs::file_size(path, error) : 0;
    if (error || !fs::is_regular_file(path, error)) {
      return InputError(absl::StrCat(path, ": is missing, the manifest lists it"));
    }
    HYDRA_RETURN_IF_ERROR(
        Compare(path, expected.digest, {.bytes = bytes, .hash = expected.digest.hash}));
    HYDRA_ASSIGN_OR_RETURN(const FileDigest found, DigestOfFile(path));
    HYDRA_RETURN_IF_ERROR(Compare(path, expected.digest, found));
  }
  return entries;
}

absl::StatusOr<std::string> ReadListedFile(const std::string& directory,
                                           const ManifestEntry& entry) {
  const std::string path = Join(directory, entry.file);
  HYDRA_ASSIGN_OR_RETURN(std::string contents, ReadWholeFile(path, kLargestText));
  HYDRA_RETURN_IF_ERROR(
      Compare(path, entry.digest, {.bytes = contents.size(), .hash = HashString(contents)}));
  return contents;
}

}  // namespace hydra::train
