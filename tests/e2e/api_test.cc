// The real server over its real interface: every operation of the document it serves, its answers against the schemas
// there, and a model's way from the gate to production.

#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <set>

#include "api/schema_check_testing.h"
#include "base/json.h"
#include "net/http.h"
#include "program.h"

namespace tidecast::e2e {
namespace {

using namespace std::chrono_literals;

// A replay of the Wikipedia example up to its first model, which waits for a person, and served on.  Once for all
// tests.
class Api : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new Folder;
    const std::string example = read(std::string(TIDECAST_ROOT) + "/examples/wikipedia-edits/tidecast.yaml");
    std::string text = example + "\nserver: { listen: \"127.0.0.1:0\" }\n";
    const std::string relative = "../../data/";
    text.replace(text.find(relative), relative.size(), std::string(TIDECAST_ROOT) + "/data/");
    write(*folder_ / "tidecast.yaml", "data: ./data\n" + text);
    server_ = new Running(own_binary(), {"replay", "--serve", "--until", "2015-09-12T14:00:00Z", "-c",
                                         (*folder_ / "tidecast.yaml").string()});
    const std::optional<std::string> port = server_->line_with("Console: http://127.0.0.1:");
    ASSERT_TRUE(port) << server_->output();
    port_ = static_cast<std::uint16_t>(std::stoi(*port));
    ASSERT_TRUE(server_->line_with("stay up at", 120s)) << server_->output();
    document_ = new json::value(get("/api/v1/openapi.json").second);
  }
  static void TearDownTestSuite() {
    delete std::exchange(document_, nullptr);
    delete std::exchange(server_, nullptr);
    delete std::exchange(folder_, nullptr);
  }

