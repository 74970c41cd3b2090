#pragma once
// The rules of windows as plainly as they can be said: every row that counts is kept in a list, and every answer is
// made anew by sorting and grouping it.  Slow, and right by reading.

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/rng.h"
#include "features/record_id.h"
#include "stream/window_operator.h"

namespace tidecast {

struct TestRow {
  EventTime time;
  std::uint64_t number = 0;
  ProcessingTime arrival{};
  std::optional<std::int64_t> fee{};
  std::optional<double> rate{};
  std::optional<std::string> name{};
  std::optional<bool> flag{};
};

// The fields of a TestRow: 0 fee, 1 rate, 2 name, 3 flag.
inline EventMapping test_mapping() {
  EventMapping event;
  event.fields = {{"fee", "/fee", FieldType::kInteger, true, ""},
                  {"rate", "/rate", FieldType::kNumber, true, ""},
                  {"name", "/name", FieldType::kText, true, ""},
                  {"flag", "/flag", FieldType::kBoolean, true, ""}};
  return event;
}

// Valid as long as the rows are.
inline EventBatch batch_of(std::span<const TestRow> rows) {
  EventBatch batch;
  batch.columns.resize(4);
  for (std::size_t f = 0; f < 4; ++f) batch.columns[f].type = test_mapping().fields[f].type;
  for (const TestRow& row : rows) {
    batch.alive.push_back(1);
    batch.time.push_back(row.time);
    batch.columns[0].integers.push_back(row.fee.value_or(-77));
    batch.columns[1].numbers.push_back(row.rate.value_or(-77));
    batch.columns[2].texts.push_back(row.name ? std::string_view(*row.name) : "?");
    batch.columns[3].booleans.push_back(row.flag.value_or(true));
    batch.columns[0].present.push_back(row.fee.has_value());
    batch.columns[1].present.push_back(row.rate.has_value());
    batch.columns[2].present.push_back(row.name.has_value());
    batch.columns[3].present.push_back(row.flag.has_value());
  }
  return batch;
}

class WindowOracle {
 public:
  explicit WindowOracle(WindowGroup group) : group_(std::move(group)) {}

  // Whether it counts.  Corrections are appended.
  bool on_event(const TestRow& row, std::vector<FeatureRow>& out) {
    return group_.kind == WindowKind::kSession ? on_session_event(row) : on_grid_event(row, out);
  }

  void advance(EventTime watermark, ProcessingTime at, bool by_idle, std::vector<FeatureRow>& out) {
    if (watermark <= watermark_) return;
    watermark_ = watermark;
    if (group_.kind == WindowKind::kSession) {
      std::map<std::pair<EventTime, std::string>, FeatureRow> due;
      for (auto& [key, rows] : waiting_) {
        std::vector<TestRow> rest;
        for (const std::vector<TestRow>& session : sessions_of(rows)) {
          const EventTime end = end_of(session);
          if (reached(end, 0ms))
            due[{end, key}] = row_of(key, session.front().time, end, session, at, 0, by_idle);
          else
            rest.insert(rest.end(), session.begin(), session.end());
        }
        rows = rest;
      }
      for (auto& [where, row] : due) out.push_back(row);
      return;
    }
    for (auto& [where, window] : windows_) {  // By end, then key.
      if (window.fired || !reached(where.first, 0ms)) continue;
      window.fired = true;
      out.push_back(row_of(where.second, where.first - group_.window, where.first, window.rows, at, 0, by_idle));
    }
  }

  std::optional<EventTime> oldest_end() const {  // Of the windows that are open.
    std::optional<EventTime> oldest;
    const auto take = [&](EventTime end) { oldest = std::min(oldest.value_or(end), end); };
    for (const auto& [key, rows] : waiting_)
      for (const std::vector<TestRow>& session : sessions_of(rows)) take(end_of(session));
    for (const auto& [where, window] : windows_)
      if (!window.fired) take(where.first);
    return oldest;
  }

  std::size_t open_windows() const {
    std::size_t open = 0;
    for (const auto& [key, rows] : waiting_) open += sessions_of(rows).size();
    std::set<EventTime> ends;
    for (const auto& [where, window] : windows_)
      if (!window.fired) ends.insert(where.first);
    return open + ends.size();
  }

 private:
  struct Window {
    std::vector<TestRow> rows;
    bool fired = false;
    std::uint32_t revision = 0;
  };

  bool reached(EventTime end, Milliseconds more) const {
    return watermark_ > EventTime::epoch() && watermark_ >= end - 1ms + more;
  }

  std::string key_of(const TestRow& row) const {
    std::vector<KeyValue> values;
    for (const std::size_t key : group_.key) {
      if (key == 0) values.push_back(row.fee ? KeyValue(*row.fee) : KeyValue());
      if (key == 2) values.push_back(row.name ? KeyValue(*row.name) : KeyValue());
      if (key == 3) values.push_back(row.flag ? KeyValue(*row.flag) : KeyValue());
    }
    return record_id(values);
  }

