#include "runtime/artifact/gpu_image.h"

#include <elf.h>

#include <cstring>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

#ifndef EM_CUDA
#define EM_CUDA 190
#endif

namespace hydra::artifact {
namespace {

using Bytes = absl::Span<const uint8_t>;

// A structure at an offset; nothing where it is not whole.
template <typename T>
std::optional<T> At(Bytes image, uint64_t offset) {
  if (offset > image.size() || image.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, image.data() + offset, sizeof(value));
  return value;
}

absl::StatusOr<Bytes> Contents(Bytes image, const Elf64_Shdr& section) {
  if (section.sh_offset > image.size() || image.size() - section.sh_offset < section.sh_size) {
    return InputError(absl::StrCat("a section of the cubin has bytes [", section.sh_offset, ", ",
                                   section.sh_offset + section.sh_size, ") of ", image.size()));
  }
  return image.subspan(section.sh_offset, section.sh_size);
}

// The text from `offset` to the zero behind it; nothing where there is none.
std::optional<absl::string_view> TextAt(Bytes table, uint64_t offset) {
  if (offset >= table.size()) return std::nullopt;
  const auto* text = reinterpret_cast<const char*>(table.data()) + offset;
  const void* end = std::memchr(text, 0, table.size() - offset);
  if (end == nullptr) return std::nullopt;
  return absl::string_view(text, static_cast<const char*>(end) - text);
}

// Undefined symbols are calls of what is not there.
absl::Status CheckSymbols(Bytes symbols, Bytes names) {
  for (uint64_t at = sizeof(Elf64_Sym); at + sizeof(Elf64_Sym) <= symbols.size();
       at += sizeof(Elf64_Sym)) {
    const Elf64_Sym symbol = *At<Elf64_Sym>(symbols, at);
    if (symbol.st_shndx != SHN_UNDEF) continue;
    const std::optional<absl::string_view> name = TextAt(names, symbol.st_name);
    if (!name) return InputError("a symbol of the cubin has no name");
    // What begins so, the assembler means and the driver's loader defines.
    const bool assemblers = absl::StartsWith(*name, ".nv.");
    if (!name->empty() && !assemblers && *name != kDriverFunction) {
      return InputError(absl::StrCat("the cubin calls '", *name, "', which it does not have"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<GpuKernelPlace>> ReadCubin(Bytes image) {
  const std::optional<Elf64_Ehdr> header = At<Elf64_Ehdr>(image, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != EM_CUDA) {
    return InputError("expected a cubin, an ELF file for NVIDIA GPUs, found something else");
  }
  std::vector<Elf64_Shdr> sections;
  for (uint64_t i = 0; i < header->e_shnum; ++i) {
    const std::optional<Elf64_Shdr> section =
        header->e_shentsize == sizeof(Elf64_Shdr)
            ? At<Elf64_Shdr>(image, header->e_shoff + i * sizeof(Elf64_Shdr))
            : std::nullopt;
    if (!section) return InputError(absl::StrCat("section ", i, " of the cubin is not whole"));
    sections.push_back(*section);
  }
  if (header->e_shstrndx >= sections.size()) return InputError("the cubin has no section names");
  HYDRA_ASSIGN_OR_RETURN(const Bytes names, Contents(image, sections[header->e_shstrndx]));
  std::vector<GpuKernelPlace> kernels;
  for (const Elf64_Shdr& section : sections) {
    const std::optional<absl::string_view> name = TextAt(names, section.sh_name);
    if (!name) return InputError("a section of the cubin has no name");
    constexpr absl::string_view kText = ".text.";
    if (section.sh_type == SHT_PROGBITS && absl::StartsWith(*name, kText)) {
      HYDRA_RETURN_IF_ERROR(Contents(image, section).status());
      kernels.push_back({std::string(name->substr(kText.size())), section.sh_offset});
    } else if (section.sh_type == SHT_SYMTAB) {
      if (section.sh_link >= sections.size()) return InputError("the cubin has no symbol names");
      HYDRA_ASSIGN_OR_RETURN(const Bytes symbols, Contents(image, section));
      HYDRA_ASSIGN_OR_RETURN(const Bytes texts, Contents(image, sections[section.sh_link]));
      HYDRA_RETURN_IF_ERROR(CheckSymbols(symbols, texts));
    }
  }
  return kernels;
}

absl::StatusOr<std::vector<GpuKernelPlace>> ReadPtx(Bytes image) {
  const absl::string_view text(reinterpret_cast<const char*>(image.data()), image.size());
  if (text.empty() || text.find('\0') != text.size() - 1 ||
      text.find("\n.version ") == absl::string_view::npos) {
    return InputError("expected PTX, text that ends in one zero byte, found something else");
  }
  constexpr absl::string_view kFunction = ".extern .func", kEntry = ".visible .entry ";
  for (size_t at = 0; (at = text.find(kFunction, at)) != text.npos; at += kFunction.size()) {
    const absl::string_view rest = text.substr(at, text.find(';', at) - at);
    if (!absl::StrContains(rest, kDriverFunction)) {
      return InputError(absl::StrCat("the PTX calls a function that it does not have: ", rest));
    }
  }
  std::vector<GpuKernelPlace> kernels;
  for (size_t at = 0; (at = text.find(kEntry, at)) != text.npos; at += kEntry.size()) {
    const absl::string_view rest = text.substr(at + kEntry.size());
    kernels.push_back({std::string(rest.substr(0, rest.find_first_of("( \n"))), at});
  }
  return kernels;
}

}  // namespace

absl::StatusOr<std::vector<GpuKernelPlace>> ReadGpuImage(absl::string_view level, Bytes image) {
  return absl::StartsWith(level, kPtxPrefix) ? ReadPtx(image) : ReadCubin(image);
}

}  // namespace hydra::artifact
