#include "tests/train/sealed_manifest.h"

#include "runtime/base/hash.h"
#include "runtime/io/json_file.h"

namespace hydra::train {
namespace {

// The hash of what is listed, in the order of the list; an error where the list is no list of
// files.
absl::StatusOr<std::string> HashOfList(const JsonView& root) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView files, root.Get("files"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> list, files.Array());
  Hasher hasher;
  for (const JsonView& item : list) {
    HYDRA_ASSIGN_OR_RETURN(const JsonView file, item.Get("file"));
    HYDRA_ASSIGN_OR_RETURN(const absl::string_view name, file.String());
    HYDRA_ASSIGN_OR_RETURN(const JsonView size, item.Get("bytes"));
    HYDRA_ASSIGN_OR_RETURN(const uint64_t bytes, size.Uint());
    HYDRA_ASSIGN_OR_RETURN(const JsonView hash, item.Get("hash"));
    HYDRA_ASSIGN_OR_RETURN(const absl::string_view hex, hash.String());
    const std::optional<Hash128> value = Hash128::FromHex(hex);
    hasher.AddField(name).AddField(bytes).AddField(value ? value->ToHex() : std::string(hex));
  }
  return hasher.Digest().ToHex();
}

}  // namespace

std::string ManifestOf(const std::map<std::string, std::string>& files) {
  std::string list;
  for (const auto& [name, contents] : files) {
    absl::StrAppend(&list, list.empty() ? "" : ",\n", "    {\"file\": \"", name,
                    "\", \"bytes\": ", contents.size(), ", \"hash\": \"",
                    HashString(contents).ToHex(), "\"}");
  }
  return SealManifest(absl::StrCat("{\n  \"format\": \"hydra-manifest-1\",\n  \"files\": [\n", list,
                                   "\n  ],\n  \"hash\": \"\"\n}\n"));
}

std::string SealManifest(absl::string_view manifest) {
  std::string text(manifest);
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text, "manifest");
  if (!document.ok()) return text;
  const absl::StatusOr<std::string> hash = HashOfList(document->root());
  const std::optional<JsonView> own = document->root().Find("hash");
  if (!hash.ok() || !own || !own->is_string()) return text;
  const size_t begin = own->offset() + 1, end = text.find('"', begin);
  return text.replace(begin, end - begin, *hash);
}

}  // namespace hydra::train
