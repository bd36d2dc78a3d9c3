// safetensors: round trips, layout, typed access, the writer's refusals.
#include "runtime/io/safetensors.h"

#include <cstring>
#include <limits>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/status.h"
#include "tests/io/temporary_directory.h"

namespace hydra {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <typename T>
absl::Span<const uint8_t> Bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(T)};
}

class SafetensorsTest : public testing::Test {
 protected:
  SafetensorsFile Reopen() {
    absl::StatusOr<SafetensorsFile> file = SafetensorsFile::Open(path_);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.File("t.safetensors");
};

TEST_F(SafetensorsTest, RoundTrip) {
  const std::vector<float> weight = {1, -2, 3.5, 0, 1e-30f, 6};
  const std::vector<int32_t> tokens = {1, -100};
  const std::vector<double> scalar = {0.1};
  const std::vector<uint8_t> flags = {1, 0, 1};
  const std::vector<uint8_t> half = {0x00, 0x3C};
  const std::map<std::string, std::string> metadata = {{"format", "x"}, {"config", "{\"a\": 1}"}};
  ASSERT_TRUE(WriteSafetensors(path_, metadata,
                               {{"flags", DType::kBool, {3}, flags},
                                {"w", DType::kF32, {2, 3}, Bytes(weight)},
                                {"none", DType::kI64, {4, 0}, {}},
                                {"tokens", DType::kI32, {2}, Bytes(tokens)},
                                {"h", DType::kBF16, {1}, half},
                                {"lr é \"q\"", DType::kF64, {}, Bytes(scalar)}})
                  .ok());
  const SafetensorsFile file = Reopen();
  EXPECT_EQ(file.metadata(), metadata);
  ASSERT_EQ(file.tensors().size(), 6u);
  const TensorView* w = file.Find("w");
  ASSERT_NE(w, nullptr);
  EXPECT_THAT(w->shape, ElementsAre(2, 3));
  EXPECT_EQ(w->num_elements(), 6);
  EXPECT_EQ(w->Copy<float>().value(), weight);
  EXPECT_EQ(file.Find("tokens")->Copy<int32_t>().value(), tokens);
  EXPECT_EQ(file.Find("lr é \"q\"")->Values<double>().value()[0], 0.1);
  EXPECT_THAT(file.Find("lr é \"q\"")->shape, IsEmpty());
  EXPECT_EQ(file.Find("none")->num_elements(), 0);
  EXPECT_EQ(file.Find("h")->bytes, absl::MakeConstSpan(half));
  EXPECT_EQ(file.Find("flags")->dtype, DType::kBool);
  EXPECT_EQ(file.Find("nothing"), nullptr);
}

TEST_F(SafetensorsTest, EveryTensorIsAligned) {
  const std::vector<uint8_t> bytes(64, 1);
  ASSERT_TRUE(WriteSafetensors(path_, {},
                               {{"a", DType::kU8, {3}, absl::MakeConstSpan(bytes).first(3)},
                                {"b", DType::kF64, {1}, absl::MakeConstSpan(bytes).first(8)},
                                {"c", DType::kBF16, {3}, absl::MakeConstSpan(bytes).first(6)},
                                {"d", DType::kF32, {1}, absl::MakeConstSpan(bytes).first(4)}})
                  .ok());
  const SafetensorsFile file = Reopen();
  for (const TensorView& tensor : file.tensors()) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.bytes.data()) % DTypeSize(tensor.dtype), 0u)
        << tensor.name;
  }
}

TEST_F(SafetensorsTest, ExactBytes) {
  const std::vector<uint8_t> data = {7, 8};
  ASSERT_TRUE(WriteSafetensors(path_, {{"k", "v"}}, {{"t", DType::kU8, {2}, data}}).ok());
  const std::string header =
      R"({"__metadata__":{"k":"v"},"t":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(ReadFileForTest(path_), std::string(1, static_cast<char>(padded.size())) +
                                        std::string(7, '\0') + padded + "\x07\x08");
}

TEST_F(SafetensorsTest, StreamsInAnyOrderAndPieces) {
  const std::vector<float> a = {1, 2, 3};
  const std::vector<float> b = {4};
  auto writer =
      SafetensorsWriter::Create(path_, {}, {{"a", DType::kF32, {3}}, {"b", DType::kF32, {1}}});
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Append("a", Bytes(a).first(5)).ok());
  ASSERT_TRUE(writer->Append("b", Bytes(b)).ok());
  EXPECT_THAT(std::string(writer->Finish().message()),
              HasSubstr("tensor \"a\": expected 12 bytes, found 5 at the end"));
  ASSERT_TRUE(writer->Append("a", Bytes(a).subspan(5)).ok());
  EXPECT_THAT(std::string(writer->Append("a", Bytes(b)).message()),
              HasSubstr("expected 12 bytes in all, found 16"));
  EXPECT_THAT(std::string(writer->Append("A1", Bytes(b)).message()), HasSubstr("not declared"));
  EXPECT_FALSE(std::string(directory_.List()[0]) == "t.safetensors");
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_THAT(directory_.List(), ElementsAre("t.safetensors"));
  const SafetensorsFile file = Reopen();
  EXPECT_EQ(file.Find("a")->Copy<float>().value(), a);
  EXPECT_EQ(file.Find("b")->Copy<float>().value(), b);
}

