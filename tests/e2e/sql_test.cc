// SQL over HTTP and on the command line: every format, and what people try who want more than to read.

#include <gtest/gtest.h>

#include <algorithm>

#include "base/json.h"
#include "net/http.h"
#include "program.h"

namespace tidecast::e2e {
namespace {

using namespace std::chrono_literals;

// The first hours of the Wikipedia example, without a model, served.  Once for all tests.
class Sql : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new Folder;
    std::string text = read(std::string(TIDECAST_ROOT) + "/examples/wikipedia-edits/tidecast.yaml");
    const std::string relative = "../../data/";
    text.replace(text.find(relative), relative.size(), std::string(TIDECAST_ROOT) + "/data/");
    write(*folder_ / "tidecast.yaml", "data: ./data\nserver: { listen: \"127.0.0.1:0\" }\n" + text);
    server_ =
        new Running(own_binary(), {"replay", "--serve", "--until", "2015-09-12T04:00:00Z", "-c", definition_file()});
    const std::optional<std::string> port = server_->line_with("Console: http://127.0.0.1:");
    ASSERT_TRUE(port) << server_->output();
    port_ = static_cast<std::uint16_t>(std::stoi(*port));
    ASSERT_TRUE(server_->line_with("stay up at", 120s)) << server_->output();
  }
  static void TearDownTestSuite() {
    delete std::exchange(server_, nullptr);
    delete std::exchange(folder_, nullptr);
  }

  static std::string definition_file() { return (*folder_ / "tidecast.yaml").string(); }
  static HttpResponse ask(const std::string& statement, const std::string& format) {
    return http_call("127.0.0.1", port_,
                     {.method = "POST",
                      .path = "/api/v1/sql",
                      .query = "format=" + format,
                      .headers = {{"content-type", "application/json"}},
                      .body = to_text(json::object{{"statement", statement}})},
                     60'000)
        .value();
  }
  static Finished command(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "sql");
    arguments.insert(arguments.end(), {"-c", definition_file()});
    return tidecast(arguments);
  }

  static inline Folder* folder_ = nullptr;
  static inline Running* server_ = nullptr;
  static inline std::uint16_t port_ = 0;
};

constexpr const char* kFormats[] = {"rows", "csv", "json", "ndjson", "parquet"};

TEST_F(Sql, ComesInEveryFormatFromTheServerAndToTheCommandLine) {
  const std::string statement = "SELECT 1 AS a, 'x,y' AS b";
  EXPECT_EQ(ask(statement, "csv").content_type, "text/csv");
  EXPECT_EQ(ask(statement, "csv").body, "a,b\n1,\"x,y\"\n");
  EXPECT_EQ(ask(statement, "json").body, "[{\"a\":1,\"b\":\"x,y\"}]\n");
  EXPECT_EQ(ask(statement, "ndjson").body, "{\"a\":1,\"b\":\"x,y\"}\n");
  const HttpResponse parquet = ask(statement, "parquet");
  EXPECT_EQ(parquet.content_type, "application/vnd.apache.parquet");
  EXPECT_TRUE(parquet.body.starts_with("PAR1") && parquet.body.ends_with("PAR1"));

  for (const std::string format : {"csv", "json", "ndjson", "parquet"}) {
    const std::string expected = ask(statement, format).body;
    EXPECT_EQ(command({statement, "--format", format}).out, expected) << format;
    const std::filesystem::path file = *folder_ / ("result." + format);
    const Finished written = command({statement, "--format", format, "-o", file.string()});
    EXPECT_EQ(written.code, 0) << written.err;
    EXPECT_EQ(written.out, "");
    EXPECT_EQ(read(file), expected) << format;
  }
  EXPECT_EQ(command({statement}).out, "a  b\n1  x,y\n");
  EXPECT_EQ(command({statement, "-o", (*folder_ / "table").string()}).code, 2);
  EXPECT_EQ(command({statement, "--format", "arrow"}).code, 2);
}

TEST_F(Sql, SaysThatThereIsMore) {
  const HttpResponse cut = ask("SELECT 1 AS n FROM range(1000001)", "csv");
  const auto is_truncated = [](const auto& header) { return header.first == "tidecast-truncated"; };
  EXPECT_TRUE(std::ranges::any_of(cut.headers, is_truncated));
  EXPECT_EQ(cut.body.size(), 2 + 2'000'000u);
  EXPECT_FALSE(std::ranges::any_of(ask("SELECT 1 AS n FROM range(10)", "csv").headers, is_truncated));
  EXPECT_NE(command({"SELECT 1 AS n FROM range(1000001)", "--format", "csv"}).err.find("more rows"), std::string::npos);
}

TEST_F(Sql, LetsNobodyOutOverHttp) {
  const std::string evil = (*folder_ / "evil").string(), data = (*folder_ / "data").string();
  write(*folder_ / "secret.csv", "password\nhunter2\n");
  for (const std::string& statement : std::vector<std::string>{"COPY edits TO '" + evil + "'",
                                                               "SELECT 1; COPY edits TO '" + evil + "'",
                                                               "EXPLAIN ANALYZE COPY edits TO '" + evil + "'",
                                                               "/* /* */ SELECT 1 -- */ COPY edits TO '" + evil + "'",
                                                               "\xef\xbb\xbf"
                                                               "COPY edits TO '" +
                                                                   evil + "'",
                                                               "ATTACH '" + evil + "'",
                                                               "ATTACH '" + data + "/tracking.db' (TYPE sqlite)",
                                                               "EXPORT DATABASE '" + evil + "'",
                                                               "INSTALL httpfs",
                                                               "LOAD httpfs",
                                                               "PRAGMA database_list",
                                                               "SET enable_external_access = true",
                                                               "FROM read_csv('" + data + "/../secret.csv')",
                                                               "FROM read_text('/etc/passwd')",
                                                               "FROM glob('/*')",
                                                               "FROM '" + data + "/../secret.csv'",
                                                               "FROM read_parquet('" + data + "/**/*.parquet')",
                                                               "SELECT getenv('HOME')",
                                                               "FROM query('SELECT 1')",
                                                               "WITH a AS (SELECT 1) DELETE FROM edits_outbox_",
                                                               std::string(99'990, '(')}) {
    for (const char* format : kFormats) {
      const HttpResponse answer = ask(statement, format);
      EXPECT_EQ(answer.status, 400) << format << ": " << statement.substr(0, 200) << answer.body.substr(0, 200);
      EXPECT_EQ(answer.content_type, "application/problem+json");
      EXPECT_EQ(answer.body.find("hunter2"), std::string::npos);
    }
    EXPECT_FALSE(std::filesystem::exists(evil)) << statement;
  }
  EXPECT_EQ(ask("SELECT list_sum(range(1000000000)) AS s", "csv").status, 400) << "more memory than there is for one";
  EXPECT_EQ(ask("SELECT count(*) > 100 AS there FROM edits", "csv").body, "there\ntrue\n");
}

}  // namespace
}  // namespace tidecast::e2e
