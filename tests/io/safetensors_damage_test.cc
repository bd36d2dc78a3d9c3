// safetensors: each way a file can be wrong, with the message that names it.
#include <atomic>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/status.h"
#include "runtime/io/safetensors.h"
#include "tests/io/temporary_directory.h"

namespace hydra {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Assemble(absl::string_view header, size_t data) {
  std::string bytes(8, '\0');
  const uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  return absl::StrCat(bytes, header, std::string(data, 'd'));
}

absl::StatusOr<SafetensorsFile> Parse(const std::string& bytes) {
  return SafetensorsFile::Parse({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()},
                                "f.safetensors");
}

std::string Refusal(const std::string& bytes) {
  const absl::Status status = Parse(bytes).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kInput) << status;
  EXPECT_EQ(status.message().substr(0, 13), "f.safetensors") << status;
  return std::string(status.message());
}

// A header with one tensor "t" of the given fields.
std::string One(absl::string_view fields) { return absl::StrCat("{\"t\":{", fields, "}}"); }

TEST(SafetensorsDamageTest, TheUndamagedFormIsAccepted) {
  EXPECT_TRUE(Parse(Assemble(One(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), 8)).ok());
  // Padding, white space and a length that is no multiple of 8 are allowed by the format.
  EXPECT_TRUE(Parse(Assemble("{ }  ", 0)).ok());
}

TEST(SafetensorsDamageTest, Lengths) {
  EXPECT_EQ(Refusal(""),
            "f.safetensors: byte 0: expected the 8 bytes of the header length, found a file of 0 "
            "bytes");
  EXPECT_THAT(Refusal("1234567"), HasSubstr("found a file of 7 bytes"));
  EXPECT_THAT(Refusal(std::string(8, '\xff')),
              HasSubstr("expected a header of at most 100000000 bytes, found length "
                        "18446744073709551615"));
  std::string cut = Assemble("{}", 0);
  cut[0] = 3;
  EXPECT_THAT(Refusal(cut), HasSubstr("expected a header of 3 bytes, found 2 bytes"));
  EXPECT_THAT(Refusal(Assemble("", 4)), HasSubstr("byte 8: expected the header to begin with '{'"));
  EXPECT_THAT(Refusal(Assemble(" {}", 0)), HasSubstr("found \" \""));
}

TEST(SafetensorsDamageTest, HeaderIsNotJson) {
  EXPECT_THAT(Refusal(Assemble("{\"t\":", 0)), HasSubstr("expected JSON"));
  EXPECT_THAT(Refusal(Assemble("{} x", 0)), HasSubstr("f.safetensors: byte 11: expected JSON"));
  EXPECT_THAT(Refusal(Assemble("{\"\xff\":1}", 0)),
              HasSubstr("ill-formed UTF-8 byte; last read: '\"\\xff'"));
  EXPECT_THAT(Refusal(Assemble(std::string("{}\0x", 4), 0)),
              HasSubstr("byte 10: expected JSON, found a zero byte"));
}

