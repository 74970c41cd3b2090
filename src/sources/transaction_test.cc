#include "sources/transaction.h"

#include <cmath>

#include "base/hash.h"
#include "base/json.h"
#include "sources/test_files.h"
#include "sources/unpacked_file.h"

namespace tidecast {
namespace {

std::vector<std::string> shipped_bodies() {
  std::vector<std::string> bodies;
  std::string text = read_unpacked(shipped("bitcoin/blockchain_info_transactions_1020.ndjson.zst")).value();
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    bodies.push_back(text.substr(begin, end - begin));
  }
  return bodies;
}

std::string render(const TransactionBody& body, std::uint64_t round, std::int64_t time_s, double level,
                   Damage damage = Damage::kNone) {
  std::string text(body.longest(), '\0');
  text.resize(static_cast<std::size_t>(body.render(text.data(), round, time_s, level, damage) - text.data()));
  return text;
}

// How much the inputs are worth above the outputs.
std::int64_t fee_by_values(const json::object& tx) {
  std::int64_t fee = 0;
  for (const auto& input : tx.at("inputs").as_array()) fee += input.at("prev_out").at("value").as_int64();
  for (const auto& out : tx.at("out").as_array()) fee -= out.at("value").as_int64();
  return fee;
}

constexpr std::string_view kSmall =
    R"({"hash":"5432a8729521fccbc677edc93f2adbc205672eaddb4a288fdf7bc30e37529293","fee":1208,)"
    R"("tx_index":2962449637745727,"time":0,"inputs":[)"
    R"({"prev_out":{"value":300,"spending_outpoints":[{"tx_index":2962449637745727,"n":0}],"tx_index":5}},)"
    R"({"prev_out":{"value":5000,"spending_outpoints":[],"tx_index":5}}],)"
    R"("out":[{"value":4092,"tx_index":2962449637745727}]})";

TEST(TransactionBody, RendersAsItWasWhenNothingChanges) {
  const auto bodies = shipped_bodies();
  ASSERT_EQ(bodies.size(), 1020u);
  for (const std::string& text : bodies) {
    const auto body = TransactionBody::compile(text);  // Checks that tx_index follows from the hash wherever it stands.
    ASSERT_TRUE(body.ok()) << body.message() << "\n" << text.substr(0, 200);
    EXPECT_EQ(render(*body, 0, 0, 1), text);
  }
}

TEST(TransactionBody, TheTransactionIndexIsTheFirst53BitsOfTheHash) {
  for (const std::string& text : shipped_bodies()) {
    const json::value tx = parse_json(text).value();
    EXPECT_EQ(tx_index_of(TransactionBody::compile(text)->hash()), tx.at("tx_index").to_number<std::uint64_t>());
  }
  TransactionHash hash{};  // 7376b336... of ../spec: 4062516801389200.
  const std::uint8_t first[] = {0x73, 0x76, 0xb3, 0x36};
  std::copy(std::begin(first), std::end(first), hash.begin());
  EXPECT_EQ(tx_index_of(hash) >> 21, std::uint64_t{4062516801389200} >> 21);
}

TEST(TransactionBody, TheFeeStaysInputsMinusOutputsAtEveryLevel) {
  for (const std::string& text : shipped_bodies()) {
    const std::int64_t fee = parse_json(text)->at("fee").as_int64();
    const TransactionBody body = TransactionBody::compile(text).value();
    for (const double level : {0.5, 0.8711, 1.7, 5.4909}) {
      const json::value tx = parse_json(render(body, 3, 1'700'000'000, level)).value();
      ASSERT_EQ(tx.at("fee").as_int64(), std::llround(static_cast<double>(fee) * level));
      ASSERT_EQ(fee_by_values(tx.as_object()), tx.at("fee").as_int64());
      ASSERT_EQ(tx.at("time").as_int64(), 1'700'000'000);
      for (const auto& input : tx.at("inputs").as_array()) ASSERT_GE(input.at("prev_out").at("value").as_int64(), 0);
    }
  }
}

TEST(TransactionBody, TheFirstInputThatIsWorthTheFeeTakesTheDifference) {
  const json::value tx = parse_json(render(TransactionBody::compile(kSmall).value(), 0, 9, 2)).value();
  EXPECT_EQ(tx.at("fee").as_int64(), 2416);
  EXPECT_EQ(tx.at("inputs").at(0).at("prev_out").at("value").as_int64(), 300);
  EXPECT_EQ(tx.at("inputs").at(1).at("prev_out").at("value").as_int64(), 6208);
}

TEST(TransactionBody, LaterRoundsHaveTheDoubleHashOfHashAndRoundAndTheIndexFollows) {
  const TransactionBody body = TransactionBody::compile(kSmall).value();
  std::string message(reinterpret_cast<const char*>(body.hash().data()), 32);
  message += std::string("\x02\x01\0\0\0\0\0\0", 8);
  const auto once = sha256(message);
  const std::string expected = sha256_hex({reinterpret_cast<const char*>(once.data()), once.size()});

  const json::value tx = parse_json(render(body, 0x0102, 0, 1)).value();
  EXPECT_EQ(tx.at("hash").as_string(), expected);
  const std::uint64_t index = std::stoull(expected.substr(0, 16), nullptr, 16) >> 11;
  const json::value& prev_out = tx.at("inputs").at(0).at("prev_out");
  EXPECT_EQ(tx.at("tx_index").to_number<std::uint64_t>(), index);
  EXPECT_EQ(tx.at("out").at(0).at("tx_index").to_number<std::uint64_t>(), index);
  EXPECT_EQ(prev_out.at("spending_outpoints").at(0).at("tx_index").to_number<std::uint64_t>(), index);
  EXPECT_EQ(prev_out.at("tx_index").as_int64(), 5);  // Another transaction's.
}

TEST(TransactionBody, DamageLeavesValidJson) {
  const TransactionBody body = TransactionBody::compile(kSmall).value();
  EXPECT_TRUE(parse_json(render(body, 0, 9, 1, Damage::kFeeIsNull))->at("fee").is_null());
  EXPECT_EQ(parse_json(render(body, 0, 9, 1, Damage::kFeeIsText))->at("fee"), "1208");
  EXPECT_TRUE(parse_json(render(body, 0, 9, 1, Damage::kTimeIsNull))->at("time").is_null());
}

TEST(TransactionBody, RefusesWhatIsNoTransaction) {
  const auto with = [](std::string_view from, std::string_view to) {
    std::string text(kSmall);
    text.replace(text.find(from), from.size(), to);
    return TransactionBody::compile(text).message();
  };
  EXPECT_EQ(with("\"fee\":1208", "\"fee\":1207"), "fee: 1207, but inputs minus outputs are 1208");
  EXPECT_EQ(with("\"fee\":1208", "\"fee\":null"), "fee: an integer is needed");
  EXPECT_EQ(with("\"fee\":1208,", ""), "hash, fee, time and at least one input are needed, once each");
  EXPECT_EQ(with("5727,\"time\"", "5728,\"time\""), "tx_index: 2962449637745728 does not follow from the hash");
  EXPECT_NE(with("5432a8", "5432A8").find("digits 0-9 and a-f are needed"), std::string::npos);
  EXPECT_EQ(with("{\"hash", "[{\"hash"), "not a JSON object");
  EXPECT_EQ(TransactionBody::compile("").message(), "not a JSON object");
}

}  // namespace
}  // namespace tidecast
