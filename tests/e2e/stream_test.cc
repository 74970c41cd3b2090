// Pushes, history, corrections of a definition: the real binary from a file to a proven row.

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

#include "base/json.h"
#include "net/http.h"
#include "program.h"

namespace tidecast::e2e {
namespace {

using namespace std::chrono_literals;

// Orders of two shops, pushed; one row a minute and shop.
constexpr const char* kOrders = R"(project: orders
sources: [ { name: orders, kind: http_push } ]
event:
  id: /id
  time: { from: /at, unit: s }
  fields:
    price: { from: /price, type: integer }
    shop: { from: /shop, type: text }
  max_ahead: off
features:
  - { group: sales, window: 1min, lateness: 10s, key: [shop], columns: { orders: count(), income: sum(price) } }
server: { listen: "127.0.0.1:0" }
)";

std::string order(int id, std::int64_t at) {
  return fmt::format(R"({{"id":"o{}","at":{},"price":{},"shop":"{}"}})", id, at, id, id % 2 == 0 ? "a" : "b") + "\n";
}

class Server {
 public:
  explicit Server(const std::filesystem::path& file) : running_(own_binary(), {"run", "-c", file.string()}) {
    const auto line = running_.line_with("http://127.0.0.1:");
    if (!line) throw std::runtime_error("it did not start: " + running_.output());
    port_ = static_cast<std::uint16_t>(std::stoi(*line));
  }
  HttpResponse push(const std::string& body, const std::string& encoding = "identity") const {
    const HttpRequest request{
        .method = "POST", .path = "/sources/orders/events", .headers = {{"content-encoding", encoding}}, .body = body};
    HttpResponse answer;
    do answer = http_call("127.0.0.1", port_, request, 20'000).value();
    while (answer.status == 429);  // It has only just started.
    return answer;
  }
  void signal(int number) { running_.signal(number); }
  bool ended() { return running_.end(10s).has_value(); }

 private:
  Running running_;
  std::uint16_t port_ = 0;
};

json::value json_of(const std::filesystem::path& file, std::vector<std::string> arguments, int code = 0) {
  arguments.insert(arguments.end(), {"-c", file.string(), "--json"});
  const Finished finished = tidecast(arguments);
  EXPECT_EQ(finished.code, code) << arguments[0] << ": " << finished.err;
  return finished.code == 0 ? parse_json(finished.out).value() : json::value();
}

TEST(Push, WhatWasAnsweredIsThereAfterAKillAndCountsOnceWhenSentAgain) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  write(file, kOrders);
  std::string first, second;
  for (int i = 0; i < 100; ++i) first += order(i, 1'778'025'600 + i);
  for (int i = 50; i < 200; ++i) second += order(i, 1'778'025'600 + i);
  {
    Server server(file);
    const HttpResponse answer = server.push(first + "{\"id\":\"broken\"}\n");
    EXPECT_EQ(answer.status, 200) << answer.body;
    const json::value body = parse_json(answer.body).value();
    EXPECT_EQ(body.at("books").at("stored"), 100);
    EXPECT_EQ(body.at("books").at("dead"), 1);
    EXPECT_EQ(body.at("reasons").as_array().size(), 1u);
    EXPECT_EQ(server.push("no JSON at all").status, 400);
    server.signal(SIGKILL);
    EXPECT_TRUE(server.ended());
  }
  {
    Server server(file);
    EXPECT_EQ(parse_json(server.push(second).body).value().at("books").at("duplicate"), 50);
    server.signal(SIGTERM);
    EXPECT_TRUE(server.ended());
  }
  const json::value status = json_of(file, {"status"});
  EXPECT_EQ(status.at("events").at("stored"), 200);
  EXPECT_EQ(status.at("balance"), "ok");
  const json::value rows = json_of(file, {"features", "sales", "--key", "a", "--last", "0"});
  std::int64_t orders = 0;
  for (const json::value& row : rows.as_array()) orders += row.at("orders").to_number<std::int64_t>();
  EXPECT_EQ(orders, 90) << "three closed minutes of one shop: " << to_text(rows);
  EXPECT_TRUE(json_of(file, {"verify"}).at("ok").as_bool());
}

TEST(Backfill, HistoryComesFirstThenTheLiveSourceAndAllOfItIsProven) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  write(file, kOrders);
  std::string history, live;
  for (int i = 0; i < 300; ++i) history += order(i, 1'778'025'600 + i);
  for (int i = 250; i < 600; ++i) live += order(i, 1'778'025'600 + i);
  write(folder / "old.ndjson", history);
  EXPECT_EQ(json_of(file, {"backfill", "--file", (folder / "old.ndjson").string()}).at("events").at("stored"), 300);
  EXPECT_EQ(json_of(file, {"backfill", "--file", (folder / "old.ndjson").string()}).at("events").at("stored"), 300)
      << "the same again adds nothing";
  {
    Server server(file);
    const json::value books = parse_json(server.push(live).body).value().at("books");
    EXPECT_EQ(books.at("stored"), 350) << "ids of 2026 are forgotten by now";
    server.signal(SIGTERM);
    EXPECT_TRUE(server.ended());
  }
  EXPECT_TRUE(json_of(file, {"verify"}).at("ok").as_bool());
  json_of(file, {"backfill", "--file", (folder / "old.ndjson").string()}, 4);  // Too late: a source was read.
}

TEST(Definition, AChangedOneIsFreeANewVersionOrRefusedOverDataThatIsThere) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  write(file, kOrders);
  std::string text;
  for (int i = 0; i < 300; ++i) text += order(i, 1'778'025'600 + i);
  write(folder / "old.ndjson", text);
  json_of(file, {"backfill", "--file", (folder / "old.ndjson").string()});
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string other = kOrders;
    other.replace(other.find(from), from.size(), to);
    write(file, other);
  };
  changed("lateness: 10s", "lateness: 20s");
  EXPECT_EQ(json_of(file, {"features", "sales", "--last", "1"}).as_array().size(), 1u);
  changed("income: sum(price)", "income: sum(price), dearest: max(price)");
  const json::value row = json_of(file, {"features", "sales", "--last", "1"}).at(0);
  EXPECT_TRUE(row.at("dearest").is_null());
  EXPECT_FALSE(row.at("income").is_null());
  changed("income: sum(price)", "takings: sum(price)");
  std::string renamed = read(file);
  renamed.replace(renamed.find("columns: {"), 10, "renamed: { takings: income }, columns: {");
  write(file, renamed);
  EXPECT_EQ(json_of(file, {"features", "sales", "--last", "1"}).at(0).at("takings"), row.at("income"));
  EXPECT_TRUE(json_of(file, {"verify"}).at("ok").as_bool()) << "rows of an earlier definition are as they were made";
  changed("window: 1min", "window: 5min");
  const Finished refused = tidecast({"status", "-c", file.string()});
  EXPECT_EQ(refused.code, 4);
  EXPECT_NE(refused.err.find("features.sales.window: was tumbling 1min, is tumbling 5min"), std::string::npos)
      << refused.err;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

// Orders o<from>, o<from + 1>, ... one a second.
std::string orders(int from, int until) {
  std::string text;
  for (int i = from; i < until; ++i) text += order(i, 1'778'025'600 + i);
  return text;
}

void push(const std::filesystem::path& file, const std::string& body) {
  Server server(file);
  EXPECT_EQ(server.push(body).status, 200);
  server.signal(SIGTERM);
  EXPECT_TRUE(server.ended());
}

TEST(Verify, ProvesRowsOfEveryDefinitionThatHeld) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  const auto run = [&](const std::string& definition, int from, int until) {
    write(file, definition);
    push(file, orders(from, until));
    const json::value found = json_of(file, {"verify"});
    EXPECT_TRUE(found.at("ok").as_bool()) << to_text(found);
    EXPECT_GT(found.at("compared").to_number<int>(), 0);
  };
  const std::string wider = replaced(kOrders, "income: sum(price)", "income: sum(price), dearest: max(price)");
  const std::string with_days =
      replaced(wider, "server:", "  - { group: tens, window: 10s, columns: { n: count() } }\nserver:");
  const std::string renamed =
      replaced(kOrders, "columns: { orders: count(), income: sum(price) }",
               "renamed: { takings: income }, columns: { orders: count(), takings: sum(price), dearest: max(price) }");
  run(kOrders, 0, 200);
  run(wider, 200, 430);                                                 // Null before, and where a window was open.
  run(with_days, 430, 610);                                             // Of a new group nothing before.
  run(replaced(with_days, "lateness: 10s", "lateness: 1s"), 610, 700);  // Closes a window at the restart.
  run(renamed, 700, 850);                                               // And a group is gone.
  run(with_days, 850, 1000);                                            // It comes back, and a name as well.
  const json::value rows = json_of(file, {"features", "sales", "--key", "a", "--last", "0"});
  EXPECT_TRUE(rows.at(0).at("dearest").is_null());
  EXPECT_TRUE(rows.at(3).at("dearest").is_null()) << "it was open";
  EXPECT_FALSE(rows.at(4).at("dearest").is_null());
}

TEST(Verify, ProvesNothingWhereThereIsNothingToCompare) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  write(file, kOrders);
  push(file, orders(0, 200));
  const Finished found = tidecast({"verify", "-c", file.string(), "--from", "2020-01-01", "--until", "2020-01-02"});
  EXPECT_EQ(found.code, 4);
  EXPECT_NE(found.err.find("nothing to compare in 2020-01-01T00:00:00Z..2020-01-02T00:00:00Z"), std::string::npos)
      << found.err;
}

TEST(Verify, SaysThatLateRecordsMayStillCorrectAllRows) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  write(file, replaced(kOrders, "lateness: 10s", "lateness: 10s, allowed_lateness: 6d"));
  push(file, orders(0, 200));
  const Finished open = tidecast({"verify", "-c", file.string()});
  EXPECT_EQ(open.code, 4) << open.out;
  EXPECT_NE(open.err.find("late records may still correct all of its rows"), std::string::npos) << open.err;
}

TEST(Ranges, ThatEndBeforeTheyBeginAreRefusedByBothTheirNames) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  write(file, kOrders);
  push(file, orders(0, 200));
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"verify"},
                                             {"features", "sales"},
                                             {"features", "erase", "sales", "--message", "x"},
                                             {"backfill"},
                                             {"replay"}}) {
    std::vector<std::string> arguments = command;
    for (const char* more : {"-c", file.c_str(), "--from", "2026-05-07T00:00:00Z", "--until", "2026-05-06T00:00:00Z"})
      arguments.emplace_back(more);
    const Finished found = tidecast(arguments);
    EXPECT_EQ(found.code, 2) << command.front() << found.err;
    EXPECT_NE(found.err.find("from 2026-05-07T00:00:00Z after"), std::string::npos) << command.front() << found.err;
    EXPECT_NE(found.err.find("until 2026-05-06T00:00:00Z"), std::string::npos) << command.front() << found.err;
  }
}

