// Code for GPUs in artifacts: kernels are found, and what is no such code, or calls what it does
// not have, is refused.
#include "runtime/artifact/gpu_image.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "runtime/artifact/artifact.h"
#include "runtime/base/status.h"
#include "tests/artifact/artifact_builder.h"
#include "tests/artifact/sample_artifact.h"

namespace hydra::artifact {
namespace {

using ::testing::HasSubstr;

std::vector<uint8_t> Bytes(absl::string_view text) {
  std::vector<uint8_t> bytes(text.begin(), text.end());
  bytes.push_back(0);
  return bytes;
}

constexpr absl::string_view kPtx =
    "// made by hand\n.version 7.0\n.target sm_80\n.address_size 64\n\n"
    ".visible .entry scale(\n\t.param .u64 scale_0\n)\n{\n\tret;\n}\n"
    ".visible .entry add(\n\t.param .u64 add_0\n)\n{\n\tret;\n}\n";

// A cubin of one kernel, `scale`, and a symbol that is `called` without being there.
std::vector<uint8_t> Cubin(const std::string& called) {
  std::string names(1, '\0'), symbols_names(1, '\0');
  const auto add = [](std::string& table, const std::string& name) {
    const size_t at = table.size();
    table += name;
    table.push_back('\0');
    return static_cast<Elf64_Word>(at);
  };
  Elf64_Shdr sections[5] = {};
  sections[1].sh_name = add(names, ".shstrtab");
  sections[2].sh_name = add(names, ".strtab");
  sections[3].sh_name = add(names, ".symtab");
  sections[4].sh_name = add(names, ".text.scale");
  Elf64_Sym symbols[2] = {};
  if (!called.empty()) symbols[1].st_name = add(symbols_names, called);
  const std::string code(64, 'c');
  std::string contents[5];
  contents[1] = names;
  contents[2] = symbols_names;
  contents[3].assign(reinterpret_cast<const char*>(symbols), sizeof(symbols));
  contents[4] = code;
  const uint32_t types[] = {SHT_NULL, SHT_STRTAB, SHT_STRTAB, SHT_SYMTAB, SHT_PROGBITS};
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_machine = 190;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 5;
  header.e_shstrndx = 1;
  std::string file(sizeof(header), '\0');
  for (int i = 1; i < 5; ++i) {
    sections[i].sh_type = types[i];
    sections[i].sh_offset = file.size();
    sections[i].sh_size = contents[i].size();
    file += contents[i];
  }
  sections[3].sh_link = 2;
  header.e_shoff = file.size();
  file.append(reinterpret_cast<const char*>(sections), sizeof(sections));
  std::memcpy(file.data(), &header, sizeof(header));
  return {file.begin(), file.end()};
}

std::string Refusal(absl::string_view level, const std::vector<uint8_t>& image) {
  const auto read = ReadGpuImage(level, image);
  if (read.ok()) return "";
  EXPECT_EQ(KindOf(read.status()), ErrorKind::kInput);
  return std::string(read.status().message());
}

TEST(GpuImageTest, KernelsOfPtxAndCubins) {
  const auto ptx = ReadGpuImage("compute_80", Bytes(kPtx));
  ASSERT_TRUE(ptx.ok()) << ptx.status();
  ASSERT_EQ(ptx->size(), 2u);
  EXPECT_EQ((*ptx)[1].name, "add");
  EXPECT_EQ(kPtx.substr((*ptx)[1].offset, 19), ".visible .entry add");
  const std::vector<uint8_t> cubin = Cubin("");
  const auto read = ReadGpuImage("sm_80", cubin);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 1u);
  EXPECT_EQ((*read)[0].name, "scale");
  EXPECT_EQ(cubin[(*read)[0].offset], 'c');
}

TEST(GpuImageTest, WhatCallsWhatItDoesNotHaveIsRefused) {
  EXPECT_THAT(Refusal("sm_80", Cubin("expf")), HasSubstr("calls 'expf'"));
  EXPECT_EQ(Refusal("sm_80", Cubin("cudaGraphSetConditional")), "");
  EXPECT_EQ(Refusal("sm_80", Cubin(".nv.reservedSmem.offset0")), "");
  const std::string external(kPtx);
  EXPECT_THAT(Refusal("compute_80", Bytes(external + ".extern .func expf(.param .b32 a);")),
              HasSubstr("expf"));
  EXPECT_EQ(Refusal("compute_80",
                    Bytes(external + ".extern .func cudaGraphSetConditional(.param .b64 a);")),
            "");
}

TEST(GpuImageTest, EveryTruncationIsRefusedOrHasNothingToRead) {
  const std::vector<uint8_t> cubin = Cubin("");
  for (size_t size = 0; size < cubin.size(); ++size) {
    EXPECT_NE(Refusal("sm_80", {cubin.begin(), cubin.begin() + static_cast<long>(size)}), "")
        << size;
  }
  EXPECT_THAT(Refusal("sm_80", Bytes(kPtx)), HasSubstr("expected a cubin"));
  EXPECT_THAT(Refusal("compute_80", cubin), HasSubstr("expected PTX"));
  EXPECT_THAT(Refusal("compute_80", {'.', 'v'}), HasSubstr("zero byte"));
}

// The sample with PTX in place of machine code.
ArtifactInfo PtxInfo() {
  ArtifactInfo info = testing::SampleInfo({"compute_80"});
  info.target = "cuda";
  const auto places = ReadGpuImage("compute_80", Bytes(kPtx));
  for (size_t i = 0; i < info.kernels.size(); ++i) {
    info.kernels[i].offsets = {(*places)[i].offset};
  }
  return info;
}

absl::Status Open(const ArtifactInfo& info, absl::string_view ptx) {
  std::vector<testing::SectionBytes> sections = testing::SampleSections(info);
  sections[0].bytes = Bytes(ptx);
  const std::vector<uint8_t> bytes = testing::BuildArtifact(info, sections);
  std::vector<uint64_t> aligned((bytes.size() + 7) / 8);
  std::memcpy(aligned.data(), bytes.data(), bytes.size());
  return Artifact::FromMemory(
             absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(aligned.data()), bytes.size()),
             "sample")
      .status();
}

TEST(GpuImageTest, AnArtifactsTableMustAgreeWithItsCode) {
  const ArtifactInfo info = PtxInfo();
  EXPECT_TRUE(Open(info, kPtx).ok()) << Open(info, kPtx);
  ArtifactInfo moved = info;
  ++moved.kernels[1].offsets[0];
  const absl::Status wrong = Open(moved, kPtx);
  EXPECT_EQ(KindOf(wrong), ErrorKind::kInput);
  EXPECT_THAT(std::string(wrong.message()), HasSubstr("expected kernel add here"));
  ArtifactInfo renamed = info;
  renamed.kernels[1].name = "subtract";
  EXPECT_THAT(std::string(Open(renamed, kPtx).message()), HasSubstr("none of that name"));
}

}  // namespace
}  // namespace hydra::artifact
