// Pushes, history, corrections of a definition: the real binary from a file to a proven row.

#include <gtest/gtest.h>
#include <signal.h>

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
  HttpResponse push(const std::string& body) const {
    return http_call("127.0.0.1", port_, {.method = "POST", .path = "/sources/orders/events", .body = body}, 20'000)
        .value();
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
  changed("window: 1min", "window: 5min");
  const Finished refused = tidecast({"status", "-c", file.string()});
  EXPECT_EQ(refused.code, 4);
  EXPECT_NE(refused.err.find("features.sales.window: was tumbling 1min, is tumbling 5min"), std::string::npos)
      << refused.err;
}

}  // namespace
}  // namespace tidecast::e2e