TEST(Definition, AGroupThatIsGoneIsToldOfAndItsRowsComeBackWithIt) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  const std::string both =
      replaced(kOrders, "server:", "  - { group: tens, window: 10s, columns: { n: count() } }\nserver:");
  write(file, both);
  push(file, orders(0, 200));
  write(file, kOrders);
  const Finished check = tidecast({"check", "-c", file.string()});
  EXPECT_EQ(check.code, 0) << check.err;
  EXPECT_NE(check.out.find("features.tens: is gone"), std::string::npos) << check.out;
  push(file, orders(200, 300));
  EXPECT_EQ(tidecast({"features", "tens", "-c", file.string()}).code, 3);
  write(file, both);
  EXPECT_EQ(json_of(file, {"features", "tens", "--last", "0"}).as_array().size(), 13u);
}

// Columns and groups that go for a run and come back as something else are refused in the words of a plain change, by
// whoever opens the folder.
TEST(Definition, WhatComesBackWithAnotherMeaningIsRefusedByEveryCommandAlike) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  const std::string recorded =
      replaced(kOrders, "kind: http_push", "kind: file, path: " + (folder / "orders.ndjson").string());
  const std::string all = replaced(recorded, "server:",
                                   "  - { group: tens, window: 10s, key: [shop], where: price > 3, columns: { n: "
                                   "count() } }\nserver:");
  write(folder / "orders.ndjson", orders(0, 200));
  const auto run = [&](const std::string& definition) {
    write(file, definition);
    const Finished done = tidecast({"replay", "-c", file.string()});
    EXPECT_EQ(done.code, 0) << done.err;
  };
  run(all);
  run(replaced(recorded, ", income: sum(price)", ""));
  const auto refused = [&](const std::string& from, const std::string& to, const std::string& text) {
    write(file, replaced(all, from, to));
    for (const std::vector<std::string>& command : {std::vector<std::string>{"check"},
                                                    {"replay"},
                                                    {"backfill", "--file", "orders.ndjson"},
                                                    {"status"},
                                                    {"verify"}}) {
      std::vector<std::string> arguments = command;
      arguments.insert(arguments.end(), {"-c", file.string()});
      const Finished finished = tidecast(arguments);
      EXPECT_EQ(finished.code, 4) << command[0] << ": " << finished.out << finished.err;
      EXPECT_NE((finished.out + finished.err).find(text), std::string::npos)
          << command[0] << ": " << finished.out << finished.err;
    }
  };
  refused("sum(price)", "min(price)",
          "features.sales.columns.income: was sum(price), is min(price); put it back, and add the changed one as a "
          "column of another name");
  refused("sum(price)", "avg(price)", "features.sales.columns.income: was sum(price), is avg(price)");
  refused("window: 10s", "window: 20s",
          "features.tens.window: was tumbling 10s, is tumbling 20s; put it back, and add the changed one as a group of "
          "another name");
  refused("price > 3", "price > 4", "features.tens.where: was 'price > 3', is 'price > 4'");
  refused("window: 10s, key: [shop]", "window: 10s, key: []", "features.tens.key: was [shop], is []");
  write(file, all);
  const Finished check = tidecast({"check", "-c", file.string()});
  EXPECT_EQ(check.code, 0) << check.err;
  EXPECT_NE(check.out.find("features.sales.columns.income: is there again"), std::string::npos) << check.out;
  EXPECT_NE(check.out.find("features.tens: is there again"), std::string::npos) << check.out;
  EXPECT_TRUE(json_of(file, {"verify"}).at("ok").as_bool());
  EXPECT_EQ(tidecast({"check", "-c", file.string()}).out.find("is there again"), std::string::npos)
      << "verify has opened the folder under it";
}