  static std::pair<int, json::value> call(const HttpRequest& request) {
    const HttpResponse response = http_call("127.0.0.1", port_, request, 60'000).value();
    seen_.insert(request.method + " " + request.path);
    Result<json::value> body = parse_json(response.body);
    return {response.status, body.ok() ? std::move(*body) : json::value(json::string(response.body))};
  }
  static std::pair<int, json::value> get(const std::string& path, const std::string& query = "") {
    return call({.method = "GET", .path = path, .query = query});
  }
  static std::pair<int, json::value> post(const std::string& path, const json::object& body) {
    return call(
        {.method = "POST", .path = path, .headers = {{"content-type", "application/json"}}, .body = to_text(body)});
  }
  // That the answer is one that the document allows, with this status.
  static json::value expect(int status, const std::string& method, const std::string& path,
                            const std::pair<int, json::value>& answer) {
    EXPECT_EQ(answer.first, status) << method << " " << path << ": " << to_text(answer.second);
    SchemaCheck check(*document_);
    EXPECT_EQ(fmt::format("{}", fmt::join(check.answer_errors(method, path, answer.first, answer.second), "\n")), "")
        << method << " " << path << ": " << to_text(answer.second).substr(0, 2000);
    return answer.second;
  }
  static json::value expect_get(int status, const std::string& path, const std::string& query = "") {
    return expect(status, "GET", path, get(path, query));
  }

  static inline Folder* folder_ = nullptr;
  static inline Running* server_ = nullptr;
  static inline std::uint16_t port_ = 0;
  static inline json::value* document_ = nullptr;
  static inline std::set<std::string> seen_;
};

TEST_F(Api, TheDocumentItServesHoldsTogether) {
  EXPECT_EQ(fmt::format("{}", fmt::join(openapi_errors(*document_), "\n")), "");
}

TEST_F(Api, AnswersAsItsDocumentSaysBeforeADecisionAndAfterIt) {
  const json::value waiting = expect_get(200, "/api/v1/status");
  EXPECT_EQ(waiting.at("answer").at("state"), "waiting_for_approval");
  EXPECT_EQ(waiting.at("needs_you").at(0).at("commands").at(0), "tidecast approve 1");
  for (const char* path :
       {"/api/v1/server", "/api/v1/definition", "/api/v1/runs", "/api/v1/runs/1", "/api/v1/models", "/api/v1/models/1",
        "/api/v1/features/edits", "/api/v1/features", "/api/v1/target", "/api/v1/accuracy", "/api/v1/timeline",
        "/api/v1/training-data", "/api/v1/parameters", "/healthz", "/readyz"})
    expect_get(200, path);
  expect_get(409, "/api/v1/forecast");
  expect_get(404, "/api/v1/features/nowhere");
  expect_get(404, "/api/v1/runs/7");
  expect_get(404, "/api/v1/models/7");
  expect_get(400, "/api/v1/target", "hours=0");
  expect_get(400, "/api/v1/timeline", "latest=3");
  const std::string decide = "/api/v1/models/1/";
  expect(409, "POST", decide + "deploy", post(decide + "deploy", {{"stage", "production"}}));
  expect(400, "POST", decide + "reject", post(decide + "reject", {}));
  expect(400, "POST", decide + "approve", post(decide + "approve", {{"stage", "nowhere"}}));
  EXPECT_EQ(expect(200, "POST", decide + "approve", post(decide + "approve", {{"stage", "staging"}, {"why", "good"}}))
                .at("stages"),
            "staging");
  const json::value staged = expect_get(200, "/api/v1/status");
  EXPECT_EQ(staged.at("staging"), 1) << "the status already shows what was answered";
  EXPECT_EQ(staged.at("needs_you").at(0).at("stage"), "production");
  expect(200, "POST", decide + "approve", post(decide + "approve", {{"stage", "production"}}));
  EXPECT_EQ(expect_get(200, "/api/v1/status").at("production"), 1);
  expect(409, "POST", decide + "reject", post(decide + "reject", {{"why", "too late"}}));
  const json::value forecast = expect_get(200, "/api/v1/forecast", "quantiles=.1,.9");
  EXPECT_EQ(forecast.at("steps").as_array().size(), 30u);
  expect_get(200, "/api/v1/target");
  expect_get(200, "/api/v1/accuracy");
  const json::value sql =
      expect(200, "POST", "/api/v1/sql",
             post("/api/v1/sql", {{"statement", "SELECT subject, text FROM timeline WHERE kind = 'model'"}}));
  EXPECT_GT(sql.at("rows").as_array().size(), 1u);
  expect(400, "POST", "/api/v1/sql", post("/api/v1/sql", {{"statement", "DROP TABLE edits"}}));
  const json::object values{{"num_cells", 20}};
  EXPECT_EQ(expect(200, "POST", "/api/v1/parameters", post("/api/v1/parameters", {{"values", values}, {"why", "try"}}))
                .at("hyperparameters")
                .at("num_cells"),
            20);
  const json::object trial{{"number", 1},
                           {"differs", json::object()},
                           {"hyperparameters", values},
                           {"share", 1},
                           {"steps", 9},
                           {"best_step", 9},
                           {"seconds", 1},
                           {"diverged", "it left"}};
  expect(200, "POST", "/api/v1/trials",
         post("/api/v1/trials", {{"as_of", "2015-09-12T13:00:00Z"}, {"seed", 1}, {"trials", json::array{trial}}}));
  const json::value run = expect(202, "POST", "/api/v1/runs", post("/api/v1/runs", {{"why", "try"}}));
  EXPECT_NE(std::string(run.at("why").as_string()).find("manual: try"), std::string::npos);
  EXPECT_EQ(get("/ping").first, 200);

  // The forecast of one series in three forms: SageMaker's, the Open Inference Protocol's, and that of a file.
  for (const char* path :
       {"/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/production", "/v2/models/production/ready",
        "/v2/models/production/versions/1", "/v2/models/production/versions/1/ready"})
    expect_get(200, path);
  expect_get(404, "/v2/models/production/versions/7");
  const json::array target{40, 41.5, nullptr, 43, 40, 39, 44, 41};
  const json::object instance{{"start", "2015-09-12 12:00:00"}, {"target", target}};
  const auto invoked = post("/endpoints/production/invocations", {{"instances", json::array{instance}},
                                                                  {"configuration", {{"quantiles", {"0.5", "0.90"}}}}});
  EXPECT_EQ(invoked.first, 200);
  const json::value& prediction = invoked.second.at("predictions").at(0);
  const json::object tensors{
      {"inputs",
       json::array{
           json::object{{"name", "start"},
                        {"shape", json::array{1}},
                        {"datatype", "BYTES"},
                        {"data", json::array{"2015-09-12 12:00:00"}}},
           json::object{{"name", "target"}, {"shape", json::array{8}}, {"datatype", "FP64"}, {"data", target}}}},
      {"parameters", {{"quantiles", "0.5,0.90"}}}};
  for (const char* path : {"/v2/models/production/infer", "/v2/models/production/versions/1/infer"}) {
    const json::value inferred = expect(200, "POST", path, post(path, tensors));
    EXPECT_EQ(inferred.at("outputs").at(0).at("data"), prediction.at("mean"));
    EXPECT_EQ(inferred.at("outputs").at(1).at("data").at(30), prediction.at("quantiles").at("0.90").at(0));
  }
  expect(400, "POST", "/v2/models/production/infer", post("/v2/models/production/infer", {}));
  write(*folder_ / "series.jsonl", to_text(instance) + "\n{}\n" + to_text(instance));
  const Finished batch = tidecast({"forecast", "--batch", (*folder_ / "series.jsonl").string(), "--configuration",
                                   R"({"quantiles":["0.5","0.90"]})", "-c", (*folder_ / "tidecast.yaml").string()});
  EXPECT_EQ(batch.code, 2) << batch.err;
  EXPECT_NE(batch.err.find("1 of 3 lines could not be forecast"), std::string::npos) << batch.err;
  const std::string line = to_text(prediction) + "\n", out = read(*folder_ / "series.jsonl.out");
  EXPECT_TRUE(out.starts_with(line + "{\"error\":\"line 2: /start: found nothing") && out.ends_with("}\n" + line))
      << out;
  EXPECT_TRUE(get("/api/v1/models/1/artefact").first == 200);

  EXPECT_TRUE(expect_get(200, "/api/v1/verify").at("ok").as_bool());
  const json::value dead = expect_get(200, "/api/v1/dead-letters", "last=3");
  ASSERT_EQ(dead.at("letters").as_array().size(), 3u);
  const std::string number = to_text(dead.at("letters").at(0).at("number"));
  EXPECT_EQ(expect_get(200, "/api/v1/dead-letters/" + number).at("source"), "edits");
  expect_get(404, "/api/v1/dead-letters/999999999");
  EXPECT_EQ(expect(200, "POST", "/api/v1/dead-letters/replay", post("/api/v1/dead-letters/replay", {}))
                .at("taken")
                .at("read"),
            0)
      << "they are dead still";
  expect_get(200, "/api/v1/late");
  const std::string edits = "/api/v1/features/edits/";
  const json::value newest = expect(200, "POST", edits + "latest", post(edits + "latest", {{"keys", json::array{""}}}));
  EXPECT_EQ(newest.at("rows").at(0).at("window_end"),
            expect_get(200, "/api/v1/features/edits", "last=1").at("rows").at(0).at("window_end"));
  const auto joined = post("/api/v1/join", {{"entities", "event_time\n2015-09-12T12:00:30Z\n"}});
  EXPECT_EQ(joined.first, 200);
  const std::string day = std::string(newest.at("rows").at(0).at("window_end").as_string());
  EXPECT_EQ(expect(200, "POST", edits + "erase", post(edits + "erase", {{"from", day}, {"why", "try"}})).at("rows"), 1);
  EXPECT_NE(expect_get(200, "/api/v1/features/edits", "last=1").at("rows").at(0).at("window_end"), json::value(day));
  EXPECT_EQ(post("/sources/edits/events", {}).first, 404) << "a file takes no pushes";

  // Nothing that the document offers was left out above but what gives no JSON.
  const std::set<std::string> elsewhere{"get /metrics", "get /api/v1/events", "post /endpoints/{stage}/invocations",
                                        "post /api/v1/join", "post /sources/{name}/events"};
  SchemaCheck check(*document_);
  for (const auto& [path, item] : document_->at("paths").as_object()) {
    for (const auto& [method, operation] : item.as_object()) {
      std::string upper(method);
      for (char& c : upper) c = static_cast<char>(std::toupper(c));
      const bool was_asked = std::any_of(seen_.begin(), seen_.end(), [&](const std::string& seen) {
        return seen.starts_with(upper + " ") && check.is_operation(path, seen.substr(upper.size() + 1));
      });
      EXPECT_TRUE(was_asked || elsewhere.contains(std::string(method) + " " + std::string(path)))
          << method << " " << path;
    }
  }
}

TEST_F(Api, MetricsAreWhatTheDocumentationNames) {
  const std::string metrics = std::string(get("/metrics").second.as_string());
  const std::string page = read(std::string(TIDECAST_ROOT) + "/docs/operating.md");
  for (std::size_t at = 0; (at = metrics.find("# TYPE ", at)) != std::string::npos; ++at) {
    const std::string name = metrics.substr(at + 7, metrics.find(' ', at + 7) - at - 7);
    const std::size_t family =
        std::string_view("tidecast_events").size();  // Whose endings stand in a list: `_late_total`.
    const bool listed =
        name.starts_with("tidecast_events") && page.find("`" + name.substr(family) + "`") != std::string::npos;
    EXPECT_TRUE(listed || page.find("`" + name + "`") != std::string::npos) << name;
  }
}

TEST_F(Api, ThePageIsThereAndAsksNobodyElse) {
  const HttpResponse page = http_call("127.0.0.1", port_, {.method = "GET", .path = "/"}, 10'000).value();
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  std::map<std::string, std::string> headers(page.headers.begin(), page.headers.end());
  EXPECT_NE(headers["content-security-policy"].find("default-src 'self'"), std::string::npos);
  EXPECT_EQ(page.body.find("http://"), std::string::npos);
  EXPECT_EQ(page.body.find("https://"), std::string::npos);
}

}  // namespace
}  // namespace tidecast::e2e
