// Strict JSON: what is read, what is refused, and where the messages point.
#include "runtime/io/json_file.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/status.h"
#include "tests/io/temporary_directory.h"

namespace hydra {
namespace {

using testing::HasSubstr;

JsonDocument Good(absl::string_view text) {
  absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text, "t.json");
  EXPECT_TRUE(document.ok()) << document.status();
  return *std::move(document);
}

std::string Refusal(absl::string_view text) {
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text, "t.json");
  EXPECT_EQ(KindOf(document.status()), ErrorKind::kInput) << text;
  return std::string(document.status().message());
}

template <typename T>
std::string Message(const absl::StatusOr<T>& result) {
  EXPECT_EQ(KindOf(result.status()), ErrorKind::kInput);
  return std::string(result.status().message());
}

TEST(JsonFileTest, ReadsEveryKind) {
  const JsonDocument document = Good(
      R"({"i": -7, "u": 18446744073709551615, "d": 2.5, "e": 1e3, "s": "a\u00e9\n", "b": false,
          "n": null, "a": [1, [2], {}], "empty": {}})");
  const JsonView root = document.root();
  EXPECT_EQ(root.size(), 9u);
  EXPECT_EQ(root.Get("i")->Int().value(), -7);
  EXPECT_EQ(root.Get("u")->Uint().value(), 18446744073709551615u);
  EXPECT_EQ(root.Get("d")->Double().value(), 2.5);
  EXPECT_EQ(root.Get("e")->Double().value(), 1000.0);
  EXPECT_EQ(root.Get("i")->Double().value(), -7.0);
  EXPECT_EQ(root.Get("s")->String().value(), "a\xC3\xA9\n");
  EXPECT_FALSE(root.Get("b")->Bool().value());
  EXPECT_TRUE(root.Get("n")->is_null());
  const std::vector<JsonView> array = root.Get("a")->Array().value();
  ASSERT_EQ(array.size(), 3u);
  EXPECT_EQ(array[0].Int().value(), 1);
  EXPECT_EQ(array[1].Array().value()[0].Int().value(), 2);
  EXPECT_EQ(array[1].Array().value()[0].path(), "$.a[1][0]");
  EXPECT_TRUE(array[2].is_object());
  EXPECT_EQ(root.Get("empty")->size(), 0u);
  EXPECT_FALSE(root.Find("missing").has_value());
  const auto members = root.Object().value();
  EXPECT_EQ(members[0].first, "i");
  EXPECT_EQ(members[8].first, "empty");
}

TEST(JsonFileTest, ScalarRootAndMovedDocument) {
  JsonDocument document = Good(" 42 ");
  const JsonView root = document.root();
  const JsonDocument moved = std::move(document);
  EXPECT_EQ(root.Int().value(), 42);
  EXPECT_EQ(root.Where(), "t.json:1:2: $");
}

TEST(JsonFileTest, PositionsAreThoseOfTheValue) {
  const JsonDocument document = Good("{\n  \"a\" : [10,\n 200 ,{\"k-1\":true}],\n\"x y\":\"s\"}");
  const JsonView array = document.root().Get("a").value();
  EXPECT_EQ(array.Where(), "t.json:2:9: $.a");
  EXPECT_EQ(array.Array().value()[0].Where(), "t.json:2:10: $.a[0]");
  EXPECT_EQ(array.Array().value()[1].Where(), "t.json:3:2: $.a[1]");
  EXPECT_EQ(array.Array().value()[2].Where(), "t.json:3:7: $.a[2]");
  EXPECT_EQ(array.Array().value()[2].Get("k-1")->Where(), "t.json:3:14: $.a[2].k-1");
  EXPECT_EQ(document.root().Get("x y")->Where(), "t.json:4:7: $[\"x y\"]");
}

TEST(JsonFileTest, BinaryPositionsAreBytesOfTheFile) {
  JsonDocument::Options options;
  options.binary_base = 8;
  const auto document = JsonDocument::Parse("{\"a\":1}", "f.safetensors", options);
  ASSERT_TRUE(document.ok());
  EXPECT_EQ(document->root().Get("a")->Where(), "f.safetensors: byte 13: $.a");
  EXPECT_THAT(std::string(JsonDocument::Parse("{\"a\":?", "f", options).status().message()),
              HasSubstr("f: byte 13: expected JSON, found syntax error"));
}

TEST(JsonFileTest, TypedGettersSayExpectedAndFound) {
  const JsonDocument document =
      Good(R"({"s": "x", "i": 7, "d": 7.0, "big": 9223372036854775808, "o": {"a": 1}, "l": [1]})");
  const JsonView root = document.root();
  EXPECT_EQ(Message(root.Get("s")->Int()),
            "t.json:1:7: $.s: expected an integer of 64 bits with sign, found the string \"x\"");
  EXPECT_THAT(Message(root.Get("d")->Int()), HasSubstr("found the number 7"));
  EXPECT_THAT(Message(root.Get("big")->Int()), HasSubstr("found the integer 9223372036854775808"));
  EXPECT_THAT(Message(root.Get("i")->Int(8)), HasSubstr("expected an integer of at least 8"));
  EXPECT_THAT(Message(root.Get("i")->Int(0, 6)), HasSubstr("expected an integer from 0 to 6"));
  EXPECT_THAT(Message(root.Get("i")->Uint(6)), HasSubstr("expected an integer from 0 to 6"));
  EXPECT_THAT(Message(root.Get("i")->String()),
              HasSubstr("expected a string, found the integer 7"));
  EXPECT_THAT(Message(root.Get("i")->Bool()), HasSubstr("expected true or false"));
  EXPECT_THAT(Message(root.Get("s")->Double()), HasSubstr("expected a number"));
  EXPECT_THAT(Message(root.Get("o")->Array()), HasSubstr("found an object with 1 key"));
  EXPECT_THAT(Message(root.Get("l")->Object()), HasSubstr("found an array of 1 element"));
  EXPECT_THAT(Message(root.Get("l")->Get("k")), HasSubstr("expected an object"));
}