TEST(Definition, ACheckBesideARunningServerKnowsWhatWasStored) {
  const Folder folder;
  const auto file = folder / "orders.yaml", other = folder / "other.yaml";
  write(file, kOrders);
  push(file, orders(0, 200));
  write(file, replaced(kOrders, ", income: sum(price)", ""));
  Server server(file);
  EXPECT_EQ(server.push(orders(200, 400)).status, 200);
  write(other, kOrders);
  EXPECT_EQ(tidecast({"check", "-c", other.string()}).code, 0);
  write(other, replaced(kOrders, "sum(price)", "min(price)"));
  const auto refused = [&](const char* command) {
    const Finished finished = tidecast({command, "-c", other.string()});
    EXPECT_EQ(finished.code, 4) << command;
    EXPECT_NE((finished.out + finished.err).find("features.sales.columns.income: was sum(price), is min(price)"),
              std::string::npos)
        << command << ": " << finished.out << finished.err;
  };
  refused("check");
  EXPECT_EQ(server.push(orders(400, 500)).status, 200);
  server.signal(SIGTERM);
  EXPECT_TRUE(server.ended());
  refused("check");
  refused("run");
}

TEST(Definition, CheckAndRunSayTheSameOfASourceUnderAnotherName) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  write(file, kOrders);
  push(file, orders(0, 200));
  write(file, replaced(kOrders, "name: orders", "name: sales"));
  for (const char* command : {"check", "run", "status"}) {
    const Finished refused = tidecast({command, "-c", file.string()});
    EXPECT_EQ(refused.code, 4) << command;
    EXPECT_NE((refused.out + refused.err).find("sources: was orders, is sales"), std::string::npos)
        << command << ": " << refused.out << refused.err;
  }
}

