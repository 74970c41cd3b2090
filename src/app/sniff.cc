#include "app/sniff.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "app/sniff_words.h"
#include "sources/arrival.h"

namespace tidecast {
namespace {

constexpr int kDeepest = 4;
constexpr std::size_t kMostColumns = 300, kMostFields = 20;
constexpr Milliseconds kMaxAhead = 10min;  // The definition's default.

std::string_view last_token(const std::string& pointer) {
  return std::string_view(pointer).substr(pointer.rfind('/') + 1);
}

std::ptrdiff_t depth_of(const std::string& pointer) { return std::count(pointer.begin(), pointer.end(), '/'); }

class Columns {
 public:
  void add(std::size_t record, const json::object& object, const std::string& pointer, int depth) {
    for (const auto& [key, value] : object) {
      std::string place = pointer + "/";
      for (const char c : std::string_view(key)) place += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
      if (value.is_object() && depth < kDeepest) add(record, value.get_object(), place, depth + 1);
      if (!value.is_structured()) add(record, place, value);
    }
  }

  std::vector<SniffedColumn> take(std::size_t records) {
    std::set<std::string> names;
    for (SniffedColumn& column : columns_) {
      column.values.resize(records);
      column.name = plain_name(last_token(column.pointer));
      if (names.contains(column.name)) column.name = plain_name(std::string_view(column.pointer).substr(1));
      const std::string base = column.name;
      for (int n = 2; !names.insert(column.name).second; ++n) column.name = fmt::format("{}_{}", base, n);
    }
    return std::move(columns_);
  }

 private:
  void add(std::size_t record, const std::string& pointer, const json::value& value) {
    auto found = by_pointer_.find(pointer);
    if (found == by_pointer_.end()) {
      if (columns_.size() == kMostColumns) return;
      found = by_pointer_.emplace(pointer, columns_.size()).first;
      columns_.push_back({.pointer = pointer});
    }
    SniffedColumn& column = columns_[found->second];
    column.values.resize(record);
    column.values.push_back(value);
    column.integers += value.is_int64() || value.is_uint64();
    column.decimals += value.is_double();
    column.texts += value.is_string();
    column.booleans += value.is_bool();
  }

