#include "stream/engine_state.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace tidecast {
namespace {

const std::vector<GroupShape> kShapes = {{"minutes", 60s, 2}, {"hours", 1h, 1}, {"fresh", 1s, 0}};

EngineState sample() {
  const __int128 huge = static_cast<__int128>(INT64_MAX) * 1000;
  return {EventTime::from_ms(179'000),
          {{EventTime::from_ms(119'000),
            {{EventTime::from_ms(60'000), {{3, -huge, 0.0}, {2, 0, -1.25}}},
             {EventTime::from_ms(120'000), {{1, huge, 0.0}, {0, 0, 0.0}}}}},
           {EventTime::from_ms(0), {{EventTime::from_ms(-3'600'000), {{1, 5, 0.0}}}}},
           {std::nullopt, {}}}};
}

std::string encoded(const EngineState& state) {
  std::vector<const TumblingWindow::State*> pointers;
  for (const auto& group : state.groups) pointers.push_back(&group);
  std::string bytes = "left over from before";
  encode_engine_state(kShapes, state.newest, pointers, bytes);
  return bytes;
}

// The same bytes with a checksum that says they are whole.
std::string resealed(std::string bytes) {
  bytes.resize(bytes.size() - 8);
  const auto digest = sha256(bytes);
  bytes.append(reinterpret_cast<const char*>(digest.data()), 8);
  return bytes;
}

TEST(EngineState, ComesBackAsItWas) {
  const auto states = decode_engine_state(kShapes, encoded(sample()));
  ASSERT_TRUE(states.ok()) << states.message();
  EXPECT_EQ(states.value(), sample());
}

TEST(EngineState, FindsGroupsByTheirLayoutAndStartsNewOnesEmpty) {
  const std::vector<GroupShape> shapes = {kShapes[2], {"new", 1min, 4}, kShapes[1], kShapes[0]};
  const auto states = decode_engine_state(shapes, encoded(sample()));
  ASSERT_TRUE(states.ok()) << states.message();
  const auto groups = sample().groups;
  EXPECT_EQ(states->groups, (std::vector<TumblingWindow::State>{groups[2], {}, groups[1], groups[0]}));
  EXPECT_EQ(states->newest, sample().newest);
}

// As it was before there were gaps to find: the same without the newest event time.
TEST(EngineState, ReadsItsFirstVersion) {
  std::string bytes = encoded(sample());
  bytes.replace(0, 4 + 1 + 8, std::string("TCS\1", 4));
  const auto state = decode_engine_state(kShapes, resealed(bytes));
  ASSERT_TRUE(state.ok()) << state.message();
  EXPECT_EQ(state.value(), (EngineState{std::nullopt, sample().groups}));
}

TEST(EngineState, RefusesToForgetAGroupAndNamesIt) {
  auto shapes = kShapes;
  shapes[1].layout = "days";
  const auto renamed = decode_engine_state(shapes, encoded(sample()));
  EXPECT_EQ(renamed.code(), Code::kFailedPrecondition);
  EXPECT_EQ(renamed.message(),
            "the store has the group 'hours', and the definition has 'minutes', 'days', 'fresh'; take the "
            "group back as it was, or start with a new data folder");
  shapes.erase(shapes.begin() + 1);
  EXPECT_EQ(decode_engine_state(shapes, encoded(sample())).code(), Code::kFailedPrecondition);
}

TEST(EngineState, RefusesEveryTruncation) {
  const std::string bytes = encoded(sample());
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_EQ(decode_engine_state(kShapes, bytes.substr(0, length)).code(), Code::kDataLoss) << length;
  EXPECT_EQ(decode_engine_state(kShapes, bytes + '\0').code(), Code::kDataLoss);
}

TEST(EngineState, RefusesEveryFlippedBit) {
  const std::string bytes = encoded(sample());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    EXPECT_EQ(decode_engine_state(kShapes, flipped).code(), Code::kDataLoss) << bit;
  }
}

// Even bytes whose checksum is right are read with care: refused, or another state, but never out of bounds.
TEST(EngineState, IsCarefulBehindTheChecksum) {
  const std::string bytes = encoded(sample());
  int refused = 0;
  for (std::size_t bit = 0; bit < (bytes.size() - 8) * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    const auto states = decode_engine_state(kShapes, resealed(flipped));
    if (states.ok()) {
      EXPECT_EQ(encoded(states.value()), resealed(flipped)) << bit;
    }
    refused += !states.ok();
  }
  EXPECT_GT(refused, 300);
  for (std::size_t length = 8; length < bytes.size(); ++length)
    EXPECT_FALSE(decode_engine_state(kShapes, resealed(bytes.substr(0, length))).ok()) << length;
}

}  // namespace
}  // namespace tidecast