TEST(Status, SpeaksOfPushesAndOfManySeriesAsTheyAre) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  write(file, kOrders);
  {
    Server server(file);
    server.push(orders(0, 200));
    Finished status;
    do status = tidecast({"status", "-c", file.string()});
    while (status.out.find(" 0 read") != std::string::npos);  // It is told a moment later.
    EXPECT_NE(status.out.find("Healthy: 6 rows; nothing is forecast"), std::string::npos) << status.out;
    EXPECT_NE(status.out.find("pushed"), std::string::npos) << status.out;
    EXPECT_EQ(status.out.find("none"), std::string::npos) << status.out;
    EXPECT_EQ(status.out.find("polled"), std::string::npos) << status.out;
    server.signal(SIGTERM);
    EXPECT_TRUE(server.ended());
  }
  {
    Server again(file);
    const Finished quiet = tidecast({"status", "-c", file.string()});
    EXPECT_NE(quiet.out.find("nothing since the start; newest event"), std::string::npos) << quiet.out;
    again.signal(SIGTERM);
    EXPECT_TRUE(again.ended());
  }
  const Finished stopped = tidecast({"status", "-c", file.string()});
  EXPECT_EQ(stopped.out.find("known gap"), std::string::npos) << stopped.out;
  EXPECT_NE(stopped.out.find("Whoever pushes to orders is not answered till then"), std::string::npos) << stopped.out;
}