TEST(SafetensorsDamageTest, Duplicates) {
  const std::string tensor = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_THAT(Refusal(Assemble(absl::StrCat("{\"t\":", tensor, ",\"t\":", tensor, "}"), 0)),
              HasSubstr("key \"t\" appears twice"));
  EXPECT_THAT(
      Refusal(Assemble(One(R"("dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0])"), 0)),
      HasSubstr("$.t: key \"dtype\" appears twice"));
  EXPECT_THAT(Refusal(Assemble(R"({"__metadata__":{"a":"","a":""}})", 0)),
              HasSubstr("key \"a\" appears twice"));
}

TEST(SafetensorsDamageTest, Metadata) {
  EXPECT_THAT(Refusal(Assemble(R"({"__metadata__":[]})", 0)), HasSubstr("expected an object"));
  EXPECT_EQ(Refusal(Assemble(R"({"__metadata__":{"a":1}})", 0)),
            "f.safetensors: byte 29: $.__metadata__.a: expected a string, found the integer 1");
}

TEST(SafetensorsDamageTest, Fields) {
  EXPECT_THAT(
      Refusal(Assemble(R"({"t":3})", 0)),
      AllOf(HasSubstr("expected an object, found the integer 3"), HasSubstr("tensor \"t\"")));
  EXPECT_THAT(Refusal(Assemble(One(R"("dtype":"U8","shape":[0])"), 0)),
              HasSubstr("expected the key \"data_offsets\", found none"));
  EXPECT_THAT(Refusal(Assemble(One(R"("dtype":"U8","data_offsets":[0,0])"), 0)),
              HasSubstr("expected the key \"shape\""));
  EXPECT_THAT(Refusal(Assemble(One(R"("shape":[0],"data_offsets":[0,0])"), 0)),
              HasSubstr("expected the key \"dtype\""));
  EXPECT_THAT(
      Refusal(Assemble(One(R"("dtype":"U8","shape":[0],"data_offsets":[0,0],"shap":1)"), 0)),
      HasSubstr("unknown key \"shap\"; did you mean 'shape'?"));
}

TEST(SafetensorsDamageTest, Values) {
  auto refusal = [](absl::string_view dtype, absl::string_view shape, absl::string_view offsets) {
    return Refusal(Assemble(
        One(absl::StrCat("\"dtype\":", dtype, ",\"shape\":", shape, ",\"data_offsets\":", offsets)),
        8));
  };
  EXPECT_THAT(refusal("\"F8\"", "[8]", "[0,8]"),
              AllOf(HasSubstr("$.t.dtype: expected one of BOOL, U8"),
                    HasSubstr("found the string \"F8\"")));
  EXPECT_THAT(refusal("5", "[8]", "[0,8]"), HasSubstr("expected a string"));
  EXPECT_THAT(refusal("\"U8\"", "8", "[0,8]"), HasSubstr("expected an array"));
  EXPECT_THAT(refusal("\"U8\"", "[-8]", "[0,8]"), HasSubstr("expected an integer of at least 0"));
  EXPECT_THAT(refusal("\"U8\"", "[8.0]", "[0,8]"), HasSubstr("$.t.shape[0]: expected an integer"));
  EXPECT_THAT(refusal("\"U8\"", "[8]", "[0]"), HasSubstr("expected an array of 2 elements"));
  EXPECT_THAT(refusal("\"U8\"", "[8]", "[0,8,9]"), HasSubstr("expected an array of 2 elements"));
  EXPECT_THAT(refusal("\"U8\"", "[8]", "[-1,7]"), HasSubstr("$.t.data_offsets[0]"));
  EXPECT_THAT(refusal("\"U8\"", "[8]", "[0,\"8\"]"), HasSubstr("$.t.data_offsets[1]"));
  EXPECT_THAT(refusal("\"U8\"", "[8]", "[8,0]"), HasSubstr("begin <= end, found [8, 0]"));
  EXPECT_THAT(refusal("\"U8\"", "[7]", "[0,8]"),
              HasSubstr("span 7 bytes for shape [7] of U8, found 8 bytes"));
  EXPECT_THAT(refusal("\"F32\"", "[4611686018427387904]", "[0,8]"), HasSubstr("63 bits"));
  // 2^32 * 2^32 elements wrap to 0 in 64 bits.
  EXPECT_THAT(refusal("\"U8\"", "[4294967296,4294967296]", "[0,0]"), HasSubstr("63 bits"));
}

std::string Two(int begin1, int end1, int begin2, int end2) {
  return absl::StrCat(R"({"b":{"dtype":"U8","shape":[)", end2 - begin2, R"(],"data_offsets":[)",
                      begin2, ",", end2, R"(]},"a":{"dtype":"U8","shape":[)", end1 - begin1,
                      R"(],"data_offsets":[)", begin1, ",", end1, "]}}");
}

TEST(SafetensorsDamageTest, Coverage) {
  EXPECT_TRUE(Parse(Assemble(Two(0, 4, 4, 8), 8)).ok());
  EXPECT_TRUE(Parse(Assemble(Two(0, 8, 8, 8), 8)).ok());
  EXPECT_THAT(Refusal(Assemble(Two(1, 4, 4, 8), 8)),
              HasSubstr("tensor \"a\": expected its data to begin at 0, where the one before ends, "
                        "found 1 (a gap)"));
  EXPECT_THAT(Refusal(Assemble(Two(0, 4, 5, 8), 8)), HasSubstr("found 5 (a gap)"));
  EXPECT_THAT(Refusal(Assemble(Two(0, 4, 3, 8), 8)), HasSubstr("found 3 (an overlap)"));
  EXPECT_THAT(Refusal(Assemble(Two(0, 4, 0, 4), 4)), HasSubstr("an overlap"));
  EXPECT_THAT(Refusal(Assemble(Two(0, 4, 4, 9), 8)),
              HasSubstr("tensor \"b\": expected its data to end within the 8 bytes of data, found "
                        "end 9"));
  EXPECT_THAT(Refusal(Assemble(Two(0, 4, 4, 8), 9)), HasSubstr("found 1 more bytes"));
  EXPECT_THAT(Refusal(Assemble("{}", 3)), HasSubstr("byte 10: expected the file to end"));
}

TEST(SafetensorsDamageTest, OpenNamesTheFile) {
  const TemporaryDirectory directory;
  WriteFileForTest(directory.File("torn.safetensors"), "torn");
  const absl::Status status = SafetensorsFile::Open(directory.File("torn.safetensors")).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kInput);
  EXPECT_THAT(std::string(status.message()), HasSubstr("torn.safetensors: byte 0"));
  EXPECT_EQ(KindOf(SafetensorsFile::Open(directory.File("none")).status()), ErrorKind::kInput);
}

