#include "sources/block.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace tidecast {
namespace {

std::string excerpt() {
  std::ostringstream text;
  text << std::ifstream(TIDECAST_ROOT "/tests/feed/rawblock_603966_excerpt.json").rdbuf();
  return text.str();
}

void expect_excerpt(const Block& block) {
  EXPECT_EQ(block.hash, "0000000000000000000efcea1cc1a169955e9cf6f039ddeabfdd1da1ac6d9899");
  EXPECT_EQ(block.previous, "0000000000000000000ee40dc80e8ddd28d6389ba8dd59bb147b48d8f7a87f13");
  EXPECT_EQ(block.next, "000000000000000000017eabff0d26b6be65bfc24b6d0f843ae6078842b20351");
  EXPECT_EQ(block.height, 603966);
  EXPECT_EQ(block.time.ms(), 1'573'858'343'000);
  ASSERT_EQ(block.transactions.size(), 9u);  // Ten less the coinbase.
  const std::string& raw = block.transactions[0].raw;
  EXPECT_NE(raw.find("43e3ab77da17be051bf6921e5fe34759785bd71073db8ebc05b93362069cafaf"), std::string::npos);
  EXPECT_NE(raw.find("\"fee\": 100000"), std::string::npos);
  EXPECT_TRUE(raw.starts_with('{') && raw.ends_with('}'));
}

TEST(Block, IsReadAsItWasRecorded) {
  expect_excerpt(parse_block(excerpt()).value());
  EXPECT_FALSE(parse_block(excerpt())->lacks_times());  // All nine have the block's time, but they are few.
}

TEST(Block, IsTheOneOfTheMainChain) {
  std::string orphan = excerpt();
  orphan.replace(orphan.find("000000000000"), 4, "ffff");
  std::string main = excerpt();
  main.replace(main.find("\"main_chain\": false"), 19, "\"main_chain\": true");
  expect_excerpt(parse_blocks(R"({"blocks":[)" + orphan + "," + main + "]}").value());
  expect_excerpt(parse_blocks(R"({"blocks":[)" + excerpt() + "," + orphan + "]}").value());  // None says so: the first.
}

TEST(Block, SaysWhatIsMissing) {
  EXPECT_EQ(parse_block("[]").message(), "no block: The JSON element does not have the requested type.");
  EXPECT_EQ(parse_block(R"({"hash":"a","time":1,"tx":[]})").message(), "no block: height: not found");
  EXPECT_EQ(parse_blocks(R"({"blocks":[]})").message(), "no blocks: the list is empty");
  EXPECT_EQ(parse_block(excerpt().substr(0, 9000)).code(), Code::kInvalidArgument);
}

TEST(Block, GivesATransactionWithoutATimeTheBlocks) {
  const Block block =
      parse_block(R"({"tx":[{"hash":"x"},{"time":5,"inputs":[{"prev_out":null}]},{"time":4,"inputs":[]}],
                      "hash":"a","time":7,"height":1,"next_block":["b","c"]})")
          .value();
  ASSERT_EQ(block.transactions.size(), 2u);
  EXPECT_EQ(block.transactions[0].time.ms(), 7000);
  EXPECT_EQ(block.transactions[1].time.ms(), 4000);
  EXPECT_EQ(block.next, "");  // Two: one of them is no child of the main chain.
}

}  // namespace
}  // namespace tidecast
