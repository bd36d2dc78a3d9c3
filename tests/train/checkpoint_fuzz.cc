// Fuzz entry of checkpoints: the first byte says which file of a good one the rest replaces, under
// a manifest that lists it. What is opened restores into an engine, or is refused with a reason.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "runtime/train/checkpoint.h"
#include "runtime/train/manifest.h"
#include "tests/io/fuzz_directory.h"
#include "tests/io/fuzz_entries.h"
#include "tests/train/sealed_manifest.h"
#include "tests/train/unigram_engine.h"

namespace hydra {
namespace {

constexpr absl::string_view kFiles[] = {train::kWeightsFile, train::kOptimizerFile,
                                        train::kControlStateFile, train::kRunFile};

// The byte of a corpus file: '0' is weights.safetensors, and so on.
absl::string_view FileOf(uint8_t byte) { return kFiles[(byte - '0') % std::size(kFiles)]; }

class GoodCheckpoint {
 public:
  GoodCheckpoint() {
    if (!engine_.InitializeParameters(1).ok()) std::abort();
    train::RunRecord record;
    record.run_id = "fuzz";
    record.facts = engine_.facts();
    record.tokenizer = "byte";
    if (!train::WriteCheckpoint(path(), engine_, record, {}).ok()) std::abort();
    for (const auto& file : std::filesystem::directory_iterator(path())) {
      std::ifstream in(file.path(), std::ios::binary);
      files_[file.path().filename().string()] = std::string(std::istreambuf_iterator<char>(in), {});
    }
    files_.erase(train::kManifestFile);
  }

  bool OpensWith(const std::string& name, absl::string_view contents) {
    std::map<std::string, std::string> files = files_;
    files[name] = std::string(contents);
    directory_.Write("checkpoint/" + name, contents);
    directory_.Write(absl::StrCat("checkpoint/", train::kManifestFile), train::ManifestOf(files));
    const bool good = Open();
    directory_.Write("checkpoint/" + name, files_[name]);
    return good;
  }

 private:
  std::string path() const { return directory_ / "checkpoint"; }

  bool Open() {
    const auto checkpoint = train::Checkpoint::Open(path());
    if (!checkpoint.ok()) {
      if (checkpoint.status().message().empty()) std::abort();
      return false;
    }
    (void)checkpoint->OpenTokenizer();
    const absl::Status restored = checkpoint->RestoreAll(engine_);
    if (!restored.ok() && restored.message().empty()) std::abort();
    return restored.ok();
  }

  FuzzDirectory directory_;
  train::UnigramEngine engine_{1, 4, 1};
  std::map<std::string, std::string> files_;
};

}  // namespace

bool Fuzz_checkpoint(const uint8_t* data, size_t size) {
  static GoodCheckpoint good;
  if (size == 0) return false;
  return good.OpensWith(std::string(FileOf(data[0])),
                        {reinterpret_cast<const char*>(data) + 1, size - 1});
}

}  // namespace hydra