  bool on_grid_event(const TestRow& row, std::vector<FeatureRow>& out) {
    const Milliseconds step = group_.kind == WindowKind::kHopping ? group_.every : group_.window;
    const EventTime newest_start = floor_to(row.time - group_.offset, step) + group_.offset;
    bool counts = false;
    for (EventTime start = newest_start - group_.window + step; start <= newest_start; start += step) {
      const EventTime end = start + group_.window;
      if (reached(end, group_.allowed_lateness)) continue;
      counts = true;
      Window& window = windows_[{end, key_of(row)}];
      const auto before = window.rows;
      window.rows.push_back(row);
      if (!reached(end, 0ms)) continue;
      window.fired = true;
      const FeatureRow now = row_of(key_of(row), start, end, window.rows, row.arrival, window.revision + 1, false);
      if (!before.empty() && values_of(before) == now.values) continue;
      ++window.revision;
      out.push_back(now);
    }
    return counts;
  }

  bool on_session_event(const TestRow& row) {
    std::vector<TestRow>& rows = waiting_[key_of(row)];
    rows.push_back(row);
    for (const std::vector<TestRow>& session : sessions_of(rows))
      for (const TestRow& member : session)
        if (member.number == row.number && reached(end_of(session), 0ms)) {
          rows.pop_back();
          return false;
        }
    return true;
  }

  EventTime end_of(const std::vector<TestRow>& session) const { return session.back().time + group_.window; }
  std::vector<std::vector<TestRow>> sessions_of(std::vector<TestRow> rows) const {
    std::ranges::stable_sort(rows, {}, &TestRow::time);
    std::vector<std::vector<TestRow>> sessions;
    for (const TestRow& row : rows) {
      if (sessions.empty() || row.time > end_of(sessions.back())) sessions.emplace_back();
      sessions.back().push_back(row);
    }
    return sessions;
  }

  FeatureRow row_of(const std::string& key, EventTime start, EventTime end, const std::vector<TestRow>& rows,
                    ProcessingTime at, std::uint32_t revision, bool by_idle) const {
    return {start, end, at, values_of(rows), key, revision, false, by_idle};
  }

  std::vector<FeatureValue> values_of(std::vector<TestRow> rows) const {
    std::ranges::sort(rows, {}, &TestRow::number);
    std::vector<FeatureValue> values;
    for (const AggregateColumn& column : group_.columns) values.push_back(value_of(column, rows));
    return values;
  }

  static FeatureValue value_of(const AggregateColumn& column, const std::vector<TestRow>& rows) {
    using K = AggregateKind;
    if (!column.field) return static_cast<std::int64_t>(rows.size());
    std::vector<std::int64_t> integers;
    std::vector<double> numbers;
    std::set<std::string> texts;
    std::int64_t there = 0;
    for (const TestRow& row : rows) {
      if (*column.field == 0 && row.fee) integers.push_back(*row.fee);
      if (*column.field == 1 && row.rate) numbers.push_back(*row.rate);
      if (*column.field == 2 && row.name) texts.insert(*row.name);
      if (*column.field == 3 && row.flag) texts.insert(*row.flag ? "t" : "f");
      there += *column.field == 0   ? row.fee.has_value()
               : *column.field == 1 ? row.rate.has_value()
               : *column.field == 2 ? row.name.has_value()
                                    : row.flag.has_value();
    }
    if (column.kind == K::kCount) return there;
    if (column.kind == K::kCountDistinct)
      return static_cast<std::int64_t>(std::set(integers.begin(), integers.end()).size() +
                                       std::set(numbers.begin(), numbers.end()).size() + texts.size());
    if (there == 0) return std::monostate{};
    const auto of = [&](auto values) -> FeatureValue {
      using T = typename decltype(values)::value_type;
      if (column.kind == K::kFirst) return values.front();
      if (column.kind == K::kLast) return values.back();
      if (column.kind == K::kMin) return *std::ranges::min_element(values);
      if (column.kind == K::kMax) return *std::ranges::max_element(values);
      if (column.kind == K::kQuantile) {
        std::ranges::sort(values);
        const double rank = std::ceil(column.quantile * static_cast<double>(values.size()));
        return static_cast<double>(values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1]);
      }
      std::conditional_t<std::is_same_v<T, double>, double, __int128> sum = 0;
      for (const T value : values) sum += value;
      const double mean = static_cast<double>(sum) / static_cast<double>(values.size());
      if (column.kind == K::kAvg) return mean;
      if (column.kind == K::kSum) {
        if (std::is_same_v<T, std::int64_t> && (sum < INT64_MIN || sum > INT64_MAX)) return std::monostate{};
        return static_cast<T>(sum);
      }
      if (values.size() < 2) return std::monostate{};
      double squares = 0;
      for (const T value : values) squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
      return std::sqrt(squares / static_cast<double>(values.size() - 1));
    };
    return *column.field == 0 ? of(integers) : of(numbers);
  }

  WindowGroup group_;
  EventTime watermark_ = EventTime::min();
  std::map<std::pair<EventTime, std::string>, Window> windows_;  // Grid.
  std::map<std::string, std::vector<TestRow>> waiting_;          // Sessions: rows of open ones, by key.
};

}  // namespace tidecast
