#include "features/codec.h"

#include <gtest/gtest.h>

#include "features/keyspace.h"
#include "features/row_codec.h"
#include "features/test_store.h"

namespace tidecast {
namespace {

TEST(Codec, WhatWasWrittenIsReadInTheSameOrder) {
  const std::string value = ByteWriter(3).number(std::int64_t{-7}).text("ab").number(0.5).raw("rest").seal();
  auto reader = std::move(ByteReader::unseal(value, 3, "value")).value();
  EXPECT_EQ(reader.number<std::int64_t>(), -7);
  EXPECT_EQ(reader.text(), "ab");
  EXPECT_EQ(reader.number<double>(), 0.5);
  EXPECT_EQ(reader.rest(), "rest");
  EXPECT_TRUE(reader.finish("value").ok());
}

TEST(Codec, AnotherVersionIsRefusedAndBothAreNamed) {
  const auto reader = ByteReader::unseal(ByteWriter(2).seal(), 1, "cursor");
  EXPECT_EQ(reader.code(), Code::kDataLoss);
  EXPECT_EQ(reader.message(), "cursor: format version 2, this program knows 1");
}

TEST(Codec, ReadingTooMuchOrTooLittleIsNoticed) {
  const std::string value = ByteWriter(1).number(std::uint32_t{5}).seal();
  auto shorter = std::move(ByteReader::unseal(value, 1, "")).value();
  EXPECT_EQ(shorter.number<std::uint64_t>(), 0u);
  EXPECT_EQ(shorter.finish("value").code(), Code::kDataLoss);
  const auto longer = std::move(ByteReader::unseal(value, 1, "")).value();
  EXPECT_EQ(longer.finish("value").code(), Code::kDataLoss);
}

TEST(Codec, AValueThatAnEarlierVersionSealedIsRead) {
  constexpr std::string_view kText = "cursor 17 of the recording, sealed long ago";
  std::string value = "\x01" + std::string(kText) + "\x96\x65\xde\x75\x27\x92\xd4\xfe";
  EXPECT_EQ(keyspace::decode_text(value, "cursor").value(), kText);
  EXPECT_NE(keyspace::encode_text(kText), value);
  value[40] ^= 1;
  EXPECT_EQ(keyspace::decode_text(value, "cursor").code(), Code::kDataLoss);
}

TEST(Codec, TheChecksumTellsWhereEachWordStands) {
  std::string bytes(100, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i / 8);  // A word, its number.
  for (std::size_t a = 0; a < 12; ++a)
    for (std::size_t b = 0; b < a; ++b) {
      std::string other = bytes;
      std::swap_ranges(other.begin() + 8 * a, other.begin() + 8 * a + 8, other.begin() + 8 * b);
      EXPECT_NE(checksum(other), checksum(bytes)) << a << " and " << b;
    }
  for (std::size_t zeros = 0; zeros < 70; ++zeros)
    EXPECT_NE(checksum(std::string(zeros, '\0')), checksum(std::string(zeros + 1, '\0'))) << zeros;
}

// Every encoding of the store, and how it is read.
struct Encoding {
  std::string name;
  std::string value;
  std::function<Status(std::string_view)> decode;
};
std::vector<Encoding> encodings() {
  using namespace keyspace;
  const FeatureGroup group = fees_group();
  SchemaHistory schemas;
  EXPECT_TRUE(schemas.adopt(group).ok());
  const std::string row = row_key("fees", event_time("2026-05-06T00:01:00Z")), letter = numbered(kDeadLetters, 9);
  std::vector<KeySeen> keys(3);
  keys[2].first_seen = ProcessingTime::from_ms(5);
  Totals totals{ProcessingTime::from_ms(7), {5, 1, 1, 1, 2}, {{"fees", 3}}};
  return {{"text", encode_text("cursor 17"), [](auto v) { return decode_text(v, "cursor").status(); }},
          {"totals", encode_totals(totals), [](auto v) { return decode_totals(v).status(); }},
          {"row", encode_row(fee_row("2026-05-06T00:01:00Z", 7).row, 1),
           [=](auto v) { return decode_row(group, schemas, row, v).status(); }},
          {"row version", encode_row_version(fee_row("2026-05-06T00:01:00Z", 7).row, 1),
           [=](auto v) { return decode_row_version(group, schemas, v).status(); }},
          {"schema", schemas.encode(), [](auto v) { return SchemaHistory::decode(v, "schema").status(); }},
          {"counters", encode_counters({7, 8, 1, event_time("2026-05-06T00:01:00Z"), {}, {}}),
           [](auto v) { return decode_counters(v, "counters").status(); }},
          {"late", encode_late({9, ProcessingTime::from_ms(1), {}, "why", "raw", "poll", true}),
           [=](auto v) { return decode_late(letter, v).status(); }},
          {"mark", encode_mark({ClockMark::Kind::kForcedWatermark, "fees", 3, {}, {}}),
           [](auto v) { return decode_mark(mark_key(3, 1), v).status(); }},
          {"keys", encode_keys(keys),
           [](auto v) {
             std::vector<KeySeen> decoded;
             return decode_keys(v, decoded);
           }},
          {"letter", encode_dead_letter({9, ProcessingTime::from_ms(1), "why", "raw"}),
           [=](auto v) { return decode_dead_letter(letter, v).status(); }},
          {"rows file", encode_rows_file({"a.parquet", {}, {}, 1, 2, {}}),
           [](auto v) { return decode_rows_file(v).status(); }},
          {"raw file", encode_raw_file({"a.zst", 1, 2, 3, 4}), [](auto v) { return decode_raw_file(v).status(); }},
          {"raw copy", encode_raw_copy("a.zst", 7, std::vector<std::string_view>{"x", "y"}),
           [](auto v) { return decode_raw_copy(v).status(); }}};
}

TEST(Codec, EveryValueIsReadable) {
  for (const auto& [name, value, decode] : encodings()) EXPECT_TRUE(decode(value).ok()) << name;
}

TEST(Codec, EveryFlippedBitAndEveryCutOfEveryValueIsDataLoss) {
  for (const auto& [name, value, decode] : encodings()) {
    for (std::size_t bit = 0; bit < value.size() * 8; ++bit) {
      std::string damaged = value;
      damaged[bit / 8] ^= static_cast<char>(1 << bit % 8);
      ASSERT_EQ(decode(damaged).code(), Code::kDataLoss) << name << ", bit " << bit;
    }
    for (std::size_t size = 0; size < value.size(); ++size)
      ASSERT_EQ(decode(std::string_view(value).substr(0, size)).code(), Code::kDataLoss) << name << ", cut to " << size;
  }
}

TEST(Codec, ADeadLetterIsKeptSmallAndComesBackByteForByte) {
  DeadLetter letter{7, ProcessingTime::epoch(), "why", "{\"a\":1,\"b\":[" + std::string(2000, '1') + "]}"};
  const std::string value = keyspace::encode_dead_letter(letter);
  EXPECT_LT(value.size(), 200u);
  for (const std::string& raw : {letter.raw, std::string(), std::string("\0\xff\n", 3)}) {
    letter.raw = raw;
    const auto back = keyspace::decode_dead_letter(keyspace::numbered("d", 7), keyspace::encode_dead_letter(letter));
    ASSERT_TRUE(back.ok()) << back.message();
    EXPECT_EQ(back->raw, raw);
  }
}

TEST(Codec, AFrameThatSaysItIsLargerThanAnythingIsDataLoss) {  // Found by the fuzzer: as much memory was asked for.
  const std::string frame = packed("raw");
  for (const char digit : {'\x01', '\x7f', '\xab'}) {
    const std::string other = frame.substr(0, 4) + '\xe0' + std::string(8, digit) + frame.substr(6);
    EXPECT_EQ(unpacked(other, "late record 7").message(), "late record 7: its zstd frame is damaged");
  }
  const std::string zeros(100 << 20, '\0');
  EXPECT_EQ(unpacked(packed(zeros), "zeros").value(), zeros) << "packed as small as can be";
}

TEST(Keyspace, KeysOfOneGroupAreOrderedByTimeAndApartFromAnotherGroups) {
  using namespace keyspace;
  std::vector<std::string> keys;
  for (const std::int64_t ms :
       {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1'778'025'600'000}, INT64_MAX}) {
    keys.push_back(row_key("fees", EventTime::from_ms(ms)));
    EXPECT_EQ(row_end("fees", keys.back()).ms(), ms);
  }
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_GT(row_key("fees2", EventTime::min()), rocks::after_prefix(rows_prefix("fees")));
  EXPECT_EQ(number_in(numbered("r", 300)), 300u);
  EXPECT_LT(numbered("r", 255), numbered("r", 256));
}

}  // namespace
}  // namespace tidecast
