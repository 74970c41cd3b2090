// The pipeline against an oracle that is too simple to be wrong: it keeps every event and groups and sorts when a
// window closes. However the stream is cut into batches, and wherever it is stopped and opened again, the result is the
// oracle's.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/log.h"
#include "base/rng.h"
#include "stream/memory_store.h"
#include "stream/pipeline.h"

namespace tidecast {
namespace {

struct Input {
  std::string raw;
  std::int64_t arrival, time;
  std::string id;
  std::optional<std::int64_t> fee;
  bool broken, refused;  // It cannot be decoded; a guard refuses its time.
};

PipelineOptions random_options(Rng& rng) {
  PipelineOptions options;
  options.sources = {{"random"}};
  options.events[0].id = {"/id"};
  options.events[0].time_pointer = "/t";
  options.events[0].time.unit = TimeUnit::kMilliseconds;
  options.events[0].fields = {{"fee", "/fee", FieldType::kInteger, true, "satoshi"}};
  if (rng.below(4) > 0) options.events[0].deduplicate_for = Milliseconds(1 + rng.below(400'000));
  if (rng.below(2) > 0) options.events[0].max_ahead = 90s;
  if (rng.below(2) > 0) options.events[0].max_behind = 600s;
  using K = AggregateKind;
  const std::int64_t widths[] = {1, 1'000, 7'000, 60'000, 300'000};
  const std::int64_t lateness[] = {0, 1, 5'000, 60'000, 200'000};
  for (std::uint64_t g = 1 + rng.below(3); g > 0; --g)
    options.groups.push_back({fmt::format("g{}", g),
                              Milliseconds(widths[rng.below(5)]),
                              Milliseconds(lateness[rng.below(5)]),
                              {{"n", K::kCount, {}},
                               {"fees", K::kCount, 0},
                               {"sum", K::kSum, 0},
                               {"min", K::kMin, 0},
                               {"max", K::kMax, 0},
                               {"avg", K::kAvg, 0}}});
  return options;
}

// Disorder within and beyond every lateness, equal times, silences, early times round 1970, duplicates soon and much
// later (some with another time), letters that are dead for several reasons.
std::vector<Input> random_stream(Rng& rng, const EventMapping& event) {
  std::int64_t now = rng.below(2) > 0 ? 1'600'000'000'000 : -200'000;
  std::vector<Input> inputs;
  for (int i = 0; i < 400; ++i) {
    now += static_cast<std::int64_t>(rng.below(rng.below(20) == 0 ? 300'000 : 3'000));
    Input input{"", now, now, fmt::format("id{}", i), std::nullopt, false, false};
    if (rng.below(3) == 0) input.time -= static_cast<std::int64_t>(rng.below(rng.below(2) > 0 ? 30'000 : 800'000));
    if (rng.below(10) == 0) input.time += static_cast<std::int64_t>(rng.below(120'000));
    if (rng.below(4) > 0) {
      const auto size = static_cast<std::int64_t>(rng.next() >> (1 + rng.below(63)));
      input.fee = rng.below(2) > 0 ? size : -size;
    }
    if (!inputs.empty() && rng.below(5) == 0) {
      const std::size_t back = std::min<std::size_t>(inputs.size(), rng.below(2) > 0 ? 5 : 400);
      const Input& earlier = inputs[inputs.size() - 1 - rng.below(back)];
      input.id = earlier.id;
      if (rng.below(2) > 0) input.time = earlier.time;
    }
    const std::string fee = input.fee ? std::to_string(*input.fee) : "null";
    input.raw = fmt::format(R"({{"fee":{},"t":{},"x":[{{"y":"{}"}}],"id":"{}"}})", fee, input.time, i, input.id);
    if (rng.below(15) == 0) {
      input.broken = true;
      const std::size_t cut = rng.below(input.raw.size());
      const std::string no_integer = fmt::format(R"({{"fee":1.5,"t":{},"id":"{}"}})", now, input.id);
      input.raw = rng.below(2) > 0 ? input.raw.substr(0, cut) : no_integer;
    }
    if (!inputs.empty() && rng.below(12) == 0) {  // The very same again.
      input = inputs[inputs.size() - 1 - rng.below(std::min<std::size_t>(inputs.size(), 40))];
      input.arrival = now;
    }
    input.refused = (event.max_ahead && input.time - input.arrival > event.max_ahead->count()) ||
                    (event.max_behind && input.arrival - input.time > event.max_behind->count());
    inputs.push_back(std::move(input));
  }
  return inputs;
}

// What a run shows, as text: rows of closed windows in order, then fates by arrival number, then the totals.
std::string text_of(std::size_t group, std::int64_t start, std::int64_t end, std::int64_t written,
                    const std::vector<FeatureValue>& values) {
  std::string text = fmt::format("row {} {} {} {}", group, start, end, written);
  for (const FeatureValue& value : values) {
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      text += fmt::format(" {}", *integer);
    else if (const auto* number = std::get_if<double>(&value))
      text += fmt::format(" {:a}", *number);
    else
      text += " null";
  }
  return text + "\n";
}

std::string oracle(const PipelineOptions& options, const std::vector<Input>& inputs) {
  std::string rows, fates;
  Books books;
  std::map<std::string, std::int64_t> first_seen, first_dead;  // By identifier; by the bytes.
  struct Group {
    std::int64_t newest = INT64_MIN, watermark = INT64_MIN;
    std::uint64_t late = 0;
    std::map<std::int64_t, std::vector<std::optional<std::int64_t>>> open;
  };
  std::vector<Group> groups(options.groups.size());
  for (const Input& input : inputs) {
    ++books.read;
    const auto& keep = options.events[0].deduplicate_for;
    const auto knows = [&](const std::map<std::string, std::int64_t>& seen, const std::string& what) {
      const auto known = seen.find(what);
      return known != seen.end() && (!keep || input.arrival - known->second < keep->count());
    };
    const bool dead = input.broken || input.refused;
    if ((!input.broken && knows(first_seen, input.id)) || (dead && knows(first_dead, input.raw))) {
      ++books.duplicate;
      continue;
    }
    if (dead) {
      first_dead[input.raw] = input.arrival;
      ++books.dead;
      fates += "dead\n";
      continue;
    }
    first_seen[input.id] = input.arrival;
    bool counted = false;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const std::int64_t width = options.groups[g].window.count();
      const std::int64_t start = input.time - (input.time % width + width) % width;
      if (groups[g].watermark >= start + width - 1) {
        ++groups[g].late;
      } else {
        groups[g].open[start].push_back(input.fee);
        counted = true;
      }
      groups[g].newest = std::max(groups[g].newest, input.time);
      const std::int64_t caused = groups[g].newest - options.groups[g].lateness.count();
      if (caused > 0) groups[g].watermark = caused;
      while (!groups[g].open.empty() && groups[g].open.begin()->first + width - 1 <= groups[g].watermark) {
        const auto& [opened, fees] = *groups[g].open.begin();
        std::vector<std::int64_t> present;
        for (const auto& fee : fees)
          if (fee) present.push_back(*fee);
        std::sort(present.begin(), present.end());
        __int128 sum = 0;
        for (const std::int64_t fee : present) sum += fee;
        std::vector<FeatureValue> values(6);
        values[0] = static_cast<std::int64_t>(fees.size());
        values[1] = static_cast<std::int64_t>(present.size());
        if (!present.empty()) {
          if (sum == static_cast<std::int64_t>(sum)) values[2] = static_cast<std::int64_t>(sum);
          values[3] = present.front();
          values[4] = present.back();
          values[5] = static_cast<double>(sum) / static_cast<double>(present.size());
        }
        rows += text_of(g, opened, opened + width, input.arrival, values);
        groups[g].open.erase(groups[g].open.begin());
      }
    }
    ++(counted ? books.stored : books.late);
    fates += counted ? "stored\n" : "late\n";
  }
  std::string text = rows + fates;
  text += fmt::format("{} {} {} {} {}\n", books.read, books.stored, books.duplicate, books.late, books.dead);
  for (std::size_t g = 0; g < groups.size(); ++g) text += fmt::format("{} late\n", groups[g].late);
  return text;
}

// Runs the stream in batches of 1 to `largest` records, opening the pipeline anew before some of them.
std::string run(const PipelineOptions& options, const std::vector<Input>& inputs, std::uint64_t largest, bool restarts,
                Rng& rng) {
  std::vector<FeatureGroup> features;
  for (const WindowGroup& group : options.groups) features.push_back(feature_group_of(group, options.events[0]));
  MemoryStore store(features);
  auto pipeline = Pipeline::open(options, store).value();
  std::string rows;
  for (std::size_t i = 0; i < inputs.size();) {
    if (restarts && rng.below(3) == 0) pipeline = Pipeline::open(options, store).value();
    RawBatch batch;
    for (std::uint64_t n = 1 + rng.below(largest); n > 0 && i < inputs.size(); --n, ++i)
      batch.append(inputs[i].raw, ProcessingTime::from_ms(inputs[i].arrival));
    batch.pad();
    batch.cursor = std::to_string(i);
    const auto ingested = pipeline->ingest(0, batch);
    if (!ingested.ok()) return ingested.message();
    for (const ClosedWindow& window : ingested->closed)
      rows += text_of(window.group, window.row.window_start.ms(), window.row.window_end.ms(),
                      window.row.write_time.ms(), window.row.values);
  }
  std::map<std::uint64_t, std::string> fate_of;
  for (const auto& record : store.archive()) fate_of[record.number] = record.verdict;
  for (const DeadLetter& letter : store.dead_letters(inputs.size()).value()) {
    fate_of[letter.number] = "dead";
    EXPECT_EQ(letter.raw, inputs[letter.number].raw);
  }
  std::string text = rows;
  for (const auto& [number, fate] : fate_of) text += fate + "\n";
  const Books books = store.books();
  text += fmt::format("{} {} {} {} {}\n", books.read, books.stored, books.duplicate, books.late, books.dead);
  for (const WindowGroup& group : options.groups)
    text += fmt::format("{} late\n", store.recovered().late_by_group.at(group.name));
  return text;
}

TEST(PipelineProperty, EqualsTheOracleHoweverItIsCutAndRestarted) {
  set_log_level(LogLevel::kOff);  // Sums beyond 64 bits are many here.
  std::uint64_t with_late = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Rng rng(seed);
    const PipelineOptions options = random_options(rng);
    const std::vector<Input> inputs = random_stream(rng, options.events[0]);
    const std::string expected = oracle(options, inputs);
    ASSERT_EQ(run(options, inputs, inputs.size(), false, rng), expected);
    ASSERT_EQ(run(options, inputs, 1, false, rng), expected);
    ASSERT_EQ(run(options, inputs, 1, true, rng), expected);
    ASSERT_EQ(run(options, inputs, 40, true, rng), expected);
    with_late += expected.find("\nlate\n") != expected.npos;
  }
  EXPECT_GT(with_late, 20u);  // The streams do reach what they are made for.
  set_log_level(LogLevel::kWarning);
}

}  // namespace
}  // namespace tidecast
