#include "compiler/codegen/KernelCache.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

#include <map>
#include <tuple>

using namespace mlir;
using namespace mlir::hydra;
using llvm::support::endian::read64le;

// A file is: magic, hash of all that follows, the whole key, the functions with their offsets, and
// the image. Lengths are 64 bits, little endian.
static constexpr StringLiteral kMagic = "HYDRAKC1";
static constexpr StringLiteral kSuffix = ".kernel";

KernelCache::KernelCache(StringRef directory, StringRef compiler, uint64_t mostBytes)
    : directory(directory), compiler(compiler), mostBytes(mostBytes) {}

std::string KernelCache::pathOf(StringRef key) const {
  std::string text = (compiler + "\n" + key).str();
  llvm::XXH128_hash_t hash = llvm::xxh3_128bits(llvm::arrayRefFromStringRef(text));
  SmallString<128> path(directory);
  llvm::sys::path::append(path, llvm::formatv("{0:x-16}{1:x-16}", hash.high64, hash.low64).str() +
                                    kSuffix);
  return path.str().str();
}

static void appendNumber(std::string &text, uint64_t number) {
  char bytes[sizeof(number)];
  llvm::support::endian::write64le(bytes, number);
  text.append(bytes, sizeof(number));
}
static void appendField(std::string &text, StringRef field) {
  appendNumber(text, field.size());
  text += field;
}

static std::optional<uint64_t> takeNumber(StringRef &text) {
  if (text.size() < sizeof(uint64_t))
    return std::nullopt;
  uint64_t number = read64le(text.data());
  text = text.drop_front(sizeof(uint64_t));
  return number;
}
static std::optional<StringRef> takeField(StringRef &text) {
  std::optional<uint64_t> size = takeNumber(text);
  if (!size || *size > text.size())
    return std::nullopt;
  StringRef field = text.take_front(*size);
  text = text.drop_front(*size);
  return field;
}

std::optional<CodeImage> KernelCache::load(StringRef key) const {
  auto file = llvm::MemoryBuffer::getFile(pathOf(key), /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false, /*IsVolatile=*/true);
  if (!file)
    return std::nullopt;
  StringRef text = (*file)->getBuffer();
  if (!text.consume_front(kMagic))
    return std::nullopt;
  std::optional<uint64_t> hash = takeNumber(text);
  if (!hash || *hash != llvm::xxh3_64bits(text))
    return std::nullopt;
  std::optional<StringRef> owner = takeField(text), of = takeField(text);
  std::optional<uint64_t> functions = takeNumber(text);
  if (!owner || !of || *owner != compiler || *of != key || !functions)
    return std::nullopt;
  CodeImage image;
  for (uint64_t i = 0; i < *functions; ++i) {
    std::optional<StringRef> name = takeField(text);
    std::optional<uint64_t> offset = takeNumber(text);
    if (!name || !offset)
      return std::nullopt;
    image.offsets[*name] = *offset;
  }
  std::optional<StringRef> bytes = takeField(text);
  if (!bytes || !text.empty())
    return std::nullopt;
  image.bytes.assign(bytes->bytes_begin(), bytes->bytes_end());
  return image;
}

void KernelCache::store(StringRef key, const CodeImage &image) const {
  std::string body;
  appendField(body, compiler);
  appendField(body, key);
  // In order, so that equal kernels make equal files.
  std::map<StringRef, uint64_t> offsets;
  for (const auto &entry : image.offsets)
    offsets[entry.getKey()] = entry.getValue();
  appendNumber(body, offsets.size());
  for (const auto &[name, offset] : offsets) {
    appendField(body, name);
    appendNumber(body, offset);
  }
  appendField(body, llvm::toStringRef(image.bytes));
  std::string text = kMagic.str();
  appendNumber(text, llvm::xxh3_64bits(body));
  text += body;
  if (llvm::sys::fs::create_directories(directory))
    return;
  llvm::consumeError(llvm::writeToOutput(pathOf(key), [&](llvm::raw_ostream &stream) {
    stream << text;
    return llvm::Error::success();
  }));
}

void KernelCache::trim() const {
  struct File {
    llvm::sys::TimePoint<> time;
    std::string path;
    uint64_t bytes;
  };
  std::vector<File> files;
  uint64_t total = 0;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator file(directory, error), end; file != end && !error;
       file.increment(error)) {
    llvm::ErrorOr<llvm::sys::fs::basic_file_status> status = file->status();
    if (!status || !StringRef(file->path()).ends_with(kSuffix))
      continue;
    files.push_back({status->getLastModificationTime(), file->path(), status->getSize()});
    total += status->getSize();
  }
  if (total <= mostBytes)
    return;
  llvm::sort(files, [](const File &a, const File &b) {
    return std::tie(a.time, a.path) < std::tie(b.time, b.path);
  });
  for (const File &file : files) {
    if (total <= mostBytes / 4 * 3)
      return;
    // Another program may have been faster; what cannot be removed still counts.
    if (!llvm::sys::fs::remove(file.path))
      total -= file.bytes;
  }
}
