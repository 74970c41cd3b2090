#include "app/definition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "base/rng.h"
#include "storage/file.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = TIDECAST_ROOT;

// The spec's smallest file, with a file that this version can read.
constexpr std::string_view kSmallest = R"(project: rides
sources: [ { name: trips, kind: file, path: trips.ndjson } ]
event: { time: { from: /started_at, unit: rfc3339 },
         fields: { duration: { from: /tripduration, type: number, unit: second } } }
features: [ { group: rides_15min, window: 15min, columns: { rides: count(), mean_duration: avg(duration) } } ]
forecast: { target: rides_15min.rides, horizon: 12 }
)";

Definition parsed(std::string_view text, const fs::path& file = "tidecast.yaml") {
  auto definition = parse_definition(std::string(text), file);
  EXPECT_TRUE(definition.ok()) << definition.message();
  return definition.ok() ? std::move(definition).value() : Definition{};
}

Definition example(const std::string& name) {
  auto definition = load_definition(kRoot / "examples" / name / "tidecast.yaml");
  EXPECT_TRUE(definition.ok()) << definition.message();
  return definition.ok() ? std::move(definition).value() : Definition{};
}

// kSmallest with the first `from` replaced by `to`, then more lines.
std::string smallest_with(std::string_view from, std::string_view to, std::string_view more = "") {
  std::string text(kSmallest);
  if (const std::size_t at = text.find(from); !from.empty() && at != std::string::npos)
    text.replace(at, from.size(), to);
  else
    EXPECT_TRUE(from.empty()) << from;
  return text + std::string(more);
}

TEST(Definition, OfTheBitcoinExampleIsWhatTheFileSays) {
  const Definition d = example("bitcoin-fees");
  EXPECT_EQ(d.project, "bitcoin-fees");
  EXPECT_EQ(d.data, kRoot / "examples/bitcoin-fees/tidecast-data");
  EXPECT_EQ(d.sources[0].kind, SourceDefinition::Kind::kRecording);
  EXPECT_EQ(d.sources[0].recording.name, "blockchain");
  EXPECT_EQ(d.sources[0].recording.bodies, kRoot / "data/bitcoin/blockchain_info_transactions_1020.ndjson.zst");
  EXPECT_EQ(d.sources[0].recording.schedule, kRoot / "data/bitcoin/schedule_7d.csv.zst");
  EXPECT_EQ(d.sources[0].recording.first_minute, 2880);
  EXPECT_EQ(d.sources[0].recording.minutes, 2880);
  EXPECT_EQ(d.sources[0].recording.every, 5s);
  EXPECT_EQ(d.sources[0].recording.records, "/txs");
  EXPECT_EQ(d.sources[0].recording.seed, 7u);
  EXPECT_FALSE(d.sources[0].recording.constant_fee_level.has_value());

  EXPECT_EQ(d.events[0].id, std::vector<std::string>{"/hash"});
  EXPECT_EQ(d.events[0].time_pointer, "/time");
  EXPECT_EQ(d.events[0].time.unit, TimeUnit::kSeconds);
  EXPECT_EQ(d.events[0].deduplicate_for, Milliseconds(3h));
  EXPECT_EQ(d.events[0].max_ahead, Milliseconds(10min));
  EXPECT_EQ(d.events[0].max_behind, std::nullopt);
  ASSERT_EQ(d.events[0].fields.size(), 2u);
  EXPECT_EQ(d.events[0].fields[0].name, "fee");
  EXPECT_EQ(d.events[0].fields[0].pointer, "/fee");
  EXPECT_EQ(d.events[0].fields[0].type, FieldType::kInteger);
  EXPECT_EQ(d.events[0].fields[0].unit, "satoshi");
  EXPECT_FALSE(d.events[0].fields[0].optional);

  ASSERT_EQ(d.groups.size(), 1u);
  ASSERT_EQ(d.keep.size(), 1u);
  EXPECT_EQ(d.keep[0].online, Milliseconds(24h * 7));
  EXPECT_EQ(d.groups[0].name, "tx_metrics");
  EXPECT_EQ(d.groups[0].window, 1min);
  EXPECT_EQ(d.groups[0].lateness, 60s);
  ASSERT_EQ(d.groups[0].columns.size(), 3u);
  EXPECT_EQ(d.groups[0].columns[0].kind, AggregateKind::kCount);
  EXPECT_EQ(d.groups[0].columns[0].field, std::nullopt);
  EXPECT_EQ(d.groups[0].columns[1].kind, AggregateKind::kSum);
  EXPECT_EQ(d.groups[0].columns[2].name, "avg_fee_1min");
  EXPECT_EQ(d.groups[0].columns[2].kind, AggregateKind::kAvg);
  EXPECT_EQ(d.groups[0].columns[2].field, 0u);

  ASSERT_TRUE(d.forecast.has_value());
  EXPECT_EQ(d.forecast->group, "tx_metrics");
  EXPECT_EQ(d.forecast->column, "avg_fee_1min");
  EXPECT_EQ(d.forecast->horizon, 30);
  EXPECT_EQ(d.forecast->options.horizon, 30);
  EXPECT_EQ(d.forecast->training_window, std::nullopt);
  EXPECT_EQ(d.forecast->first_training_after, Milliseconds(12h));
  EXPECT_EQ(d.forecast->seed, 7u);

  EXPECT_EQ(d.validation.windows, 10);
  EXPECT_EQ(d.validation.confidence, 90);
  EXPECT_EQ(d.validation.threshold, 0.24);
  EXPECT_EQ(d.validation.update_rate, 0.5);
  EXPECT_EQ(d.validation.must_beat, (std::vector{Rival::kNaive, Rival::kSeasonalNaive, Rival::kProduction}));
  EXPECT_TRUE(d.deployment.staging_auto);
  EXPECT_TRUE(d.deployment.production_auto);
  EXPECT_EQ(d.deployment.soak, 0ms);
  EXPECT_EQ(d.monitoring.every, 1h);
  EXPECT_EQ(d.monitoring.alarm.breaches, 3);
  EXPECT_EQ(d.monitoring.alarm.of, 3);
  EXPECT_EQ(d.monitoring.alarm.clear_after, 2);
  EXPECT_TRUE(d.monitoring.retrain.on_alarm);
  EXPECT_EQ(d.monitoring.retrain.cool_down, 2h);
  EXPECT_EQ(d.monitoring.retrain.attempts, 3);
  EXPECT_EQ(d.server.address, "127.0.0.1");
  EXPECT_EQ(d.server.port, 8080);
  EXPECT_EQ(d.text, read_file(kRoot / "examples/bitcoin-fees/tidecast.yaml").value());
}

