// Names of state dicts: wrappers, old spellings, projections in parts, buffers, several files.
#include "runtime/train/weights_source.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/train/weights.h"
#include "tests/data/temporary_directory.h"

namespace hydra::train {
namespace {

using ::testing::HasSubstr;

TensorView Tensor(const std::string& name, const std::vector<int64_t>& shape,
                  const std::vector<float>& values, DType type = DType::kF32) {
  return {name, type, shape,
          absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(values.data()),
                              values.size() * sizeof(float))};
}

std::vector<float> Values(const SourceTensor& tensor) {
  std::vector<float> values(tensor.bytes() / sizeof(float));
  EXPECT_TRUE(
      tensor.ReadBytes(absl::MakeSpan(reinterpret_cast<uint8_t*>(values.data()), tensor.bytes()))
          .ok());
  return values;
}

TEST(WeightsSource, NamesOfToday) {
  EXPECT_EQ(CurrentTensorName("_orig_mod.module.norm.weight"), "norm.weight");
  EXPECT_EQ(CurrentTensorName("module.layers.3._orig_mod.norm1.weight"), "layers.3.norm1.weight");
  EXPECT_EQ(CurrentTensorName("layers.0.attention.q_conv1.weight"),
            "layers.0.attention.q_conv.conv1.weight");
  EXPECT_EQ(CurrentTensorName("layers.0.attention.k_conv2.weight"),
            "layers.0.attention.k_conv.conv2.weight");
  EXPECT_EQ(CurrentTensorName("layers.0.submodule.weight"), "layers.0.submodule.weight");
}

TEST(WeightsSource, JoinsOldProjectionsAndLeavesBuffersOut) {
  const TemporaryDirectory directory;
  const std::string path = directory / "old.safetensors";
  const std::vector<float> q = {1, 2, 3, 4}, k = {5, 6}, v = {7, 8}, shift = {9, 10}, one = {0};
  const std::string at = "module.layers.0.attention.";
  ASSERT_TRUE(
      WriteSafetensors(
          path, {},
          {Tensor(at + "v_shift_down.weight", {1, 2}, shift),
           Tensor(at + "k_down.weight", {1, 2}, k), Tensor(at + "q_down.weight", {2, 2}, q),
           Tensor(at + "v_down.weight", {1, 2}, v),
           Tensor("module.layers.1.mod_mlp_wrapper.mod_router._aux_loss", {1}, one),
           Tensor("module.loss_baseline._ema", {1}, one), Tensor("module.norm.weight", {1}, one)})
          .ok());
  const auto source = WeightsSource::Open(path);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(source->tensors().size(), 2u);
  EXPECT_EQ(source->left_out().size(), 2u);
  const SourceTensor* joined = source->Find("layers.0.attention.qkv_proj.weight");
  ASSERT_NE(joined, nullptr);
  EXPECT_EQ(joined->shape, (std::vector<int64_t>{5, 2}));
  EXPECT_EQ(Values(*joined), (std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  EXPECT_NE(source->Find("norm.weight"), nullptr);
}

TEST(WeightsSource, RefusesPartsThatDoNotFit) {
  const TemporaryDirectory directory;
  const std::string path = directory / "w.safetensors";
  const std::vector<float> a = {1, 2}, b = {3};
  const auto message = [&](const std::vector<TensorView>& tensors) {
    EXPECT_TRUE(WriteSafetensors(path, {}, tensors).ok());
    const absl::Status status = WeightsSource::Open(path).status();
    EXPECT_EQ(KindOf(status), ErrorKind::kInput);
    return std::string(status.message());
  };
  EXPECT_THAT(message({Tensor("layers.0.attention.q_down.weight", {1, 2}, a)}),
              HasSubstr("k_down"));
  EXPECT_THAT(message({Tensor("layers.0.attention.q_down.weight", {1, 2}, a),
                       Tensor("layers.0.attention.k_down.weight", {1, 1}, b),
                       Tensor("layers.0.attention.v_down.weight", {1, 2}, a)}),
              HasSubstr("[1, 1]"));
  EXPECT_THAT(message({Tensor("norm.weight", {1}, b), Tensor("module.norm.weight", {1}, b)}),
              HasSubstr("are both norm.weight"));
}

TEST(WeightsSource, SeveralFilesWithAnIndex) {
  const TemporaryDirectory directory;
  const std::vector<float> a = {1, 2}, b = {3};
  const std::string first = "model-00001-of-00002.safetensors",
                    second = "model-00002-of-00002.safetensors";
  ASSERT_TRUE(WriteSafetensors(directory / first, {}, {Tensor("a", {2}, a)}).ok());
  ASSERT_TRUE(WriteSafetensors(directory / second, {}, {Tensor("_orig_mod.b", {1}, b)}).ok());
  const auto index = [&](const std::string& contents) {
    WriteFile(directory / "model.safetensors.index.json", contents);
    return WeightsSource::Open(directory.path());
  };
  const auto source =
      index(absl::StrCat("{\"metadata\": {\"total_size\": 12}, \"weight_map\": {\"a\": \"", first,
                         "\", \"_orig_mod.b\": \"", second, "\"}}"));
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(source->files().size(), 2u);
  EXPECT_EQ(Values(*source->Find("a")), a);
  EXPECT_EQ(Values(*source->Find("b")), b);
  EXPECT_THAT(
      std::string(
          index(absl::StrCat("{\"weight_map\": {\"c\": \"", first, "\"}}")).status().message()),
      HasSubstr("'c'"));
  EXPECT_EQ(KindOf(index("{\"weight_map\": {\"a\": \"../x.safetensors\"}}").status()),
            ErrorKind::kInput);
  EXPECT_EQ(KindOf(index("{\"weight_map\": {\"a\": \"none.safetensors\"}}").status()),
            ErrorKind::kInput);
  EXPECT_EQ(KindOf(index("{}").status()), ErrorKind::kInput);
  const TemporaryDirectory empty(directory.path());
  EXPECT_EQ(KindOf(WeightsSource::Open(empty.path()).status()), ErrorKind::kInput);
}

}  // namespace
}  // namespace hydra::train
