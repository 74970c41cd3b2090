#pragma once
// A feature store that lives in memory, for tests of the rooms above it.  It outlives the pipeline that fills it, so a
// restart is another Pipeline::open on the same store; the next commit can be made to fail.  Of the real store's files
// it has none.

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "features/commit_check.h"

namespace tidecast {

class MemoryStore : public FeatureStore {
 public:
  explicit MemoryStore(std::vector<FeatureGroup> groups)
      : groups_(std::move(groups)), newest_(groups_.size()), rows_(groups_.size()) {}

  // One record of the raw archive, with its own bytes.
  struct Archived {
    std::uint64_t number;
    ProcessingTime arrival;
    std::string verdict;
    std::string raw;
    std::string source{};
    std::string event{};
    bool operator==(const Archived&) const = default;
  };

  void fail_next_commit() { fails_ = true; }
  Recovered& recovered() { return recovered_; }
  const std::vector<Archived>& archive() const { return archive_; }
  std::size_t commits() const { return commits_; }

  const std::vector<FeatureGroup>& groups() const override { return groups_; }
  Result<Recovered> recover() const override { return recovered_; }
  Status visit_keys(const std::function<void(std::span<const KeySeen>)>& visit) const override {
    for (const auto& keys : keys_) visit(keys);
    return ok();
  }

  Status commit(const Commit& commit) override {
    TRY(check_commit(commit, groups_, newest_,
                     archive_.empty() ? std::nullopt : std::optional(archive_.back().number)));
    if (std::exchange(fails_, false)) return unavailable("the disk said no");
    if (!commit.source.empty()) recovered_.cursors[commit.source] = commit.cursor;
    if (!commit.engine_goes_on) recovered_.engine_state.clear();
    recovered_.engine_state.push_back(commit.engine_state);
    recovered_.arrival = commit.arrival;
    recovered_.books = commit.books;
    recovered_.late_by_group = commit.late_by_group;
    recovered_.unmatched = commit.unmatched;
    if (!commit.new_keys.empty()) keys_.push_back(commit.new_keys);
    for (const ClosedWindow& window : commit.closed) {
      rows_[window.group].push_back(window.row);
      if (window.row.revision == 0) newest_[window.group] = window.row.window_end;
    }
    for (const ArchivedRecord& record : commit.archived)
      archive_.push_back({record.number, record.arrival, std::string(record.verdict), std::string(record.raw),
                          std::string(record.source), std::string(record.event)});
    dead_.insert(dead_.end(), commit.dead.begin(), commit.dead.end());
    late_.insert(late_.end(), commit.late.begin(), commit.late.end());
    marks_.insert(marks_.end(), commit.marks.begin(), commit.marks.end());
    for (const auto& [letter, record] : commit.replayed)
      for (DeadLetter& dead : dead_)
        if (dead.number == letter) dead.replayed_as = record;
    if (commit.gap) gaps_.push_back(*commit.gap);
    ++commits_;
    return ok();
  }
  Status flush(bool) override { return ok(); }  // There are no files to write.