TEST(Definition, OfTheWikipediaExampleReadsAFileWithoutIds) {
  const Definition d = example("wikipedia-edits");
  EXPECT_EQ(d.sources[0].kind, SourceDefinition::Kind::kFile);
  EXPECT_EQ(d.sources[0].file.path, kRoot / "data/wikipedia_edits_20150912.ndjson.zst");
  EXPECT_TRUE(d.events[0].id.empty());
  EXPECT_EQ(d.events[0].deduplicate_for, std::nullopt);
  EXPECT_EQ(d.events[0].time.unit, TimeUnit::kRfc3339);
  EXPECT_EQ(d.events[0].max_behind, Milliseconds(1h));
  EXPECT_EQ(d.groups[0].columns[1].field, 0u);
  EXPECT_EQ(d.forecast->first_training_after, Milliseconds(12h));
}

TEST(Definition, OfTheSmallestFileHasDefaultsThatAUserWouldChoose) {
  const Definition d = parsed(kSmallest, "rides/tidecast.yaml");
  EXPECT_EQ(d.data, "rides/tidecast-data");
  EXPECT_EQ(d.sources[0].file.path, "rides/trips.ndjson");
  EXPECT_EQ(d.events[0].max_ahead, Milliseconds(10min));
  EXPECT_EQ(d.events[0].max_behind, std::nullopt);
  EXPECT_EQ(d.groups[0].window, 15min);
  EXPECT_EQ(d.groups[0].lateness, 60s);
  EXPECT_EQ(d.keep[0].online, Milliseconds(24h * 7));
  EXPECT_EQ(d.forecast->horizon, 12);
  EXPECT_EQ(d.forecast->first_training_after, std::nullopt);
  EXPECT_EQ(d.validation.threshold, 0.24);
  EXPECT_EQ(d.validation.must_beat.size(), 3u);
  EXPECT_FALSE(d.deployment.staging_auto);
  EXPECT_FALSE(d.deployment.production_auto);
  EXPECT_EQ(d.monitoring.every, 1h);
  EXPECT_EQ(d.server.port, 8080);
}

TEST(Definition, WithoutAForecastIsAFeatureStore) {
  const Definition d = parsed(smallest_with("forecast: { target: rides_15min.rides, horizon: 12 }\n", ""));
  EXPECT_FALSE(d.forecast.has_value());
  EXPECT_NE(describe(d).find("a feature store"), std::string::npos) << describe(d);
}

