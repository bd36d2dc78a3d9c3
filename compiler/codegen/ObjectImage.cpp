// From a relocatable object to a position-independent image.
#include "compiler/codegen/CpuCode.h"

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::hydra;
using llvm::object::ELF64LEObjectFile;
using llvm::object::ELFSectionRef;
using llvm::object::ELFSymbolRef;

namespace {

class Linker {
public:
  Linker(const ELF64LEObjectFile &object, Location location) : object(object), location(location) {}

  LogicalResult run(ArrayRef<std::string> functions, CodeImage &image) {
    // Code first, then constants, each at its own alignment.
    for (bool code : {true, false})
      for (const ELFSectionRef section : object.sections())
        if ((section.getFlags() & llvm::ELF::SHF_ALLOC) && section.isText() == code &&
            failed(place(section, image)))
          return failure();
    for (const ELFSectionRef section : object.sections())
      if (failed(relocate(section, image)))
        return failure();
    return findFunctions(functions, image);
  }

private:
  static StringRef nameOf(llvm::Expected<StringRef> name) {
    if (name)
      return *name;
    llvm::consumeError(name.takeError());
    return "(unnamed)";
  }
  InFlightDiagnostic error() {
    return emitError(location) << "machine code is not self-contained: ";
  }

  LogicalResult place(const ELFSectionRef &section, CodeImage &image) {
    if (section.getSize() == 0)
      return success();
    // The unwind tables are of no use in an image that nobody unwinds through.
    StringRef name = nameOf(section.getName());
    if (name == ".eh_frame")
      return success();
    if (section.getFlags() & llvm::ELF::SHF_WRITE)
      return error() << "writable section " << name;
    llvm::Expected<StringRef> contents = section.getContents();
    if (!contents)
      return error() << llvm::toString(contents.takeError());
    uint64_t alignment = std::max<uint64_t>(section.getAlignment().value(), 64);
    uint64_t offset = llvm::alignTo(image.bytes.size(), alignment);
    image.bytes.resize(offset, 0xCC); // int3 between sections
    image.bytes.insert(image.bytes.end(), contents->bytes_begin(), contents->bytes_end());
    offsets[section.getIndex()] = offset;
    return success();
  }

  // Where a symbol lies in the image.
  FailureOr<uint64_t> placeOf(const ELFSymbolRef &symbol) {
    StringRef name = nameOf(symbol.getName());
    llvm::Expected<llvm::object::section_iterator> section = symbol.getSection();
    if (!section)
      return error() << llvm::toString(section.takeError());
    if (*section == object.section_end())
      return error() << "undefined symbol '" << name
                     << "'; the kernel called a function that must be expanded in line";
    auto found = offsets.find((*section)->getIndex());
    if (found == offsets.end())
      return error() << "symbol '" << name << "' lies outside code and constants";
    llvm::Expected<uint64_t> value = symbol.getValue();
    if (!value)
      return error() << llvm::toString(value.takeError());
    return found->second + *value;
  }

  LogicalResult relocate(const ELFSectionRef &section, CodeImage &image) {
    llvm::Expected<llvm::object::section_iterator> target = section.getRelocatedSection();
    if (!target) {
      llvm::consumeError(target.takeError());
      return success();
    }
    if (*target == object.section_end())
      return success();
    auto base = offsets.find((*target)->getIndex());
    if (base == offsets.end())
      return success();
    for (const llvm::object::ELFRelocationRef relocation : section.relocations()) {
      if (relocation.getSymbol() == object.symbol_end())
        return error() << "relocation without a symbol";
      ELFSymbolRef symbol(*relocation.getSymbol());
      StringRef name = nameOf(symbol.getName());
      FailureOr<uint64_t> place = placeOf(symbol);
      if (failed(place))
        return failure();
      uint64_t type = relocation.getType();
      if (type != llvm::ELF::R_X86_64_PC32 && type != llvm::ELF::R_X86_64_PLT32)
        return error() << "relocation of type " << type << " to symbol '" << name
                       << "'; only PC32 and PLT32 are position independent";
      llvm::Expected<int64_t> addend = relocation.getAddend();
      if (!addend)
        return error() << llvm::toString(addend.takeError());
      uint64_t at = base->second + relocation.getOffset();
      int64_t value = static_cast<int64_t>(*place) + *addend - static_cast<int64_t>(at);
      if (at + 4 > image.bytes.size() || !llvm::isInt<32>(value))
        return error() << "relocation to symbol '" << name << "' is out of range";
      llvm::support::endian::write32le(&image.bytes[at], static_cast<uint32_t>(value));
    }
    return success();
  }

  LogicalResult findFunctions(ArrayRef<std::string> functions, CodeImage &image) {
    for (const ELFSymbolRef symbol : object.symbols()) {
      StringRef name = nameOf(symbol.getName());
      llvm::Expected<llvm::object::section_iterator> section = symbol.getSection();
      if (!section)
        return error() << llvm::toString(section.takeError());
      // Symbol 0 and section symbols have no name.
      if (name.empty() || symbol.getELFType() == llvm::ELF::STT_FILE ||
          symbol.getELFType() == llvm::ELF::STT_SECTION)
        continue;
      FailureOr<uint64_t> place = placeOf(symbol);
      if (failed(place))
        return failure();
      if (symbol.getELFType() == llvm::ELF::STT_FUNC)
        image.offsets[name] = *place;
    }
    for (const std::string &function : functions)
      if (!image.offsets.count(function))
        return error() << "function '" << function << "' is missing";
    return success();
  }

  const ELF64LEObjectFile &object;
  Location location;
  llvm::DenseMap<uint64_t, uint64_t> offsets; // section index -> offset in the image
};

} // namespace

FailureOr<CodeImage> hydra::linkObject(ArrayRef<char> object, ArrayRef<std::string> functions,
                                       Location location) {
  auto file = ELF64LEObjectFile::create(
      llvm::MemoryBufferRef(StringRef(object.data(), object.size()), "kernels"));
  if (!file) {
    emitError(location) << "expected an ELF object: " << llvm::toString(file.takeError());
    return failure();
  }
  CodeImage image;
  if (failed(Linker(*file, location).run(functions, image)))
    return failure();
  return image;
}
