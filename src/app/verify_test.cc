#include "app/verify.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/rng.h"
#include "features/record_id.h"
#include "storage/duck.h"
#include "stream/memory_store.h"
#include "stream/sql_duckdb.h"

namespace tidecast {
namespace {

// An archive, clock marks and rows as the test says.
class Shelf : public MemoryStore {
 public:
  explicit Shelf(const PipelineOptions& options)
      : MemoryStore({feature_group_of(options.groups[0], options.events[0])}) {}

  Books books() const override { return {.read = lines.size(), .stored = lines.size()}; }
  Result<std::vector<ClockMark>> clock_marks() const override { return marks; }
  Status visit_archive(const std::function<bool(std::string_view line)>& visit) const override {
    for (const std::string& line : lines)
      if (!visit(line)) break;
    return ok();
  }
  Result<std::vector<FeatureRow>> select(std::string_view, const RowQuery& query) const override {
    std::vector<FeatureRow> found;
    for (const FeatureRow& row : rows)
      if (row.window_end >= query.range.from && row.window_end < query.range.until) found.push_back(row);
    return found;
  }

  std::vector<std::string> lines;
  std::vector<ClockMark> marks;
  std::vector<FeatureRow> rows;
};

struct Stream {
  PipelineOptions options;
  std::unique_ptr<Shelf> store;
};

// The rows of the whole archive in one statement, which has no slices.
std::vector<FeatureRow> rows_at_once(const Stream& stream) {
  duck::Session session = duck::Session::open().value();
  EXPECT_TRUE(
      session
          .exec("CREATE TABLE archive(n BIGINT, arrival TIMESTAMP, source VARCHAR, event VARCHAR, record VARCHAR); "
                "CREATE TABLE clock_marks(i BIGINT, n BIGINT, kind VARCHAR, name VARCHAR, arrival TIMESTAMP, "
                "time TIMESTAMP)")
          .ok());
  {
    duck::Appender archive = duck::Appender::open(session, "archive").value();
    for (const std::string& line : stream.store->lines) {
      const ArchivedRecord record = parse_archived(line).value();
      archive.integer(static_cast<std::int64_t>(record.number))
          .time(record.arrival.ms())
          .text(record.source)
          .text("")
          .text(record.raw);
      EXPECT_TRUE(archive.end_row().ok());
    }
    EXPECT_TRUE(archive.close().ok());
    duck::Appender marks = duck::Appender::open(session, "clock_marks").value();
    std::int64_t i = 0;
    for (const ClockMark& mark : stream.store->marks) {
      const bool forced = mark.kind == ClockMark::Kind::kForcedWatermark;
      marks.integer(i++)
          .integer(static_cast<std::int64_t>(mark.number))
          .text(forced ? "forced_watermark" : "source_idle");
      marks.text(mark.name).time(mark.at.ms());
      if (forced)
        marks.time(mark.time.ms());
      else
        marks.null();
      EXPECT_TRUE(marks.end_row().ok());
    }
    EXPECT_TRUE(marks.close().ok());
  }
  const auto table = session.query(duckdb_sql(stream.options, 0).value().whole());
  EXPECT_TRUE(table.ok()) << table.message();
  std::vector<FeatureRow> rows;
  for (const auto& values : table.value().rows) {  // start$, end$, key, rows, fee, written$, by_clock$
    FeatureRow row{EventTime::from_ms(values[0].as_int64()),
                   EventTime::from_ms(values[1].as_int64()),
                   ProcessingTime::from_ms(values[5].as_int64()),
                   {values[3].as_int64()}};
    row.values.push_back(values[4].is_null() ? FeatureValue{} : FeatureValue{values[4].as_int64()});
    if (values[2].is_null())
      append_key_null(row.key);
    else
      append_key_text(row.key, std::string_view(values[2].as_string()));
    row.closed_by_idle = values[6].as_bool();
    rows.push_back(row);
  }
  return rows;
}

// Two sources out of order and in turn silent, some keys, late records, watermarks that the clock forced.
Stream random_stream(WindowKind kind, std::uint64_t seed) {
  Rng rng(seed, static_cast<std::uint64_t>(kind));
  Stream out;
  out.options.sources = {{"a"}, {"b"}};
  out.options.events[0].time.unit = TimeUnit::kMilliseconds;
  out.options.events[0].fields = {{"key", "/key", FieldType::kText, true}, {"fee", "/fee", FieldType::kInteger, true}};
  WindowGroup group{.name = "fees",
                    .window = 10s,
                    .lateness = 5s,
                    .columns = {{"rows", AggregateKind::kCount, {}}, {"fee", AggregateKind::kSum, 1}},
                    .kind = kind,
                    .key = {0}};
  if (kind == WindowKind::kHopping) group.every = 5s;
  if (kind == WindowKind::kSession) group.window = 3s;
  out.options.groups = {group};
  out.store = std::make_unique<Shelf>(out.options);
  std::int64_t now = 1'700'000'000'000;
  for (std::uint64_t n = 0; n < 120; ++n) {
    now += static_cast<std::int64_t>(rng.below(3'000));
    const bool first = rng.below(3) > 0;
    std::int64_t time = now - static_cast<std::int64_t>(rng.below(4'000));
    if (rng.below(6) == 0) time -= static_cast<std::int64_t>(rng.below(30'000));
    const std::string key = rng.below(7) == 0 ? "null" : fmt::format("\"k{}\"", rng.below(3));
    out.store->lines.push_back(fmt::format(
        R"({{"n":{},"arrival":"{}","verdict":"stored","source":"{}","record":{{"time":{},"key":{},"fee":{}}}}})", n,
        to_rfc3339(now), first ? "a" : "b", time, key, rng.below(100)));
    const ProcessingTime at = ProcessingTime::from_ms(now);
    if (rng.below(10) == 0)
      out.store->marks.push_back({ClockMark::Kind::kSourceIdle, rng.below(2) == 0 ? "a" : "b", n + 1, at, {}});
    if (rng.below(15) == 0)
      out.store->marks.push_back(
          {ClockMark::Kind::kForcedWatermark, "fees", n + 1, at, EventTime::from_ms(now - 3'000)});
  }
  out.store->rows = rows_at_once(out);
  return out;
}

GroupVerification verified(const Stream& stream, std::size_t slice = 50, EventRange range = {}) {
  const auto found = verify(*stream.store, stream.options, range, slice);
  EXPECT_TRUE(found.ok()) << found.message();
  return found.ok() ? found.value().groups.at(0) : GroupVerification{};
}

class Verify : public testing::TestWithParam<WindowKind> {};

TEST_P(Verify, FindsEveryRowEqualHoweverTheArchiveIsSliced) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const Stream stream = random_stream(GetParam(), seed);
    ASSERT_GT(stream.store->rows.size(), 10u) << "seed " << seed;
    for (const std::size_t slice : {17u, 1000u}) {
      const GroupVerification found = verified(stream, slice);
      EXPECT_EQ(found.equal, stream.store->rows.size()) << "seed " << seed << ", slices of " << slice;
      EXPECT_EQ(found.compared, found.equal)
          << "seed " << seed << ", slices of " << slice << testing::PrintToString(found.differences);
    }
  }
}

TEST_P(Verify, LooksOnlyAtTheRangeThatIsAskedFor) {
  Stream stream = random_stream(GetParam(), 4);
  const std::size_t middle = stream.store->rows.size() / 2;
  const EventTime end = stream.store->rows[middle].window_end;
  std::get<std::int64_t>(stream.store->rows[middle].values[0]) += 1;
  EXPECT_EQ(verified(stream, 50, {.from = end + 1ms}).different, 0u);
  EXPECT_EQ(verified(stream, 50, {.until = end}).different, 0u);
  EXPECT_EQ(verified(stream, 50, {.from = end, .until = end + 1ms}).different, 1u);
}

// The engine's own rows, of two sources that fall silent, with the clock closing windows and corrections.
TEST_P(Verify, FindsTheEnginesRowsEqual) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Rng rng(seed, 100 + static_cast<std::uint64_t>(GetParam()));
    PipelineOptions options = random_stream(GetParam(), seed).options;
    options.events[0].fields.push_back({"y", "/y", FieldType::kNumber, true});
    if (rng.below(2) == 0) options.sources[0].idle_after = 8s;
    options.sources[1].idle_after = 5s;
    WindowGroup& group = options.groups[0];
    using K = AggregateKind;
    group.columns = {{"rows", K::kCount, {}},        {"fee", K::kSum, 1},
                     {"mean", K::kAvg, 1},           {"y_sum", K::kSum, 2},
                     {"y_avg", K::kAvg, 2},          {"spread", K::kStddev, 2},
                     {"first", K::kFirst, 1},        {"last", K::kLast, 2},
                     {"fees", K::kCountDistinct, 1}, {"median", K::kQuantile, 2, 0.5},
                     {"top", K::kQuantile, 1, 0.9}};
    if (rng.below(2) == 0) group.where = "fee <> 7";
    if (rng.below(2) == 0) group.close_when_idle = 12s;
    if (rng.below(2) == 0 && GetParam() != WindowKind::kSession) group.allowed_lateness = 6s;
    MemoryStore store({feature_group_of(group, options.events[0])});
    const auto pipeline = Pipeline::open(options, store).value();
    std::int64_t now = 1'700'000'000'000;
    for (int n = 0; n < 300; ++n) {
      now += static_cast<std::int64_t>(rng.below(20) == 0 ? 15'000 : rng.below(1'500));
      std::int64_t time = now - static_cast<std::int64_t>(rng.below(4'000));
      if (rng.below(6) == 0) time -= static_cast<std::int64_t>(rng.below(30'000));
      RawBatch batch;
      batch.append(fmt::format(R"({{"time":{},"key":{},"fee":{},"y":{}}})", time,
                               rng.below(7) == 0 ? "null" : fmt::format("\"k{}\"", rng.below(3)), rng.below(20),
                               rng.normal() * 1000),
                   ProcessingTime::from_ms(now));
      batch.pad();
      batch.cursor = fmt::to_string(n);
      const Result<Ingested> ingested = pipeline->ingest(rng.below(3) == 0 ? 1 : 0, batch);
      ASSERT_TRUE(ingested.ok()) << "seed " << seed << ", record " << n << ": " << ingested.message();
    }
    ASSERT_TRUE(pipeline->on_time(ProcessingTime::from_ms(now + 60'000)).ok());
    const Result<Verification> found = verify(store, options, {}, 70);
    ASSERT_TRUE(found.ok()) << found.message();
    const GroupVerification& rows = found.value().groups[0];
    EXPECT_GT(rows.equal, 50u) << "seed " << seed;
    EXPECT_EQ(rows.compared, rows.equal) << "seed " << seed << testing::PrintToString(rows.differences);
  }
}

// Sources come and go, and lateness changes, at restarts at any moment.
TEST_P(Verify, ComparesEachRowByTheDefinitionThatHeldWhenItWasMade) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Rng rng(seed, 200 + static_cast<std::uint64_t>(GetParam()));
    const PipelineOptions base = random_stream(GetParam(), seed).options;
    const bool session = GetParam() == WindowKind::kSession;
    constexpr Milliseconds kLateness[] = {5s, 20s, 2s, 12s, 5s}, kAllowed[] = {0s, 6s, 15s, 0s, 3s};
    const std::vector<PipelineSource> sources[] = {
        {{"a"}, {"b", 5s}}, {{"a"}}, {{"a", 9s}, {"c", 4s}}, {{"c"}, {"b", 7s}}, {{"a"}, {"b", 5s}}};
    std::map<std::string, PipelineOptions> definitions;
    MemoryStore store({feature_group_of(base.groups[0], base.events[0])});
    std::int64_t now = 1'700'000'000'000;
    for (std::size_t phase = 0; phase < std::size(kLateness); ++phase) {
      PipelineOptions options = base;
      options.definition = fmt::to_string(phase);
      options.sources = sources[phase];
      options.groups[0].lateness = kLateness[phase];
      if (!session && seed % 2 == 0) options.groups[0].allowed_lateness = kAllowed[phase];
      definitions[options.definition] = options;
      const auto pipeline = Pipeline::open(options, store).value();
      for (int n = 0; n < 80; ++n) {
        now += static_cast<std::int64_t>(rng.below(20) == 0 ? 15'000 : rng.below(1'500));
        std::int64_t time = now - static_cast<std::int64_t>(rng.below(4'000));
        if (rng.below(6) == 0) time -= static_cast<std::int64_t>(rng.below(30'000));
        RawBatch batch;
        batch.append(fmt::format(R"({{"time":{},"key":"k{}","fee":{}}})", time, rng.below(3), rng.below(20)),
                     ProcessingTime::from_ms(now));
        batch.pad();
        batch.cursor = fmt::format("{} {}", phase, n);
        const auto ingested = pipeline->ingest(rng.below(options.sources.size()), batch);
        ASSERT_TRUE(ingested.ok()) << ingested.message();
      }
    }
    const auto as_defined = [&](const std::string& text) -> Result<PipelineOptions> { return definitions.at(text); };
    const auto found = verify(store, definitions.at("4"), {}, 70, as_defined);
    ASSERT_TRUE(found.ok()) << found.message();
    EXPECT_GT(found->groups[0].equal, 50u) << "seed " << seed;
    EXPECT_EQ(found->groups[0].compared, found->groups[0].equal)
        << "seed " << seed << testing::PrintToString(found->groups[0].differences);
    const auto by_today = verify(store, definitions.at("4"), {}, 70);
    EXPECT_FALSE(by_today.ok() && by_today->equal()) << "seed " << seed << ": the definitions differ in nothing";
  }
}

// Which sources bring what changes at restarts, when some of them are silent; one event comes later, with its group.
TEST_P(Verify, KnowsWhoWasSilentWhenAMappingComes) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Rng rng(seed, 300 + static_cast<std::uint64_t>(GetParam()));
    PipelineOptions base = random_stream(GetParam(), seed).options;
    base.sources = {{"a"}, {"b", 5s}};
    base.events.resize(3, base.events[0]);
    for (std::size_t e = 0; e < 3; ++e) {
      base.events[e].name = std::string(1, static_cast<char>('x' + e));
      base.events[e].when = {{"/kind", {base.events[e].name}}};
    }
    base.groups.push_back(base.groups[0]);
    base.groups[1].name = "later";
    base.groups[1].event = 2;
    const std::vector<std::size_t> brings[] = {{0}, {}, {0}, {1}, {}};
    std::map<std::string, PipelineOptions> definitions;
    MemoryStore store(
        {feature_group_of(base.groups[0], base.events[0]), feature_group_of(base.groups[1], base.events[2])});
    std::int64_t now = 1'700'000'000'000;
    for (std::size_t phase = 0; phase < std::size(brings); ++phase) {
      PipelineOptions options = base;
      options.definition = fmt::to_string(phase);
      options.events[0].sources = brings[phase];
      definitions[options.definition] = options;
      if (phase == 0) {
        options.events[2].when = {{"/kind", {"none"}}};
        definitions[options.definition].events.pop_back();
        definitions[options.definition].groups.pop_back();
      }
      const auto pipeline = Pipeline::open(options, store).value();
      const std::uint64_t silence = rng.below(120);
      for (std::uint64_t n = 0; n < 120; ++n) {
        now += static_cast<std::int64_t>(rng.below(20) == 0 ? 15'000 : rng.below(1'500));
        // The second source is silent for half of the time; its clock is ahead.
        const std::uint64_t source = (n + silence) % 120 < 60 ? 0 : rng.below(2);
        const auto time = now + static_cast<std::int64_t>(source * 8'000) - static_cast<std::int64_t>(rng.below(6'000));
        RawBatch batch;
        batch.append(fmt::format(R"({{"time":{},"kind":"{}","key":"k{}","fee":{}}})", time, "xyz"[rng.below(3)],
                                 rng.below(3), rng.below(20)),
                     ProcessingTime::from_ms(now));
        batch.pad();
        batch.cursor = fmt::format("{} {}", phase, n);
        const auto ingested = pipeline->ingest(source, batch);
        ASSERT_TRUE(ingested.ok()) << ingested.message();
      }
    }
    const auto as_defined = [&](const std::string& text) -> Result<PipelineOptions> { return definitions.at(text); };
    const auto found = verify(store, definitions.at("4"), {}, 70, as_defined);
    ASSERT_TRUE(found.ok()) << found.message();
    for (const GroupVerification& group : found->groups) {
      EXPECT_GT(group.equal, 20u) << group.group << ", seed " << seed;
      EXPECT_EQ(group.compared, group.equal)
          << group.group << ", seed " << seed << testing::PrintToString(group.differences);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Verify,
                         testing::Values(WindowKind::kTumbling, WindowKind::kHopping, WindowKind::kSession),
                         [](const auto& kind) { return std::string(name_of(kind.param)); });

TEST(VerifyOfAWrongStore, SaysWhichValueDiffers) {
  Stream stream = random_stream(WindowKind::kTumbling, 1);
  std::get<std::int64_t>(stream.store->rows[5].values[0]) += 1;
  const GroupVerification found = verified(stream);
  EXPECT_EQ(found.different, 1u);
  ASSERT_EQ(found.differences.size(), 1u);
  EXPECT_NE(found.differences[0].find("rows is "), std::string::npos) << found.differences[0];
}

TEST(VerifyOfAWrongStore, SaysWhichRowIsMissingAndWhichIsTooMuch) {
  Stream stream = random_stream(WindowKind::kTumbling, 2);
  FeatureRow invented = stream.store->rows[3];
  invented.key = record_id(std::vector<KeyValue>{std::string("nobody")});
  stream.store->rows.erase(stream.store->rows.begin() + 4);
  stream.store->rows.push_back(invented);
  const GroupVerification found = verified(stream);
  EXPECT_EQ(found.missing, 1u);
  EXPECT_EQ(found.extra, 1u);
}

TEST(VerifyOfAWrongStore, SaysThatAWindowWasClosedTooEarly) {
  Stream stream = random_stream(WindowKind::kTumbling, 3);
  FeatureRow early = stream.store->rows.back();
  early.window_start += 24h;
  early.window_end += 24h;
  stream.store->rows.push_back(early);
  EXPECT_EQ(verified(stream).extra, 1u);
}

TEST(VerifyOfAWrongStore, SaysThatARowWasWrittenAtAnotherTimeOrByAnotherReason) {
  Stream stream = random_stream(WindowKind::kTumbling, 1);
  stream.store->rows[2].write_time += 1ms;
  stream.store->rows[6].closed_by_idle = !stream.store->rows[6].closed_by_idle;
  EXPECT_EQ(verified(stream).different, 2u);
}

TEST(Verify, RefusesAnArchiveWhoseBeginningIsGone) {
  Stream stream = random_stream(WindowKind::kTumbling, 1);
  class Expired : public Shelf {
   public:
    using Shelf::Shelf;
    Books books() const override { return {.read = 1000, .stored = 1000}; }
  } expired(stream.options);
  expired.lines = stream.store->lines;
  EXPECT_EQ(verify(expired, stream.options, {}).code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace tidecast
