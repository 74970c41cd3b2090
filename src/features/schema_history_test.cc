#include "features/schema_history.h"

#include <gtest/gtest.h>

#include "features/codec.h"
#include "features/test_store.h"

namespace tidecast {
namespace {

FeatureGroup sales() {
  FeatureGroup group;
  group.name = "sales";
  group.keys = {{"shop", FieldType::kText}};
  group.columns = {{"orders", FieldType::kInteger, "", EmptyWindow::kZero, "count()"},
                   {"total", FieldType::kInteger, "", EmptyWindow::kZero, "sum(fee)"}};
  group.meaning = GroupMeaning{"trips", "fee > 0", {{"fee", "integer /fee"}, {"shop", "text /shop"}}};
  return group;
}

FeatureGroup without_total() {
  FeatureGroup group = sales();
  group.columns.pop_back();
  group.meaning->fields.erase("fee");
  return group;
}

// As who does not speak of meanings has it.
FeatureGroup unsaid(FeatureGroup group) {
  group.meaning.reset();
  for (FeatureColumn& column : group.columns) column.meaning.clear();
  return group;
}

using Change = std::function<void(FeatureGroup&)>;
FeatureGroup with(const Change& change) {
  FeatureGroup group = sales();
  change(group);
  return group;
}

SchemaHistory after(std::initializer_list<FeatureGroup> groups) {
  SchemaHistory history;
  for (const FeatureGroup& group : groups) {
    const Status taken = history.adopt(group);
    EXPECT_TRUE(taken.ok()) << taken.message();
  }
  return history;
}

SchemaHistory stored(const SchemaHistory& history) {
  auto read = SchemaHistory::decode(history.encode(), "schema of sales");
  EXPECT_TRUE(read.ok()) << read.message();
  return std::move(read).value();
}

// "columns.total: sum(fee) > min(fee) "
std::string conflicts(const SchemaHistory& history, const FeatureGroup& group) {
  std::string text;
  for (const SchemaConflict& conflict : history.conflicts(group))
    text += fmt::format("{}: {} > {} ", conflict.path, conflict.was, conflict.is);
  return text;
}

TEST(SchemaHistory, KnowsWhatEachPartMeansAlsoAfterItHasGoneAndTheStoreWasClosed) {
  struct Case {
    Change change;
    std::string_view conflict;
  };
  const Case cases[] = {
      {[](auto&) {}, ""},
      {[](auto& g) { g.columns[1].meaning = "min(fee)"; }, "columns.total: sum(fee) > min(fee) "},
      {[](auto& g) {
         g.columns[1] = {"total", FieldType::kNumber, "", EmptyWindow::kNull, "avg(fee)"};
       },
       "columns.total: sum(fee) > avg(fee) "},
      {[](auto& g) { g.columns[1].type = FieldType::kNumber; }, "columns.total: integer > number "},
      {[](auto& g) { g.meaning->fields["fee"] = "integer /tip"; }, "fields.fee: integer /fee > integer /tip "},
      {[](auto& g) { g.meaning->event = "rests"; }, "event: trips > rests "},
      {[](auto& g) { g.meaning->where = ""; }, "where: 'fee > 0' > '' "},
      {[](auto& g) { g.window = 5min; }, "window: tumbling 1min > tumbling 5min "},
      {[](auto& g) { g.offset = 5s; }, "window: tumbling 1min > tumbling 1min offset 5s "},
      {[](auto& g) { g.keys = {}; }, "key: [shop] > [] "},
      {[](auto& g) { g.keys[0].type = FieldType::kInteger; }, "key: [shop text] > [shop integer] "},
      {[](auto& g) { g.columns[1].unit = "cent"; }, ""},
  };
  for (const Case& each : cases) {
    const FeatureGroup now = with(each.change);
    EXPECT_EQ(conflicts(stored(after({sales()})), now), each.conflict);
    EXPECT_EQ(conflicts(stored(after({sales(), without_total()})), now), each.conflict) << "and gone meanwhile";
    SchemaHistory history = stored(after({sales(), without_total()}));
    EXPECT_EQ(history.adopt(now).ok(), each.conflict.empty()) << each.conflict;
    EXPECT_EQ(history.newest(), each.conflict.empty() ? 3u : 2u);
  }
}

TEST(SchemaHistory, AColumnThatComesBackFindsItsValues) {
  const SchemaHistory history = stored(after({sales(), without_total(), sales()}));
  EXPECT_EQ(history.places(1), (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(history.places(2), (std::vector<std::size_t>{0, SchemaHistory::kAbsent}));
}

TEST(SchemaHistory, TakesAMeaningOnceWhereNobodySaidItAndHoldsToItThen) {
  SchemaHistory history = after({unsaid(sales()), unsaid(without_total())});
  EXPECT_EQ(conflicts(history, sales()), "");
  EXPECT_EQ(conflicts(history, with([](auto& g) { g.columns[1].type = FieldType::kNumber; })),
            "columns.total: integer > number ");
  history.learn(sales());
  EXPECT_EQ(conflicts(stored(history), with([](auto& g) { g.columns[1].meaning = "min(fee)"; })),
            "columns.total: sum(fee) > min(fee) ");
  history.learn(with([](auto& g) { g.columns[1].meaning = "min(fee)"; }));
  EXPECT_EQ(conflicts(history, sales()), "") << "what is known is not learned again";
  EXPECT_EQ(conflicts(history, unsaid(sales())), "");
}

// The bytes that the version before wrote.
TEST(SchemaHistory, OneWithoutMeaningsIsRead) {
  ByteWriter writer(2);
  writer.number(std::uint32_t{3}).number(std::uint32_t{1}).number(std::uint8_t{0});
  writer.number(std::int64_t{60'000}).number(std::int64_t{0}).number(std::int64_t{0});
  writer.number(std::uint32_t{1}).text("shop").number(static_cast<std::uint8_t>(FieldType::kText));
  writer.number(std::uint32_t{2});
  writer.number(std::uint32_t{1}).text("orders").number(static_cast<std::uint8_t>(FieldType::kInteger));
  writer.number(std::uint32_t{2}).text("total").number(static_cast<std::uint8_t>(FieldType::kInteger));
  auto history = SchemaHistory::decode(writer.seal(), "schema of sales");
  ASSERT_TRUE(history.ok()) << history.message();
  ASSERT_TRUE(history->adopt(sales()).ok());
  EXPECT_EQ(history->newest(), 1u) << "no new version, but the meaning";
  EXPECT_EQ(conflicts(stored(*history), with([](auto& g) { g.meaning->where = ""; })), "where: 'fee > 0' > '' ");
}

TEST(SchemaHistory, AStoreRefusesWhatComesBackAsSomethingElse) {
  const TemporaryFolder folder;
  auto options = store_options(folder.path());
  const auto open = [&](std::vector<FeatureGroup> groups) {
    options.groups = std::move(groups);
    return FeatureStore::open(options).status().message();
  };
  EXPECT_EQ(open({sales(), fees_group()}), "");
  EXPECT_EQ(open({fees_group()}), "");
  EXPECT_EQ(
      open({with([](auto& g) { g.columns[1].meaning = "min(fee)"; }), fees_group()}),
      folder.path().string() +
          ": feature group sales: columns.total was sum(fee), is min(fee); leave it and add the changed one under "
          "a new name, or start with a new data folder");
  EXPECT_EQ(open({sales(), fees_group()}), "");
}

TEST(SchemaHistory, IsReadBesideTheProcessThatHasTheStoreOpen) {
  const TemporaryFolder folder;
  EXPECT_TRUE(FeatureStore::schemas(folder.path())->empty()) << "no store";
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  auto options = store_options(folder.path());
  options.groups.push_back(sales());
  const auto store = open_store(options);
  ASSERT_TRUE(store->commit(closing({fee_row("2026-05-06T00:01:00Z", 1)})).ok());
  const auto schemas = FeatureStore::schemas(folder.path());
  ASSERT_TRUE(schemas.ok()) << schemas.message();
  EXPECT_EQ(schemas->size(), 3u);
  EXPECT_EQ(conflicts(schemas->at("sales"), with([](auto& g) { g.window = 5min; })),
            "window: tumbling 1min > tumbling 5min ");
  EXPECT_TRUE(store->commit(closing({fee_row("2026-05-06T00:02:00Z", 1)})).ok());
}

}  // namespace
}  // namespace tidecast