TEST(Definition, TakesEveryHyperparameterByItsSageMakerName) {
  const Definition d =
      parsed(smallest_with("horizon: 12 }", R"(horizon: 12, seed: 18446744073709551615, training_window: 30d,
  hyperparameters: { context_length: 24, num_cells: 64, num_layers: 3, dropout_rate: 0.15, learning_rate: 0.004968,
                     mini_batch_size: 114 } })"));
  const DeepArOptions& o = d.forecast->options;
  EXPECT_EQ(o.context, 24);
  EXPECT_EQ(o.cells, 64);
  EXPECT_EQ(o.layers, 3);
  EXPECT_EQ(o.dropout, 0.15);
  EXPECT_EQ(o.learning_rate, 0.004968);
  EXPECT_EQ(o.batch, 114);
  EXPECT_EQ(o.seed, UINT64_MAX);
  EXPECT_EQ(d.forecast->seed, UINT64_MAX);
  EXPECT_EQ(d.forecast->training_window, Milliseconds(720h));
}

TEST(Definition, LetsProductionFollowTheApprovalUnlessItSaysOtherwise) {
  const auto deployment = [](std::string_view text) { return parsed(smallest_with("", "", text)).deployment; };
  EXPECT_TRUE(deployment("deployment: { approval: auto }").staging_auto);
  EXPECT_TRUE(deployment("deployment: { approval: auto }").production_auto);
  const auto second_by_hand =
      deployment("deployment: { approval: auto, stages: { production: { approval: manual } } }");
  EXPECT_TRUE(second_by_hand.staging_auto);
  EXPECT_FALSE(second_by_hand.production_auto);
  EXPECT_FALSE(deployment("deployment: { approval: manual }").production_auto);
  EXPECT_EQ(deployment("deployment: { approval: auto, stages: { staging: { soak: 10min } } }").soak, 10min);
}

TEST(Definition, AcceptsTheKeysOfLaterVersionsWhereTheySayNothing) {
  const Definition d = parsed(smallest_with("window: 15min", R"(window: 15min, key: [], where: "", close_when_idle: off,
    keep: { online: forever, offline: forever, raw: forever })",
                                            "notify: []\nmonitoring: { retrain: { on: [] } }\n"));
  EXPECT_EQ(d.keep[0].online, std::nullopt);
  EXPECT_FALSE(d.monitoring.retrain.on_alarm);
}

TEST(Definition, CountsAFieldAndTakesIdsOfSeveralParts) {
  const Definition d = parsed(R"(
project: p
sources: [ { name: s, kind: recording, bodies: /b.zst, schedule: /s.zst, constant_fee_level: 2.5, minutes: 0 } ]
event: { id: [/a, /b~1c], deduplicate_for: forever, time: { from: /t, unit: us },
         fields: { who: { from: /who, type: text, optional: true } } }
features: [ { group: g, columns: { n: " count( who ) " } } ]
server: { listen: "[::1]:0" }
)");
  EXPECT_EQ(d.events[0].id, (std::vector<std::string>{"/a", "/b~1c"}));
  EXPECT_EQ(d.events[0].deduplicate_for, std::nullopt);
  EXPECT_TRUE(d.events[0].fields[0].optional);
  EXPECT_EQ(d.groups[0].columns[0].kind, AggregateKind::kCount);
  EXPECT_EQ(d.groups[0].columns[0].field, 0u);
  EXPECT_EQ(d.sources[0].recording.constant_fee_level, 2.5);
  EXPECT_EQ(d.sources[0].recording.bodies, "/b.zst");
  EXPECT_EQ(d.server.address, "::1");
  EXPECT_EQ(d.server.port, 0);
}

