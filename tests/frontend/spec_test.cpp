// The specs that ship with the project load, and damaged ones are refused without a crash.
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "frontend/LoadSpec.h"
#include "gtest/gtest.h"
#include "tests/base/test_paths.h"
#include "tests/frontend/diagnostic_collector.h"

namespace mlir::hydra {
namespace {

std::string readText(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(SpecTest, EveryModelLoads) {
  int count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(::hydra::testing::SourceDir() + "/models")) {
    MLIRContext context;
    DiagnosticCollector collector(context);
    EXPECT_TRUE(succeeded(loadSpec(entry.path().string(), context)))
        << entry.path() << ": " << collector.only();
    ++count;
  }
  EXPECT_GE(count, 4);
}

// Mutations of a good text either load or give an error.
template <typename Parse>
void survivesDamage(const std::string& good, Parse parse) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string text = good;
    if (round % 3 == 0) text.resize(random() % text.size());
    for (int i = 0; i < 3 && !text.empty(); ++i)
      text[random() % text.size()] = "{}[]<>\"x?0-9:,%"[random() % 15];
    MLIRContext context;
    DiagnosticCollector collector(context);
    bool loaded = succeeded(parse(text, context));
    EXPECT_NE(loaded, !collector.messages().empty()) << text;
  }
}

TEST(SpecTest, DamagedSpecsAreRefused) {
  survivesDamage(readText(::hydra::testing::SourceDir() + "/models/hydra-nano.mlir"),
                 [](StringRef text, MLIRContext& context) {
                   return LogicalResult(parseSpec(text, "m.mlir", context));
                 });
}

TEST(SpecTest, DamagedConfigsAreRefused) {
  survivesDamage(
      R"({"model": {"dim": 64, "n_heads": 4, "n_kv_heads": 2, "aux_loss_weight": null, "mlp_ratio": 3.6}})",
      [](StringRef text, MLIRContext& context) {
        return LogicalResult(parseConfig(text, "c.json", context));
      });
}

}  // namespace
}  // namespace mlir::hydra
