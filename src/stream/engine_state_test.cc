#include "stream/engine_state.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "stream/window_oracle_testing.h"

namespace tidecast {
namespace {

PipelineOptions sample_options() {
  PipelineOptions options;
  options.sources = {{"a"}, {"b", 20s}};
  options.events = {test_mapping(), test_mapping()};
  options.events[0].name = "trips";
  options.events[1].name = "blocks";
  using K = AggregateKind;
  options.groups = {{"minutes", 60s, 0ms, {{"n", K::kCount, {}}, {"fees", K::kSum, 0}}},
                    {.name = "sessions",
                     .window = 30s,
                     .columns = {{"rate", K::kAvg, 1}},
                     .event = 1,
                     .kind = WindowKind::kSession,
                     .key = {2}}};
  return options;
}

struct Engine {
  explicit Engine(PipelineOptions given = sample_options()) : options(std::move(given)), watermarks(options) {
    for (std::size_t g = 0; g < options.groups.size(); ++g)
      operators.push_back(WindowOperator::make(g, options.groups[g], options.events[options.groups[g].event]));
  }
  void count(std::int64_t second) {
    const TestRow row{EventTime::from_ms(second * 1000), static_cast<std::uint64_t>(second), {}, second, 0.5, "x"};
    std::vector<ClosedWindow> closed;
    for (auto& op : operators) op->on_event(batch_of(std::span(&row, 1)), 0, row.number, {}, closed);
    watermarks.begin(ProcessingTime::from_ms(1));
    watermarks.on_record(0, 0, row.time, ProcessingTime::from_ms(second * 1000));
  }
  std::string piece(bool snapshot) {
    std::string bytes = "left over from before";
    encode_engine_state(options, watermarks, operators, snapshot, bytes);
    return bytes;
  }
  Status read(const std::vector<std::string>& pieces) {
    return decode_engine_state(options, pieces, watermarks, operators, gone);
  }