  Books books() const override { return recovered_.books; }
  std::uint64_t rows(std::string_view group) const override {
    const auto g = index_of(group);
    return g ? static_cast<std::uint64_t>(std::ranges::count(rows_[*g], 0u, &FeatureRow::revision)) : 0;
  }
  Result<std::optional<FeatureRow>> latest(std::string_view group, std::string_view key = "") const override {
    const auto all = TRY(select(group, {.key = std::string(key)}));
    return all.empty() ? std::optional<FeatureRow>() : std::optional(all.back());
  }
  Result<std::optional<FeatureRow>> get(std::string_view group, EventTime window_end,
                                        std::string_view key = "") const override {
    const auto found = TRY(select(group, {.range = {window_end, window_end + 1ms}, .key = std::string(key)}));
    return found.empty() ? std::optional<FeatureRow>() : std::optional(found.back());
  }
  Result<std::vector<std::optional<FeatureRow>>> latest_of(std::string_view group,
                                                           std::span<const std::string> keys) const override {
    std::vector<std::optional<FeatureRow>> rows;
    for (const std::string& key : keys) rows.push_back(TRY(latest(group, key)));
    return rows;
  }
  Result<std::vector<std::string>> keys(std::string_view group, std::size_t most = SIZE_MAX,
                                        std::string_view after = "") const override {
    std::set<std::string> keys;
    for (const FeatureRow& row : TRY(select(group, {})))
      if (after.empty() || row.key > after) keys.insert(row.key);
    std::vector<std::string> first(keys.begin(), keys.end());
    if (first.size() > most) first.resize(most);
    return first;
  }
  Result<std::uint64_t> erase(std::string_view group, const std::optional<std::string>& key, EventRange range,
                              ProcessingTime at) override {
    const auto g = index_of(group);
    if (!g) return not_found("no group {}", group);
    const auto erased = TRY(select(group, {.range = range, .key = key}));
    for (FeatureRow row : erased) {
      row.write_time = at;
      row.values.assign(row.values.size(), std::monostate{});
      row.deleted = true;
      ++row.revision;
      rows_[*g].push_back(std::move(row));
    }
    return erased.size();
  }
  Result<std::optional<DeadLetter>> dead_letter(std::uint64_t number) const override {
    const auto letter = std::ranges::find(dead_, number, &DeadLetter::number);
    return letter == dead_.end() ? std::optional<DeadLetter>() : std::optional(*letter);
  }
  Result<std::vector<LateRecord>> late_records(std::size_t most, std::size_t /*most_bytes*/ = SIZE_MAX,
                                               std::uint64_t* /*left_out*/ = nullptr) const override {
    const auto count = static_cast<std::ptrdiff_t>(std::min(most, late_.size()));
    return std::vector<LateRecord>(late_.end() - count, late_.end());
  }
  Result<std::vector<ClockMark>> clock_marks() const override { return marks_; }
  std::uint64_t unmatched() const override { return recovered_.unmatched; }
  Result<std::vector<FeatureRow>> select(std::string_view group, const RowQuery& query) const override {
    const auto g = index_of(group);
    if (!g) return not_found("no group {}", group);
    std::map<std::tuple<EventTime, std::string, std::uint32_t>, FeatureRow> found;
    for (const FeatureRow& row : rows_[*g]) {
      if (row.window_end < query.range.from || row.window_end >= query.range.until || row.write_time > query.as_of ||
          (query.key && row.key != *query.key))
        continue;
      FeatureRow& known = found[{row.window_end, row.key, query.history ? row.revision : 0}];
      if (known.values.empty() || row.revision >= known.revision) known = row;
    }
    std::vector<FeatureRow> rows;
    for (auto& [where, row] : found)
      if (query.history || !row.deleted) rows.push_back(std::move(row));
    return rows;
  }
  Result<TimeSeries> series(std::string_view group, std::string_view column, EventRange range,
                            ProcessingTime as_of = ProcessingTime::max(), std::string_view key = "") const override {
    const auto found = TRY(select(group, {.range = range, .as_of = as_of, .key = std::string(key)}));
    const FeatureGroup& features = groups_[*index_of(group)];
    if (features.kind == WindowKind::kSession) return invalid_argument("{}: sessions have no grid", group);
    const auto c = features.column(column);
    if (!c) return not_found("no column {} in {}", column, group);
    TimeSeries series{{}, features.step(), {}};
    if (found.empty()) return series;
    series.start = found.front().window_start;
    const auto steps = (found.back().window_start - series.start) / features.step() + 1;
    constexpr double kNull = std::numeric_limits<double>::quiet_NaN();
    const double nothing = features.columns[*c].empty == EmptyWindow::kZero ? 0 : kNull;
    series.values.assign(static_cast<std::size_t>(steps), nothing);
    for (const FeatureRow& row : found) {
      double& value = series.values[static_cast<std::size_t>((row.window_start - series.start) / features.step())];
      value = kNull;
      if (const auto* integer = std::get_if<std::int64_t>(&row.values[*c])) value = static_cast<double>(*integer);
      if (const auto* number = std::get_if<double>(&row.values[*c])) value = *number;
    }
    for (const SourceGap& gap : gaps_)
      if (gap.found_at <= as_of) blank(series, gap);
    return series;
  }
  Result<std::vector<SourceGap>> gaps(EventRange range) const override {
    std::vector<SourceGap> found;
    for (const SourceGap& gap : gaps_)
      if (gap.touches(range.from, range.until)) found.push_back(gap);
    std::ranges::stable_sort(found, {}, &SourceGap::from);
    return found;
  }
  std::uint64_t gap_count() const override { return gaps_.size(); }
  Result<OfflineView> offline(std::string_view group) const override {
    return OfflineView{{}, TRY(select(group, {.history = true}))};
  }
  Result<std::vector<DeadLetter>> dead_letters(std::size_t most, std::size_t /*most_bytes*/ = SIZE_MAX,
                                               std::uint64_t* /*left_out*/ = nullptr) const override {
    const auto count = static_cast<std::ptrdiff_t>(std::min(most, dead_.size()));
    return std::vector<DeadLetter>(dead_.end() - count, dead_.end());
  }
  Result<std::vector<DeadLetter>> dead_letters_from(std::uint64_t number, std::size_t most,
                                                    std::size_t /*most_bytes*/ = SIZE_MAX) const override {
    std::vector<DeadLetter> letters;
    for (const DeadLetter& letter : dead_)
      if (letter.number >= number && letters.size() < most) letters.push_back(letter);
    return letters;
  }
  Status visit_archive(const std::function<bool(std::string_view line)>& visit) const override {
    for (const Archived& record : archive_)
      if (!visit(fmt::format(R"({{"n":{},"arrival":"{}","verdict":"{}","source":"{}"{},"record":{}}})", record.number,
                             to_rfc3339(record.arrival), record.verdict, record.source,
                             record.event.empty() ? "" : ",\"event\":\"" + record.event + "\"", record.raw)))
        break;
    return ok();
  }

 private:
  std::optional<std::size_t> index_of(std::string_view group) const {
    const auto found = std::ranges::find(groups_, group, &FeatureGroup::name);
    return found == groups_.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found - groups_.begin()));
  }

  std::vector<FeatureGroup> groups_;
  Recovered recovered_;
  std::vector<std::vector<KeySeen>> keys_;        // By commit.
  std::vector<std::optional<EventTime>> newest_;  // window_end of each group's last row that was no correction.
  std::vector<std::vector<FeatureRow>> rows_;     // By group, in the order of closing.
  std::vector<Archived> archive_;
  std::vector<DeadLetter> dead_;
  std::vector<LateRecord> late_;
  std::vector<ClockMark> marks_;
  std::vector<SourceGap> gaps_;
  std::size_t commits_ = 0;
  bool fails_ = false;
};

}  // namespace tidecast