TEST_F(SafetensorsTest, EmptyFileHasNoTensors) {
  ASSERT_TRUE(WriteSafetensors(path_, {}, {}).ok());
  EXPECT_TRUE(Reopen().tensors().empty());
}

TEST_F(SafetensorsTest, WriterRefuses) {
  const int64_t huge = std::numeric_limits<int64_t>::max();
  auto refusal = [&](const std::map<std::string, std::string>& metadata,
                     const std::vector<TensorSpec>& specs) {
    const auto writer = SafetensorsWriter::Create(path_, metadata, specs);
    EXPECT_EQ(KindOf(writer.status()), ErrorKind::kFailure);
    return std::string(writer.status().message());
  };
  EXPECT_THAT(refusal({}, {{"t", DType::kU8, {1}}, {"t", DType::kU8, {1}}}),
              HasSubstr("tensor \"t\": appears twice"));
  EXPECT_THAT(refusal({}, {{"__metadata__", DType::kU8, {1}}}), HasSubstr("reserved"));
  EXPECT_THAT(refusal({}, {{"\xff", DType::kU8, {1}}}), HasSubstr("expected UTF-8"));
  EXPECT_THAT(refusal({{"k", "\xff"}}, {}), HasSubstr("expected UTF-8"));
  EXPECT_THAT(refusal({}, {{"t", DType::kF32, {huge, 2}}}), HasSubstr("fits in 63 bits"));
  EXPECT_THAT(refusal({}, {{"t", DType::kF32, {-1}}}), HasSubstr("fits in 63 bits"));
  EXPECT_THAT(refusal({}, {{"t", DType::kU8, {huge}}, {"u", DType::kU8, {huge}}}),
              HasSubstr("larger than 2^62 bytes"));
  EXPECT_THAT(directory_.List(), IsEmpty());
}

TEST_F(SafetensorsTest, FilesAboveFourGigabytes) {
  // A sparse file: only its ends are written, yet 64-bit offsets are exercised.
  const int64_t size = (int64_t{1} << 32) + 12;
  const uint8_t last = 42;
  auto writer = SafetensorsWriter::Create(
      path_, {}, {{"big", DType::kU8, {size}}, {"after", DType::kU8, {1}}});
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(writer->Append("after", {&last, 1}).ok());
  // The big tensor stays unwritten, which Finish() must notice.
  EXPECT_THAT(std::string(writer->Finish().message()),
              HasSubstr("tensor \"big\": expected 4294967308 bytes, found 0"));
  const std::string header =
      R"({"big":{"dtype":"U8","shape":[4294967308],"data_offsets":[0,4294967308]},)"
      R"("after":{"dtype":"U8","shape":[1],"data_offsets":[4294967308,4294967309]}})";
  const std::string length = {static_cast<char>(header.size()), 0, 0, 0, 0, 0, 0, 0};
  const std::string sparse = directory_.File("sparse.safetensors");
  absl::StatusOr<AtomicFile> file = AtomicFile::Create(sparse);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->Append(length).ok());
  ASSERT_TRUE(file->Append(header).ok());
  ASSERT_TRUE(file->WriteAt(8 + header.size() + static_cast<uint64_t>(size), {&last, 1}).ok());
  ASSERT_TRUE(file->Commit().ok());
  const auto opened = SafetensorsFile::Open(sparse);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->Find("big")->bytes.size(), static_cast<size_t>(size));
  EXPECT_EQ(opened->Find("after")->bytes[0], 42);
}

TEST_F(SafetensorsTest, TypedAccessNamesTheStoredType) {
  const std::vector<float> a = {1};
  ASSERT_TRUE(WriteSafetensors(path_, {}, {{"aa", DType::kF32, {1}, Bytes(a)}}).ok());
  const SafetensorsFile file = Reopen();
  EXPECT_THAT(std::string(file.Find("aa")->Values<int32_t>().status().message()),
              HasSubstr("tensor \"aa\": expected dtype I32, found F32"));
  EXPECT_THAT(std::string(file.Get("ab").status().message()),
              HasSubstr("expected a tensor \"ab\", found none among 1; did you mean 'aa'?"));
  EXPECT_EQ(file.Get("aa").value(), file.Find("aa"));
  std::vector<uint8_t> shifted(1 + sizeof(float));
  std::memcpy(shifted.data() + 1, a.data(), sizeof(float));
  const absl::Span<const uint8_t> unaligned = absl::MakeConstSpan(shifted).subspan(1);
  const TensorView view{"aa", DType::kF32, {1}, unaligned};
  EXPECT_THAT(std::string(view.Values<float>().status().message()), HasSubstr("unaligned"));
  EXPECT_EQ(view.Copy<float>().value(), a);
}

TEST(NumElementsTest, OverflowAndZeros) {
  const int64_t big = int64_t{1} << 40;
  EXPECT_EQ(NumElements({}), 1);
  EXPECT_EQ(NumElements({2, 3, 4}), 24);
  EXPECT_EQ(NumElements({0, big, big}), 0);
  EXPECT_EQ(NumElements({big, big}), std::nullopt);
  EXPECT_EQ(NumElements({0, -1}), std::nullopt);
}

}  // namespace
}  // namespace hydra