  PipelineOptions options;
  Watermarks watermarks;
  Operators operators;
  std::vector<std::string> gone;
};

std::vector<std::string> sample() {
  Engine engine;
  engine.count(10);
  engine.watermarks.make_idle(1);
  std::vector<std::string> pieces = {engine.piece(true)};
  for (const std::int64_t second : {70, 75, 300}) {
    engine.count(second);
    engine.watermarks.force(0, EventTime::from_ms(second));
    pieces.push_back(engine.piece(false));
  }
  return pieces;
}

// The same bytes with a checksum that says they are whole.
std::string resealed(std::string bytes) {
  bytes.resize(bytes.size() - 8);
  const auto digest = sha256(bytes);
  bytes.append(reinterpret_cast<const char*>(digest.data()), 8);
  return bytes;
}

TEST(EngineState, ComesBackFromASnapshotAndTheChangesBehindIt) {
  Engine engine;
  const Status status = engine.read(sample());
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(engine.watermarks.newest_of(0, 0), EventTime::from_ms(300'000));
  EXPECT_EQ(engine.watermarks.newest_of(1, 0), std::nullopt);
  EXPECT_EQ(engine.watermarks.watermark(0), EventTime::from_ms(300));
  EXPECT_EQ(engine.watermarks.watermark(1), std::nullopt);
  EXPECT_EQ(engine.watermarks.sources(), (std::vector<Watermarks::Source>{{ProcessingTime::from_ms(300'000), false},
                                                                          {ProcessingTime::from_ms(1), true}}));
  EXPECT_EQ(engine.operators[0]->open_windows(), 3u);
  EXPECT_EQ(engine.operators[1]->open_windows(), 3u);
  Engine again;
  ASSERT_TRUE(again.read({engine.piece(true)}).ok());
  EXPECT_EQ(again.piece(true), engine.piece(true));
}

TEST(EngineState, FindsSourcesEventsAndGroupsByTheirNames) {
  PipelineOptions turned = sample_options();
  std::swap(turned.sources[0], turned.sources[1]);
  turned.sources[0].name = "new";
  std::swap(turned.events[0], turned.events[1]);
  std::swap(turned.groups[0], turned.groups[1]);
  turned.groups[0].event = 0;
  turned.groups[1].event = 1;
  turned.groups.push_back({"fresh", 1s, 0ms, {{"n", AggregateKind::kCount, {}}}});
  Engine engine(turned);
  const Status status = engine.read(sample());
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(engine.watermarks.newest_of(1, 1), EventTime::from_ms(300'000));
  EXPECT_EQ(engine.watermarks.sources()[0], Watermarks::Source{});
  EXPECT_EQ(engine.watermarks.watermark(1), EventTime::from_ms(300));
  EXPECT_EQ(engine.operators[2]->open_windows(), 0u);
}

TEST(EngineState, ForgetsWhatIsGone) {
  PipelineOptions fewer = sample_options();
  fewer.groups.pop_back();
  const std::string source = fewer.sources.back().name;
  fewer.sources.pop_back();
  Engine engine(fewer);
  ASSERT_TRUE(engine.read(sample()).ok());
  EXPECT_EQ(engine.gone, std::vector<std::string>{source}) << "once, however many pieces name it";
  EXPECT_EQ(engine.operators.size(), 1u);
  EXPECT_GT(engine.operators[0]->open_windows(), 0u);
}

TEST(EngineState, RefusesAGroupThatIsAnother) {
  PipelineOptions other = sample_options();
  other.groups[0].window = 5min;
  const Status status = Engine(other).read(sample());
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            "the group 'minutes' was tumbling 1min of trips and is tumbling 5min of trips now; take it back as it was, "
            "give the new one another name beside it, or start with a new data folder");
}

TEST(EngineState, RefusesPiecesThatDoNotFollowEachOther) {
  const auto pieces = sample();
  EXPECT_EQ(Engine().read({pieces[1], pieces[2]}).code(), Code::kDataLoss);
  EXPECT_EQ(Engine().read({pieces[0], pieces[0]}).code(), Code::kDataLoss);
  EXPECT_TRUE(Engine().read({}).ok());
}

TEST(EngineState, RefusesEveryTruncationAndEveryFlippedBit) {
  const auto pieces = sample();
  const std::string& bytes = pieces[0];
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_EQ(Engine().read({bytes.substr(0, length)}).code(), Code::kDataLoss) << length;
  EXPECT_EQ(Engine().read({bytes + '\0'}).code(), Code::kDataLoss);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    EXPECT_EQ(Engine().read({flipped}).code(), Code::kDataLoss) << bit;
  }
}

// Even bytes whose checksum is right are read with care: refused, or another state, but never out of bounds.
TEST(EngineState, IsCarefulBehindTheChecksum) {
  const auto pieces = sample();
  int refused = 0;
  for (std::size_t p = 0; p < 2; ++p) {
    const std::string& bytes = pieces[p];
    for (std::size_t bit = 0; bit < (bytes.size() - 8) * 8; ++bit) {
      auto flipped = pieces;
      flipped[p][bit / 8] = static_cast<char>(flipped[p][bit / 8] ^ (1 << bit % 8));
      flipped[p] = resealed(flipped[p]);
      refused += !Engine().read(flipped).ok();
    }
    for (std::size_t length = 8; length < bytes.size(); ++length)
      EXPECT_FALSE(Engine().read({pieces[0], resealed(bytes.substr(0, length))}).ok()) << length;
  }
  EXPECT_GT(refused, 300);
}

// ---- earlier versions ---------------------------------------------------------------------------------------------

template <typename T>
void put(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// As 0.1 wrote it: a minute of three fees that is open, at a newest time of 00:02:59.
std::string state_of_version(char version) {
  std::string bytes = std::string("TCS") + version;
  if (version == 2) put(bytes, std::uint8_t{1}), put(bytes, std::int64_t{179'000});
  put(bytes, std::uint32_t{1});
  const std::string layout =
      "minutes: window 1min, n count(), fees sum(fee integer), fee_avg avg(fee integer), least min(fee integer), rates "
      "sum(rate number)";
  put(bytes, static_cast<std::uint32_t>(layout.size()));
  bytes += layout;
  put(bytes, std::uint8_t{1}), put(bytes, std::int64_t{119'000});
  put(bytes, std::uint32_t{1});
  put(bytes, std::int64_t{60'000});
  const std::int64_t counts[] = {3, 3, 3, 3, 2};
  const std::int64_t integers[] = {0, -42, -42, -50, 0};
  for (int c = 0; c < 5; ++c) {
    put(bytes, counts[c]);
    put(bytes, static_cast<__int128>(integers[c]));
    put(bytes, c == 4 ? 1.25 : 0.0);
  }
  return resealed(bytes + "checksum");
}

PipelineOptions options_before() {
  PipelineOptions options;
  options.sources = {{"a"}};
  options.events = {test_mapping()};
  using K = AggregateKind;
  options.groups = {{"minutes",
                     60s,
                     60s,
                     {{"n", K::kCount, {}},
                      {"fees", K::kSum, 0},
                      {"fee_avg", K::kAvg, 0},
                      {"least", K::kMin, 0},
                      {"rates", K::kSum, 1}}}};
  return options;
}

TEST(EngineState, ReadsWhatEarlierVersionsWrote) {
  for (const char version : {1, 2}) {
    Engine engine(options_before());
    const Status status = engine.read({state_of_version(version)});
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(engine.watermarks.newest_of(0, 0), EventTime::from_ms(179'000));
    EXPECT_EQ(engine.watermarks.watermark(0), EventTime::from_ms(119'000));
    std::vector<ClosedWindow> closed;
    engine.operators[0]->advance(EventTime::from_ms(119'999), {}, false, closed);
    ASSERT_EQ(closed.size(), 1u);
    EXPECT_EQ(closed[0].row.window_start.ms(), 60'000);
    EXPECT_EQ(closed[0].row.values,
              (std::vector<FeatureValue>{std::int64_t{3}, std::int64_t{-42}, -14.0, std::int64_t{-50}, 1.25}));
  }
  PipelineOptions other = options_before();
  other.groups[0].window = 5min;
  EXPECT_EQ(Engine(other).read({state_of_version(2)}).code(), Code::kFailedPrecondition);
  for (std::size_t length = 8; length + 8 < state_of_version(2).size(); ++length)
    EXPECT_EQ(Engine(options_before()).read({resealed(state_of_version(2).substr(0, length) + "checksum")}).code(),
              Code::kDataLoss)
        << length;
}

}  // namespace
}  // namespace tidecast
