#include "compiler/artifact/ArtifactWriter.h"

#include "compiler/artifact/PlanTables.h"
#include "runtime/artifact/assemble.h"
#include "runtime/io/atomic_file.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace mlir::hydra;
using ::hydra::artifact::ArtifactInfo;
using ::hydra::artifact::SectionKind;

std::string mlir::hydra::kernelSymbol(llvm::StringRef kernel, int64_t stage) {
  return stage == 0 ? kernel.str() : kernel.str() + "_s" + std::to_string(stage);
}

namespace {

// A section and its bytes, which belong to someone else.
struct SectionBytes {
  SectionKind kind;
  std::string name;
  ArrayRef<uint8_t> bytes;
};

ArrayRef<uint8_t> bytesOf(const std::string &text) {
  return llvm::arrayRefFromStringRef(StringRef(text));
}

SmallVector<SectionBytes> collectSections(ArrayRef<CodeSection> code, ArrayRef<uint8_t> constants,
                                          const ArtifactMetadata &metadata) {
  SmallVector<SectionBytes> sections;
  for (const CodeSection &section : code)
    sections.push_back({SectionKind::kCode, section.isaLevel, section.bytes});
  auto addIfAny = [&](SectionKind kind, ArrayRef<uint8_t> bytes) {
    if (!bytes.empty())
      sections.push_back({kind, "", bytes});
  };
  addIfAny(SectionKind::kConstants, constants);
  addIfAny(SectionKind::kLedger, bytesOf(metadata.ledger));
  addIfAny(SectionKind::kSpec, bytesOf(metadata.spec));
  addIfAny(SectionKind::kSettings, bytesOf(metadata.settings));
  return sections;
}

} // namespace

LogicalResult mlir::hydra::writeArtifact(ModuleOp module, ArrayRef<CodeSection> code,
                                         const ArtifactMetadata &metadata,
                                         llvm::raw_ostream &stream) {
  FailureOr<ArtifactInfo> info = buildTables(module, code, metadata);
  if (failed(info))
    return failure();
  std::vector<uint8_t> constants = buildConstants(module);
  SmallVector<SectionBytes> sections = collectSections(code, constants, metadata);
  for (const SectionBytes &section : sections) {
    llvm::XXH128_hash_t hash = llvm::xxh3_128bits(section.bytes);
    info->sections.push_back(
        {section.kind, section.name, 0, section.bytes.size(), hash.low64, hash.high64});
  }
  absl::StatusOr<std::vector<uint8_t>> head = ::hydra::artifact::AssembleHead(*info);
  if (!head.ok())
    return module.emitError(std::string(head.status().message()));
  stream.write(reinterpret_cast<const char *>(head->data()), head->size());
  uint64_t position = head->size();
  for (auto [section, place] : llvm::zip(sections, info->sections)) {
    stream.write_zeros(place.offset - position);
    stream.write(reinterpret_cast<const char *>(section.bytes.data()), section.bytes.size());
    position = place.offset + section.bytes.size();
  }
  return success();
}

LogicalResult mlir::hydra::writeArtifactFile(ModuleOp module, ArrayRef<CodeSection> code,
                                             const ArtifactMetadata &metadata,
                                             const std::string &path) {
  std::string contents;
  llvm::raw_string_ostream stream(contents);
  if (failed(writeArtifact(module, code, metadata, stream)))
    return failure();
  stream.flush();
  absl::Status status = ::hydra::WriteFileAtomically(path, contents);
  if (!status.ok())
    return module.emitError("cannot write the artifact: ") << std::string(status.message());
  return success();
}
