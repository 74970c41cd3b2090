#include "app/init.h"

#include <gtest/gtest.h>

#include <fstream>

#include "app/definition.h"
#include "storage/duck.h"
#include "storage/file.h"
#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;

class Init : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.path() / name, std::ios::binary) << text;
    return folder_.path() / name;
  }

  // What was guessed of this file, as every command reads it.
  Definition definition_of(const fs::path& from) const {
    auto text = init_from_file(from, folder_.path());
    EXPECT_TRUE(text.ok()) << text.message();
    if (!text.ok()) return {};
    auto definition = parse_definition(*text, folder_.path() / "tidecast.yaml");
    EXPECT_TRUE(definition.ok()) << definition.message() << "\n" << *text;
    return definition.ok() ? std::move(definition).value() : Definition{};
  }

  std::string error_of(const std::string& name, const std::string& content) const {
    const auto text = init_from_file(write(name, content), folder_.path());
    EXPECT_EQ(text.code(), Code::kInvalidArgument) << name;
    return text.ok() ? *text : text.message();
  }

  TemporaryFolder folder_;
};

std::string ndjson(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    text += fmt::format("{{\"id\":\"e{}\",\"at\":{},\"user\":{{\"age\":{}}},\"price\":{}.5}}\n", i,
                        1'778'025'600'000 + i * 7'000, 20 + i % 50, i);
  return text;
}

TEST_F(Init, OfNdjsonPassesTheCheck) {
  const Definition d = definition_of(write("sales-2026.ndjson", ndjson(300)));
  EXPECT_EQ(d.events[0].id, std::vector<std::string>{"/id"});
  EXPECT_EQ(d.events[0].time_pointer, "/at");
  EXPECT_EQ(d.events[0].time.unit, TimeUnit::kMilliseconds);
  ASSERT_EQ(d.events[0].fields.size(), 2u);
  EXPECT_EQ(d.events[0].fields[0].pointer, "/user/age");
  ASSERT_EQ(d.groups.size(), 1u);
  EXPECT_EQ(d.groups[0].name, "sales_2026_1min");
}

TEST_F(Init, OfTheWikipediaExamplePassesTheCheck) {
  const Definition d = definition_of(fs::path(TIDECAST_ROOT) / "data" / "wikipedia_edits_20150912.ndjson.zst");
  EXPECT_EQ(d.events[0].time_pointer, "/time");
  EXPECT_EQ(d.events[0].time.unit, TimeUnit::kRfc3339);
}

TEST_F(Init, OfCsvWithAnotherDelimiterAndLocalTimesPassesTheCheck) {
  std::string text = "Started At;Ended At;bike_id;duration_s\r\n";
  for (int i = 0; i < 400; ++i) {
    const auto local = [](std::int64_t minute) {
      const std::string at = to_rfc3339(1'527'811'200'000 + minute * 60'000);
      return at.substr(0, 10) + " " + at.substr(11, 8) + ".2990";
    };
    const int start = (i * 37) % 400, length = 5 + i % 40;  // Not in the order of time.
    text += fmt::format("{};{};{};{}\r\n", local(start), local(start + length), i % 20, length * 60);
  }
  const Definition d = definition_of(write("trips.txt", text));
  EXPECT_EQ(d.events[0].time_pointer, "/Started At");
  EXPECT_EQ(d.events[0].time.unit, TimeUnit::kFormat);
  EXPECT_EQ(d.events[0].time.format, "%Y-%m-%d %H:%M:%E*S");
  EXPECT_NE(init_from_file(folder_.path() / "trips.txt", {})->find("sort: arrival"), std::string::npos);
}

TEST_F(Init, OfCsvWithoutAHeaderNamesTheColumns) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += fmt::format("{},{}\n", to_rfc3339(1'778'025'600'000 + i * 60'000), i);
  const auto written = init_from_file(write("plain.csv", text), folder_.path());
  ASSERT_TRUE(written.ok()) << written.message();
  EXPECT_NE(written->find("header: false"), std::string::npos);
  EXPECT_NE(written->find("from: /c1, unit: rfc3339"), std::string::npos) << *written;
}

TEST_F(Init, OfParquetPassesTheCheck) {
  auto session = duck::Session::open().value();
  const fs::path path = folder_.path() / "rides.parquet";
  ASSERT_TRUE(
      session
          .exec(fmt::format("COPY (SELECT range AS ride_id, TIMESTAMP '2026-05-06' + INTERVAL 20 SECOND * range AS "
                            "started, range * 1.5 AS distance FROM range(500)) TO {} (FORMAT parquet)",
                            duck::quoted_text(path.string())))
          .ok());
  const Definition d = definition_of(path);
  EXPECT_EQ(d.events[0].time_pointer, "/started");
  EXPECT_EQ(d.events[0].id, std::vector<std::string>{"/ride_id"});
}

TEST_F(Init, SaysWhatDefeatsIt) {
  const auto has = [](const std::string& message, std::string_view part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  has(error_of("empty.ndjson", ""), "no records");
  has(error_of("empty.csv", "a,b\n"), "no records");
  has(error_of("binary", std::string("\x7f"
                                     "ELF\0\1\2\n\3\n",
                                     10)),
      "no JSON objects");
  has(error_of("words.txt", "one line\nanother\n"), "no JSON objects");
  has(error_of("no_time.csv", "a,b\n1,x\n2,y\n"), "no field looks like a time");
  has(error_of("document.json", "{\n \"txs\": [\n {\"time\": 1778025600}\n ]\n}\n"), "jq -c '.txs[]'");
  has(error_of("list.json", "[{\"time\":1778025600},{\"time\":1778025601}]\n"), "jq -c '.[]'");
  EXPECT_EQ(init_from_file(folder_.path() / "missing", {}).code(), Code::kNotFound);
}

TEST_F(Init, WritesAFileOnceAndNeverOverOne) {
  const fs::path from = write("events.ndjson", ndjson(50)), to = folder_.path() / "tidecast.yaml";
  const auto text = init({.from = from.string(), .to = to});
  ASSERT_TRUE(text.ok()) << text.message();
  EXPECT_EQ(read_file(to).value(), *text);
  EXPECT_EQ(init({.from = from.string(), .to = to}).code(), Code::kFailedPrecondition);
  EXPECT_EQ(read_file(to).value(), *text);
}

// A server that has one answer.
class OneAnswer final : public HttpClient {
 public:
  OneAnswer(int status, std::string body) : answer_{.status = status, .body = std::move(body)} {}
  Result<HttpAnswer> get(const std::string&, const std::vector<std::pair<std::string, std::string>>&) override {
    return answer_;
  }
  void cancel() override {}

 private:
  HttpAnswer answer_;
};

TEST_F(Init, OfAReplyFindsTheListInIt) {
  std::string list;
  for (int i = 0; i < 40; ++i)
    list += fmt::format("{}{{\"hash\":\"h{}\",\"time\":{},\"fee\":{}}}", i == 0 ? "" : ",", i, 1'778'025'600 - i, i);
  OneAnswer server(200, fmt::format(R"({{"info":{{"n":1}},"data":{{"txs":[{}]}}}})", list));
  const auto text = init_from_url("https://api.example.com/unconfirmed?format=json", server);
  ASSERT_TRUE(text.ok()) << text.message();
  const auto d = parse_definition(*text, "tidecast.yaml");
  ASSERT_TRUE(d.ok()) << d.message();
  EXPECT_NE(text->find("records: /data/txs"), std::string::npos) << *text;
  EXPECT_NE(text->find("order: newest_first"), std::string::npos) << *text;
  EXPECT_EQ(d->events[0].id, std::vector<std::string>{"/hash"});
}

TEST_F(Init, OfAReplyThatIsOneObjectMakesItTheEvent) {
  OneAnswer server(200, R"({"timestamp":1778025600,"temperature":21.5})");
  const auto text = init_from_url("http://127.0.0.1:8000/now", server);
  ASSERT_TRUE(text.ok()) << text.message();
  EXPECT_TRUE(parse_definition(*text, "tidecast.yaml").ok()) << *text;
  EXPECT_EQ(text->find("records:"), std::string::npos) << *text;
}

TEST_F(Init, SaysWhatIsWrongWithAReply) {
  const auto code = [](int status, const char* body) {
    OneAnswer server(status, body);
    return init_from_url("http://h/", server).code();
  };
  EXPECT_EQ(code(404, "{}"), Code::kUnavailable);
  EXPECT_EQ(code(200, "<html>"), Code::kInvalidArgument);
  EXPECT_EQ(code(200, "[{\"time\":1778025600}]"), Code::kInvalidArgument);
  EXPECT_EQ(code(200, "{\"a\":1}"), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tidecast
