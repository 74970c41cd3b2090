// The pipeline against an oracle that is too simple to be wrong: it keeps every record and every row, and sorts, groups
// and scans them whenever something is asked.  However the stream is cut into batches, wherever it is stopped and
// opened again, whenever a commit fails or the clock is asked, the result is the oracle's.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/log.h"
#include "stream/memory_store.h"
#include "stream/pipeline.h"
#include "stream/window_oracle_testing.h"

namespace tidecast {
namespace {

constexpr const char* kWhere = "fee > 0 OR name IS NULL";
bool where_holds(const TestRow& row) { return (row.fee && *row.fee > 0) || !row.name; }

struct Input {
  std::size_t source;
  std::string raw, id;
  std::size_t event;                     // SIZE_MAX: it meets no rule.
  TestRow row;                           // Its number is where it stands in the stream.
  bool broken = false, refused = false;  // It cannot be decoded; a guard refuses its time.
};

Milliseconds one_of(Rng& rng, std::initializer_list<std::int64_t> ms) {
  return Milliseconds(ms.begin()[rng.below(ms.size())]);
}

WindowGroup random_group(Rng& rng, std::size_t events) {
  using K = AggregateKind;
  WindowGroup group;
  group.event = rng.below(events);
  group.kind = static_cast<WindowKind>(rng.below(3));
  group.window = one_of(rng, {1'000, 7'000, 60'000, 300'000});
  group.every = group.kind == WindowKind::kHopping ? group.window / (1 + static_cast<std::int64_t>(rng.below(4))) : 0ms;
  if (group.kind == WindowKind::kHopping && group.window % group.every != 0ms) group.every = group.window;
  if (group.kind != WindowKind::kSession && rng.below(3) == 0)
    group.offset =
        Milliseconds(rng.below(group.kind == WindowKind::kHopping ? group.every.count() : group.window.count()));
  group.lateness = one_of(rng, {0, 1, 5'000, 60'000});
  if (group.kind != WindowKind::kSession && rng.below(3) == 0)
    group.allowed_lateness = one_of(rng, {1, 30'000, 200'000});
  if (rng.below(3) == 0) group.close_when_idle = one_of(rng, {1, 20'000, 90'000});
  if (rng.below(2) == 0) group.key = {2};
  if (rng.below(4) == 0) group.key.push_back(3);
  if (rng.below(3) == 0) group.where = kWhere;
  group.columns = {{"n", K::kCount, {}},
                   {"sum", K::kSum, 0},
                   {"min", K::kMin, 0},
                   {"avg", K::kAvg, 1},
                   {"names", K::kCountDistinct, 2},
                   {"first", K::kFirst, 0},
                   {"last", K::kLast, 1}};
  return group;
}

PipelineOptions random_options(Rng& rng) {
  PipelineOptions options;
  for (std::uint64_t s = 0; s <= rng.below(3); ++s) {
    options.sources.push_back({fmt::format("s{}", s), {}});
    if (rng.below(3) > 0) options.sources.back().idle_after = one_of(rng, {1, 5'000, 40'000});
  }
  options.events.clear();
  std::optional<Milliseconds> keep, ahead;
  if (rng.below(4) > 0) keep = Milliseconds(1 + rng.below(100'000));
  if (rng.below(2) > 0) ahead = 30s;
  const bool several = rng.below(3) == 0;
  for (const char* name : {"a", "b"}) {
    EventMapping event = test_mapping();
    event.id = {"/id"};
    event.time_pointer = "/t";
    event.time.unit = TimeUnit::kMilliseconds;
    event.deduplicate_for = keep;
    event.max_ahead = ahead;
    if (several) {
      event.name = name;
      event.when = {{"/k", {name}}};
      if (options.sources.size() > 1 && rng.below(2) == 0) event.sources = {0};
    }
    options.events.push_back(std::move(event));
    if (!several) break;
  }
  for (std::uint64_t g = 0; g <= rng.below(3); ++g) {
    options.groups.push_back(random_group(rng, options.events.size()));
    options.groups.back().name = fmt::format("g{}", g);
  }
  return options;
}

// Disorder within and beyond every lateness, equal times, silences, early times round 1970, duplicates soon and much
// later (some with another time), records that are dead or of no event.
std::vector<Input> random_stream(Rng& rng, const PipelineOptions& options) {
  std::int64_t now = rng.below(3) > 0 ? 1'600'000'000'000 : -100'000;
  std::vector<Input> inputs;
  for (std::uint64_t i = 0, n = 10 + rng.below(60); i < n; ++i) {
    now += static_cast<std::int64_t>(rng.below(rng.below(8) == 0 ? 200'000 : 3'000));
    Input input{rng.below(options.sources.size()), "", fmt::format("id{}", i), 0, {EventTime::from_ms(now)}};
    TestRow& row = input.row;
    if (rng.below(3) == 0) row.time = row.time - Milliseconds(rng.below(rng.below(2) > 0 ? 10'000 : 400'000));
    if (rng.below(8) == 0) row.time += Milliseconds(rng.below(60'000));
    if (rng.below(4) > 0) row.fee = static_cast<std::int64_t>(rng.below(200)) - 50;
    if (rng.below(4) > 0) row.rate = static_cast<double>(rng.below(64)) / 4;
    if (rng.below(4) > 0) row.name = std::string(1, static_cast<char>('x' + rng.below(3)));
    if (rng.below(4) > 0) row.flag = rng.below(2) > 0;
    if (!inputs.empty() && rng.below(6) == 0) {
      const Input& earlier = inputs[inputs.size() - 1 - rng.below(inputs.size())];
      input.id = earlier.id;
      if (rng.below(2) > 0) row.time = earlier.row.time;
    }
    const std::string kind(1, static_cast<char>('a' + rng.below(5) / 2));  // c is of no event, where there are several.
    input.raw = fmt::format(
        R"({{"k":"{}","id":"{}","t":{},"fee":{},"rate":{},"name":{},"flag":{}}})", kind, input.id, row.time.ms(),
        row.fee ? std::to_string(*row.fee) : "null", row.rate ? fmt::format("{}", *row.rate) : "null",
        row.name ? rng.below(2) > 0 ? fmt::format(R"("{}")", *row.name) : fmt::format(R"("\u{:04x}")", (*row.name)[0])
                 : "null",
        row.flag ? fmt::format("{}", *row.flag) : "null");
    if (rng.below(15) == 0) {
      input.broken = true;
      input.raw = input.raw.substr(0, rng.below(input.raw.size()));
    }
    for (input.event = 0; input.event < options.events.size(); ++input.event) {
      const EventMapping& event = options.events[input.event];
      if ((event.when.empty() || event.name == kind) && (event.sources.empty() || input.source == 0)) break;
    }
    if (input.event == options.events.size()) input.event = SIZE_MAX;
    if (!inputs.empty() && rng.below(10) == 0) {  // The very same again, from the same source.
      const Input& earlier = inputs[inputs.size() - 1 - rng.below(inputs.size())];
      input = earlier;
    }
    input.row.arrival = ProcessingTime::from_ms(now);
    input.row.number = i;
    const auto& ahead = options.events[0].max_ahead;
    input.refused = input.event != SIZE_MAX && ahead && input.row.time.ms() - now > ahead->count();
    inputs.push_back(std::move(input));
  }
  return inputs;
}

// What a run shows, as text: rows of closed windows and marks of the clock in order, then the totals.
std::string text_of(std::size_t group, const FeatureRow& row) {
  std::string text =
      fmt::format("row {} {} {} {} key {} revision {}{}", group, row.window_start.ms(), row.window_end.ms(),
                  row.write_time.ms(), row.key, row.revision, row.closed_by_idle ? " idle" : "");
  for (const FeatureValue& value : row.values) {
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      text += fmt::format(" {}", *integer);
    else if (const auto* number = std::get_if<double>(&value))
      text += fmt::format(" {:a}", *number);
    else
      text += " null";
  }
  return text + "\n";
}
std::string text_of(const ClockMark& mark) {
  return fmt::format("{} {} before {} at {} time {}\n", mark.kind == ClockMark::Kind::kSourceIdle ? "idle" : "forced",
                     mark.name, mark.number, mark.at.ms(), mark.time.ms());
}
std::string text_of(const Books& b, std::uint64_t unmatched, const std::map<std::string, std::uint64_t>& late) {
  std::string text =
      fmt::format("{} {} {} {} {}, {} unmatched\n", b.read, b.stored, b.duplicate, b.late, b.dead, unmatched);
  for (const auto& [group, n] : late) text += fmt::format("{} late for {}\n", n, group);
  return text;
}

class Oracle {
 public:
  explicit Oracle(const PipelineOptions& options)
      : options_(options), watermark_(options.groups.size(), EventTime::min()) {
    for (const WindowGroup& group : options.groups) {
      windows_.emplace_back(group);
      late_[group.name] = 0;
    }
  }

  std::string run(const std::vector<Input>& inputs, ProcessingTime end) {
    for (const Input& input : inputs) {
      clock(input.row.arrival);
      if (!begun_) begun_ = input.row.arrival;
      take(input);
    }
    clock(end + 1ms);
    return rows_ + marks_ + fates_ + text_of(books_, unmatched_, late_);
  }

 private:
  struct Taken {
    std::size_t event, source;
    EventTime time;
    ProcessingTime arrival;
  };

  void fate(const Input& input, std::uint64_t& book, const char* word) {
    ++book;
    if (&book != &books_.duplicate) fates_ += fmt::format("{} {}\n", input.row.number, word);
  }

  bool known(const std::map<std::string, ProcessingTime>& seen, const std::string& what, ProcessingTime at) const {
    const auto first = seen.find(what);
    const auto& keep = options_.events[0].deduplicate_for;
    return first != seen.end() && (!keep || at - first->second < *keep);
  }

  void take(const Input& input) {
    ++books_.read;
    const ProcessingTime at = input.row.arrival;
    const bool unmatched = input.event == SIZE_MAX && !input.broken;
    const std::string id = fmt::format("{} {}", input.event, input.id);
    const bool dead = input.broken || input.refused;
    if ((!input.broken && !unmatched && known(ids_, id, at)) || ((dead || unmatched) && known(bytes_, input.raw, at)))
      return fate(input, books_.duplicate, "");
    (dead || unmatched ? bytes_[input.raw] : ids_[id]) = at;
    if (dead) return fate(input, books_.dead, "dead");
    if (unmatched) return ++unmatched_, fate(input, books_.stored, "stored -");
    idle_.erase(input.source);
    taken_.push_back({input.event, input.source, input.row.time, at});
    bool counted = false, late = false;
    for (std::size_t g = 0; g < windows_.size(); ++g) {
      const WindowGroup& group = options_.groups[g];
      if (group.event != input.event) continue;
      std::vector<FeatureRow> out;
      if (group.where.empty() || where_holds(input.row)) {
        const bool in_time = windows_[g].on_event(input.row, out);
        counted |= in_time;
        late |= !in_time;
        late_[group.name] += in_time ? 0 : 1;
      }
      show(g, out);
      rise(g, at, false);
    }
    fate(input, late && !counted ? books_.late : books_.stored, late && !counted ? "late" : "stored");
  }

  bool feeds(std::size_t source, std::size_t event) const {
    const auto& sources = options_.events[event].sources;
    return sources.empty() || std::ranges::find(sources, source) != sources.end();
  }

  void rise(std::size_t g, ProcessingTime at, bool by_idle) {
    const WindowGroup& group = options_.groups[g];
    std::vector<std::optional<EventTime>> active, all;
    for (std::size_t s = 0; s < options_.sources.size(); ++s) {
      if (!feeds(s, group.event)) continue;
      std::optional<EventTime> newest;
      for (const Taken& taken : taken_)
        if (taken.event == group.event && taken.source == s)
          newest = std::max(newest.value_or(EventTime::min()), taken.time);
      all.push_back(newest);
      if (!idle_.contains(s)) active.push_back(newest);
    }
    const std::optional<EventTime> low =
        active.empty() ? *std::ranges::max_element(all) : *std::ranges::min_element(active);
    if (low) set(g, std::max(*low - group.lateness, EventTime::epoch()), at, by_idle);
  }

  void set(std::size_t g, EventTime watermark, ProcessingTime at, bool by_idle) {
    if (watermark <= watermark_[g]) return;
    watermark_[g] = watermark;
    std::vector<FeatureRow> out;
    windows_[g].advance(watermark, at, by_idle, out);
    show(g, out);
  }

  void show(std::size_t g, const std::vector<FeatureRow>& rows) {
    for (const FeatureRow& row : rows) rows_ += text_of(g, row);
  }

  std::optional<ProcessingTime> heard(std::size_t source) const {
    std::optional<ProcessingTime> last = begun_;
    for (const Taken& taken : taken_)
      if (taken.source == source) last = taken.arrival;
    return last;
  }

  // Everything that the clock does before `until`, one after the other.
  void clock(ProcessingTime until) {
    for (;;) {
      ProcessingTime first = until;
      std::optional<ClockMark> mark;
      std::size_t which = 0;
      for (std::size_t s = 0; s < options_.sources.size(); ++s) {
        const auto& patience = options_.sources[s].idle_after;
        if (!patience || !heard(s) || idle_.contains(s) || *heard(s) + *patience >= first) continue;
        first = *heard(s) + *patience;
        mark = ClockMark{ClockMark::Kind::kSourceIdle, options_.sources[s].name, books_.read, first, {}};
        which = s;
      }
      for (std::size_t g = 0; g < windows_.size(); ++g) {
        const WindowGroup& group = options_.groups[g];
        const auto end = windows_[g].oldest_end();
        if (!group.close_when_idle || !end) continue;
        EventTime forced = std::max(*end - 1ms, EventTime::from_ms(1));
        for (std::size_t s = 0; s < options_.sources.size(); ++s)
          if (feeds(s, group.event) && heard(s)) forced = std::max(forced, EventTime::from_ms(heard(s)->ms()));
        const auto at = ProcessingTime::from_ms(forced.ms()) + *group.close_when_idle;
        if (at >= first) continue;
        first = at;
        mark = ClockMark{ClockMark::Kind::kForcedWatermark, group.name, books_.read, at, forced};
        which = g;
      }
      if (!mark) return;
      marks_ += text_of(*mark);
      if (mark->kind == ClockMark::Kind::kForcedWatermark) {
        set(which, mark->time, first, true);
        continue;
      }
      idle_.insert(which);
      for (std::size_t g = 0; g < windows_.size(); ++g)
        if (feeds(which, options_.groups[g].event)) rise(g, first, true);
    }
  }

  const PipelineOptions& options_;
  std::vector<WindowOracle> windows_;
  std::vector<EventTime> watermark_;
  std::vector<Taken> taken_;
  std::set<std::size_t> idle_;
  std::optional<ProcessingTime> begun_;
  std::map<std::string, ProcessingTime> ids_, bytes_;
  Books books_;
  std::uint64_t unmatched_ = 0;
  std::map<std::string, std::uint64_t> late_;
  std::string rows_, marks_, fates_;
};

// The real one, in batches of 1 to `largest` records of one source; opened anew now and then, its commits failing.
std::string run(const PipelineOptions& options, const std::vector<Input>& inputs, ProcessingTime end, Rng& rng) {
  std::vector<FeatureGroup> features;
  for (const WindowGroup& group : options.groups)
    features.push_back(feature_group_of(group, options.events[group.event]));
  MemoryStore store(features);
  auto pipeline = Pipeline::open(options, store).value();
  std::string rows;
  const std::uint64_t largest = 1 + rng.below(20);
  const bool troubled = rng.below(2) > 0;
  std::string failed;
  const auto show = [&](Result<Ingested> ingested) {
    if (!ingested.ok()) {
      failed = ingested.message();
      return;
    }
    for (const ClosedWindow& window : ingested->closed) rows += text_of(window.group, window.row);
  };
  for (std::size_t i = 0; i < inputs.size() && failed.empty();) {
    if (troubled && rng.below(4) == 0) pipeline = Pipeline::open(options, store).value();
    if (i > 0 && rng.below(3) == 0) {  // The clock is asked at some moment before the next record.
      const std::int64_t before = inputs[i - 1].row.arrival.ms(), pause = inputs[i].row.arrival.ms() - before;
      if (pause > 0)
        show(pipeline->on_time(ProcessingTime::from_ms(before + static_cast<std::int64_t>(rng.below(pause)))));
    }
    RawBatch batch;
    const std::size_t source = inputs[i].source;
    for (std::uint64_t n = 1 + rng.below(largest); n > 0 && i < inputs.size() && inputs[i].source == source; --n, ++i)
      batch.append(inputs[i].raw, inputs[i].row.arrival);
    batch.pad();
    batch.cursor = std::to_string(i);
    if (troubled && rng.below(6) == 0) {
      store.fail_next_commit();
      EXPECT_FALSE(pipeline->ingest(source, batch).ok());
      pipeline = Pipeline::open(options, store).value();
    }
    show(pipeline->ingest(source, batch));
  }
  while (failed.empty() && pipeline->next_due().value_or(ProcessingTime::max()) <= end)
    show(pipeline->on_time(rng.below(2) > 0 ? *pipeline->next_due() : end));
  if (!failed.empty()) return failed;
  std::map<std::uint64_t, std::string> fate_of;
  for (const auto& record : store.archive())
    fate_of[record.number] = record.verdict + (record.event == "-" ? " -" : "");
  for (const DeadLetter& letter : store.dead_letters(inputs.size()).value()) fate_of[letter.number] = "dead";
  for (const ClockMark& mark : store.clock_marks().value()) rows += text_of(mark);
  for (const auto& [number, fate] : fate_of) rows += fmt::format("{} {}\n", number, fate);
  return rows + text_of(store.books(), store.unmatched(), store.recovered().late_by_group);
}

class PipelineProperty : public testing::TestWithParam<int> {};

constexpr int kParts = 8;
constexpr std::uint64_t kCases = 10'000;

TEST_P(PipelineProperty, EqualsTheOracleHoweverItIsCutAndRestarted) {
  set_log_level(LogLevel::kOff);
  std::uint64_t late = 0, forced = 0, corrected = 0, idle = 0;
  for (std::uint64_t seed = GetParam(); seed < kCases; seed += kParts) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Rng rng(seed);
    const PipelineOptions options = random_options(rng);
    const std::vector<Input> inputs = random_stream(rng, options);
    const ProcessingTime end = inputs.back().row.arrival + Milliseconds(rng.below(2) * rng.below(500'000));
    const std::string expected = Oracle(options).run(inputs, end);
    ASSERT_EQ(run(options, inputs, end, rng), expected);
    late += expected.find(" late\n") != expected.npos;
    forced += expected.find("forced ") != expected.npos;
    corrected += expected.find("revision 1") != expected.npos;
    idle += expected.find("idle ") != expected.npos;
  }
  // The streams do reach what they are made for.
  EXPECT_GT(late, kCases / kParts / 10);
  EXPECT_GT(forced, kCases / kParts / 10);
  EXPECT_GT(corrected, kCases / kParts / 20);
  EXPECT_GT(idle, kCases / kParts / 10);
  set_log_level(LogLevel::kWarning);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PipelineProperty, testing::Range(0, kParts));

}  // namespace
}  // namespace tidecast