TEST(Keys, AnEmptyOneIsASeriesAndNotAll) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  write(file, kOrders);
  push(file, replaced(order(500, 1'778'025'600), "\"shop\":\"a\"", "\"shop\":\"\"") +
                 replaced(order(501, 1'778'025'600), "\"shop\":\"b\"", "\"shop\":\"x,y\"") + orders(0, 200));
  EXPECT_EQ(json_of(file, {"features", "sales", "--key", "", "--last", "0"}).as_array().size(), 1u);
  EXPECT_EQ(json_of(file, {"features", "sales", "--key", "x\\,y", "--last", "0"}).as_array().size(), 1u);
  EXPECT_NE(tidecast({"features", "--help"}).out.find("\\N"), std::string::npos);
}

TEST(Dead, ThoseThatWereTakenAreNotToBeReplayedAgain) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  constexpr std::string_view kReplay = "After a change of the definition: tidecast dead replay",
                             kAll = "All were taken after all.";
  write(file, replaced(kOrders, "max_ahead: off", "max_ahead: off\n  max_behind: 1h"));
  push(file, orders(0, 3));
  const std::vector<std::string> list = {"dead", "list", "-c", file.string()};
  EXPECT_NE(tidecast(list).out.find(kReplay), std::string::npos);
  write(file, kOrders);
  json_of(file, {"dead", "replay", "1"});
  EXPECT_NE(tidecast(list).out.find(kReplay), std::string::npos);
  json_of(file, {"dead", "replay"});
  const std::string taken = tidecast(list).out;
  EXPECT_NE(taken.find(kAll), std::string::npos) << taken;
  EXPECT_EQ(taken.find(kReplay), std::string::npos) << taken;
}

TEST(Push, ABodyThatUnpacksToMoreThanItMayIsTooLarge) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  write(file, kOrders);
  write(folder / "body", std::string((64 << 20) + 1, ' '));
  ASSERT_EQ(std::system(("gzip -1 " + (folder / "body").string()).c_str()), 0);
  Server server(file);
  const HttpResponse answer = server.push(read(folder / "body.gz"), "gzip");
  EXPECT_EQ(answer.status, 413);
  EXPECT_NE(answer.body.find("more than 64 MB unpacked"), std::string::npos) << answer.body;
}

TEST(DeadLetters, AllAreTriedAgainOldestFirstHoweverMany) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  write(file, replaced(kOrders, "max_ahead: off", "max_ahead: off\n  max_behind: 1h"));
  push(file, orders(0, 2'500));
  EXPECT_EQ(json_of(file, {"status"}).at("events").at("dead"), 2'500);
  write(file, kOrders);
  const json::value answer = json_of(file, {"dead", "replay"});
  EXPECT_EQ(answer.at("taken").at("stored"), 2'500) << "in their order none is late: " << to_text(answer);
  EXPECT_EQ(answer.at("still_dead"), 0);
}

TEST(Disk, AFileThatMayNotGrowFurtherIsAFullDiskAndNoSignal) {
  const Folder folder;
  std::string records;
  for (int i = 0; i < 20'000; ++i) records += order(i, 1'778'025'600 + i);
  write(folder / "orders.ndjson", records);
  std::string definition = kOrders;
  definition.replace(definition.find("kind: http_push"), 15, "kind: file, path: orders.ndjson");
  write(folder / "orders.yaml", definition);
  const std::string command = fmt::format("ulimit -f 100; '{}' replay -c '{}' > '{}' 2>&1", own_binary(),
                                          (folder / "orders.yaml").string(), (folder / "said").string());
  const int code = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(code), 5) << read(folder / "said");
  EXPECT_EQ(tidecast({"replay", "-c", (folder / "orders.yaml").string()}).code, 0);
}

TEST(Late, TheArchiveReadAgainWithMoreLatenessCountsWhatWasLateTheFirstTime) {
  const Folder folder;
  const std::string definition = R"(project: trips
data: ./{0}
sources: [ {{ name: trips, kind: file, path: {1} }} ]
event:
  id: {2}
  time: {{ from: {3}/at, unit: s{4} }}
  fields: {{ price: {{ from: {3}/price, type: integer }} }}
  max_ahead: off
features:
  - {{ group: sales, window: 1min, lateness: 10s, allowed_lateness: {5}, columns: {{ orders: count(), income: sum(price) }} }}
)";
  const auto first = folder / "first.yaml", again = folder / "again.yaml";
  std::string orders;
  for (int i = 0; i < 20; ++i) orders += order(i, 1'778'025'600 + 20 * i);
  orders += order(100, 1'778'025'605);
  write(folder / "orders.ndjson", orders);
  write(first, fmt::format(fmt::runtime(definition), "first", "orders.ndjson", "/id", "", "", "0s"));
  ASSERT_EQ(tidecast({"replay", "-c", first.string()}).code, 0);
  EXPECT_NE(tidecast({"late", "-c", first.string()}).out.find("1 counted in no window"), std::string::npos);

  std::string all;  // As cat does it.
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "first/raw"))
    if (entry.is_regular_file()) all += read(entry.path());
  write(folder / "all.ndjson.zst", all);
  write(again, fmt::format(fmt::runtime(definition), "again", "all.ndjson.zst", "/n", "/record",
                           ", arrival: { from: /arrival, unit: rfc3339 }", "1h"));
  ASSERT_EQ(tidecast({"replay", "-c", again.string()}).code, 0);
  EXPECT_NE(tidecast({"late", "-c", again.string()}).out.find("No late records"), std::string::npos);
  const std::vector<std::string> sql = {
      "sql", "SELECT revision, orders, income FROM sales_history ORDER BY window_end, revision LIMIT 2", "--format",
      "csv"};
  auto ask = sql;
  ask.insert(ask.end(), {"-c", again.string()});
  EXPECT_EQ(tidecast(ask).out, "revision,orders,income\n0,3,3\n1,4,103\n");
}

TEST(SqlMemory, AQueryThatNeedsTooMuchMemoryIsWrongUsageWithAWayOut) {
  const Folder folder;
  const auto file = folder / "orders.yaml";
  write(file, kOrders);
  push(file, orders(0, 200));
  const Finished sql = tidecast({"sql", "SELECT length(repeat('x', 2000000000))", "-c", file.string()});
  EXPECT_EQ(sql.code, 2);
  EXPECT_NE(sql.err.find("needs more than the 512 MB of memory that one may have; narrow it"), std::string::npos)
      << sql.err;
}

}  // namespace
}  // namespace tidecast::e2e