TEST(Definition, PollsAsBlockchainInfoLikesItUnlessItSaysOtherwise) {
  const SourceDefinition live = example("bitcoin-live").sources[0];
  EXPECT_EQ(live.kind, SourceDefinition::Kind::kHttpPoll);
  EXPECT_EQ(live.poll.name, "blockchain");
  EXPECT_EQ(live.poll.url, "https://blockchain.info/unconfirmed-transactions?format=json");
  EXPECT_EQ(live.poll.records, "/txs");
  EXPECT_TRUE(live.poll.overlap);  // There are records, and they have ids.

  const auto with = [](std::string_view id, std::string_view keys) {
    return parsed(fmt::format(R"(
project: p
sources: [ {{ name: s, kind: http_poll, url: "http://[::1]:80/x", {} }} ]
event: {{ {} time: {{ from: /t, unit: s }} }}
features: [ {{ group: g, columns: {{ n: count() }} }} ]
)",
                              keys, id),
                  "live/tidecast.yaml")
        .sources[0]
        .poll;
  };
  const HttpPollOptions usual = with("id: /id,", "records: /rows");
  EXPECT_EQ(usual.every, 5s);
  EXPECT_EQ(usual.timeout, 10s);
  EXPECT_EQ(usual.order, ReplyOrder::kNewestFirst);
  EXPECT_TRUE(usual.overlap);
  EXPECT_TRUE(usual.ca_file.empty());
  EXPECT_FALSE(with("", "records: /rows").overlap);
  EXPECT_FALSE(with("id: /id,", "every: 1min").overlap);
  EXPECT_FALSE(with("id: /id,", "records: /rows, overlap: false").overlap);
  const HttpPollOptions all =
      with("id: /id,", "records: /a/0, overlap: true, order: oldest_first, every: 1h, timeout: 100ms, ca_file: ca.pem");
  EXPECT_TRUE(all.overlap);
  EXPECT_EQ(all.order, ReplyOrder::kOldestFirst);
  EXPECT_EQ(all.every, 1h);
  EXPECT_EQ(all.timeout, 100ms);
  EXPECT_EQ(all.ca_file, "live/ca.pem");
}

TEST(Definition, ListensOnLoopbackAddressesOnly) {
  const auto listens = [](std::string_view listen) {
    return parse_definition(smallest_with("", "", fmt::format("server: {{ listen: '{}' }}", listen)), "f").ok();
  };
  for (const char* address : {"127.0.0.1:80", "127.255.0.9:65535", "localhost:1", "[::1]:8080"})
    EXPECT_TRUE(listens(address)) << address;
  for (const char* address :
       {"0.0.0.0:80", "127.0.0.1.evil.org:80", "127.0.0:80", "127.0.0.256:80", "127.0.0.1", "127.0.0.1:", ":8080",
        "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8080x", "[::]:80", "10.0.0.1:80", "127..0.1:80"})
    EXPECT_FALSE(listens(address)) << address;
}

TEST(Definition, SurvivesABomOfAnEditorAndItsLineEnds) {
  std::string text = "\xef\xbb\xbf";
  for (const char c : kSmallest) text += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(parsed(text).project, "rides");
}

TEST(Definition, SaysWhichFileIsNotThere) {
  const auto missing = load_definition("/nowhere/tidecast.yaml");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.code(), Code::kNotFound);
  EXPECT_NE(missing.message().find("/nowhere/tidecast.yaml"), std::string::npos);
  EXPECT_FALSE(load_definition(kRoot).ok());
}

TEST(Definition, GivesEveryErrorToPrograms) {
  std::vector<DefinitionError> errors;
  const auto result = parse_definition(smallest_with("horizon: 12", "horizon: 0, seeds: 7"), "f.yaml", &errors);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.code(), Code::kInvalidArgument);
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_EQ(errors[0].path, "forecast.horizon");
  EXPECT_EQ(errors[0].line, 6);
  EXPECT_EQ(errors[0].column, 49);
  EXPECT_EQ(errors[0].width, 1);
  EXPECT_EQ(errors[1].path, "forecast.seeds");
  EXPECT_EQ(errors[1].nearest, "seed");
  EXPECT_EQ(result.message(), to_text(errors, "f.yaml"));
}

// Each .yaml of tests/golden/definition has beside it the text it must be answered with, word for word.
// TIDECAST_GOLDEN=update writes the answers anew: read the difference before it is committed.
TEST(Definition, AnswersEveryWrongFileAsRecorded) {
  const char* mode = std::getenv("TIDECAST_GOLDEN");
  const bool update = mode != nullptr && std::string_view(mode) == "update";
  std::vector<fs::path> inputs;
  for (const auto& entry : fs::directory_iterator(kRoot / "tests/golden/definition"))
    if (entry.path().extension() == ".yaml") inputs.push_back(entry.path());
  std::sort(inputs.begin(), inputs.end());
  ASSERT_GE(inputs.size(), 25u);
  for (const fs::path& input : inputs) {
    const auto result = parse_definition(read_file(input).value(), input.filename());
    EXPECT_FALSE(result.ok()) << input << " is a right file";
    const std::string answer = result.message() + "\n";
    const fs::path expected = fs::path(input).replace_extension(".txt");
    if (update)
      std::ofstream(expected, std::ios::binary) << answer;
    else
      EXPECT_EQ(answer, read_file(expected).value()) << input;
  }
}