// A file whose header takes up many pages.
std::string ManyTensors() {
  std::string header = "{";
  constexpr int kTensors = 3000;
  for (int i = 0; i < kTensors; ++i) {
    absl::StrAppend(&header, i == 0 ? "" : ",", R"("tensor)", i,
                    R"(":{"dtype":"U8","shape":[1],"data_offsets":[)", i, ",", i + 1, "]}");
  }
  return Assemble(header + "}", kTensors);
}

// Reading a page that is gone would end the program.
TEST(SafetensorsDamageTest, AFileThatShrinksAfterOpeningIsAnError) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("shrinks.safetensors");
  WriteFileForTest(path, ManyTensors());
  const auto file = SafetensorsFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  std::filesystem::resize_file(path, 100);
  EXPECT_EQ(KindOf(file->tensors().back().Copy<uint8_t>().status()), ErrorKind::kInput);
  EXPECT_EQ(KindOf(WriteSafetensors(directory.File("copy"), {}, file->tensors())),
            ErrorKind::kInput);
}

// Another program writes the file while it is opened: whole or refused, never a crash.
TEST(SafetensorsDamageTest, AFileThatShrinksWhileItIsOpenedIsRefused) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("shrinking.safetensors");
  const std::string contents = ManyTensors();
  WriteFileForTest(path, contents);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    while (!done) {
      std::filesystem::resize_file(path, 100);
      WriteFileForTest(path, contents);
    }
  });
  int refused = 0;
  // At least until the writer has had its turn.
  for (int i = 0; i < 100 || refused == 0; ++i) {
    const auto file = SafetensorsFile::Open(path);
    if (file.ok()) continue;
    ++refused;
    EXPECT_EQ(KindOf(file.status()), ErrorKind::kInput) << file.status();
  }
  done = true;
  writer.join();
}

}  // namespace
}  // namespace hydra
