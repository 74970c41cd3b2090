#pragma once
// What the tests of this room share: two feature groups, short ways to write times, rows and commits, a store in a
// folder.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "features/rocks_store.h"
#include "storage/temporary_folder.h"

namespace tidecast {

inline EventTime event_time(std::string_view text) { return EventTime::from_ms(parse_rfc3339(text).value()); }
inline ProcessingTime arrival_time(std::string_view text) {
  return ProcessingTime::from_ms(parse_rfc3339(text).value());
}

// "fees": minutes of an integer that is 0 where nothing happened and a number that is null there.
inline FeatureGroup fees_group() {
  FeatureGroup group;
  group.name = "fees";
  group.columns = {{"total_fee", FieldType::kInteger, "satoshi", EmptyWindow::kZero},
                   {"mean_rate", FieldType::kNumber, "satoshi/vB", EmptyWindow::kNull}};
  return group;
}
// "slow": ten-minute windows of one number.
inline FeatureGroup slow_group() {
  FeatureGroup group;
  group.name = "slow";
  group.window = 10min;
  group.columns = {{"level", FieldType::kNumber, "", EmptyWindow::kNull}};
  return group;
}

inline FeatureRow row_at(const FeatureGroup& group, EventTime end, std::vector<FeatureValue> values) {
  return {end - group.window, end, ProcessingTime::from_ms(end.ms() + 1500), std::move(values)};
}
// The row of "fees" for the window that ends at this time, closed 1.5 s later.
inline ClosedWindow fee_row(EventTime end, std::int64_t fee, double rate = 0.5) {
  return {0, row_at(fees_group(), end, {fee, rate})};
}
inline ClosedWindow fee_row(std::string_view end, std::int64_t fee, double rate = 0.5) {
  return fee_row(event_time(end), fee, rate);
}

inline Commit closing(std::vector<ClosedWindow> closed) {
  Commit commit;
  commit.source = "poll";
  commit.cursor = "0";
  if (!closed.empty()) commit.arrival = closed.back().row.write_time;
  commit.closed = std::move(closed);
  return commit;
}

inline FeatureStore::Options store_options(const std::filesystem::path& folder) {
  FeatureStore::Options options;
  options.directory = folder;
  options.groups = {fees_group(), slow_group()};
  options.sync = false;
  return options;
}

inline std::unique_ptr<RocksFeatureStore> open_store(const FeatureStore::Options& options,
                                                     RocksFeatureStore::StepHook hook = {}) {
  auto store = RocksFeatureStore::open(options, std::move(hook));
  EXPECT_TRUE(store.ok()) << store.message();
  return store.ok() ? std::move(store).value() : nullptr;
}
inline std::unique_ptr<RocksFeatureStore> open_store(const TemporaryFolder& folder) {
  return open_store(store_options(folder.path()));
}

inline std::string value_text(const FeatureValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  return "null";
}
// "00:01=7,0.5 " for each row: minute of window_end and the values.
inline std::string rows_text(const std::vector<FeatureRow>& rows) {
  std::string text;
  for (const FeatureRow& row : rows) {
    text += to_rfc3339(row.window_end).substr(11, 5) + "=";
    for (std::size_t i = 0; i < row.values.size(); ++i) text += (i == 0 ? "" : ",") + value_text(row.values[i]);
    text += " ";
  }
  return text;
}

inline std::string archive_of(const FeatureStore& store) {
  std::string lines;
  const Status status = store.visit_archive([&](std::string_view line) {
    lines.append(line) += '\n';
    return true;
  });
  EXPECT_TRUE(status.ok()) << status.message();
  return lines;
}

// Records `first`, `first + 1`, ... that all arrive then.
inline Commit raw_commit(std::string_view arrival, std::uint64_t first, std::uint64_t count) {
  Commit commit;
  commit.source = "poll";
  commit.arrival = arrival_time(arrival);
  for (std::uint64_t i = 0; i < count; ++i)
    commit.archived.push_back({first + i, commit.arrival, "stored", R"({"a":1})"});
  return commit;
}

// Names of files below the folder, a line each.
inline std::string files_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  if (std::filesystem::exists(folder))
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.is_regular_file()) names.push_back(std::filesystem::relative(entry.path(), folder).string());
  std::sort(names.begin(), names.end());
  return fmt::format("{}", fmt::join(names, "\n"));
}

}  // namespace tidecast