TEST(JsonFileTest, MissingAndUnknownKeysGetAHint) {
  const JsonDocument document = Good(R"({"vocab_sise": 1, "dim": 2})");
  EXPECT_EQ(Message(document.root().Get("vocab_size")),
            "t.json:1:1: $: expected the key \"vocab_size\", found none; did you mean "
            "'vocab_sise'?");
  EXPECT_EQ(std::string(document.root().RejectUnknownKeys({"vocab_size", "dim"}).message()),
            "t.json:1:16: $.vocab_sise: unknown key \"vocab_sise\"; did you mean 'vocab_size'?");
  EXPECT_TRUE(document.root().RejectUnknownKeys({"vocab_sise", "dim", "more"}).ok());
}

TEST(JsonFileTest, RefusesDuplicateKeysAtAnyDepth) {
  EXPECT_THAT(Refusal("{\"a\": 1,\n \"a\": 2}"),
              HasSubstr("t.json:2:2: $: key \"a\" appears twice"));
  EXPECT_THAT(Refusal(R"({"o": [0, {"k": 1, "k": 1}]})"), HasSubstr("$.o[1]: key \"k\""));
  // The same key written with an escape is the same key.
  EXPECT_THAT(Refusal(R"({"a": 1, "\u0061": 2})"), HasSubstr("appears twice"));
  EXPECT_EQ(Good(R"({"a": {"a": 1}, "b": {"a": 1}})").root().size(), 2u);
}

TEST(JsonFileTest, RefusesWhatIsNotJson) {
  EXPECT_THAT(Refusal("{\n\"a\": tru}"), HasSubstr("t.json:2:9: expected JSON, found "));
  for (absl::string_view text : {"",
                                 " ",
                                 "{",
                                 "[1,",
                                 "[1,]",
                                 "{\"a\":1,}",
                                 "{a:1}",
                                 "{'a':1}",
                                 "[1] 2",
                                 "// c\n1",
                                 "NaN",
                                 "[Infinity]",
                                 "01",
                                 "+1",
                                 ".5",
                                 "1.",
                                 "1e999",
                                 "\"\x01\"",
                                 "\"\\x\"",
                                 "\"\\ud800\"",
                                 "\"\xff\"",
                                 "\"\xc0\xaf\"",
                                 "\"\xed\xa0\x80\"",
                                 "\"open"}) {
    EXPECT_THAT(Refusal(text), HasSubstr("expected JSON, found ")) << text;
  }
}

TEST(JsonFileTest, LimitsTheDepth) {
  EXPECT_EQ(Good(std::string(64, '[') + std::string(64, ']')).root().size(), 1u);
  EXPECT_THAT(Refusal(std::string(65, '[') + std::string(65, ']')),
              HasSubstr("t.json:1:65: expected at most 64 nested levels"));
  EXPECT_THAT(Refusal(std::string(1000000, '[')), HasSubstr("nested levels"));
}

TEST(JsonFileTest, ReadsFiles) {
  const TemporaryDirectory directory;
  WriteFileForTest(directory.File("c.json"), "{\"a\": [1, 2]}\n");
  const auto document = JsonDocument::ReadFile(directory.File("c.json"));
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ(document->root().Get("a")->size(), 2u);
  EXPECT_EQ(KindOf(JsonDocument::ReadFile(directory.File("none.json")).status()),
            ErrorKind::kInput);
}

TEST(JsonFileTest, Quoting) {
  EXPECT_EQ(JsonQuote("a\"\\\n\xC3\xA9").value(), "\"a\\\"\\\\\\n\xC3\xA9\"");
  EXPECT_FALSE(JsonQuote("\xff").ok());
  EXPECT_EQ(QuoteForMessage("a\x01\xff"), "\"a\\x01\\xff\"");
  const std::string shown = QuoteForMessage(std::string(1000, 'x'));
  EXPECT_EQ(shown, "\"" + std::string(80, 'x') + "...\" (1000 bytes)");
  // A cut never falls inside a character.
  EXPECT_THAT(QuoteForMessage(std::string(79, 'x') + "\xC3\xA9 and more"),
              HasSubstr("x\xC3\xA9...\""));
  EXPECT_EQ(QuoteForMessage("\xed\xa0\x80\xc0\xaf\xf5"), "\"\\xed\\xa0\\x80\\xc0\\xaf\\xf5\"");
}

}  // namespace
}  // namespace hydra