TEST(Definition, IsDescribedOnOneScreen) {
  for (const char* name : {"bitcoin-fees", "bitcoin-live", "wikipedia-edits"}) {
    Definition d = example(name);
    d.file = d.file.lexically_relative(kRoot), d.data = d.data.lexically_relative(kRoot);
    d.sources[0].file.path = d.sources[0].file.path.lexically_relative(kRoot);
    d.sources[0].recording.bodies = d.sources[0].recording.bodies.lexically_relative(kRoot);
    d.sources[0].recording.schedule = d.sources[0].recording.schedule.lexically_relative(kRoot);
    const std::string text = describe(d);
    const fs::path expected = kRoot / "tests/golden/definition" / (std::string(name) + ".describe.txt");
    const char* mode = std::getenv("TIDECAST_GOLDEN");
    if (mode != nullptr && std::string_view(mode) == "update") std::ofstream(expected, std::ios::binary) << text;
    EXPECT_EQ(text, read_file(expected).value());
    EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 40);
  }
}

TEST(Definition, IsDescribedWithinAHundredColumnsWhateverItHolds) {
  const std::string name(64, 'n');
  const Definition d = parsed(fmt::format(R"(
project: {0}
sources: [ {{ name: {0}, kind: file, path: {1} }} ]
event: {{ time: {{ from: /{1}, unit: s }}, fields: {{ {0}: {{ from: /{1}, type: number, unit: {1} }} }} }}
features: [ {{ group: {0}, columns: {{ {0}: avg({0}) }} }} ]
forecast: {{ target: {0}.{0} }}
)",
                                          name, std::string(300, 'x')));
  std::istringstream lines(describe(d));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
}

// A random change of `text`: a byte, a piece cut, doubled or moved, a line lost, a word of YAML thrown in.
std::string mutated(std::string text, Rng& rng) {
  // clang-format off
  static constexpr std::string_view kBits[] = {
      ": ", "\n", "- ", "[", "]", "{", "}", "'", "\"", "#", "&a ", "*a", "!t ", "|\n", ">\n", "---\n", "...\n", "\t",
      "~", "null", "%YAML 1.2\n", "? ", ",", "\\", "\xc3\xa9", "\xff", "1e999", "-", "999999999999999999999", "forever",
      "(", ")", ".", "/", "\r\n"};
  // clang-format on
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(rng.below(n)); };
  for (std::size_t changes = 1 + below(4); changes > 0 && !text.empty(); --changes) {
    const std::size_t at = below(text.size()), length = std::min(1 + below(20), text.size() - at);
    switch (below(6)) {
      case 0: text[at] = static_cast<char>(below(256)); break;
      case 1: text.erase(at, length); break;
      case 2: text.insert(at, text.substr(at, length)); break;
      case 3: text.insert(at, kBits[below(std::size(kBits))]); break;
      case 4: text.replace(at, length, kBits[below(std::size(kBits))]); break;
      case 5: text.insert(below(text.size()), text.substr(at, length)); break;
    }
  }
  return text;
}

TEST(Definition, AnswersAnyTextWithAValueOrWithErrors) {
  constexpr std::uint64_t kSeed = 20261123;
  SCOPED_TRACE(fmt::format("seed {}", kSeed));
  Rng rng(kSeed);
  const std::string originals[] = {read_file(kRoot / "examples/bitcoin-fees/tidecast.yaml").value(),
                                   std::string(kSmallest)};
  int right = 0, wrong = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::string text = mutated(originals[i % 2], rng);
    std::vector<DefinitionError> errors;
    const auto result = parse_definition(text, "m.yaml", &errors);
    if (result.ok()) {
      ++right;
      EXPECT_FALSE(describe(*result).empty());
      EXPECT_EQ(result->groups.size(), result->keep.size());
      continue;
    }
    ++wrong;
    ASSERT_FALSE(errors.empty()) << text;
    const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
    for (const DefinitionError& error : errors) {
      ASSERT_TRUE(error.line >= 1 && error.line <= lines && error.column >= 1 && error.width >= 1) << text << "\n"
                                                                                                   << result.message();
      ASSERT_FALSE(error.found.empty()) << text;
    }
  }
  EXPECT_GT(right, 100);  // Changes in comments and in values that may be anything.
  EXPECT_GT(wrong, 1000);
}

TEST(Definition, IsNotBroughtDownByDeepNestingOrAliasBombs) {
  EXPECT_FALSE(parse_definition(std::string(100'000, '['), "f").ok());
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  EXPECT_FALSE(parse_definition(deep, "f").ok());
  EXPECT_FALSE(parse_definition("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "f").ok());
  EXPECT_FALSE(parse_definition("project: &p [*p]\n", "f").ok());
  EXPECT_FALSE(parse_definition(std::string(2 << 20, 'a'), "f").ok());
}

}  // namespace
}  // namespace tidecast
