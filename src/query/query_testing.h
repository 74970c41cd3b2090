#pragma once
// A small feature store to ask.

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "query/query.h"
#include "storage/temporary_folder.h"

namespace tidecast {

// A store with 90 minutes of "fees" from 00:01 to 01:30: 60 rows in a file, 30 in the outbox, and two dead letters.
class QueryFixture : public testing::Test {
 protected:
  void SetUp() override {
    FeatureStore::Options options;
    options.directory = folder_.path() / "store";
    options.groups.resize(1);
    options.groups[0].name = "fees";
    options.groups[0].columns = {{"total_fee", FieldType::kInteger, "satoshi", EmptyWindow::kZero},
                                 {"mean_rate", FieldType::kNumber, "", EmptyWindow::kNull}};
    options.sync = false;
    auto opened = FeatureStore::open(options);
    ASSERT_TRUE(opened.ok()) << opened.message();
    store_ = std::move(opened).value();
    Commit commit;
    commit.source = "file";
    for (int i = 0; i < 90; ++i) {
      const EventTime start = EventTime::from_ms(parse_rfc3339("2026-05-06T00:00:00Z").value()) + 1min * i;
      FeatureRow row{start, start + 1min, ProcessingTime::from_ms(start.ms() + 61'000), {std::int64_t{i}, 0.5 * i}};
      if (i == 89) row.values[1] = FeatureValue();
      commit.closed.push_back({0, row});
    }
    commit.dead = {{3, ProcessingTime::epoch(), "/fee: missing", "{}"},
                   {5, ProcessingTime::epoch(), "no JSON", "\xff\xfe caf\xc3\xa9"}};
    commit.archived = {{0, ProcessingTime::epoch(), "stored", R"({"n":1})"},
                       {1, ProcessingTime::epoch() + 1s, "late", R"({"n":2})"}};
    commit.late = {{1, ProcessingTime::epoch() + 1s, EventTime::epoch() + 500ms, "fees: closed", R"({"n":2})", "file"}};
    const EventTime hour = EventTime::from_ms(parse_rfc3339("2026-05-06T01:00:00Z").value());
    commit.gap = SourceGap{"file", hour, hour + 90s, ProcessingTime::from_ms(hour.ms()) + 100s};
    ASSERT_TRUE(store_->commit(commit).ok());
    ASSERT_TRUE(store_->flush().ok());
    const auto view = store_->offline("fees").value();
    ASSERT_EQ(view.files.size(), 1u);
    ASSERT_EQ(view.outbox.size(), 30u);
    parquet_ = view.files[0].path;
  }

  Result<QueryResult> run(std::string_view sql, const QueryLimits& limits = {}) const {
    return run_query(*store_, tables_, sql, limits);
  }
  // The rows as JSON, or the error.
  std::string text(std::string_view sql) const {
    const auto result = run(sql);
    if (!result.ok()) return std::string(name_of(result.code())) + ": " + result.message();
    std::string text;
    for (const auto& row : result->rows) text += to_text(json::value(json::array(row.begin(), row.end())));
    return text;
  }

  TemporaryFolder folder_;
  std::unique_ptr<FeatureStore> store_;
  std::vector<SqlTable> tables_;
  std::filesystem::path parquet_;
};

}  // namespace tidecast