  std::vector<SniffedColumn> columns_;
  std::map<std::string, std::size_t> by_pointer_;
};

bool all_differ(const SniffedColumn& column) {
  std::set<std::string> seen;
  return std::all_of(column.values.begin(), column.values.end(),
                     [&](const json::value& value) { return seen.insert(to_text(value)).second; });
}

struct Candidate {
  const SniffedColumn* column;
  TimeGuess how;
  std::ptrdiff_t points;
};

std::vector<Candidate> times_among(const std::vector<SniffedColumn>& columns, std::size_t objects) {
  std::vector<Candidate> times;
  for (const SniffedColumn& column : columns) {
    if (column.there() * 10 < objects * 9) continue;
    const int points = points_as_time(words_of(last_token(column.pointer)), column.numeric());
    if (points < -50 && column.numeric()) continue;
    auto how = guess_time(column.values);
    if (!how) continue;
    times.push_back({&column, *std::move(how), points - 5 * depth_of(column.pointer)});
  }
  return times;
}

// Whether nearly every time of `later` is at or after that of `time`, and not all are the same.
bool comes_after(const TimeGuess& later, const TimeGuess& time) {
  std::size_t both = 0, before = 0, after = 0;
  for (std::size_t i = 0; i < time.ms.size(); ++i) {
    if (!time.ms[i] || !later.ms[i]) continue;
    ++both;
    before += *later.ms[i] < *time.ms[i];
    after += *later.ms[i] > *time.ms[i];
  }
  return after * 2 > both && before * 20 < both;
}

// Arrivals by record, as the file source would give them.
std::vector<std::int64_t> arrivals_of(const TimeGuess& time) {
  std::vector<std::int64_t> arrivals;
  ArrivalRule rule;
  const auto entered = [&](std::size_t i) {
    return time.ms[i] ? std::optional(EventTime::from_ms(*time.ms[i])) : std::nullopt;
  };
  for (std::size_t i = 0, ahead = 0; i < time.ms.size(); ++i) {
    for (; ahead < time.ms.size() && ahead <= i + kLookAhead; ++ahead) rule.enter(entered(ahead));
    const auto arrival = rule.arrival(entered(i));
    arrivals.push_back(arrival ? arrival->ms() : INT64_MIN);
    if (arrival) rule.leave(entered(i), *arrival);
  }
  return arrivals;
}

// How far the newest event time is ahead of 99 of 100 events when they come; `order` is that of their coming.
Milliseconds disorder(const TimeGuess& time, const std::vector<std::int64_t>& arrivals,
                      const std::vector<std::size_t>& order) {
  std::vector<std::int64_t> behind;
  std::int64_t newest = INT64_MIN;
  for (const std::size_t i : order) {
    if (!time.ms[i] || *time.ms[i] > arrivals[i] + kMaxAhead.count()) continue;
    newest = std::max(newest, *time.ms[i]);
    behind.push_back(newest - *time.ms[i]);
  }
  if (behind.empty()) return 0ms;
  const auto place = behind.begin() + static_cast<std::ptrdiff_t>(behind.size() * 99 / 100);
  std::nth_element(behind.begin(), place, behind.end());
  return Milliseconds(*place);
}

Milliseconds lateness_for(Milliseconds disorder) {
  for (const Milliseconds lateness : {Milliseconds(60s), Milliseconds(5min), Milliseconds(15min), Milliseconds(1h),
                                      Milliseconds(6h), Milliseconds(24h)})
    if (disorder <= lateness) return lateness;
  return 24h * 7;
}

void guess_order(const SniffedSource& source, const std::vector<Candidate>& times, DefinitionGuess& guess) {
  const TimeGuess& time = guess.time.how;
  std::vector<std::size_t> order(time.ms.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (source.kind == SniffedSource::Kind::kHttpPoll) {
    std::ptrdiff_t rising = 0;
    for (std::size_t i = 1; i < time.ms.size(); ++i)
      if (time.ms[i] && time.ms[i - 1]) rising += (*time.ms[i] > *time.ms[i - 1]) - (*time.ms[i] < *time.ms[i - 1]);
    guess.newest_first = rising <= 0;
    if (guess.newest_first) std::reverse(order.begin(), order.end());
    guess.lateness = lateness_for(disorder(time, std::vector<std::int64_t>(order.size(), INT64_MAX / 2), order));
    return;
  }
  const Candidate* later = nullptr;
  int most = -50;
  for (const Candidate& one : times) {
    const int points = points_as_arrival(words_of(last_token(one.column->pointer)));
    if (one.column->pointer == guess.time.pointer || points <= most || !comes_after(one.how, time)) continue;
    most = points;
    later = &one;
  }
  std::vector<std::int64_t> arrivals = arrivals_of(time);
  const auto arrive_by = [&](const std::string& pointer, const TimeGuess& how) {
    guess.arrival = {pointer, how};
    std::int64_t latest = INT64_MIN;
    for (std::size_t i = 0; i < arrivals.size(); ++i) arrivals[i] = latest = how.ms[i].value_or(latest);
    guess.sort = !std::is_sorted(arrivals.begin(), arrivals.end());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto x, auto y) { return arrivals[x] < arrivals[y]; });
  };
  const Milliseconds by_the_file = disorder(time, arrivals, order);
  if (later != nullptr) arrive_by(later->column->pointer, later->how);
  // What comes days after most of the events is their review, say, not when they were first known.
  const bool review = later != nullptr && disorder(time, arrivals, order) > 24h;
  if (review || (later == nullptr && by_the_file > 1h)) arrive_by(guess.time.pointer, time);
  guess.lateness = lateness_for(disorder(time, arrivals, order));
}

// From how densely nine tenths of the records stand: a few that are misdated do not count.
void guess_window(DefinitionGuess& guess) {
  std::vector<std::int64_t> times;
  for (const auto& ms : guess.time.how.ms)
    if (ms) times.push_back(*ms);
  std::sort(times.begin(), times.end());
  const std::size_t first = times.size() / 20, last = times.size() - 1 - first;
  const auto span = static_cast<double>(times[last] - times[first]);
  if (span <= 0) return;
  const double per_ms = static_cast<double>(last - first) / span;
  for (const auto& [window, horizon] : {std::pair(Milliseconds(1min), 30), std::pair(Milliseconds(15min), 24),
                                        std::pair(Milliseconds(1h), 24), std::pair(Milliseconds(24h), 14)}) {
    guess.window = window;
    guess.horizon = horizon;
    guess.per_window = per_ms * static_cast<double>(window.count());
    if (guess.per_window >= 5) return;
  }
}

void guess_fields(const std::vector<SniffedColumn>& columns, const std::vector<Candidate>& times, std::size_t objects,
                  DefinitionGuess& guess) {
  std::vector<std::pair<std::ptrdiff_t, const SniffedColumn*>> amounts;
  for (const SniffedColumn& column : columns) {
    const bool is_time = std::any_of(times.begin(), times.end(), [&](const auto& t) { return t.column == &column; });
    if (column.pointer == guess.id || column.there() == 0) continue;
    if (is_time || !column.numeric() || guess.fields.size() == kMostFields) {
      const std::string_view type = is_time                             ? "a time"
                                    : column.numeric()                  ? "a number"
                                    : column.texts == column.there()    ? "text"
                                    : column.booleans == column.there() ? "boolean"
                                                                        : "of several types";
      if (column.pointer != guess.time.pointer && (!guess.arrival || column.pointer != guess.arrival->pointer))
        guess.others.push_back(fmt::format("{} ({})", column.pointer, type));
      continue;
    }
    const double null_rate = 1 - static_cast<double>(column.there()) / static_cast<double>(objects);
    guess.fields.push_back(
        {column.name, column.pointer, column.decimals == 0 ? FieldType::kInteger : FieldType::kNumber, null_rate});
    const auto words = words_of(last_token(column.pointer));
    const bool constant = std::all_of(column.values.begin(), column.values.end(), [&](const json::value& value) {
      return value.is_null() || to_text(value) == to_text(*std::find_if(column.values.begin(), column.values.end(),
                                                                        [](auto& v) { return !v.is_null(); }));
    });
    const std::ptrdiff_t points =
        points_as_amount(words) - (constant ? 50 : 0) - (null_rate > 0.5 ? 20 : 0) - 3 * depth_of(column.pointer);
    if (points > -50) amounts.emplace_back(-points, &column);
  }
  std::stable_sort(amounts.begin(), amounts.end(), [](auto& a, auto& b) { return a.first < b.first; });
  if (amounts.size() > 2) amounts.resize(2);
  guess.aggregates.push_back({"events", "count()"});
  for (const auto& [points, column] : amounts) {
    const bool sums = column->decimals == 0 && std::none_of(column->values.begin(), column->values.end(),
                                                            [](auto& v) { return v.is_int64() && v.get_int64() < 0; });
    if (sums) guess.aggregates.push_back({"total_" + column->name, fmt::format("sum({})", column->name)});
    guess.aggregates.push_back({"avg_" + column->name, fmt::format("avg({})", column->name)});
  }
}

std::string described(const std::vector<SniffedColumn>& columns) {
  std::string all;
  for (const SniffedColumn& column : columns) {
    if (all.size() > 400) return all + ", ...";
    const std::string_view type = column.there() == 0 ? "null"
                                  : column.numeric()  ? "number"
                                  : column.texts > 0  ? "text"
                                                      : "boolean";
    all += fmt::format("{}{} ({})", all.empty() ? "" : ", ", column.pointer, type);
  }
  return all;
}

}  // namespace

std::vector<SniffedColumn> sniff_columns(const std::vector<std::string>& records, std::size_t& objects) {
  Columns columns;
  objects = 0;
  for (const std::string& record : records) {
    const auto value = parse_json(record);
    if (value.ok() && value->is_object()) columns.add(objects++, value->get_object(), "", 1);
  }
  return columns.take(objects);
}

Result<DefinitionGuess> guess_definition(const SniffedSource& source, const std::vector<std::string>& records) {
  if (records.empty()) return invalid_argument("{}: no records; a few are needed to guess from", source.place);
  std::size_t objects = 0;
  const std::vector<SniffedColumn> columns = sniff_columns(records, objects);
  if (objects * 2 < records.size() || objects == 0)
    return invalid_argument(
        "{}: {} of the first {} records are no JSON objects; allowed: NDJSON (one object a line), CSV or Parquet by "
        "the "
        "name's ending, each of the former plain, gzip or zstd",
        source.place, records.size() - objects, records.size());

  DefinitionGuess guess{.records = objects, .broken = records.size() - objects};
  const std::vector<Candidate> times = times_among(columns, objects);
  const Candidate* best = nullptr;
  for (const Candidate& one : times)
    if (best == nullptr || one.points > best->points) best = &one;
  if (best == nullptr)
    return invalid_argument(
        "{}: no field looks like a time, which every event needs: a number of s, ms, us or ns since 1970 called time, "
        "date, ts or ..._at, RFC 3339 text, or one like 31/12/2026 23:59; found: {}",
        source.place, columns.empty() ? "no fields at all" : described(columns));
  guess.time = {best->column->pointer, best->how};

  int most = 0;
  for (const SniffedColumn& column : columns) {
    const int points =
        points_as_id(words_of(last_token(column.pointer))) - 10 * static_cast<int>(depth_of(column.pointer));
    const bool fits = objects > 1 && (column.texts == objects || column.integers == objects);
    if (points <= most || !fits || !all_differ(column)) continue;
    most = points;
    guess.id = column.pointer;
  }
  guess_order(source, times, guess);
  guess_window(guess);
  guess_fields(columns, times, objects, guess);
  return guess;
}

std::optional<std::string> find_records(const json::value& document) {
  std::optional<std::string> best;
  std::size_t most = 0;
  std::vector<std::pair<std::string, const json::value*>> level{{"", &document}};
  for (int depth = 0; depth <= kDeepest && !level.empty(); ++depth) {
    std::vector<std::pair<std::string, const json::value*>> below;
    for (const auto& [pointer, value] : level) {
      if (const auto* list = value->if_array()) {
        const auto objects =
            static_cast<std::size_t>(std::count_if(list->begin(), list->end(), [](auto& v) { return v.is_object(); }));
        if (objects <= most || objects < list->size()) continue;
        most = objects;
        best = pointer;
      } else if (const auto* object = value->if_object()) {
        for (const auto& [key, item] : *object) {
          std::string place = pointer + "/";
          for (const char c : std::string_view(key)) place += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
          below.emplace_back(std::move(place), &item);
        }
      }
    }
    level = std::move(below);
  }
  return best;
}

}  // namespace tidecast
